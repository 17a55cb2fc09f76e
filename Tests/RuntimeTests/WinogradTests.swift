import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

@Suite struct WinogradTests {
  /// Images that are no multiple of the tile, every padding, channels that are no multiple of a vector, batches, and
  /// enough tiles for several blocks and pieces: within the bound of the reference, and the same bits for all threads.
  @Test(arguments: 0..<16 as Range<UInt64>) func isWithinTheBoundOfTheReference(seed: UInt64) throws {
    var net = NetworkBuilder(seed: seed)
    let shape = [
      net.random.int(1...2), net.random.int(12...37), net.random.int(12...37), net.random.pick([16, 17, 31, 48, 64]),
    ]
    let columns = net.random.pick([24, 33, 64, 100])
    let padding = Padding(
      top: net.random.int(0...3), left: net.random.int(0...3), bottom: net.random.int(0...3),
      right: net.random.int(0...3))
    let conv = Conv2D(padding: padding, activation: net.random.pick(FusedActivation.allCases))
    net.output(try net.conv(net.input(shape), columns, (3, 3), conv))
    for options in allOptions() where options.isa?.name != "scalar" {
      let kernels = try Session(net.model, options: options).plan.nodes.map { $0.kernel }
      #expect(kernels[0].hasPrefix("f32_winograd"), "\(shape) by \(columns)")
    }
    try expectReference(net.model, net.samples(1)[0], .float)
  }

  /// Tiles that do not share evenly among three threads, in several blocks: columns are shared, and inputs transformed together.
  @Test func threadsThatShareColumnsTransformInputsOnce() throws {
    var net = NetworkBuilder(seed: 5)
    let conv = Conv2D(padding: Padding(all: 1), activation: .relu)
    net.output(try net.conv(net.input([1, 28, 15, 160]), 96, (3, 3), conv))
    let options = allOptions().map { options in
      var options = options
      options.usesWinograd = true
      return options
    }
    var sharing = 0
    for options in options {
      let step = try #require(try Session(net.model, options: options).steps[0] as? WinogradStep)
      if step.sharesColumns && step.tiling.tiles > step.tiling.block { sharing += 1 }
    }
    #expect(sharing > 0)
    try expectReference(net.model, net.samples(1)[0], .float, options: options)
    try expectReference(net.int8(), net.samples(1)[0], .exact, options: options)
  }

  @Test func stridesDilationsAndThinLayersAreProducts() throws {
    let cases: [(channels: Int, conv: Conv2D, window: (Int, Int))] = [
      (64, Conv2D(strideHeight: 2, padding: Padding(all: 1)), (3, 3)),
      (64, Conv2D(strideWidth: 2, padding: Padding(all: 1)), (3, 3)), (64, Conv2D(dilationHeight: 2), (3, 3)),
      (64, Conv2D(dilationWidth: 2), (3, 3)), (64, Conv2D(groups: 2), (3, 3)), (64, Conv2D(), (3, 1)),
      (64, Conv2D(), (5, 5)), (3, Conv2D(), (3, 3)),
    ]
    for (channels, conv, window) in cases {
      var net = NetworkBuilder(seed: 3)
      net.output(try net.conv(net.input([1, 30, 30, channels]), 64, window, conv))
      let kernels = try Session(net.model).plan.nodes.map { $0.kernel }
      #expect(kernels[0].hasPrefix("f32_igemm"), "\(conv)")
    }
  }

  /// A transposed convolution of stride 1 is a convolution with the window mirrored.
  @Test func transposedConvolutionsOfStrideOneAreTiles() throws {
    for stride in 1...2 {
      var net = NetworkBuilder(seed: 4)
      let op = TransposedConv2D(strideHeight: stride, strideWidth: stride, padding: Padding(all: 1))
      net.output(try net.transposedConv(net.input([1, 17, 19, 48]), 40, (3, 3), op))
      let models = [(net.model, Agreement.float), (try net.int8(), .exact)]
      for (model, agreement) in models {
        var options = allOptions()
        for index in options.indices { options[index].usesWinograd = true }
        #expect(try Session(model, options: options[0]).steps.contains { $0 is WinogradStep } == (stride == 1))
        try expectReference(model, net.samples(1)[0], agreement, options: options)
      }
    }
  }

  /// s8 in whole numbers: the bits of the reference, on every tier, whether or not it pays there; residuals, ReLUs and odd
  /// numbers of channels among them.
  @Test(arguments: 0..<16 as Range<UInt64>) func int8IsTheReference(seed: UInt64) throws {
    var net = NetworkBuilder(seed: seed)
    let channels = net.random.pick([3, 8, 17, 32, 50])
    let input = net.input([net.random.int(1...2), net.random.int(3...21), net.random.int(3...21), channels])
    let padding = Padding(
      top: net.random.int(0...3), left: net.random.int(0...3), bottom: net.random.int(0...3),
      right: net.random.int(0...3))
    let first = Conv2D(padding: padding, activation: net.random.pick(FusedActivation.allCases))
    let x = try net.conv(input, net.random.pick([7, 16, 33, 100]), (3, 3), first)
    let columns = net.model.graph.tensors[x].shape[3]
    let y = try net.conv(x, columns, (3, 3), Conv2D(padding: Padding(all: 1)))
    net.output(try net.apply(.add(Add(activation: net.random.pick(FusedActivation.allCases))), [x, y]))
    let model = try net.int8()
    var options = allOptions()
    for index in options.indices { options[index].usesWinograd = true }
    let steps = try Session(model, options: options[0]).steps
    #expect(steps.contains { $0 is Int8WinogradStep })
    try expectReference(model, net.samples(1)[0], .exact, options: options)
  }

  /// Sums that could be too large for tiles are left to products, and the bits are the same.
  @Test func sumsBeyondTheRangeAreProducts() throws {
    for (channels, isExact) in [(100, true), (300, false)] {
      var net = NetworkBuilder(seed: 1)
      net.output(try net.conv(net.input([1, 6, 6, channels]), 2, (3, 3), Conv2D(padding: Padding(all: 1))))
      var model = try net.int8()
      // All weights at their largest.
      let conv = model.graph.nodes.first { node in
        if case .conv2D = node.op { true } else { false }
      }
      let index = try #require(conv).inputs[1]
      model.graph.tensors[index].constant = Constant([Int8](repeating: 127, count: 2 * 9 * channels))
      var options = allOptions()
      for index in options.indices { options[index].usesWinograd = true }
      let session = try Session(model, options: options[0])
      #expect(session.steps.contains { $0 is Int8WinogradStep } == isExact)
      try expectReference(model, net.samples(1)[0], .exact, options: options)
      // Nor does a file's word for other weights than those it has make them exact.
      var forged = try model.packed(for: .best)
      forged.packed!.blocks = model.graph.nodes.indices.map { node in
        let layout = PackedWeights.Layout(
          form: .integerWinograd, columns: 1, group: 1, vectors: 1, inputBias: 0, windowTaps: 0, pixels: 1, taps: 1,
          depth: 1)
        return .init(node: node, layout: layout, contents: Constant([0] as [Int8]))
      }
      let trusting = try Session(forged, options: options[0])
      #expect(trusting.steps.contains { $0 is Int8WinogradStep } == isExact)
    }
  }
}

import Format
import Kernels
import Quantize
import TestSupport
import Testing

@testable import Runtime

/// Steps that do a neighbour's work: the bits of the graph as it stands.
@Suite struct FusionTests {
  // MARK: Groups of pixels

  /// Windows, strides, paddings and numbers of channels that leave most of a vector empty.
  private func thinNetwork(seed: UInt64) throws -> (net: NetworkBuilder, shape: ProductShape) {
    var net = NetworkBuilder(seed: seed)
    let window = (net.random.int(1...5), net.random.int(2...5))
    let stride = net.random.int(1...3)
    let padding = Padding(
      top: net.random.int(0...2), left: net.random.int(0...2), bottom: net.random.int(0...2),
      right: net.random.int(0...2))
    let op = Conv2D(
      strideHeight: stride, strideWidth: stride, padding: padding, activation: net.random.pick(FusedActivation.allCases)
    )
    let input = [1, net.random.int(5...9), 4 * net.random.int(2...7), net.random.int(1...4)]
    let outputs = net.random.int(1...18)
    let output = try net.conv(net.input(input), outputs, window, op)
    net.output(output)
    let shape = ProductShape(
      window: Window(op, input: input, output: net.shape(output), height: window.0, width: window.1), groups: 1,
      columns: outputs)
    return (net, shape)
  }

  @Test(arguments: 0..<24 as Range<UInt64>) func groupsOfPixelsAreTheReference(seed: UInt64) throws {
    var net = try thinNetwork(seed: seed).net
    let (input, int8) = (net.samples(1)[0], try net.int8())
    try expectReference(net.model, input, .float)
    try expectReference(int8, input, .exact)
    try expectReference(try net.model.dynamicallyQuantized(), input, .exact)
  }

  @Test func thinConvolutionsAreGrouped() throws {
    let grouped = try (0..<24 as Range<UInt64>).count { seed in
      let shape = try thinNetwork(seed: seed).shape
      let group = PixelGroup(shape, kernel: kernels_best(kernels_best_isa(), .qs8_igemm))
      #expect(shape.window.outputWidth % group.pixels == 0)
      #expect(group.shape.columns == group.pixels * shape.columns)
      #expect(group.shape.window.pixels * group.pixels == shape.window.pixels)
      return group.pixels > 1
    }
    #expect(kernels_best_isa() == .scalar || grouped > 4)
  }

  // MARK: Activations in tile order

  /// What is only an output has no reader: the first node, an activation here, is not taken for one.
  @Test func anOutputTakesOverNoActivation() throws {
    var net = NetworkBuilder(seed: 2)
    let input = net.input([1, 6, 6, 4])
    let x = try net.apply(.activation(.sigmoid), [input])
    net.output(try net.conv(input, 7, (3, 3), Conv2D(padding: Padding(all: 1))))
    net.output(try net.apply(.globalAveragePool, [x]))
    try expectReference(net.model, net.samples(1)[0], .float)
    try expectReference(net.int8(), net.samples(1)[0], .exact)
  }

  // MARK: Quantizing while lines are copied

  /// Lines are copied for their padding, or because the image is small; those of a large one are read where they lie.
  @Test(arguments: [(13, 1, true), (13, 0, true), (90, 0, false)])
  func aFirstConvolutionThatCopiesLinesQuantizesThem(side: Int, padding: Int, quantizes: Bool) throws {
    var net = NetworkBuilder(seed: 8)
    let x = net.input([1, side, side, 3])
    net.output(try net.conv(x, 5, (3, 3), Conv2D(padding: Padding(all: padding))))
    let model = try net.int8()
    let session = try Session(model)
    #expect(session.steps.contains { $0.kernelName.hasPrefix("f32_quantize") } == !quantizes)
    try expectReference(model, net.samples(1)[0], .exact)
  }

  /// Two readers need the s8 form in memory.
  @Test func aSharedInputIsQuantizedByItself() throws {
    var net = NetworkBuilder(seed: 9)
    let x = net.input([1, 9, 9, 2])
    let same = Conv2D(padding: Padding(all: 1))
    net.output(try net.apply(.add(Add()), [try net.conv(x, 4, (3, 3), same), try net.conv(x, 4, (3, 3), same)]))
    let model = try net.int8()
    #expect(try Session(model).steps.contains { $0.kernelName.hasPrefix("f32_quantize") })
    try expectReference(model, net.samples(1)[0], .exact)
  }

  // MARK: Activations and tables

  enum Producer: CaseIterable, Sendable {
    case convolution, winograd, grouped, depthwise, dense, sum
  }

  private func activated(_ producer: Producer, _ activation: Activation, seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let channels = producer == .winograd ? 64 : 8 * net.random.int(1...9)
    let input = net.input([1, 12, 12, channels])
    let same = Padding(all: 1)
    var x = input
    switch producer {
    case .convolution: x = try net.conv(x, net.random.int(1...150), (1, 1))
    case .winograd: x = try net.conv(x, 64, (3, 3), Conv2D(padding: same))
    case .grouped: x = try net.conv(x, 2 * channels, (3, 3), Conv2D(padding: same, groups: 2))
    case .depthwise: x = try net.depthwise(x, (3, 3), DepthwiseConv2D(padding: same))
    case .dense: x = try net.dense(try net.apply(.reshape, [x], shape: [1, 144 * channels]), net.random.int(1...100))
    case .sum: x = try net.apply(.add(Add()), [x, try net.conv(x, channels, (3, 3), Conv2D(padding: same))])
    }
    net.output(try net.apply(.activation(activation), [x]))
    return net
  }

  /// All but the threshold, which no rounding leaves alone.
  @Test(arguments: Producer.allCases, Activation.allCases.filter { $0 != .threshold })
  func activationsOfTilesAreTheReference(producer: Producer, activation: Activation) throws {
    var net = try activated(producer, activation, seed: 4)
    let input = net.samples(1)[0]
    try expectReference(net.model, input, .float)
    try expectReference(try net.int8(), input, .exact)
    try expectReference(try net.model.dynamicallyQuantized(), input, .float)
  }

  /// The node has no step of its own, but behind Winograd's tiles, which leave results in no order to go over.
  @Test(arguments: Producer.allCases, [false, true])
  func activationsHaveNoStep(producer: Producer, usesWinograd: Bool) throws {
    var net = try activated(producer, .hardSwish, seed: 4)
    var options = SessionOptions()
    options.usesWinograd = usesWinograd
    for model in [net.model, try net.int8()] {
      let session = try Session(model, options: options)
      let isTiled = session.steps.contains { $0 is WinogradStep }
      #expect(isTiled == (usesWinograd && [.winograd, .sum].contains(producer)))
      let activation = try #require(
        session.graph.nodes.firstIndex { node in
          if case .activation = node.op { true } else { node.op == .lookup }
        })
      #expect(session.stepsOfNode[activation].isEmpty == !isTiled)
    }
  }

  /// The activation is part of the product in some of the sessions that are compared, and a step behind Winograd's tiles in
  /// others: no time at all is none of its kernels.
  @Test func candidatesAreKernels() throws {
    let model = try activated(.winograd, .hardSwish, seed: 4).model
    var isas = ISA.supported
    isas.removeAll { $0.name == "scalar" }
    for isa in isas {
      let comparison = try KernelComparison(isa: isa, seconds: 0.001) { options throws(RuntimeError) in
        try Session(model, options: options)
      }
      let kernels = comparison.choices.map { [$0.pick.kernel] + $0.others.map { $0.kernel } }
      #expect(kernels.count == 2 && kernels.allSatisfy { !$0.contains("-") }, "\(isa.name): \(kernels)")
      #expect(kernels[0].contains { $0.hasPrefix("f32_winograd") } && kernels[0].contains { $0.hasPrefix("f32_igemm") })
      #expect(comparison.chains.isEmpty)
    }
  }

  /// Whose step computes a node: the sum is the convolution's, and the function behind it as well, but behind tiles.
  @Test func ownersComputeTheNodesBehindThem() throws {
    var options = SessionOptions()
    for (producer, usesWinograd, owners) in [
      (Producer.sum, false, [0, 0, 0]), (.winograd, true, [0, 1]), (.winograd, false, [0, 0]),
      (.dense, nil, [0, 1, 1]),
    ] {
      options.usesWinograd = usesWinograd
      let session = try Session(activated(producer, .hardSwish, seed: 4).model, options: options)
      #expect(session.owners == owners, "\(producer): \(session.plan.nodes.map { $0.kernel })")
    }
  }

  /// A tensor that somebody else sees is written as it is.
  @Test func aTensorWithAnotherReaderIsKept() throws {
    var net = NetworkBuilder(seed: 2)
    let x = try net.conv(net.input([1, 4, 4, 8]), 8, (1, 1))
    net.output(try net.apply(.activation(.hardSwish), [x]))
    net.output(x)
    try expectReference(net.model, net.samples(1)[0], .float)
    try expectReference(try net.int8(), net.samples(1)[0], .exact)
  }
}

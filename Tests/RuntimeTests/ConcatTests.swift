import Format
import TestSupport
import Testing

@testable import Runtime

/// Concats along channels whose operands are written where they belong.
@Suite struct ConcatTests {
  /// Branches of all kinds side by side: products, Winograd's tiles, sums, activations, what has to be copied, and a tensor that
  /// others read too.
  private func network(seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let side = net.random.int(4...11)
    let input = net.input([net.random.int(1...2), side, net.random.int(4...11), net.random.int(1...20)])
    let same = Conv2D(padding: Padding(all: 1), activation: net.random.pick(FusedActivation.allCases))
    let x = try net.conv(input, net.random.int(2...20), (3, 3), same)
    let channels = net.shape(x)[3]
    var branches: [TensorIndex] = []
    for _ in 0..<net.random.int(2...4) {
      let columns = net.random.int(1...40)
      switch net.random.int(0...6) {
      case 0: branches.append(try net.conv(x, columns, (1, 1)))
      case 1: branches.append(try net.conv(x, columns, (3, 3), same))
      case 2: branches.append(try net.conv(x, 2 * columns, (1, 1), Conv2D(groups: channels % 2 == 0 ? 2 : 1)))
      case 3:
        let y = try net.conv(x, columns, (3, 3), same)
        branches.append(try net.apply(.activation(net.random.pick([.hardSwish, .sigmoid])), [y]))
      case 4:
        let y = try net.conv(x, channels, (3, 3), Conv2D(padding: Padding(all: 1)))
        branches.append(try net.apply(.add(Add(activation: .relu)), [x, y]))
      case 5:
        let pool = Pool2D(windowHeight: 3, windowWidth: 3, strideHeight: 1, strideWidth: 1, padding: Padding(all: 1))
        branches.append(try net.apply(.maxPool2D(pool), [x]))
      default:
        let y = try net.conv(x, columns, (1, 1))
        net.output(y)
        branches.append(y)
      }
    }
    if net.random.bool() { branches.append(branches[0]) }
    let joined = try net.apply(.concat(Concat(axis: 3)), branches)
    net.output(try net.conv(joined, 5, (1, 1)))
    return net
  }

  @Test(arguments: 0..<40 as Range<UInt64>) func branchesAreTheReference(seed: UInt64) throws {
    var net = try network(seed: seed)
    let samples = net.samples(1)[0]
    for (pipelines, winograd) in [(nil, nil), (nil, true), (true, nil), (true, true)] as [(Bool?, Bool?)] {
      var options = allOptions(pipelines: pipelines)
      for index in options.indices { options[index].usesWinograd = winograd }
      try expectReference(net.model, samples, .float, options: options)
      try expectReference(net.int8(), samples, .exact, options: options)
    }
  }

  /// Concats of anything, themselves and each other among it: what products write into a concat's place also goes into sums, products,
  /// functions in place and further concats, lives as long as any of them, and may be wanted outside.
  ///
  /// - Parameter isExact: with operators only that dynamic int8 computes to the bit.
  private func tangle(seed: UInt64, isExact: Bool = false) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let (height, width) = (net.random.int(1...9), net.random.int(1...9))
    let batch = net.random.int(1...2)
    let same = Padding(all: 1)
    var known = (0..<net.random.int(1...2)).map { _ in net.input([batch, height, width, net.random.int(1...20)]) }
    for _ in 0..<net.random.int(5...16) {
      // Recent tensors are likelier, so that chains become long and some tensors have one reader only.
      func operand() -> TensorIndex {
        known[max(net.random.int(0...known.count - 1), net.random.int(0...known.count - 1))]
      }
      let x = operand()
      let channels = net.shape(x)[3]
      let activation = net.random.pick(FusedActivation.allCases)
      switch net.random.int(0...13) {
      case 0...2: known.append(try net.conv(x, net.random.int(1...40), (1, 1), Conv2D(activation: activation)))
      case 3, 4:
        known.append(try net.conv(x, net.random.int(1...40), (3, 3), Conv2D(padding: same, activation: activation)))
      case 5:
        let op = Conv2D(padding: same, groups: channels % 2 == 0 ? 2 : 1)
        known.append(try net.conv(x, 2 * net.random.int(1...20), (3, 3), op))
      case 6:
        known.append(try net.depthwise(x, (3, 3), DepthwiseConv2D(padding: same, activation: activation)))
      case 7:
        let pool = Pool2D(windowHeight: 3, windowWidth: 3, strideHeight: 1, strideWidth: 1, padding: same)
        known.append(
          try net.apply(net.random.pick(isExact ? [.maxPool2D(pool)] : [.maxPool2D(pool), .averagePool2D(pool)]), [x]))
      case 8:
        known.append(
          try net.apply(.activation(net.random.pick(isExact ? [.relu] : [.relu, .hardSwish, .sigmoid])), [x]))
      case 9:
        // A residual of a product, or two tensors that happen to be alike.
        let alike = known.filter { net.shape($0)[3] == channels }
        let y = net.random.bool() ? try net.conv(x, channels, (1, 1)) : net.random.pick(alike)
        known.append(try net.apply(.add(Add(activation: activation)), net.random.bool() ? [x, y] : [y, x]))
      case 10:
        // A gate for each element or, as squeeze-and-excitation has it, for each channel.
        let seen = net.random.bool() && !isExact ? try net.apply(.globalAveragePool, [x]) : x
        let factors = try net.apply(
          .activation(isExact ? .relu : .sigmoid), [try net.conv(seen, channels, (1, 1))])
        known.append(try net.apply(.multiply, [x, factors]))
      default:
        var parts = [x, operand()]
        for _ in 0..<net.random.int(0...2) { parts.append(operand()) }
        guard parts.reduce(0, { $0 + net.shape($1)[3] }) <= 160 else { continue }
        known.append(try net.apply(.concat(Concat(axis: 3)), parts))
      }
    }
    // Lines or columns behind each other, in one block perhaps.
    let alike = known.filter { net.shape($0) == net.shape(known.last!) }
    let parts = (0..<net.random.int(2...3)).map { _ in net.random.pick(alike) }
    let tall = try net.apply(.concat(Concat(axis: net.random.int(1...2))), parts)
    net.output(
      try net.apply(.maxPool2D(Pool2D(windowHeight: 1, windowWidth: 1, strideHeight: 1, strideWidth: 2)), [tall]))
    let last = try net.conv(known.last!, 5, (1, 1))
    net.output(try net.apply(.concat(Concat(axis: 3)), [last, try net.conv(known.last!, 3, (1, 1))]))
    for tensor in known where !net.graph.inputs.contains(tensor) && net.random.int(0...5) == 0 { net.output(tensor) }
    return net
  }

  @Test(arguments: 0..<60 as Range<UInt64>) func tanglesAreTheReference(seed: UInt64) throws {
    var net = try tangle(seed: seed)
    let samples = net.samples(1)[0]
    let int8 = try net.int8()
    for (pipelines, winograd) in [(nil, nil), (true, nil), (nil, true)] as [(Bool?, Bool?)] {
      var options = allOptions(pipelines: pipelines)
      for index in options.indices { options[index].usesWinograd = winograd }
      try expectReference(net.model, samples, .float, options: options)
      try expectReference(int8, samples, .exact, options: options)
    }
    var dynamic = try tangle(seed: seed, isExact: true)
    try expectReference(dynamic.model.dynamicallyQuantized(), dynamic.samples(1)[0], .exact)
  }

  /// Rows of dense layers side by side; of one image only, they are one behind the other.
  @Test(arguments: 1...3, [1, 20, 33]) func denseLayersWriteIntoTheConcat(images: Int, width: Int) throws {
    var net = NetworkBuilder(seed: 7)
    let input = net.input([images, width])
    let x = try net.dense(input, 20, Dense(activation: .relu))
    let sum = try net.apply(.add(Add()), [x, try net.dense(x, 20)])
    let parts = [try net.dense(x, 7), try net.apply(.activation(.hardSwish), [try net.dense(sum, 40)]), sum, x]
    net.output(try net.dense(try net.apply(.concat(Concat(axis: 1)), parts), 3))
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float)
    try expectReference(net.int8(), sample, .exact)
  }

  /// SqueezeNet's fire module copies nothing.
  @Test func convolutionsWriteIntoTheConcat() throws {
    var net = NetworkBuilder(seed: 1)
    let x = try net.conv(net.input([1, 28, 28, 24]), 32, (1, 1))
    let narrow = try net.conv(x, 48, (1, 1), Conv2D(activation: .relu))
    let wide = try net.conv(x, 64, (3, 3), Conv2D(padding: Padding(all: 1), activation: .relu))
    net.output(try net.conv(try net.apply(.concat(Concat(axis: 3)), [narrow, wide]), 7, (1, 1)))
    for model in [net.model, try net.int8()] {
      let session = try Session(model)
      let concat = try #require(session.graph.nodes.firstIndex { $0.op.name == "concat" })
      #expect(session.stepsOfNode[concat].isEmpty)
    }
  }
}

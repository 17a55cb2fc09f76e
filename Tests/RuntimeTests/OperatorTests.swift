import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

/// Networks of one operator with awkward shapes and attributes.
enum OperatorCase: String, CaseIterable, Sendable {
  case conv, groupedConv, dilatedConv, pointwiseConv, firstConv, depthwise, depthwiseMultiplier, dilatedDepthwise
  case dense, maxPool, averagePool, globalAveragePool, add, multiply, multiplyByChannel, concat,
    concatOfBlocks
  case relu, relu6, sigmoid, tanh, hardSigmoid, hardSwish, gelu, silu, threshold, leakyReLU, softmax, batchNorm, reshape
  case embedding, rnn, lstm, gru, slice, sliceOfBlocks, transposedConv, resizeNearest, resizeBilinear

  private static let channelCounts = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48]

  /// - Parameter behindConvolution: whether operators without weights get their operands from a convolution, without
  ///   which there is nothing to quantize.
  func network(seed: UInt64, behindConvolution: Bool = false) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let shape = [
      net.random.int(1...2), net.random.int(1...11), net.random.int(1...11), net.random.pick(Self.channelCounts),
    ]
    let outputs = net.random.pick(Self.channelCounts)
    switch self {
    case .conv: net.output(try randomConv(&net, net.input(shape), outputs))
    case .dilatedConv: net.output(try randomConv(&net, net.input(shape), outputs, dilation: 1...3))
    case .groupedConv:
      let groups = net.random.int(2...4)
      let x = net.input([shape[0], shape[1], shape[2], groups * net.random.int(1...9)])
      net.output(try randomConv(&net, x, groups * net.random.int(1...19), groups: groups))
    case .pointwiseConv:
      net.output(try net.conv(net.input(shape), outputs, (1, 1), Conv2D(activation: randomActivation(&net))))
    case .firstConv:
      let x = net.input([1, shape[1] + 4, shape[2] + 4, net.random.pick([1, 3])])
      let conv = Conv2D(strideHeight: 2, strideWidth: 2, padding: Padding(all: 2), activation: .relu6)
      net.output(try net.conv(x, outputs, (5, 5), conv))
    case .depthwise: net.output(try randomDepthwise(&net, net.input(shape)))
    case .dilatedDepthwise: net.output(try randomDepthwise(&net, net.input(shape), dilation: 1...3))
    case .depthwiseMultiplier:
      let x = net.input([shape[0], shape[1], shape[2], net.random.int(1...9)])
      net.output(try randomDepthwise(&net, x, multiplier: net.random.int(2...5)))
    case .dense:
      let x = net.input([net.random.int(1...9), net.random.int(1...300)])
      net.output(try net.dense(x, outputs, Dense(activation: randomActivation(&net))))
    case .maxPool:
      net.output(try net.apply(.maxPool2D(randomPool(&net, shape)), [operand(&net, shape, behindConvolution)]))
    case .averagePool:
      net.output(try net.apply(.averagePool2D(randomPool(&net, shape)), [operand(&net, shape, behindConvolution)]))
    case .globalAveragePool: net.output(try net.apply(.globalAveragePool, [operand(&net, shape, behindConvolution)]))
    case .add:
      let inputs = try [operand(&net, shape, behindConvolution), operand(&net, shape, behindConvolution)]
      net.output(try net.apply(.add(Add(activation: randomActivation(&net))), inputs))
    case .multiply:
      let inputs = try [operand(&net, shape, behindConvolution), operand(&net, shape, behindConvolution)]
      net.output(try net.apply(.multiply, inputs))
    case .multiplyByChannel:
      let factors = try operand(&net, [shape[0], 1, 1, shape[3]], behindConvolution)
      net.output(try net.apply(.multiply, [operand(&net, shape, behindConvolution), factors]))
    case .concat:
      net.output(try randomConcat(&net, shape, axis: net.random.int(1...3), behindConvolution: behindConvolution))
    case .concatOfBlocks:
      net.output(try randomConcat(&net, [1] + shape.dropFirst(), axis: 1, behindConvolution: behindConvolution))
    case .relu, .relu6, .sigmoid, .tanh, .hardSigmoid, .hardSwish, .gelu, .silu, .threshold, .leakyReLU:
      let activations: [OperatorCase: Activation] = [
        .relu: .relu, .relu6: .relu6, .sigmoid: .sigmoid, .tanh: .tanh, .hardSigmoid: .hardSigmoid,
        .hardSwish: .hardSwish, .gelu: .gelu, .silu: .silu, .threshold: .threshold,
        .leakyReLU: .leakyReLU(slope: net.random.floats(1, in: 0...1)[0]),
      ]
      net.output(try net.apply(.activation(activations[self]!), [operand(&net, shape, behindConvolution)]))
    case .softmax: net.output(try net.apply(.softmax, [operand(&net, shape, behindConvolution)]))
    case .batchNorm: net.output(try net.batchNorm(operand(&net, shape, behindConvolution)))
    case .reshape:
      net.output(
        try net.apply(
          .reshape, [operand(&net, shape, behindConvolution)], shape: [shape[3], shape[0] * shape[1], shape[2]]))
    case .embedding:
      let x = net.input([shape[0], shape[1], shape[2], 1])
      net.output(try net.conv(try net.embedding(x, rows: net.random.int(1...4), shape[3]), outputs, (1, 1)))
    case .rnn: try addRecurrent(&net, .rnn)
    case .lstm: try addRecurrent(&net, .lstm)
    case .gru: try addRecurrent(&net, .gru)
    case .slice:
      // One block, used where it lies; sometimes more than one reader, and one in place.
      let x = try operand(&net, [1] + shape.dropFirst(), behindConvolution)
      let part = try net.apply(.slice(randomSlice(&net, axis: 1, of: shape[1])), [x])
      net.output(try net.apply(.activation(.relu), [part]))
      net.output(try net.apply(.slice(randomSlice(&net, axis: 1, of: shape[1])), [x]))
    case .sliceOfBlocks:
      let axis = net.random.int(0...3)
      net.output(
        try net.apply(.slice(randomSlice(&net, axis: axis, of: shape[axis])), [operand(&net, shape, behindConvolution)])
      )
    case .transposedConv: net.output(try randomTransposedConv(&net, net.input(shape), outputs))
    case .resizeNearest, .resizeBilinear:
      let resize = Resize(
        mode: self == .resizeNearest ? .nearest : .bilinear, height: net.random.int(1...23),
        width: net.random.int(1...23))
      net.output(try net.apply(.resize(resize), [operand(&net, shape, behindConvolution)]))
    }
    return net
  }

  /// Whether the float operator is one IEEE operation per element, or none.
  var isExact: Bool {
    switch self {
    case .maxPool, .add, .multiply, .multiplyByChannel, .concat, .concatOfBlocks, .relu, .relu6, .leakyReLU, .reshape,
      .slice,
      .sliceOfBlocks, .resizeNearest:
      true
    default: false
    }
  }

  var hasWeights: Bool {
    switch self {
    case .conv, .groupedConv, .dilatedConv, .pointwiseConv, .firstConv, .depthwise, .depthwiseMultiplier,
      .dilatedDepthwise, .dense, .embedding, .rnn, .lstm, .gru, .transposedConv:
      true
    default: false
    }
  }
}

/// A graph input, or what a convolution makes of it.
private func operand(
  _ net: inout NetworkBuilder, _ shape: [Int], _ behindConvolution: Bool
) throws -> TensorIndex {
  let x = net.input(shape)
  return behindConvolution ? try net.conv(x, shape[3], (1, 1)) : x
}

private func randomActivation(_ net: inout NetworkBuilder) -> FusedActivation {
  net.random.pick(FusedActivation.allCases)
}

/// Padding of each side on its own; nil when the window would not fit into the padded image.
private func randomPadding(
  _ net: inout NetworkBuilder, _ shape: [Int], window: (Int, Int), most: (Int, Int)
) -> Padding? {
  let padding = Padding(
    top: net.random.int(0...most.0), left: net.random.int(0...most.1), bottom: net.random.int(0...most.0),
    right: net.random.int(0...most.1))
  let fits =
    shape[1] + padding.top + padding.bottom >= window.0 && shape[2] + padding.left + padding.right >= window.1
  return fits ? padding : nil
}

private func randomConv(
  _ net: inout NetworkBuilder, _ x: TensorIndex, _ outputs: Int, groups: Int = 1, dilation: ClosedRange<Int> = 1...1
) throws -> TensorIndex {
  while true {
    let window = (net.random.int(1...5), net.random.int(1...5))
    let dilations = (net.random.int(dilation), net.random.int(dilation))
    let extent = ((window.0 - 1) * dilations.0 + 1, (window.1 - 1) * dilations.1 + 1)
    // Windows that lie wholly in the padding are among them.
    guard let padding = randomPadding(&net, net.shape(x), window: extent, most: (extent.0 + 1, extent.1 + 1)) else {
      continue
    }
    return try net.conv(
      x, outputs, window,
      Conv2D(
        strideHeight: net.random.int(1...3), strideWidth: net.random.int(1...3), dilationHeight: dilations.0,
        dilationWidth: dilations.1, padding: padding, groups: groups, activation: randomActivation(&net)))
  }
}

private func randomDepthwise(
  _ net: inout NetworkBuilder, _ x: TensorIndex, multiplier: Int = 1, dilation: ClosedRange<Int> = 1...1
) throws -> TensorIndex {
  while true {
    // Three out of four are the 3×3 that has kernels of its own.
    let window = net.random.int(0...3) > 0 ? (3, 3) : (net.random.int(1...5), net.random.int(1...5))
    let dilations = (net.random.int(dilation), net.random.int(dilation))
    let extent = ((window.0 - 1) * dilations.0 + 1, (window.1 - 1) * dilations.1 + 1)
    guard let padding = randomPadding(&net, net.shape(x), window: extent, most: (extent.0 + 1, extent.1 + 1)) else {
      continue
    }
    return try net.depthwise(
      x, multiplier: multiplier, window,
      DepthwiseConv2D(
        strideHeight: net.random.int(1...3), strideWidth: net.random.int(1...4), dilationHeight: dilations.0,
        dilationWidth: dilations.1, padding: padding, activation: randomActivation(&net)))
  }
}

private func randomPool(_ net: inout NetworkBuilder, _ shape: [Int]) -> Pool2D {
  while true {
    let window = (net.random.int(1...4), net.random.int(1...4))
    guard let padding = randomPadding(&net, shape, window: window, most: (window.0 - 1, window.1 - 1)) else {
      continue
    }
    return Pool2D(
      windowHeight: window.0, windowWidth: window.1, strideHeight: net.random.int(1...3),
      strideWidth: net.random.int(1...5), padding: padding)
  }
}

/// Some operands come from other nodes, so that they can be written in place, and one comes twice.
private func randomConcat(
  _ net: inout NetworkBuilder, _ shape: [Int], axis: Int, behindConvolution: Bool
) throws -> TensorIndex {
  var operands: [TensorIndex] = []
  for _ in 0..<net.random.int(2...4) {
    var own = shape
    own[axis] = net.random.int(1...9)
    let x = try operand(&net, own, behindConvolution)
    operands.append(net.random.bool() ? try net.apply(.activation(.relu), [x]) : x)
  }
  operands.append(operands[0])
  return try net.apply(.concat(Concat(axis: axis)), operands)
}

/// A recurrent layer, with a state to begin with or without, and a layer that computes on every step of it.
private func addRecurrent(_ net: inout NetworkBuilder, _ cell: Recurrent.Cell) throws {
  let (batch, units) = (net.random.int(1...3), net.random.int(1...40))
  let x = net.input([batch, net.random.int(1...9), 1, net.random.int(1...33)])
  let states = (0..<net.random.int(0...cell.states)).map { _ in net.input([batch, 1, 1, units]) }
  let outputs = try net.recurrent(x, units, Recurrent(cell: cell, isReversed: net.random.bool()), states: states)
  net.output(try net.conv(outputs[0], net.random.int(1...9), (1, 1)))
  if outputs.count > 1, net.random.bool() { net.output(outputs[1]) }
}

private func randomSlice(_ net: inout NetworkBuilder, axis: Int, of extent: Int) -> Slice {
  let count = net.random.int(1...extent)
  return Slice(axis: axis, start: net.random.int(0...extent - count), count: count)
}

/// Windows smaller than the stride, and paddings that leave nothing of the first inputs' windows, are among them.
private func randomTransposedConv(
  _ net: inout NetworkBuilder, _ x: TensorIndex, _ outputs: Int
) throws -> TensorIndex {
  while true {
    let window = (net.random.int(1...5), net.random.int(1...5))
    let op = TransposedConv2D(
      strideHeight: net.random.int(1...3), strideWidth: net.random.int(1...3),
      padding: Padding(
        top: net.random.int(0...window.0 - 1), left: net.random.int(0...window.1 - 1),
        bottom: net.random.int(0...window.0 - 1), right: net.random.int(0...window.1 - 1)),
      activation: randomActivation(&net))
    let shape = net.shape(x)
    guard (shape[1] - 1) * op.strideHeight + window.0 > op.padding.top + op.padding.bottom,
      (shape[2] - 1) * op.strideWidth + window.1 > op.padding.left + op.padding.right
    else { continue }
    return try net.transposedConv(x, outputs, window, op)
  }
}

@Suite struct OperatorTests {
  @Test(arguments: OperatorCase.allCases, 0..<12 as Range<UInt64>)
  func floatIsWithinTheBoundOfTheReference(operation: OperatorCase, seed: UInt64) throws {
    var net = try operation.network(seed: seed)
    try expectReference(net.model, net.samples(1)[0], operation.isExact ? .exact : .float)
  }

  @Test(arguments: OperatorCase.allCases, 0..<12 as Range<UInt64>)
  func int8IsTheReference(operation: OperatorCase, seed: UInt64) throws {
    var net = try operation.network(seed: seed, behindConvolution: !operation.hasWeights)
    let model = try net.int8()
    #expect(model.graph.nodes.contains { model.graph.tensors[$0.outputs[0]].type == .s8 })
    try expectReference(model, net.samples(1)[0], .exact)
  }

  @Test(arguments: OperatorCase.allCases.filter { $0.hasWeights }, 0..<12 as Range<UInt64>)
  func dynamicInt8IsTheReference(operation: OperatorCase, seed: UInt64) throws {
    var net = try operation.network(seed: seed)
    let model = try net.model.dynamicallyQuantized()
    #expect(model.graph.tensors.contains { $0.type == .s8 })
    try expectReference(model, net.samples(1)[0], .exact)
  }
}

// Shapes: what an operator's attributes and inputs must be, and what comes out.

extension Graph {
  /// The shapes of all outputs of `op`; see `outputShape`.
  ///
  /// - Throws: as `outputShape`.
  public static func outputShapes(of op: Op, inputs: [Tensor]) throws(FormatError) -> [[Int]] {
    let first = try outputShape(of: op, inputs: inputs)
    guard case .recurrent(let recurrent) = op, recurrent.cell.states > 1 else { return [first] }
    return [first, [first[0], 1, 1, first[3]]]
  }

  /// The shape of the first output of `op` for these inputs (constants among them), in the order told at its payload.
  ///
  /// A reshape may have any output shape of as many elements; here it gives the flattened one, [N, everything else].
  ///
  /// - Throws: `FormatError.invalid` if the number of inputs, a rank, a dimension or an attribute does not fit.
  public static func outputShape(of op: Op, inputs: [Tensor]) throws(FormatError) -> [Int] {
    try op.checkInputCount(inputs.count)
    for input in inputs { _ = try checkedByteCount(input.shape, input.type, "\(op.name) input") }
    let x = inputs[0].shape
    switch op {
    case .conv2D(let conv): return try conv.outputShape(inputs, name: op.name)
    case .depthwiseConv2D(let conv): return try conv.outputShape(inputs, name: op.name)
    case .dense: return try denseShape(inputs)
    case .maxPool2D(let pool), .averagePool2D(let pool): return try pool.outputShape(x, name: op.name)
    case .globalAveragePool:
      try expect(rank: 4, x, "\(op.name) input")
      return [x[0], 1, 1, x[3]]
    case .add:
      try expect(shape: x, inputs[1].shape, "add second input")
      return x
    case .multiply:
      let perChannel = x.count == 4 ? [x[0], 1, 1, x[3]] : x
      if inputs[1].shape != perChannel { try expect(shape: x, inputs[1].shape, "multiply second input") }
      return x
    case .concat(let concat): return try concat.outputShape(inputs)
    case .batchNorm(let norm):
      guard norm.epsilon > 0, norm.epsilon <= 1 else {
        throw .invalid(
          what: "batch_norm epsilon", expected: "more than 0, at most 1", found: norm.epsilon.shortText)
      }
      for parameter in inputs.dropFirst() {
        try expect(shape: [x[x.count - 1]], parameter.shape, "batch_norm parameters")
      }
      return x
    case .reshape: return [x[0], x.dropFirst().reduce(1, *)]
    case .lookup, .lookupSoftmax:
      try expect(shape: [256], inputs[1].shape, "\(op.name) table")
      return x
    case .activation(.leakyReLU(let slope)):
      guard slope >= 0, slope <= 1 else {
        throw .invalid(what: "leaky_relu slope", expected: "0 to 1", found: slope.shortText)
      }
      return x
    case .activation, .softmax, .quantize, .dequantize: return x
    case .embedding:
      try expect(rank: 4, x, "embedding input")
      try expect(shape: [x[0], x[1], x[2], 1], x, "embedding input")
      try expect(rank: 2, inputs[1].shape, "embedding weights")
      return [x[0], x[1], x[2], inputs[1].shape[1]]
    case .recurrent(let recurrent): return try recurrent.outputShape(inputs)
    case .slice(let slice): return try slice.outputShape(x)
    case .transposedConv2D(let conv): return try conv.outputShape(inputs)
    case .resize(let resize): return try resize.outputShape(x)
    }
  }

  private static func denseShape(_ inputs: [Tensor]) throws(FormatError) -> [Int] {
    let x = inputs[0].shape
    let weights = inputs[1].shape
    try expect(rank: 2, x, "dense input")
    try expect(rank: 2, weights, "dense weights")
    try expect(shape: [weights[0], x[1]], weights, "dense weights")
    try expectBias(inputs, channels: weights[0], "dense")
    return [x[0], weights[0]]
  }
}

extension Op {
  /// The number of inputs the operator takes.
  var inputCounts: ClosedRange<Int> {
    switch self {
    case .conv2D, .depthwiseConv2D, .dense: 2...3
    case .add, .multiply, .lookup, .lookupSoftmax: 2...2
    case .concat: 2...Limits.nodeInputs
    case .batchNorm: 5...5
    case .maxPool2D, .averagePool2D, .globalAveragePool, .activation, .softmax, .reshape, .quantize, .dequantize: 1...1
    case .transposedConv2D: 2...3
    case .embedding: 2...2
    case .recurrent(let recurrent): 4...(4 + recurrent.cell.states)
    case .slice, .resize: 1...1
    }
  }

  /// The number of outputs the operator has.
  var outputCount: Int {
    if case .recurrent(let recurrent) = self { recurrent.cell.states } else { 1 }
  }

  /// Whether the input at `position` is a constant (weights, bias, parameters, table) rather than an activation.
  func takesConstant(at position: Int) -> Bool {
    switch self {
    case .conv2D, .depthwiseConv2D, .dense, .batchNorm, .lookup, .lookupSoftmax, .transposedConv2D, .embedding:
      position > 0
    case .recurrent: 1...3 ~= position
    case .slice, .resize: false
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .reshape,
      .quantize, .dequantize:
      false
    }
  }

  func checkInputCount(_ count: Int) throws(FormatError) {
    let allowed = inputCounts
    guard allowed ~= count else {
      let expected =
        allowed.lowerBound == allowed.upperBound
        ? "\(allowed.lowerBound)" : "\(allowed.lowerBound) to \(allowed.upperBound)"
      throw .invalid(what: "\(name) inputs", expected: expected, found: "\(count)")
    }
  }
}

extension Conv2D {
  fileprivate func outputShape(_ inputs: [Tensor], name: String) throws(FormatError) -> [Int] {
    let x = inputs[0].shape
    let weights = inputs[1].shape
    try expect(rank: 4, x, "\(name) input")
    try expect(rank: 4, weights, "\(name) weights")
    let outputs = weights[0]
    guard groups >= 1, x[3] % groups == 0, outputs % groups == 0 else {
      throw .invalid(
        what: "\(name) groups", expected: "a divisor of \(x[3]) input and \(outputs) output channels",
        found: "\(groups)")
    }
    try expect(shape: [outputs, weights[1], weights[2], x[3] / groups], weights, "\(name) weights")
    try expectBias(inputs, channels: outputs, name)
    let height = try Span(
      input: x[1], window: weights[1], stride: strideHeight, dilation: dilationHeight, before: padding.top,
      after: padding.bottom
    ).outputs("\(name) height")
    let width = try Span(
      input: x[2], window: weights[2], stride: strideWidth, dilation: dilationWidth, before: padding.left,
      after: padding.right
    ).outputs("\(name) width")
    return [x[0], height, width, outputs]
  }
}

extension DepthwiseConv2D {
  fileprivate func outputShape(_ inputs: [Tensor], name: String) throws(FormatError) -> [Int] {
    let x = inputs[0].shape
    let weights = inputs[1].shape
    try expect(rank: 4, x, "\(name) input")
    try expect(rank: 3, weights, "\(name) weights")
    guard weights[2] % x[3] == 0 else {
      throw .invalid(
        what: "\(name) weights", expected: "a multiple of \(x[3]) channels", found: shapeText(weights))
    }
    try expectBias(inputs, channels: weights[2], name)
    let height = try Span(
      input: x[1], window: weights[0], stride: strideHeight, dilation: dilationHeight, before: padding.top,
      after: padding.bottom
    ).outputs("\(name) height")
    let width = try Span(
      input: x[2], window: weights[1], stride: strideWidth, dilation: dilationWidth, before: padding.left,
      after: padding.right
    ).outputs("\(name) width")
    return [x[0], height, width, weights[2]]
  }
}

extension Pool2D {
  fileprivate func outputShape(_ x: [Int], name: String) throws(FormatError) -> [Int] {
    try expect(rank: 4, x, "\(name) input")
    for value in [windowHeight, windowWidth] where !(1...Limits.extent ~= value) {
      throw .invalid(what: "\(name) window", expected: "1 to \(Limits.extent)", found: "\(value)")
    }
    guard max(padding.top, padding.bottom) < windowHeight, max(padding.left, padding.right) < windowWidth else {
      throw .invalid(
        what: "\(name) padding", expected: "less than the window of \(shapeText([windowHeight, windowWidth]))",
        found: shapeText([padding.top, padding.left, padding.bottom, padding.right]))
    }
    let height = try Span(
      input: x[1], window: windowHeight, stride: strideHeight, dilation: 1, before: padding.top, after: padding.bottom
    ).outputs("\(name) height")
    let width = try Span(
      input: x[2], window: windowWidth, stride: strideWidth, dilation: 1, before: padding.left, after: padding.right
    ).outputs("\(name) width")
    return [x[0], height, width, x[3]]
  }
}

extension Concat {
  fileprivate func outputShape(_ inputs: [Tensor]) throws(FormatError) -> [Int] {
    var shape = inputs[0].shape
    guard 0..<shape.count ~= axis else {
      throw .invalid(what: "concat axis", expected: "0 to \(shape.count - 1)", found: "\(axis)")
    }
    for input in inputs.dropFirst() {
      var expected = shape
      if input.shape.count == shape.count { expected[axis] = input.shape[axis] }
      try expect(shape: expected, input.shape, "concat input")
      shape[axis] += input.shape[axis]
      guard shape[axis] <= Limits.dimension else {
        throw .invalid(
          what: "concat output", expected: "at most \(Limits.dimension) along axis \(axis)", found: "\(shape[axis])")
      }
    }
    return shape
  }
}

/// A window that slides along one dimension.
private struct Span {
  var input: Int
  var window: Int
  var stride: Int
  var dilation: Int
  var before: Int
  var after: Int

  /// The number of positions of the window, at least 1.
  func outputs(_ what: String) throws(FormatError) -> Int {
    for (name, value) in [("stride", stride), ("dilation", dilation)] where !(1...Limits.extent ~= value) {
      throw .invalid(what: "\(what), \(name)", expected: "1 to \(Limits.extent)", found: "\(value)")
    }
    for value in [before, after] where !(0...Limits.extent ~= value) {
      throw .invalid(what: "\(what), padding", expected: "0 to \(Limits.extent)", found: "\(value)")
    }
    // In 64 bits: a dilated window may be wider than a 32-bit Int.
    let extent = Int64(dilation) * Int64(window - 1) + 1
    let padded = Int64(input + before + after)
    guard extent <= padded else {
      throw .invalid(what: what, expected: "at least \(extent) with padding, for one window", found: "\(padded)")
    }
    return Int((padded - extent) / Int64(stride)) + 1
  }
}

func expect(rank: Int, _ shape: [Int], _ what: String) throws(FormatError) {
  guard shape.count == rank else {
    throw .invalid(what: what, expected: "\(rank) dimensions", found: shapeText(shape))
  }
}

func expect(shape expected: [Int], _ shape: [Int], _ what: String) throws(FormatError) {
  guard shape == expected else {
    throw .invalid(what: what, expected: shapeText(expected), found: shapeText(shape))
  }
}

func expectBias(_ inputs: [Tensor], channels: Int, _ name: String) throws(FormatError) {
  if inputs.count > 2 { try expect(shape: [channels], inputs[2].shape, "\(name) bias") }
}

/// A shape for people, as "1x28x28x1".
public func shapeText(_ shape: [Int]) -> String {
  var text = ""
  for (position, dimension) in shape.enumerated() { text += position == 0 ? "\(dimension)" : "x\(dimension)" }
  return text
}

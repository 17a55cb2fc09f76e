// Shapes of the operators that work on sequences or change a picture's size; see Op+Shape.swift.

extension Recurrent {
  /// [N, T, 1, H], having made sure that weights, bias and state fit.
  func outputShape(_ inputs: [Tensor]) throws(FormatError) -> [Int] {
    let x = inputs[0].shape
    let recurrentWeights = inputs[2].shape
    try expect(rank: 4, x, "\(cell.name) input")
    try expect(shape: [x[0], x[1], 1, x[3]], x, "\(cell.name) input")
    try expect(rank: 2, recurrentWeights, "\(cell.name) recurrent weights")
    // Safe: a dimension is at most 2^24.
    let units = recurrentWeights[1]
    try expect(shape: [cell.gates * units, units], recurrentWeights, "\(cell.name) recurrent weights")
    try expect(shape: [cell.gates * units, x[3]], inputs[1].shape, "\(cell.name) input weights")
    try expect(shape: [cell.biases * units], inputs[3].shape, "\(cell.name) bias")
    for state in inputs.dropFirst(4) { try expect(shape: [x[0], 1, 1, units], state.shape, "\(cell.name) state") }
    return [x[0], x[1], 1, units]
  }
}

extension Slice {
  func outputShape(_ x: [Int]) throws(FormatError) -> [Int] {
    guard x.indices ~= axis else {
      throw .invalid(what: "slice axis", expected: "0 to \(x.count - 1)", found: "\(axis)")
    }
    // In this order, so that no sum can overflow.
    guard count >= 1, count <= x[axis], start >= 0, start <= x[axis] - count else {
      throw .invalid(
        what: "slice", expected: "1 to \(x[axis]) of \(x[axis]) places", found: "\(count) from \(start) on")
    }
    var shape = x
    shape[axis] = count
    return shape
  }
}

extension TransposedConv2D {
  func outputShape(_ inputs: [Tensor]) throws(FormatError) -> [Int] {
    let x = inputs[0].shape
    let weights = inputs[1].shape
    try expect(rank: 4, x, "transposed_conv2d input")
    try expect(rank: 4, weights, "transposed_conv2d weights")
    try expect(shape: [weights[0], weights[1], weights[2], x[3]], weights, "transposed_conv2d weights")
    try expectBias(inputs, channels: weights[0], "transposed_conv2d")
    let height = try extent(x[1], weights[1], strideHeight, padding.top, padding.bottom, "height")
    let width = try extent(x[2], weights[2], strideWidth, padding.left, padding.right, "width")
    return [x[0], height, width, weights[0]]
  }

  private func extent(
    _ input: Int, _ window: Int, _ stride: Int, _ before: Int, _ after: Int, _ side: String
  ) throws(FormatError) -> Int {
    let what = "transposed_conv2d \(side)"
    guard 1...Limits.extent ~= stride else {
      throw .invalid(what: "\(what), stride", expected: "1 to \(Limits.extent)", found: "\(stride)")
    }
    for value in [before, after] where !(0..<min(window, Limits.extent + 1) ~= value) {
      throw .invalid(what: "\(what), padding", expected: "less than the window's \(window)", found: "\(value)")
    }
    let outputs = Int64(input - 1) * Int64(stride) + Int64(window - before - after)
    guard 1...Int64(Limits.dimension) ~= outputs else {
      throw .invalid(what: what, expected: "1 to \(Limits.dimension)", found: "\(outputs)")
    }
    return Int(outputs)
  }

  /// The most places of a window of this size that one output sees: those in steps of the stride.
  func places(height: Int, width: Int) -> [Int] {
    [(height + strideHeight - 1) / strideHeight, (width + strideWidth - 1) / strideWidth]
  }
}

extension Resize {
  func outputShape(_ x: [Int]) throws(FormatError) -> [Int] {
    try expect(rank: 4, x, "resize input")
    for side in [height, width] where !(1...Limits.dimension ~= side) {
      throw .invalid(what: "resize height and width", expected: "1 to \(Limits.dimension)", found: "\(side)")
    }
    return [x[0], height, width, x[3]]
  }
}

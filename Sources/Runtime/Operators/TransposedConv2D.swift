import Format

// Transposed convolution by parts: the outputs whose coordinates leave one remainder modulo the stride see one part of the
// weights, every stride-th place, and each input once. So each remainder is a plain convolution of stride 1 ("sub-pixel
// convolution", Shi et al. 2016), whose results lie `stride` apart: no product is made in vain, nothing is added twice.

extension Lowering {
  mutating func lower(_ op: TransposedConv2D, _ node: Node) throws(RuntimeError) {
    let input = graph.tensors[node.inputs[0]].shape
    let output = graph.tensors[node.outputs[0]].shape
    var operands = LinearOperands(node, in: graph, activation: op.activation)
    let weights = operands.weights
    for row in 0..<op.strideHeight {
      let rows = TransposedPart(
        remainder: row, stride: op.strideHeight, padding: op.padding.top, window: weights.shape[1], outputs: output[1])
      for column in 0..<op.strideWidth {
        let columns = TransposedPart(
          remainder: column, stride: op.strideWidth, padding: op.padding.left, window: weights.shape[2],
          outputs: output[2])
        guard rows.count > 0, columns.count > 0 else { continue }
        let window = Window(
          Conv2D(padding: Padding(top: rows.before, left: columns.before, bottom: 0, right: 0)), input: input,
          output: [output[0], rows.count, columns.count, output[3]], height: rows.taps, width: columns.taps)
        try check(window, of: node)
        operands.weights = weights.part(rows, columns)
        var shape = ProductShape(window: window, groups: 1, columns: output[3])
        if op.strideHeight > 1 || op.strideWidth > 1 {
          let lineElements = output[2] * output[3]
          shape.placement = OutputPlacement(
            first: rows.first * lineElements + columns.first * output[3], pixelStride: op.strideWidth * output[3],
            lineStride: op.strideHeight * lineElements, imageStride: output[1] * lineElements)
        }
        try lowerProduct(shape, &operands, winogradTiling(shape, operands.x, operands.weights, weightSource))
      }
    }
  }
}

/// The outputs along one dimension that see the places remainder, remainder + stride, … of the window.
private struct TransposedPart {
  let remainder: Int
  let stride: Int
  /// Places of the whole window.
  let window: Int
  /// The first of the outputs, and how many there are.
  let first: Int
  let count: Int
  /// Places of the part, in the order in which inputs rise: tap t is place remainder + stride·(taps − 1 − t) of the window.
  /// Those beyond the window weigh nothing; one at least is there.
  let taps: Int
  /// Padding before the input.
  let before: Int

  init(remainder: Int, stride: Int, padding: Int, window: Int, outputs: Int) {
    self.remainder = remainder
    self.stride = stride
    self.window = window
    first = ((remainder - padding) % stride + stride) % stride
    count = first < outputs ? (outputs - 1 - first) / stride + 1 : 0
    // The input that the first output sees with place `remainder`.
    let input = (first + padding - remainder) / stride
    let places = remainder < window ? (window - 1 - remainder) / stride + 1 : 0
    taps = max(places, input + 1)
    before = taps - 1 - input
  }

  /// The place of the window that tap `tap` is; nil beyond the window.
  func place(_ tap: Int) -> Int? {
    let place = remainder + stride * (taps - 1 - tap)
    return place < window ? place : nil
  }
}

extension Tensor {
  /// The weights [O, KH, KW, C] of one part of a transposed convolution.
  fileprivate func part(_ rows: TransposedPart, _ columns: TransposedPart) -> Tensor {
    var result = self
    result.shape = [shape[0], rows.taps, columns.taps, shape[3]]
    result.constant =
      type == .s8 ? part(rows, columns, zero: 0 as Int8) : part(rows, columns, zero: 0 as Float)
    return result
  }

  private func part<Element: BitwiseCopyable>(
    _ rows: TransposedPart, _ columns: TransposedPart, zero: Element
  ) -> Constant {
    let weights = constantElements(as: Element.self)
    var elements: [Element] = []
    elements.reserveCapacity(shape[0] * rows.taps * columns.taps * shape[3])
    for output in 0..<shape[0] {
      for row in 0..<rows.taps {
        for column in 0..<columns.taps {
          if let y = rows.place(row), let x = columns.place(column) {
            let place = weights + ((output * shape[1] + y) * shape[2] + x) * shape[3]
            for channel in 0..<shape[3] { elements.append(place[channel]) }
          } else {
            for _ in 0..<shape[3] { elements.append(zero) }
          }
        }
      }
    }
    return Constant(elements)
  }
}

import Format

extension ReferenceRun {
  /// The window that covers the whole of a node's input.
  func wholeImage(_ node: Node) -> Pool2D {
    let shape = tensor(node.inputs[0]).shape
    return Pool2D(windowHeight: shape[1], windowWidth: shape[2], strideHeight: 1, strideWidth: 1)
  }

  func maxPool(_ op: Pool2D, _ node: Node) -> TensorValue {
    func largest<Element: Comparable>(_ x: [Element]) -> [Element] {
      pool(op, x, node) { window in
        var best = window[0]
        for element in window where element > best { best = element }
        return best
      }
    }
    switch value(node.inputs[0]) {
    case .s8(let x): return .s8(largest(x))
    default: return .f32(largest(f32(node.inputs[0])))
    }
  }

  func averagePool(_ op: Pool2D, _ node: Node) -> TensorValue {
    switch value(node.inputs[0]) {
    case .s8(let x):
      let quantization = quantization(node.inputs[0])
      return .s8(
        pool(op, x, node) { window in
          var sum: Int32 = 0
          for element in window { sum += Int32(element) }
          return quantizedMean(sum: sum, count: Int32(window.count), quantization: quantization)
        })
    default:
      return .f32(
        pool(op, f32(node.inputs[0]), node) { window in
          var sum = 0.0
          for element in window { sum += Double(element) }
          return Float(sum / Double(window.count))
        })
    }
  }

  /// `reduce` of the elements under the window that lie inside the picture, for every element of the output.
  private func pool<Element>(_ op: Pool2D, _ x: [Element], _ node: Node, reduce: ([Element]) -> Element) -> [Element] {
    let (inputShape, outputShape) = (tensor(node.inputs[0]).shape, tensor(node.outputs[0]).shape)
    let (height, width, channels) = (inputShape[1], inputShape[2], inputShape[3])
    var result: [Element] = []
    for n in 0..<outputShape[0] {
      for oy in 0..<outputShape[1] {
        for ox in 0..<outputShape[2] {
          for c in 0..<channels {
            var window: [Element] = []
            for ky in 0..<op.windowHeight {
              guard let y = coordinate(oy, ky, stride: op.strideHeight, padding: op.padding.top, extent: height)
              else { continue }
              for kx in 0..<op.windowWidth {
                guard let xx = coordinate(ox, kx, stride: op.strideWidth, padding: op.padding.left, extent: width)
                else { continue }
                window.append(x[((n * height + y) * width + xx) * channels + c])
              }
            }
            result.append(reduce(window))
          }
        }
      }
    }
    return result
  }
}

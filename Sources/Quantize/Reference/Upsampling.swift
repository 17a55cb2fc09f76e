import Format

extension TransposedConv2D: LinearOperator {
  func sums<Number: Numeric>(
    _ x: [Number], _ xShape: [Int], weights: [Number], _ weightShape: [Int], output: [Int]
  ) -> [Number] {
    let (height, width, channels) = (xShape[1], xShape[2], xShape[3])
    let (kernelHeight, kernelWidth) = (weightShape[1], weightShape[2])
    var result = [Number](repeating: .zero, count: output.reduce(1, *))
    for n in 0..<output[0] {
      for y in 0..<height {
        for xx in 0..<width {
          let pixel = ((n * height + y) * width + xx) * channels
          for ky in 0..<kernelHeight {
            let oy = y * strideHeight + ky - padding.top
            guard 0..<output[1] ~= oy else { continue }
            for kx in 0..<kernelWidth {
              let ox = xx * strideWidth + kx - padding.left
              guard 0..<output[2] ~= ox else { continue }
              let target = ((n * output[1] + oy) * output[2] + ox) * output[3]
              for o in 0..<output[3] {
                let tap = ((o * kernelHeight + ky) * kernelWidth + kx) * channels
                for c in 0..<channels { result[target + o] += x[pixel + c] * weights[tap + c] }
              }
            }
          }
        }
      }
    }
    return result
  }
}

extension ReferenceRun {
  func resize(_ op: Resize, _ node: Node) -> TensorValue {
    let shape = tensor(node.inputs[0]).shape
    func nearest<Element>(_ x: [Element]) -> [Element] {
      pixels(op, shape) { image, oy, ox, channel in
        let y = nearestCoordinate(output: oy, of: op.height, inputs: shape[1])
        let xx = nearestCoordinate(output: ox, of: op.width, inputs: shape[2])
        return x[((image * shape[1] + y) * shape[2] + xx) * shape[3] + channel]
      }
    }
    func bilinear<Element>(
      _ x: [Element], mean: (_ corners: [Element], _ across: ResizeCoordinate, _ down: ResizeCoordinate) -> Element
    ) -> [Element] {
      pixels(op, shape) { image, oy, ox, channel in
        let down = ResizeCoordinate(output: oy, of: op.height, inputs: shape[1])
        let across = ResizeCoordinate(output: ox, of: op.width, inputs: shape[2])
        let corners = [down.lower, down.upper].flatMap { y in
          [across.lower, across.upper].map { x[((image * shape[1] + y) * shape[2] + $0) * shape[3] + channel] }
        }
        return mean(corners, across, down)
      }
    }
    switch (op.mode, value(node.inputs[0])) {
    case (.nearest, .s8(let x)): return .s8(nearest(x))
    case (.nearest, _): return .f32(nearest(f32(node.inputs[0])))
    case (.bilinear, .s8(let x)):
      return .s8(
        bilinear(x) {
          quantizedBilinear(($0[0], $0[1], $0[2], $0[3]), shares: ($1.fixedShare, $2.fixedShare))
        })
    case (.bilinear, _):
      return .f32(
        bilinear(f32(node.inputs[0])) { corners, across, down in
          let v = corners.map { Double($0) }
          let (right, lower) = (Double(across.share), Double(down.share))
          let (top, bottom) = (v[0] + (v[1] - v[0]) * right, v[2] + (v[3] - v[2]) * right)
          return Float(top + (bottom - top) * lower)
        })
    }
  }

  /// `element` of every image, output line, output column and channel.
  private func pixels<Element>(
    _ op: Resize, _ shape: [Int], element: (_ image: Int, _ oy: Int, _ ox: Int, _ channel: Int) -> Element
  ) -> [Element] {
    var result: [Element] = []
    for image in 0..<shape[0] {
      for oy in 0..<op.height {
        for ox in 0..<op.width {
          for channel in 0..<shape[3] { result.append(element(image, oy, ox, channel)) }
        }
      }
    }
    return result
  }
}

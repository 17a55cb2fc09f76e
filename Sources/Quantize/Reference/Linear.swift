import Format

/// An operator whose results are sums of products: inputs `x`, `weights`, and optionally `bias`; the output's last
/// dimension is the channel.
///
/// The sums are the same loops over real numbers and over integers; `ReferenceRun.linear` puts what differs, the last
/// step of each type combination, behind them.
protocol LinearOperator {
  var activation: FusedActivation { get }

  /// Σ x·w for every element of the output, without bias. Padding contributes nothing: it is 0, or in s8 the zero
  /// point, which has been subtracted from `x`.
  func sums<Number: Numeric>(
    _ x: [Number], _ xShape: [Int], weights: [Number], _ weightShape: [Int], output: [Int]
  ) -> [Number]
}

/// The input coordinate under element `k` of a window placed for output coordinate `output`; nil in the padding.
func coordinate(
  _ output: Int, _ k: Int, stride: Int, dilation: Int = 1, padding: Int, extent: Int
) -> Int? {
  let input = output * stride + k * dilation - padding
  return input >= 0 && input < extent ? input : nil
}

extension Conv2D: LinearOperator {
  func sums<Number: Numeric>(
    _ x: [Number], _ xShape: [Int], weights: [Number], _ weightShape: [Int], output: [Int]
  ) -> [Number] {
    let (height, width, channels) = (xShape[1], xShape[2], xShape[3])
    let (kernelHeight, kernelWidth, groupChannels) = (weightShape[1], weightShape[2], weightShape[3])
    let outputsPerGroup = output[3] / groups
    var result: [Number] = []
    result.reserveCapacity(output.reduce(1, *))
    for n in 0..<output[0] {
      for oy in 0..<output[1] {
        for ox in 0..<output[2] {
          for o in 0..<output[3] {
            var sum: Number = .zero
            for ky in 0..<kernelHeight {
              guard
                let y = coordinate(
                  oy, ky, stride: strideHeight, dilation: dilationHeight, padding: padding.top, extent: height)
              else { continue }
              for kx in 0..<kernelWidth {
                guard
                  let xx = coordinate(
                    ox, kx, stride: strideWidth, dilation: dilationWidth, padding: padding.left, extent: width)
                else { continue }
                let pixel = ((n * height + y) * width + xx) * channels + o / outputsPerGroup * groupChannels
                let tap = ((o * kernelHeight + ky) * kernelWidth + kx) * groupChannels
                for c in 0..<groupChannels { sum += x[pixel + c] * weights[tap + c] }
              }
            }
            result.append(sum)
          }
        }
      }
    }
    return result
  }
}

extension DepthwiseConv2D: LinearOperator {
  func sums<Number: Numeric>(
    _ x: [Number], _ xShape: [Int], weights: [Number], _ weightShape: [Int], output: [Int]
  ) -> [Number] {
    let (height, width, channels) = (xShape[1], xShape[2], xShape[3])
    let (kernelHeight, kernelWidth, outputs) = (weightShape[0], weightShape[1], weightShape[2])
    let multiplier = outputs / channels
    var result: [Number] = []
    result.reserveCapacity(output.reduce(1, *))
    for n in 0..<output[0] {
      for oy in 0..<output[1] {
        for ox in 0..<output[2] {
          for o in 0..<outputs {
            var sum: Number = .zero
            for ky in 0..<kernelHeight {
              guard
                let y = coordinate(
                  oy, ky, stride: strideHeight, dilation: dilationHeight, padding: padding.top, extent: height)
              else { continue }
              for kx in 0..<kernelWidth {
                guard
                  let xx = coordinate(
                    ox, kx, stride: strideWidth, dilation: dilationWidth, padding: padding.left, extent: width)
                else { continue }
                let pixel = ((n * height + y) * width + xx) * channels + o / multiplier
                sum += x[pixel] * weights[(ky * kernelWidth + kx) * outputs + o]
              }
            }
            result.append(sum)
          }
        }
      }
    }
    return result
  }
}

extension Dense: LinearOperator {
  func sums<Number: Numeric>(
    _ x: [Number], _ xShape: [Int], weights: [Number], _ weightShape: [Int], output: [Int]
  ) -> [Number] {
    let inputs = weightShape[1]
    var result: [Number] = []
    for n in 0..<output[0] {
      for o in 0..<output[1] {
        var sum: Number = .zero
        for i in 0..<inputs { sum += x[n * inputs + i] * weights[o * inputs + i] }
        result.append(sum)
      }
    }
    return result
  }
}

extension ReferenceRun {
  func linear<Operator: LinearOperator>(_ op: Operator, _ node: Node) -> TensorValue {
    let (x, weights) = (node.inputs[0], node.inputs[1])
    let bias = node.inputs.count > 2 ? node.inputs[2] : nil
    func sums<Number: Numeric>(_ xs: [Number], _ ws: [Number]) -> [Number] {
      op.sums(xs, tensor(x).shape, weights: ws, tensor(weights).shape, output: tensor(node.outputs[0]).shape)
    }
    let channels = tensor(node.outputs[0]).shape.last!

    switch (value(x), value(weights)) {
    case (.s8(let xs), .s8(let ws)):
      let zeroPoint = quantization(x).zeroPoint
      let sums = sums(xs.map { Int32($0) - zeroPoint }, ws.map { Int32($0) })
      let biases = bias.map(s32) ?? [Int32](repeating: 0, count: channels)
      let requantize = Requantization(
        accumulator: accumulatorScales(quantization(x), weights: quantization(weights), channels: channels),
        output: quantization(node.outputs[0]), activation: op.activation)
      return .s8(sums.indices.map { requantize(sums[$0] + biases[$0 % channels], channel: $0 % channels) })

    case (.f32(let xs), .s8(let ws)):
      let dynamic = Quantization(rangeOf: xs)
      let sums = sums(xs.map { Int32(dynamic.quantize($0)) - dynamic.zeroPoint }, ws.map { Int32($0) })
      let biases = bias.map(f32) ?? [Float](repeating: 0, count: channels)
      let scales = accumulatorScales(dynamic, weights: quantization(weights), channels: channels)
      return .f32(
        sums.indices.map {
          let channel = $0 % channels
          return dynamicResult(sums[$0], scale: scales[channel], bias: biases[channel], activation: op.activation)
        })

    default:
      let sums = sums(f32(x).map { Double($0) }, f32(weights).map { Double($0) })
      let biases = bias.map(f32) ?? [Float](repeating: 0, count: channels)
      return .f32(sums.indices.map { op.activation.clamp(Float(sums[$0] + Double(biases[$0 % channels]))) })
    }
  }
}

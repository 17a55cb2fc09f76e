import Format

extension Activation {
  /// The function itself, computed in Double and rounded once; those of one operation, in f32.
  func callAsFunction(_ x: Float) -> Float {
    switch self {
    case .relu: FusedActivation.relu.clamp(x)
    case .relu6: FusedActivation.relu6.clamp(x)
    case .sigmoid: Float(logistic(Double(x)))
    case .tanh: Float(hyperbolicTangent(Double(x)))
    case .hardSigmoid: Float(min(max(Double(x) + 3, 0), 6) / 6)
    case .hardSwish: Float(Double(x) * min(max(Double(x) + 3, 0), 6) / 6)
    case .gelu: Float(gaussianErrorLinearUnit(Double(x)))
    case .silu: Float(Double(x) * logistic(Double(x)))
    case .leakyReLU(let slope): x > 0 ? x : slope * x
    case .threshold: x > 0 ? 1 : 0
    }
  }
}

extension ReferenceRun {
  func activation(_ op: Activation, _ node: Node) -> TensorValue { .f32(f32(node.inputs[0]).map { op($0) }) }

  func add(_ op: Add, _ node: Node) -> TensorValue {
    let (a, b) = (node.inputs[0], node.inputs[1])
    if case (.s8(let xs), .s8(let ys)) = (value(a), value(b)) {
      let sum = QuantizedAdd(
        quantization(a), quantization(b), output: quantization(node.outputs[0]), activation: op.activation)
      return .s8(zip(xs, ys).map { sum($0, $1) })
    }
    return .f32(zip(f32(a), f32(b)).map { op.activation.clamp($0 + $1) })
  }

  func multiply(_ node: Node) -> TensorValue {
    let (a, b) = (node.inputs[0], node.inputs[1])
    // Element i of a meets element i of b, or that of its image and channel.
    let shape = tensor(a).shape
    let channels = shape[shape.count - 1]
    let image = tensor(a).count / shape[0]
    let isWhole = tensor(b).shape == shape
    func partner(_ i: Int) -> Int { isWhole ? i : i / image * channels + i % channels }
    if case (.s8(let xs), .s8(let ys)) = (value(a), value(b)) {
      let product = QuantizedMultiply(quantization(a), quantization(b), output: quantization(node.outputs[0]))
      return .s8(xs.indices.map { product(xs[$0], ys[partner($0)]) })
    }
    let (xs, ys) = (f32(a), f32(b))
    return .f32(xs.indices.map { xs[$0] * ys[partner($0)] })
  }

  func batchNorm(_ op: BatchNorm, _ node: Node) -> TensorValue {
    let parameters = node.inputs.dropFirst().map { f32($0).map { Double($0) } }
    let (gamma, beta, mean, variance) = (parameters[0], parameters[1], parameters[2], parameters[3])
    let x = f32(node.inputs[0])
    return .f32(
      x.indices.map {
        let c = $0 % gamma.count
        let deviation = (variance[c] + Double(op.epsilon)).squareRoot()
        return Float(gamma[c] * (Double(x[$0]) - mean[c]) / deviation + beta[c])
      })
  }

  func quantize(_ node: Node) -> TensorValue {
    let quantization = quantization(node.outputs[0])
    return .s8(f32(node.inputs[0]).map { quantization.quantize($0) })
  }

  func dequantize(_ node: Node) -> TensorValue {
    let quantization = quantization(node.inputs[0])
    return .f32(s8(node.inputs[0]).map { quantization.dequantize($0) })
  }

  func lookup(_ node: Node) -> TensorValue {
    let table = s8(node.inputs[1])
    return .s8(s8(node.inputs[0]).map { table[Int($0) + 128] })
  }
}

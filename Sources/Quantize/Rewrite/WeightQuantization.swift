import Format

/// Symmetric per-channel int8 weights: every output channel has a scale of its own, and values in [−127, 127].
///
/// The scale is the channel's largest magnitude / 127: with eight bits for the weights of one channel, clipping its
/// largest ones costs more than the finer step gives back.
struct QuantizedWeights {
  let values: [Int8]
  let quantization: Quantization

  /// - Parameters:
  ///   - tensor: f32 constant.
  ///   - axis: the dimension of output channels.
  ///   - smallestScales: per channel, what the scale must not fall below.
  init(_ tensor: Tensor, axis: Int, smallestScales: [Float]? = nil) {
    let weights = tensor.constant!.elements(as: Float.self)
    // The elements of one channel come in blocks of `block`, and the channels take turns.
    let block = tensor.shape[(axis + 1)...].reduce(1, *)
    let channels = tensor.shape[axis]
    func channel(_ index: Int) -> Int { index / block % channels }

    var largest = [Float](repeating: 0, count: channels)
    for (index, weight) in weights.enumerated() {
      largest[channel(index)] = max(largest[channel(index)], abs(weight))
    }
    let scales = (0..<channels).map {
      max(largest[$0] / 127, smallestScales?[$0] ?? 0, Quantization.scales.lowerBound)
    }
    quantization = Quantization(scales: scales, axis: axis)
    values = weights.enumerated().map { index, weight in
      let scaled = (Double(weight) / Double(scales[channel(index)])).rounded(.toNearestOrEven)
      return Int8(min(max(scaled, -127), 127))
    }
  }

  /// The record of `tensor` with these weights.
  func tensor(like tensor: Tensor) -> Tensor {
    Tensor(
      name: tensor.name, type: .s8, shape: tensor.shape, quantization: quantization, constant: Constant(values))
  }

  /// The scale that channels of biases `biases` need at least, so that no s32 bias exceeds `largestBias`. The margin
  /// covers the roundings of scales to f32.
  static func smallestScales(biases: [Float], inputScale: Float) -> [Float] {
    biases.map { Float(Double(abs($0)) / (Double(inputScale) * Double(Limits.bias)) * (1 + 0x1p-20)) }
  }
}

/// s32 biases at the accumulators' scales, ties to even.
func quantizedBiases(_ biases: [Float], scales: [Float]) -> [Int32] {
  zip(biases, scales).map { Int32((Double($0) / Double($1)).rounded(.toNearestOrEven)) }
}

extension Op {
  /// The dimension in an operator's weights whose elements get scales of their own: output channels, rows of an
  /// embedding; nil for operators without weights.
  var weightAxis: Int? {
    switch self {
    case .conv2D, .dense, .transposedConv2D, .embedding, .recurrent: 0
    case .depthwiseConv2D: 2
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm,
      .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .slice, .resize:
      nil
    }
  }

  /// Where the operator's weights are among its inputs.
  var weightPositions: ClosedRange<Int> { if case .recurrent = self { 1...2 } else { 1...1 } }
}

extension Graph {
  /// Whether the f32 weights of a node can become s8: constant, few enough products in a sum, and a scale in
  /// bounds. Weights beyond that do not come from training, but a file may hold them.
  func hasInt8Weights(_ node: Node) -> Bool {
    guard let axis = node.op.weightAxis else { return false }
    return node.op.weightPositions.allSatisfy { position in
      let weights = tensors[node.inputs[position]]
      guard let values = weights.constant?.elements(as: Float.self),
        weights.count / weights.shape[axis] <= Limits.quantizedProducts
      else { return false }
      return values.allSatisfy { abs($0) <= 127 * Quantization.scales.upperBound }
    }
  }
}

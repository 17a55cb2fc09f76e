import Format

extension Model {
  /// A self-test for this model, which was made from `source`: that one's inputs, or values spread over the
  /// calibrated range, and what the reference interpreter makes of them.
  func selfTest(from source: Model, ranges: [CalibrationRange]) throws(QuantizeError) -> SelfTest {
    let main = try vectors(of: graph, given: source.selfTest?.inputs, prefix: "", ranges)
    var result = SelfTest(
      inputs: main.inputs.map { $0.constant }, outputs: main.outputs.map { $0.constant }, tolerance: 0)
    var tolerance = graph.isBitExact ? 0 : roundingTolerance(main.outputs)
    if let decoder {
      let second = try vectors(
        of: decoder.graph, given: source.selfTest?.decoderInputs, prefix: Metadata.decoderPrefix, ranges)
      result.decoderInputs = second.inputs.map { $0.constant }
      result.decoderOutputs = second.outputs.map { $0.constant }
      if !decoder.graph.isBitExact { tolerance = max(tolerance, roundingTolerance(second.outputs)) }
    }
    result.tolerance = tolerance
    return result
  }

  private func vectors(
    of graph: Graph, given: [Constant]?, prefix: String, _ ranges: [CalibrationRange]
  ) throws(QuantizeError) -> (inputs: [TensorValue], outputs: [TensorValue]) {
    let interpreter = try ReferenceInterpreter(graph)
    let inputs = graph.inputs.indices.map { place in
      let tensor = graph.tensors[graph.inputs[place]]
      guard let given else { return TensorValue.f32(spreadValues(tensor, prefix, ranges)) }
      return TensorValue(given[place], type: tensor.type)
    }
    return (inputs, try interpreter.run(inputs))
  }

  /// Values that visit a tensor's range, or [−1, 1], evenly and out of order: multiples of the golden ratio.
  private func spreadValues(_ tensor: Tensor, _ prefix: String, _ ranges: [CalibrationRange]) -> [Float] {
    let range = ranges.first { $0.tensor == prefix + tensor.name }
    let (low, high) = (range?.minimum ?? -1, range?.maximum ?? 1)
    return (0..<tensor.count).map { index in
      let position = Double(index) * 0.6180339887498949
      return low + Float(position - position.rounded(.down)) * (high - low)
    }
  }

  /// Where float operators stand before a rounding to int8, one more or less in the last bit of their sums may move a
  /// value by a whole step: 2 % of the largest output is far above what follows from it and far below any defect.
  private func roundingTolerance(_ outputs: [TensorValue]) -> Float {
    var largest: Float = 0
    for case .f32(let values) in outputs {
      for value in values { largest = max(largest, abs(value)) }
    }
    return max(0.02 * largest, Float.leastNormalMagnitude)
  }
}

extension Graph {
  /// Whether every operator's result is defined to the bit, so that all CPUs agree.
  var isBitExact: Bool {
    nodes.allSatisfy { node in
      switch node.op {
      case .conv2D, .depthwiseConv2D, .dense, .transposedConv2D, .recurrent: tensors[node.inputs[1]].type == .s8
      case .resize(let resize): resize.mode == .nearest || tensors[node.inputs[0]].type == .s8
      case .averagePool2D, .globalAveragePool: tensors[node.inputs[0]].type == .s8
      case .activation(.relu), .activation(.relu6), .activation(.leakyReLU), .activation(.threshold), .maxPool2D, .add,
        .multiply, .concat,
        .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .embedding, .slice:
        true
      case .activation, .softmax, .batchNorm: false
      }
    }
  }
}

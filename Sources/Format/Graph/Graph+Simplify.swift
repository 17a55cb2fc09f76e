extension Graph {
  /// The same function in fewer nodes: the canonical form that runtime and quantizer start from.
  ///
  /// - A batch-norm behind a convolution or matrix product becomes part of its weights and bias.
  /// - A ReLU or ReLU6 behind a convolution, matrix product or sum becomes its fused activation.
  /// - Nodes and tensors that no output depends on are dropped; graph inputs stay.
  ///
  /// Two nodes become one only if nothing else sees the tensor between them. The one node keeps the first node's name
  /// and the last one's output tensor. A batch-norm that cannot be folded (nothing to fold it into, or the folded
  /// weights would leave the finite floats) stays as it is.
  ///
  /// - Precondition: the graph passes `verify()`. The result does too.
  public func simplified() -> Graph {
    var result = self
    // First, so that an unused node does not count as one that sees a tensor.
    result.dropUnusedNodes()
    result.mergeIntoProducers()
    result.dropUnusedTensors()
    return result
  }

  private mutating func mergeIntoProducers() {
    var uses = [Int](repeating: 0, count: tensors.count)
    for node in nodes {
      for input in node.inputs { uses[input] += 1 }
    }
    for output in outputs { uses[output] += 1 }

    var kept: [Node] = []
    // Where in `kept` a tensor is made.
    var producers = [Int?](repeating: nil, count: tensors.count)
    for node in nodes {
      let source = node.inputs[0]
      if let position = producers[source], uses[source] == 1, let merged = merge(node, into: kept[position]) {
        kept[position] = merged
        producers[merged.outputs[0]] = position
      } else {
        kept.append(node)
        for output in node.outputs { producers[output] = kept.count - 1 }
      }
    }
    nodes = kept
  }

  /// The node that does what `producer` and then `node` do; nil if there is none.
  private mutating func merge(_ node: Node, into producer: Node) -> Node? {
    var merged = producer
    switch node.op {
    case .activation(.relu):
      guard let op = producer.op.fused(with: .relu) else { return nil }
      merged.op = op
    case .activation(.relu6):
      guard let op = producer.op.fused(with: .relu6) else { return nil }
      merged.op = op
    case .batchNorm(let norm):
      guard producer.op.fused(with: .none) != nil, let inputs = fold(norm, node.inputs, into: producer) else {
        return nil
      }
      merged.inputs = inputs
    case .conv2D, .depthwiseConv2D, .dense, .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat,
      .activation, .softmax, .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .embedding, .recurrent, .slice,
      .transposedConv2D, .resize:
      return nil
    }
    merged.outputs = node.outputs
    return merged
  }

  /// Adds weights and bias that include the batch-norm, and gives the inputs of the linear node that uses them.
  ///
  /// With s = gamma / √(variance + epsilon): weights' = weights · s, bias' = (bias − mean) · s + beta, each computed in
  /// double and rounded once, so that every CPU gets the same bits.
  private mutating func fold(_ norm: BatchNorm, _ parameters: [TensorIndex], into producer: Node) -> [TensorIndex]? {
    guard let isLastAxis = producer.op.channelsAreLastAxisOfWeights else { return nil }
    let weights = tensors[producer.inputs[1]]
    guard weights.type == .f32, let oldWeights = weights.constant?.elements(as: Float.self) else { return nil }
    let gamma = floats(parameters[1])
    let beta = floats(parameters[2])
    let mean = floats(parameters[3])
    let variance = floats(parameters[4])
    let channels = gamma.count
    let oldBias = producer.inputs.count > 2 ? floats(producer.inputs[2]) : [Float](repeating: 0, count: channels)

    var scale: [Double] = []
    var bias: [Float] = []
    for channel in 0..<channels {
      let factor = Double(gamma[channel]) / (Double(variance[channel]) + Double(norm.epsilon)).squareRoot()
      scale.append(factor)
      bias.append(Float((Double(oldBias[channel]) - Double(mean[channel])) * factor + Double(beta[channel])))
    }
    let channelStride = isLastAxis ? 1 : oldWeights.count / channels
    var newWeights: [Float] = []
    newWeights.reserveCapacity(oldWeights.count)
    for (position, value) in oldWeights.enumerated() {
      newWeights.append(Float(Double(value) * scale[position / channelStride % channels]))
    }
    let weightsConstant = Constant(newWeights)
    let biasConstant = Constant(bias)
    guard weightsConstant.isFinite, biasConstant.isFinite else { return nil }

    var folded = weights
    folded.constant = weightsConstant
    let biasName = producer.inputs.count > 2 ? tensors[producer.inputs[2]].name : "\(producer.name).bias"
    return [
      producer.inputs[0], add(folded),
      add(Tensor(name: biasName, type: .f32, shape: [channels], constant: biasConstant)),
    ]
  }

  private func floats(_ index: TensorIndex) -> [Float] { tensors[index].constant?.elements(as: Float.self) ?? [] }

  private mutating func dropUnusedNodes() {
    var isUsed = [Bool](repeating: false, count: tensors.count)
    for output in outputs { isUsed[output] = true }
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: { isUsed[$0] }) {
      kept.append(node)
      for input in node.inputs { isUsed[input] = true }
    }
    kept.reverse()
    nodes = kept
  }

  private mutating func dropUnusedTensors() {
    var isUsed = [Bool](repeating: false, count: tensors.count)
    for index in inputs + outputs { isUsed[index] = true }
    for node in nodes {
      for index in node.inputs + node.outputs { isUsed[index] = true }
    }
    var kept: [Tensor] = []
    var places = [TensorIndex](repeating: 0, count: tensors.count)
    for index in tensors.indices where isUsed[index] {
      places[index] = kept.count
      kept.append(tensors[index])
    }
    tensors = kept
    inputs = inputs.map { places[$0] }
    outputs = outputs.map { places[$0] }
    states = states.map { State(input: places[$0.input], output: places[$0.output]) }
    for index in nodes.indices {
      nodes[index].inputs = nodes[index].inputs.map { places[$0] }
      nodes[index].outputs = nodes[index].outputs.map { places[$0] }
    }
  }
}

extension Op {
  /// This operator with a fused activation; nil if it takes none or has one already.
  fileprivate func fused(with activation: FusedActivation) -> Op? {
    switch self {
    case .conv2D(var conv) where conv.activation == .none:
      conv.activation = activation
      return .conv2D(conv)
    case .depthwiseConv2D(var conv) where conv.activation == .none:
      conv.activation = activation
      return .depthwiseConv2D(conv)
    case .dense(var dense) where dense.activation == .none:
      dense.activation = activation
      return .dense(dense)
    case .add(var add) where add.activation == .none:
      add.activation = activation
      return .add(add)
    case .transposedConv2D(var conv) where conv.activation == .none:
      conv.activation = activation
      return .transposedConv2D(conv)
    case .conv2D, .depthwiseConv2D, .dense, .add, .maxPool2D, .averagePool2D, .globalAveragePool, .multiply, .concat,
      .activation, .softmax, .batchNorm, .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .embedding,
      .recurrent, .slice, .transposedConv2D, .resize:
      return nil
    }
  }

  /// Whether output channels are the last dimension of the weights (depthwise) or the first; nil without weights.
  fileprivate var channelsAreLastAxisOfWeights: Bool? {
    switch self {
    case .conv2D, .dense, .transposedConv2D: false
    case .depthwiseConv2D: true
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm,
      .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .embedding, .recurrent, .slice, .resize:
      nil
    }
  }
}

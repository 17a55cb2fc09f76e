import Format

/// What becomes int8 in a float graph, and with which quantization.
///
/// - A recurrent layer, and an embedding that one reads, get s8 weights with a scale for each row and stay between floats.
/// - A linear operator with constant weights becomes int8 if its sums fit s32. BatchNorm that no convolution could
///   absorb stays float.
/// - Operators that only pass values on become int8 unless all they read lives in float.
/// - Pools, reshape and concat share one quantization between inputs and output. A concat input that others read too
///   keeps its own and gets a rescaling table.
struct QuantizationPlan {
  let graph: Graph
  /// Per node.
  private(set) var isInt8: [Bool] = []
  /// Per tensor: computed by a node that runs in float.
  private(set) var livesInFloat: [Bool]
  /// Per tensor: of its s8 form; nil where there is none.
  private(set) var quantizations: [Quantization?]

  /// Per tensor: the node that computes it.
  private var producers: [Int?]
  /// Per tensor: the nodes that read it, once for each time they do.
  private var readers: [[Int]]
  private var isOutput: [Bool]

  /// - Precondition: `graph` is verified, and float throughout.
  init(_ graph: Graph, ranges: [CalibrationRange]) throws(QuantizeError) {
    self.graph = graph
    livesInFloat = [Bool](repeating: false, count: graph.tensors.count)
    quantizations = [Quantization?](repeating: nil, count: graph.tensors.count)
    producers = [Int?](repeating: nil, count: graph.tensors.count)
    readers = [[Int]](repeating: [], count: graph.tensors.count)
    isOutput = [Bool](repeating: false, count: graph.tensors.count)
    for (index, node) in graph.nodes.enumerated() {
      for output in node.outputs { producers[output] = index }
      for input in node.activationInputs { readers[input].append(index) }
    }
    for output in graph.outputs { isOutput[output] = true }

    for node in graph.nodes {
      let int8 = hasInt8Form(node)
      isInt8.append(int8)
      // Softmax gives probabilities in float either way.
      for output in node.outputs { livesInFloat[output] = !int8 || node.op == .softmax }
    }
    if hasInt8Weights { try choose(ranges: ranges) }
  }

  /// Whether any node gets s8 weights; without one there is nothing to quantize.
  var hasInt8Weights: Bool {
    graph.nodes.indices.contains { index in
      graph.nodes[index].op.weightAxis != nil && (isInt8[index] || hasInt8Rows(graph.nodes[index]))
    }
  }

  /// Whether a node that stays between floats gets s8 weights all the same.
  func hasInt8Rows(_ node: Node) -> Bool {
    switch node.op {
    case .embedding, .recurrent: graph.hasInt8Weights(node)
    case .conv2D, .depthwiseConv2D, .dense, .transposedConv2D, .maxPool2D, .averagePool2D, .globalAveragePool, .add,
      .multiply, .concat, .activation, .softmax, .batchNorm, .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax,
      .slice, .resize:
      false
    }
  }

  private func hasInt8Form(_ node: Node) -> Bool {
    let readsOnlyFloat = node.activationInputs.allSatisfy { livesInFloat[$0] }
    switch node.op {
    case .conv2D, .depthwiseConv2D, .dense, .transposedConv2D: return graph.hasInt8Weights(node) && hasInt8Bias(node)
    case .embedding: return graph.hasInt8Weights(node) && isReadAsInt8(node.outputs[0])
    case .recurrent: return false
    case .maxPool2D, .add, .multiply, .concat, .activation, .softmax, .reshape, .slice, .resize: return !readsOnlyFloat
    case .averagePool2D(let pool): return !readsOnlyFloat && fitsMean(pool.windowHeight, pool.windowWidth)
    case .globalAveragePool:
      let shape = graph.tensors[node.inputs[0]].shape
      return !readsOnlyFloat && fitsMean(shape[1], shape[2])
    case .batchNorm, .quantize, .dequantize, .lookup, .lookupSoftmax: return false
    }
  }

  /// Whether a table's rows are worth having in s8: no recurrent layer wants them, nor anyone outside.
  private func isReadAsInt8(_ tensor: TensorIndex) -> Bool {
    !isOutput[tensor]
      && readers[tensor].allSatisfy { if case .recurrent = graph.nodes[$0].op { false } else { true } }
  }

  private func fitsMean(_ height: Int, _ width: Int) -> Bool {
    Int64(height) * Int64(width) <= Limits.quantizedMean
  }

  /// Whether some weight scale in bounds keeps the s32 biases of a linear node in theirs, whatever its input's scale.
  private func hasInt8Bias(_ node: Node) -> Bool {
    guard node.inputs.count > 2 else { return true }
    let bias = graph.tensors[node.inputs[2]].constant?.elements(as: Float.self)
    return bias?.allSatisfy { abs($0) <= Float(Limits.bias / 2) } ?? false
  }

  // MARK: Quantizations

  /// Where a tensor's quantization comes from.
  private enum Source {
    /// A function's image, the same for every network.
    case fixed(Quantization)
    case range(minimum: Float, maximum: Float)
    /// It takes that of the tensor it is made from.
    case inherited
  }

  /// Gives every tensor with an s8 form the quantization of its group: the fixed one that all members agree on, or that
  /// of the union of their ranges.
  private mutating func choose(ranges: [CalibrationRange]) throws(QuantizeError) {
    var calibration: [String: CalibrationRange] = [:]
    for range in ranges { calibration[range.tensor] = range }

    var groups = groups()
    var chosen = [Quantization?](repeating: nil, count: graph.tensors.count)
    var bounds = [ClosedRange<Float>?](repeating: nil, count: graph.tensors.count)
    var agreed = [Bool](repeating: true, count: graph.tensors.count)
    let members = graph.tensors.indices.filter { hasInt8Form(tensor: $0) }
    for tensor in members {
      let group = groups.representative(of: tensor)
      let range: ClosedRange<Float>
      switch try source(of: tensor, calibration) {
      case .inherited: continue
      case .fixed(let quantization):
        if let other = chosen[group], other != quantization { agreed[group] = false }
        chosen[group] = quantization
        range = quantization.dequantize(-128)...quantization.dequantize(127)
      case .range(let minimum, let maximum):
        agreed[group] = false
        range = minimum...maximum
      }
      let old = bounds[group] ?? range
      bounds[group] = min(old.lowerBound, range.lowerBound)...max(old.upperBound, range.upperBound)
    }
    for tensor in members {
      let group = groups.representative(of: tensor)
      // What starts a group has a source of its own: only results of pools and reshapes inherit.
      let range = bounds[group]!
      quantizations[tensor] =
        agreed[group] ? chosen[group]! : Quantization(minimum: range.lowerBound, maximum: range.upperBound)
    }
  }

  private func groups() -> RangeGroups {
    var groups = RangeGroups(count: graph.tensors.count)
    for (index, node) in graph.nodes.enumerated() where isInt8[index] {
      switch node.op {
      case .maxPool2D, .averagePool2D, .globalAveragePool, .reshape, .slice, .resize:
        groups.unite(node.inputs[0], node.outputs[0])
      case .concat:
        for input in node.inputs where isReadOnly(input, by: index) { groups.unite(input, node.outputs[0]) }
      case .conv2D, .depthwiseConv2D, .dense, .add, .multiply, .activation, .softmax, .batchNorm, .quantize,
        .dequantize, .lookup, .lookupSoftmax, .embedding, .recurrent, .transposedConv2D:
        break
      }
    }
    return groups
  }

  private func isReadOnly(_ tensor: TensorIndex, by node: Int) -> Bool {
    !isOutput[tensor] && readers[tensor].allSatisfy { $0 == node }
  }

  /// Whether an int8 node reads or makes `tensor` as s8.
  private func hasInt8Form(tensor: TensorIndex) -> Bool {
    let isMade = producers[tensor].map { isInt8[$0] } ?? false
    return (isMade && !livesInFloat[tensor]) || readers[tensor].contains { isInt8[$0] }
  }

  private func source(of index: TensorIndex, _ calibration: [String: CalibrationRange]) throws(QuantizeError) -> Source
  {
    if let producer = producers[index] {
      switch graph.nodes[producer].op {
      case .maxPool2D, .averagePool2D, .globalAveragePool, .reshape, .slice, .resize:
        if isInt8[producer] { return .inherited }
      case .activation(.sigmoid): return .fixed(Quantization(scale: 0x1p-8, zeroPoint: -128))
      case .activation(.tanh): return .fixed(Quantization(scale: 0x1p-7, zeroPoint: 0))
      // Unlike the sigmoid it reaches 1.
      case .activation(.hardSigmoid): return .fixed(Quantization(minimum: 0, maximum: 1))
      case .conv2D, .depthwiseConv2D, .dense, .add, .multiply, .concat, .activation, .softmax, .batchNorm, .quantize,
        .dequantize, .lookup, .lookupSoftmax, .recurrent, .transposedConv2D:
        break
      case .embedding:
        // What comes out is what is in the table.
        if isInt8[producer] { return .fixed(tableQuantization(graph.nodes[producer])) }
      }
    }
    guard let range = pooledRange(of: index, calibration) ?? calibration[graph.tensors[index].name] else {
      throw .missingRange(tensor: graph.tensors[index].name)
    }
    guard range.minimum.isFinite, range.maximum.isFinite, range.minimum <= range.maximum else {
      throw .invalidRange(tensor: range.tensor, minimum: range.minimum, maximum: range.maximum)
    }
    return .range(minimum: range.minimum, maximum: range.maximum)
  }

  private func tableQuantization(_ embedding: Node) -> Quantization {
    Quantization(rangeOf: graph.tensors[embedding.inputs[1]].constant!.elements(as: Float.self))
  }

  /// Where only a max pool reads a tensor, the range of the pool's result is the one that counts: the maximum of
  /// saturated values is the saturated maximum, and what is never a maximum need not be represented.
  private func pooledRange(of tensor: TensorIndex, _ calibration: [String: CalibrationRange]) -> CalibrationRange? {
    guard let reader = readers[tensor].first, isReadOnly(tensor, by: reader), isInt8[reader],
      case .maxPool2D = graph.nodes[reader].op
    else { return nil }
    return calibration[graph.tensors[graph.nodes[reader].outputs[0]].name]
  }
}

extension Node {
  /// The inputs that carry activations: all but weights, biases, statistics and tables.
  var activationInputs: [TensorIndex] {
    switch op {
    case .conv2D, .depthwiseConv2D, .dense, .transposedConv2D, .batchNorm, .lookup, .lookupSoftmax, .embedding:
      Array(inputs.prefix(1))
    case .recurrent: Array(inputs.prefix(1) + inputs.dropFirst(4))
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .reshape,
      .quantize, .dequantize, .slice, .resize:
      inputs
    }
  }
}

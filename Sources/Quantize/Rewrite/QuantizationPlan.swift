import Format

/// What becomes int8 in a float graph, and with which quantization.
///
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
      livesInFloat[node.outputs[0]] = !int8 || node.op == .softmax
    }
    guard zip(graph.nodes, isInt8).contains(where: { $0.op.weightAxis != nil && $1 }) else { throw .nothingToQuantize }
    try choose(ranges: ranges)
  }

  private func hasInt8Form(_ node: Node) -> Bool {
    let readsOnlyFloat = node.activationInputs.allSatisfy { livesInFloat[$0] }
    switch node.op {
    case .conv2D, .depthwiseConv2D, .dense: return graph.hasInt8Weights(node) && hasInt8Bias(node)
    case .maxPool2D, .add, .multiply, .concat, .activation, .softmax, .reshape: return !readsOnlyFloat
    case .averagePool2D(let pool): return !readsOnlyFloat && fitsMean(pool.windowHeight, pool.windowWidth)
    case .globalAveragePool:
      let shape = graph.tensors[node.inputs[0]].shape
      return !readsOnlyFloat && fitsMean(shape[1], shape[2])
    case .batchNorm, .quantize, .dequantize, .lookup, .lookupSoftmax: return false
    }
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
      case .maxPool2D, .averagePool2D, .globalAveragePool, .reshape: groups.unite(node.inputs[0], node.outputs[0])
      case .concat:
        for input in node.inputs where isReadOnly(input, by: index) { groups.unite(input, node.outputs[0]) }
      case .conv2D, .depthwiseConv2D, .dense, .add, .multiply, .activation, .softmax, .batchNorm, .quantize,
        .dequantize, .lookup, .lookupSoftmax:
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
      case .maxPool2D, .averagePool2D, .globalAveragePool, .reshape:
        if isInt8[producer] { return .inherited }
      case .activation(.sigmoid): return .fixed(Quantization(scale: 0x1p-8, zeroPoint: -128))
      case .activation(.tanh): return .fixed(Quantization(scale: 0x1p-7, zeroPoint: 0))
      // Unlike the sigmoid it reaches 1.
      case .activation(.hardSigmoid): return .fixed(Quantization(minimum: 0, maximum: 1))
      case .conv2D, .depthwiseConv2D, .dense, .add, .multiply, .concat, .activation, .softmax, .batchNorm, .quantize,
        .dequantize, .lookup, .lookupSoftmax:
        break
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
  var activationInputs: ArraySlice<TensorIndex> {
    switch op {
    case .conv2D, .depthwiseConv2D, .dense, .batchNorm, .lookup, .lookupSoftmax: inputs.prefix(1)
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .reshape,
      .quantize, .dequantize:
      inputs[...]
    }
  }
}

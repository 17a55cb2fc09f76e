import Format

/// Choices when a model is quantized.
public struct QuantizationOptions: Equatable, Sendable {
  /// Whether the model gets a self-test vector, which costs one run of the reference interpreter.
  public var selfTest: Bool

  public init(selfTest: Bool = true) { self.selfTest = selfTest }
}

extension Model {
  /// The int8 model: weights per channel, activations with scales fixed from `ranges`. Inputs and outputs stay f32 and
  /// keep their names.
  ///
  /// What has no int8 form stays float between dequantize and quantize nodes. Metadata is kept, calibration ranges
  /// excepted: they have been used.
  ///
  /// - Parameter ranges: one for every activation of `graph.simplified()` by name, as `Calibrator` gives them. Those of
  ///   results of pools and reshapes may be missing.
  public func quantized(
    ranges: [CalibrationRange], options: QuantizationOptions = QuantizationOptions()
  ) throws(QuantizeError) -> Model {
    let plan = try QuantizationPlan(try simplifiedFloatGraph(), ranges: ranges)
    return try replacingGraph(with: GraphRewriter.rewrite(plan), ranges: ranges, options: options)
  }

  /// The model with int8 weights per channel and float activations, which the operators quantize as they come: no
  /// calibration needed, a quarter of the bytes.
  public func dynamicallyQuantized(
    options: QuantizationOptions = QuantizationOptions()
  ) throws(QuantizeError) -> Model {
    var result = try simplifiedFloatGraph()
    var changed = false
    for index in result.nodes.indices where result.hasInt8Weights(result.nodes[index]) {
      let node = result.nodes[index]
      let weights = result.tensors[node.inputs[1]]
      result.nodes[index].inputs[1] = result.add(
        QuantizedWeights(weights, axis: node.op.weightAxis!).tensor(like: weights))
      changed = true
    }
    guard changed else { throw .nothingToQuantize }
    // Drops the float weights.
    return try replacingGraph(with: result.simplified(), ranges: metadata.calibration, options: options)
  }

  private func simplifiedFloatGraph() throws(QuantizeError) -> Graph {
    try verified(graph)
    for tensor in graph.tensors where tensor.type != .f32 { throw .alreadyQuantized(tensor: tensor.name) }
    return graph.simplified()
  }

  private func replacingGraph(
    with graph: Graph, ranges: [CalibrationRange], options: QuantizationOptions
  ) throws(QuantizeError) -> Model {
    try verified(graph)
    var result = Model(graph: graph, metadata: metadata)
    result.metadata.calibration = []
    result.metadata.provenance.int8Accuracy = nil
    if options.selfTest { result.selfTest = try selfTest(for: graph, ranges: ranges) }
    return result
  }
}

/// Throws the format's error as one of this module's.
func verified(_ graph: Graph) throws(QuantizeError) {
  do throws(FormatError) { try graph.verify() } catch { throw .invalidGraph(error) }
}

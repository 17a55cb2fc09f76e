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
  /// - Parameter ranges: one for every activation of `graph.simplified()` by name, as `Calibrator` gives them, and for
  ///   those of the decoder's graph, with `Metadata.decoderPrefix` before the name. Those of results of pools and reshapes may
  ///   be missing.
  public func quantized(
    ranges: [CalibrationRange], options: QuantizationOptions = QuantizationOptions()
  ) throws(QuantizeError) -> Model {
    try replacingGraphs(ranges: ranges, options: options) { graph, prefix throws(QuantizeError) in
      let plan = try QuantizationPlan(graph, ranges: ranges.withPrefix(prefix))
      return plan.hasInt8Weights ? GraphRewriter.rewrite(plan) : nil
    }
  }

  /// The model with int8 weights per channel and float activations, which the operators quantize as they come: no
  /// calibration needed, a quarter of the bytes.
  public func dynamicallyQuantized(
    options: QuantizationOptions = QuantizationOptions()
  ) throws(QuantizeError) -> Model {
    try replacingGraphs(ranges: metadata.calibration, options: options) { graph, _ throws(QuantizeError) in
      var result = graph
      var changed = false
      for index in result.nodes.indices where result.hasInt8Weights(result.nodes[index]) {
        for position in result.nodes[index].op.weightPositions {
          let weights = result.tensors[result.nodes[index].inputs[position]]
          result.nodes[index].inputs[position] = result.add(
            QuantizedWeights(weights, axis: result.nodes[index].op.weightAxis!).tensor(like: weights))
        }
        changed = true
      }
      // Drops the float weights.
      return changed ? result.simplified() : nil
    }
  }

  /// The model with `rewrite` of its graph and of its decoder's, both simplified first; `rewrite` gives nil where there is
  /// nothing to quantize, which may be so in one of the two.
  private func replacingGraphs(
    ranges: [CalibrationRange], options: QuantizationOptions,
    rewrite: (_ graph: Graph, _ prefix: String) throws(QuantizeError) -> Graph?
  ) throws(QuantizeError) -> Model {
    let source = try graph.simplifiedFloat()
    let decoderSource = try decoder?.graph.simplifiedFloat()
    let main = try rewrite(source, "")
    let second = decoderSource == nil ? nil : try rewrite(decoderSource!, Metadata.decoderPrefix)
    guard main != nil || second != nil else { throw .nothingToQuantize }
    var result = Model(graph: main ?? source, metadata: metadata, decoder: decoder)
    if let decoderSource { result.decoder!.graph = second ?? decoderSource }
    try verified(result.graph)
    if let decoder = result.decoder { try verified(decoder.graph) }
    result.metadata.calibration = []
    result.metadata.provenance.int8Accuracy = nil
    if options.selfTest { result.selfTest = try result.selfTest(from: self, ranges: ranges) }
    return result
  }
}

extension Graph {
  fileprivate func simplifiedFloat() throws(QuantizeError) -> Graph {
    try verified(self)
    for tensor in tensors where tensor.type != .f32 { throw .alreadyQuantized(tensor: tensor.name) }
    return simplified()
  }
}

extension [CalibrationRange] {
  /// Those of tensors whose name has `prefix` before it, without it. The empty prefix gives all.
  fileprivate func withPrefix(_ prefix: String) -> [CalibrationRange] {
    if prefix.isEmpty { return self }
    return filter { $0.tensor.hasPrefix(prefix) }.map {
      CalibrationRange(tensor: String($0.tensor.dropFirst(prefix.count)), minimum: $0.minimum, maximum: $0.maximum)
    }
  }
}

/// Throws the format's error as one of this module's.
func verified(_ graph: Graph) throws(QuantizeError) {
  do throws(FormatError) { try graph.verify() } catch { throw .invalidGraph(error) }
}

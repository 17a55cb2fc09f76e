import Format

/// Runs a graph in the plainest way there is: each operator is a few loops that a reader can check against its
/// definition. The answer that every fast implementation has to give.
///
/// - Int8 operators give the bits that docs/quantization.md prescribes.
/// - Float operators add up in Double and round once, so that they are closer to the true value than any kernel in f32.
///
/// Any verified graph runs, states being inputs and outputs like others: float, int8, dynamic and mixed, simplified or not.
///
/// ```swift
/// let interpreter = try ReferenceInterpreter(model.graph)
/// let outputs = try interpreter.run([.f32(pixels)])
/// ```
public struct ReferenceInterpreter: Sendable {
  public let graph: Graph

  /// - Throws: `QuantizeError.invalidGraph` with what `Graph.verify()` finds wrong.
  public init(_ graph: Graph) throws(QuantizeError) {
    try verified(graph)
    self.graph = graph
  }

  /// The graph's outputs for its inputs, both in the graph's order.
  ///
  /// - Throws: `QuantizeError.wrongInput` if an input's number, type or size is not the graph's.
  public func run(_ inputs: [TensorValue]) throws(QuantizeError) -> [TensorValue] {
    let values = try self.values(inputs)
    // Verified: an output is a constant, an input, or some node's result.
    return graph.outputs.map { values[$0]! }
  }

  /// The value of every tensor, by `TensorIndex`; nil for a tensor that nothing computes.
  ///
  /// - Throws: `QuantizeError.wrongInput` if an input's number, type or size is not the graph's.
  public func values(_ inputs: [TensorValue]) throws(QuantizeError) -> [TensorValue?] {
    guard inputs.count == graph.inputs.count else {
      throw .wrongInput(what: "input count", expected: "\(graph.inputs.count)", found: "\(inputs.count)")
    }
    var run = ReferenceRun(graph: graph)
    for (index, value) in zip(graph.inputs, inputs) {
      let tensor = graph.tensors[index]
      guard value.type == tensor.type, value.count == tensor.count else {
        throw .wrongInput(
          what: tensor.name, expected: "\(tensor.count) elements of \(tensor.type.name)",
          found: "\(value.count) of \(value.type.name)")
      }
      run.values[index] = value
    }
    for node in graph.nodes {
      for (output, value) in zip(node.outputs, run.results(of: node)) { run.values[output] = value }
    }
    return run.values
  }
}

/// One run: the graph with the values that are known so far.
///
/// Its accessors trust the graph: the verifier has made sure that operators meet the types and shapes that they take.
struct ReferenceRun {
  let graph: Graph
  var values: [TensorValue?]

  init(graph: Graph) {
    self.graph = graph
    values = graph.tensors.map { tensor in tensor.constant.map { TensorValue($0, type: tensor.type) } }
  }

  func tensor(_ index: TensorIndex) -> Tensor { graph.tensors[index] }
  func value(_ index: TensorIndex) -> TensorValue { values[index]! }

  func f32(_ index: TensorIndex) -> [Float] {
    guard case .f32(let elements) = value(index) else { preconditionFailure("not f32") }
    return elements
  }

  func s8(_ index: TensorIndex) -> [Int8] {
    guard case .s8(let elements) = value(index) else { preconditionFailure("not s8") }
    return elements
  }

  func s32(_ index: TensorIndex) -> [Int32] {
    guard case .s32(let elements) = value(index) else { preconditionFailure("not s32") }
    return elements
  }

  /// The quantization that the verifier demands of every s8 tensor.
  func quantization(_ index: TensorIndex) -> Quantization { graph.tensors[index].quantization! }

  /// The node's outputs.
  func results(of node: Node) -> [TensorValue] {
    let result: TensorValue
    switch node.op {
    case .conv2D(let op): result = linear(op, node)
    case .depthwiseConv2D(let op): result = linear(op, node)
    case .dense(let op): result = linear(op, node)
    case .transposedConv2D(let op): result = linear(op, node)
    case .maxPool2D(let op): result = maxPool(op, node)
    case .averagePool2D(let op): result = averagePool(op, node)
    case .globalAveragePool: result = averagePool(wholeImage(node), node)
    case .add(let op): result = add(op, node)
    case .multiply: result = multiply(node)
    case .concat(let op): result = concat(op, node)
    case .slice(let op): result = slice(op, node)
    case .resize(let op): result = resize(op, node)
    case .embedding: result = embedding(node)
    case .recurrent(let op): return recurrent(op, node)
    case .activation(let op): result = activation(op, node)
    case .softmax: result = softmax(node)
    case .batchNorm(let op): result = batchNorm(op, node)
    case .reshape: result = value(node.inputs[0])
    case .quantize: result = quantize(node)
    case .dequantize: result = dequantize(node)
    case .lookup: result = lookup(node)
    case .lookupSoftmax: result = lookupSoftmax(node)
    }
    return [result]
  }
}

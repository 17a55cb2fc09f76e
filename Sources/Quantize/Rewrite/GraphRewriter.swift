import Format

/// Writes the int8 graph that a `QuantizationPlan` describes, node by node.
///
/// Each tensor of the float graph has an s8 form, an f32 form or both; where an operator needs the one that is not
/// there, a quantize or dequantize node makes it, once. The form that carries the tensor's own name is f32 for graph
/// inputs and outputs and whatever lives in float, s8 otherwise; the other one's name ends in ".s8" or ".f32".
struct GraphRewriter {
  private let source: Graph
  private let plan: QuantizationPlan
  private var target = Graph()
  private var s8Forms: [TensorIndex?]
  private var f32Forms: [TensorIndex?]

  private init(_ plan: QuantizationPlan) {
    self.plan = plan
    source = plan.graph
    s8Forms = [TensorIndex?](repeating: nil, count: plan.graph.tensors.count)
    f32Forms = s8Forms
  }

  static func rewrite(_ plan: QuantizationPlan) -> Graph {
    var rewriter = GraphRewriter(plan)
    for input in rewriter.source.inputs {
      let index = rewriter.target.add(rewriter.source.tensors[input])
      rewriter.f32Forms[input] = index
      rewriter.target.inputs.append(index)
    }
    for (index, node) in rewriter.source.nodes.enumerated() {
      if plan.isInt8[index] { rewriter.emitInt8(node) } else { rewriter.emitFloat(node) }
    }
    for output in rewriter.source.outputs { rewriter.target.outputs.append(rewriter.f32(output)) }
    for state in rewriter.source.states {
      rewriter.target.states.append(State(input: rewriter.f32(state.input), output: rewriter.f32(state.output)))
    }
    return rewriter.target
  }

  // MARK: The two forms of a tensor

  private func isNamedAsFloat(_ index: TensorIndex) -> Bool {
    plan.livesInFloat[index] || source.inputs.contains(index) || source.outputs.contains(index)
  }

  private func s8Tensor(_ index: TensorIndex) -> Tensor {
    let tensor = source.tensors[index]
    return Tensor(
      name: isNamedAsFloat(index) ? tensor.name + ".s8" : tensor.name, type: .s8, shape: tensor.shape,
      quantization: plan.quantizations[index])
  }

  private func f32Tensor(_ index: TensorIndex) -> Tensor {
    let tensor = source.tensors[index]
    let isNamedSo = isNamedAsFloat(index) || tensor.constant != nil
    return Tensor(
      name: isNamedSo ? tensor.name : tensor.name + ".f32", type: .f32, shape: tensor.shape,
      constant: tensor.constant)
  }

  private mutating func s8(_ index: TensorIndex) -> TensorIndex {
    if let form = s8Forms[index] { return form }
    let name = source.tensors[index].name + ".quantize"
    let form = target.add(.quantize, name: name, inputs: [f32(index)], output: s8Tensor(index))
    s8Forms[index] = form
    return form
  }

  private mutating func f32(_ index: TensorIndex) -> TensorIndex {
    if let form = f32Forms[index] { return form }
    let tensor = f32Tensor(index)
    let form: TensorIndex
    if tensor.constant != nil {
      form = target.add(tensor)
    } else {
      let name = source.tensors[index].name + ".dequantize"
      form = target.add(.dequantize, name: name, inputs: [s8(index)], output: tensor)
    }
    f32Forms[index] = form
    return form
  }

  // MARK: Nodes

  private mutating func emitFloat(_ node: Node) {
    var inputs: [TensorIndex] = []
    for (position, input) in node.inputs.enumerated() {
      if plan.hasInt8Rows(node), node.op.weightPositions ~= position {
        let weights = source.tensors[input]
        inputs.append(target.add(QuantizedWeights(weights, axis: node.op.weightAxis!).tensor(like: weights)))
      } else {
        inputs.append(f32(input))
      }
    }
    let outputs = node.outputs.map { target.add(f32Tensor($0)) }
    for (output, form) in zip(node.outputs, outputs) { f32Forms[output] = form }
    target.nodes.append(Node(name: node.name, op: node.op, inputs: inputs, outputs: outputs))
  }

  private mutating func emitInt8(_ node: Node) {
    switch node.op {
    case .conv2D, .depthwiseConv2D, .dense, .transposedConv2D: emitLinear(node)
    case .embedding: emitEmbedding(node)
    case .activation(let function): emitLookup(function, node)
    case .softmax: emitSoftmax(node)
    case .concat:
      let output = s8Tensor(node.outputs[0])
      let inputs = node.inputs.indices.map { concatInput($0, of: node, like: output.quantization!) }
      s8Forms[node.outputs[0]] = target.add(node.op, name: node.name, inputs: inputs, output: output)
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .reshape, .slice, .resize:
      let inputs = node.inputs.map { s8($0) }
      s8Forms[node.outputs[0]] = target.add(node.op, name: node.name, inputs: inputs, output: s8Tensor(node.outputs[0]))
    case .batchNorm, .quantize, .dequantize, .lookup, .lookupSoftmax, .recurrent:
      preconditionFailure("the plan gives this operator no int8 form")
    }
  }

  private mutating func emitLinear(_ node: Node) {
    let x = s8(node.inputs[0])
    let input = target.tensors[x].quantization!
    let biases = node.inputs.count > 2 ? source.tensors[node.inputs[2]] : nil
    let biasValues = biases?.constant!.elements(as: Float.self)

    let weights = QuantizedWeights(
      source.tensors[node.inputs[1]], axis: node.op.weightAxis!,
      smallestScales: biasValues.map { QuantizedWeights.smallestScales(biases: $0, inputScale: input.scales[0]) })
    var inputs = [x, target.add(weights.tensor(like: source.tensors[node.inputs[1]]))]
    if let biases, let biasValues {
      let scales = accumulatorScales(input, weights: weights.quantization, channels: biasValues.count)
      inputs.append(
        target.add(
          Tensor(
            name: biases.name, type: .s32, shape: biases.shape,
            constant: Constant(quantizedBiases(biasValues, scales: scales)))))
    }
    s8Forms[node.outputs[0]] = target.add(node.op, name: node.name, inputs: inputs, output: s8Tensor(node.outputs[0]))
  }

  /// The table in the quantization of the result, so that its rows are copied as they are.
  private mutating func emitEmbedding(_ node: Node) {
    let x = f32(node.inputs[0])
    let output = s8Tensor(node.outputs[0])
    let quantization = output.quantization!
    var weights = source.tensors[node.inputs[1]]
    let values = weights.constant!.elements(as: Float.self).map { quantization.quantize($0) }
    (weights.type, weights.quantization, weights.constant) = (.s8, quantization, Constant(values))
    s8Forms[node.outputs[0]] = target.add(
      node.op, name: node.name, inputs: [x, target.add(weights)], output: output)
  }

  private mutating func emitLookup(_ function: Activation, _ node: Node) {
    let x = s8(node.inputs[0])
    let output = s8Tensor(node.outputs[0])
    s8Forms[node.outputs[0]] = addLookup(x, name: node.name, output: output) { function($0) }
  }

  private mutating func emitSoftmax(_ node: Node) {
    let x = s8(node.inputs[0])
    let table = target.add(
      Tensor(
        name: node.name + ".table", type: .s32, shape: [256],
        constant: Constant(softmaxTable(scale: target.tensors[x].quantization!.scales[0]))))
    f32Forms[node.outputs[0]] = target.add(
      .lookupSoftmax, name: node.name, inputs: [x, table], output: f32Tensor(node.outputs[0]))
  }

  /// Input `place` of a concat in the output's quantization, through a table where it has another.
  private mutating func concatInput(_ place: Int, of node: Node, like output: Quantization) -> TensorIndex {
    let x = s8(node.inputs[place])
    var tensor = target.tensors[x]
    if tensor.quantization == output { return x }
    tensor.name = "\(node.name).\(place)"
    tensor.quantization = output
    return addLookup(x, name: tensor.name, output: tensor) { $0 }
  }

  private mutating func addLookup(
    _ x: TensorIndex, name: String, output: Tensor, _ function: (Float) -> Float
  ) -> TensorIndex {
    let quantization = output.quantization!
    let table = target.add(
      Tensor(
        name: name + ".table", type: .s8, shape: [256], quantization: quantization,
        constant: Constant(lookupTable(from: target.tensors[x].quantization!, to: quantization, function))))
    return target.add(.lookup, name: name, inputs: [x, table], output: output)
  }
}

extension Graph {
  /// Makes sure that the graph is one that can be run: records within their ranges, indices inside, nodes in topological
  /// order, each activation made exactly once, shapes and types that fit the operators, memory and work within
  /// `Limits`. Everything a reader of the graph may rely on is checked here and nowhere else.
  ///
  /// - Throws: `FormatError.invalid`, naming the tensor or node and what was expected.
  public func verify() throws(FormatError) {
    try expect(tensors.count, in: 1...Limits.tensors, "tensors")
    try expect(nodes.count, in: 1...Limits.nodes, "nodes")
    try expect(inputs.count, in: 1...Limits.endpoints, "graph inputs")
    try expect(outputs.count, in: 1...Limits.endpoints, "graph outputs")
    for index in tensors.indices { try tensors[index].verify("tensor \(index)") }
    try verifyOrder()
    try verifyStates()
    var operations: Int64 = 0
    var constantBytes: Int64 = 0
    for index in nodes.indices {
      do throws(FormatError) {
        try verifyOperator(of: nodes[index])
      } catch {
        throw error.within(label(ofNode: index))
      }
      operations = saturatingSum(operations, self.operations(of: nodes[index]))
      for input in nodes[index].inputs where tensors[input].constant != nil {
        constantBytes += Int64(tensors[input].byteCount)
      }
    }
    try verifyBudget(operations: operations, constantBytes: constantBytes)
  }

  /// Checks all indices, and that data flows from inputs through nodes to outputs.
  private func verifyOrder() throws(FormatError) {
    // Whether a tensor has its value at this point of the execution.
    var ready = tensors.map { $0.constant != nil }
    for input in inputs {
      try expect(input, in: 0...(tensors.count - 1), "graph input")
      guard !ready[input] else {
        throw .invalid(what: "graph input, tensor \(input)", expected: "an activation, named once", found: "another")
      }
      ready[input] = true
    }
    for (index, node) in nodes.enumerated() {
      try verifyText(node.name, "node \(index), name")
      do throws(FormatError) {
        try node.op.checkInputCount(node.inputs.count)
        for (position, input) in node.inputs.enumerated() {
          try expect(input, in: 0...(tensors.count - 1), "input \(position)")
          guard ready[input] else {
            throw .invalid(
              what: "input \(position), tensor \(input)", expected: "one made by an earlier node", found: "none such")
          }
          let needsConstant = node.op.takesConstant(at: position)
          guard needsConstant == (tensors[input].constant != nil) else {
            throw .invalid(
              what: "input \(position), tensor \(input)", expected: needsConstant ? "a constant" : "an activation",
              found: needsConstant ? "an activation" : "a constant")
          }
        }
        try expect(node.outputs.count, in: node.op.outputCount...node.op.outputCount, "outputs")
        for output in node.outputs {
          try expect(output, in: 0...(tensors.count - 1), "output")
          guard !ready[output] else {
            throw .invalid(
              what: "output, tensor \(output)", expected: "an activation that nothing else makes", found: "another")
          }
          ready[output] = true
        }
      } catch {
        throw error.within(label(ofNode: index))
      }
    }
    for (index, isReady) in ready.enumerated() where !isReady {
      throw .invalid(what: "tensor \(index)", expected: "a constant, a graph input or a node's output", found: "none")
    }
    var isOutput = [Bool](repeating: false, count: tensors.count)
    for input in inputs { isOutput[input] = true }
    for output in outputs {
      try expect(output, in: 0...(tensors.count - 1), "graph output")
      guard tensors[output].constant == nil, !isOutput[output] else {
        throw .invalid(
          what: "graph output, tensor \(output)", expected: "a node's output, named once", found: "another")
      }
      isOutput[output] = true
    }
  }

  private func verifyOperator(of node: Node) throws(FormatError) {
    var inputs: [Tensor] = []
    for input in node.inputs { inputs.append(tensors[input]) }
    var outputs: [Tensor] = []
    for output in node.outputs { outputs.append(tensors[output]) }
    let output = outputs[0]
    let shapes = try Graph.outputShapes(of: node.op, inputs: inputs)
    if node.op == .reshape {
      guard output.count == inputs[0].count else {
        throw .invalid(
          what: "output", expected: "\(inputs[0].count) elements", found: "\(shapeText(output.shape))")
      }
    } else {
      for (output, shape) in zip(outputs, shapes) where output.shape != shape {
        throw .invalid(what: "output", expected: shapeText(shape), found: shapeText(output.shape))
      }
    }
    try node.op.verifyTypes(inputs: inputs, outputs: outputs)
  }

  /// A state is an input and an output, neither in another state; the first input is never one, because data goes there.
  private func verifyStates() throws(FormatError) {
    try expect(states.count, in: 0...Limits.endpoints, "states")
    for (index, state) in states.enumerated() {
      let earlier = states[..<index]
      guard inputs.dropFirst().contains(state.input), !earlier.contains(where: { $0.input == state.input }) else {
        throw .invalid(
          what: "state \(index), input", expected: "a graph input behind the first, in one state",
          found: "another tensor")
      }
      guard outputs.contains(state.output), !earlier.contains(where: { $0.output == state.output }) else {
        throw .invalid(
          what: "state \(index), output", expected: "a graph output, in one state", found: "another tensor")
      }
      let (input, output) = (tensors[state.input], tensors[state.output])
      guard input.shape == output.shape, input.type == output.type, input.quantization == output.quantization else {
        throw .invalid(
          what: "state \(index)", expected: "input and output of one shape and type",
          found: "\(shapeText(input.shape)) \(input.type.name) and \(shapeText(output.shape)) \(output.type.name)")
      }
    }
  }

  private func verifyBudget(operations: Int64, constantBytes: Int64) throws(FormatError) {
    var activationBytes: Int64 = 0
    for tensor in tensors where tensor.constant == nil { activationBytes += Int64(tensor.byteCount) }
    guard activationBytes <= Limits.activationBytes else {
      throw .invalid(
        what: "activations", expected: "at most \(Limits.activationBytes) bytes", found: "\(activationBytes)")
    }
    guard constantBytes <= Limits.constantBytes else {
      throw .invalid(
        what: "constants, counted at each use", expected: "at most \(Limits.constantBytes) bytes",
        found: "\(constantBytes)")
    }
    guard operations <= Limits.operations else {
      throw .invalid(
        what: "multiply-accumulates", expected: "at most \(Limits.operations)", found: "\(operations)")
    }
  }

  private func label(ofNode index: Int) -> String { "node \(index) '\(nodes[index].name)'" }

  private func expect(_ value: Int, in range: ClosedRange<Int>, _ what: String) throws(FormatError) {
    guard range ~= value else {
      throw .invalid(
        what: what,
        expected: range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)",
        found: "\(value)")
    }
  }
}

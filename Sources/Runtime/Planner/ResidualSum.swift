import Format

/// An `add` that is part of the convolution or dense layer before it: the kernel adds the other operand to its result,
/// which is never written by itself.
struct ResidualSum {
  /// The other operand.
  let residual: TensorIndex
  /// The sum.
  let output: TensorIndex
  let activation: FusedActivation
}

extension Graph {
  /// The sums that products can make, by the tensor that the product alone would give.
  ///
  /// Nothing else may read that tensor, and the residual has to be there when the product runs. Of an f32 product that has
  /// an activation of its own the kernel could not make the sum: it clamps only once, at the end.
  func residualSums() -> [TensorIndex: ResidualSum] {
    let readers = readers()
    // The node that makes a tensor; what no node makes is there before the first.
    var producers = [Int](repeating: -1, count: tensors.count)
    for (index, node) in nodes.enumerated() {
      for output in node.outputs { producers[output] = index }
    }

    var sums: [TensorIndex: ResidualSum] = [:]
    for node in nodes {
      guard case .add(let add) = node.op else { continue }
      let (a, b) = (node.inputs[0], node.inputs[1])
      let (product, residual) = producers[a] > producers[b] ? (a, b) : (b, a)
      if readers[product].count == 1, producers[product] > producers[residual], makesSum(nodes[producers[product]]) {
        sums[product] = ResidualSum(residual: residual, output: node.outputs[0], activation: add.activation)
      }
    }
    return sums
  }

  private func makesSum(_ node: Node) -> Bool {
    let activation: FusedActivation
    switch node.op {
    case .conv2D(let op): activation = op.activation
    case .dense(let op): activation = op.activation
    case .depthwiseConv2D, .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation,
      .softmax, .batchNorm, .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .embedding, .recurrent, .slice,
      .transposedConv2D, .resize:
      return false
    }
    return activation == .none || tensors[node.outputs[0]].type == .s8
  }
}

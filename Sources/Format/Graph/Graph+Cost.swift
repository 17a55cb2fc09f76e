// What a node costs: work and parameters.

extension Graph {
  /// Multiply-accumulates of one run of `node`: those of convolutions and matrix products, padding counted, recurrent layers
  /// among them; 0 for all other operators. At most `Int.max`, which a large network reaches where `Int` has 32 bits.
  ///
  /// - Precondition: the graph passes `verify()`; so for the functions below.
  public func multiplyAccumulates(of node: Node) -> Int {
    switch node.op {
    case .conv2D, .depthwiseConv2D, .dense, .recurrent, .transposedConv2D: Int(clamping: operations(of: node))
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm,
      .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .embedding, .slice, .resize:
      0
    }
  }

  /// Multiply-accumulates of one run of the graph; at most `Int.max`.
  public var multiplyAccumulates: Int {
    var sum: Int64 = 0
    for node in nodes { sum = saturatingSum(sum, Int64(multiplyAccumulates(of: node))) }
    return Int(clamping: sum)
  }

  /// Elements of the constants that `node` uses: weights, bias, batch-norm parameters, tables.
  public func parameterCount(of node: Node) -> Int {
    var sum = 0
    for input in node.inputs where tensors[input].constant != nil { sum += tensors[input].count }
    return sum
  }

  /// Multiply-accumulates of linear operators, elements read by pools, elements written by the others.
  func operations(of node: Node) -> Int64 {
    let x = tensors[node.inputs[0]].shape
    let output = Int64(tensors[node.outputs[0]].count)
    switch node.op {
    case .conv2D:
      let weights = tensors[node.inputs[1]].shape
      return product([output, Int64(weights[1]), Int64(weights[2]), Int64(weights[3])])
    case .depthwiseConv2D:
      let weights = tensors[node.inputs[1]].shape
      return product([output, Int64(weights[0]), Int64(weights[1])])
    case .dense: return product([output, Int64(x[1])])
    case .maxPool2D(let pool), .averagePool2D(let pool):
      return product([output, Int64(pool.windowHeight), Int64(pool.windowWidth)])
    case .globalAveragePool: return Int64(tensors[node.inputs[0]].count)
    case .add, .multiply, .concat, .activation, .softmax, .batchNorm, .reshape, .quantize, .dequantize, .lookup,
      .lookupSoftmax, .embedding, .slice:
      return output
    // Four pixels are read at most for one written.
    case .resize: return product([output, 4])
    case .recurrent:
      let (inputs, units) = (Int64(x[3]), Int64(tensors[node.inputs[2]].shape[1]))
      return product([Int64(x[0]), Int64(x[1]), Int64(tensors[node.inputs[2]].shape[0]), inputs + units])
    case .transposedConv2D:
      let weights = tensors[node.inputs[1]]
      return product([Int64(x[0]), Int64(x[1]), Int64(x[2]), Int64(weights.count)])
    }
  }

  private func product(_ factors: [Int64]) -> Int64 {
    var result: Int64 = 1
    for factor in factors {
      let (partial, overflow) = result.multipliedReportingOverflow(by: factor)
      if overflow { return .max }
      result = partial
    }
    return result
  }
}

/// The sum of two numbers that are not negative, at most `Int64.max`.
func saturatingSum(_ a: Int64, _ b: Int64) -> Int64 {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? .max : sum
}

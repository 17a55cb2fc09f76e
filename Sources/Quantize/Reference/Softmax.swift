import Format

extension ReferenceRun {
  func softmax(_ node: Node) -> TensorValue {
    let x = f32(node.inputs[0])
    var result: [Float] = []
    for row in rows(of: node) {
      var largest = x[row.lowerBound]
      for element in x[row] where element > largest { largest = element }
      let powers = x[row].map { exponential(Double($0) - Double(largest)) }
      let sum = powers.reduce(0, +)
      result += powers.map { Float($0 / sum) }
    }
    return .f32(result)
  }

  func lookupSoftmax(_ node: Node) -> TensorValue {
    let (x, table) = (s8(node.inputs[0]), s32(node.inputs[1]))
    return .f32(rows(of: node).flatMap { tableSoftmax(x[$0], table: table) })
  }

  /// The ranges of the elements that share all coordinates but the last.
  private func rows(of node: Node) -> [Range<Int>] {
    let shape = tensor(node.inputs[0]).shape
    let width = shape.last!
    return (0..<(tensor(node.inputs[0]).count / width)).map { ($0 * width)..<(($0 + 1) * width) }
  }
}

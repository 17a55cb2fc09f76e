import Format

extension ReferenceRun {
  func concat(_ op: Concat, _ node: Node) -> TensorValue {
    switch value(node.inputs[0]) {
    case .s8: .s8(joined(op, node) { s8($0) })
    default: .f32(joined(op, node) { f32($0) })
    }
  }

  /// The inputs' blocks of everything from dimension `axis` on, in turn.
  private func joined<Element>(_ op: Concat, _ node: Node, elements: (TensorIndex) -> [Element]) -> [Element] {
    let inputs = node.inputs.map { (elements: elements($0), block: tensor($0).shape[op.axis...].reduce(1, *)) }
    let blocks = tensor(node.outputs[0]).shape[..<op.axis].reduce(1, *)
    return (0..<blocks).flatMap { block in
      inputs.flatMap { $0.elements[(block * $0.block)..<((block + 1) * $0.block)] }
    }
  }

  func slice(_ op: Slice, _ node: Node) -> TensorValue {
    let shape = tensor(node.inputs[0]).shape
    let block = shape[(op.axis + 1)...].reduce(1, *)
    func part<Element>(_ x: [Element]) -> [Element] {
      stride(from: op.start * block, to: x.count, by: shape[op.axis] * block).flatMap {
        x[$0..<($0 + op.count * block)]
      }
    }
    switch value(node.inputs[0]) {
    case .s8(let x): return .s8(part(x))
    default: return .f32(part(f32(node.inputs[0])))
    }
  }

  /// Rows of the table; s8 rows with scales of their own become f32.
  func embedding(_ node: Node) -> TensorValue {
    let shape = tensor(node.inputs[1]).shape
    let rows = f32(node.inputs[0]).map { embeddingRow($0, of: shape[0]) }
    func elements<Element>(_ table: [Element]) -> [Element] {
      rows.flatMap { table[($0 * shape[1])..<(($0 + 1) * shape[1])] }
    }
    switch (value(node.inputs[1]), tensor(node.outputs[0]).type) {
    case (.s8(let table), .s8): return .s8(elements(table))
    case (.s8(let table), _):
      let scales = quantization(node.inputs[1]).scales
      return .f32(elements(table.indices.map { Float(table[$0]) * scales[$0 / shape[1]] }))
    default: return .f32(elements(f32(node.inputs[1])))
    }
  }
}

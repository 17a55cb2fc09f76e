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
}

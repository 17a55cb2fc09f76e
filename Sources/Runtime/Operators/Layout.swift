import Format

// Operators that move elements or only look at them otherwise.

extension Lowering {
  mutating func lower(_ op: Concat, _ node: Node) {
    let output = graph.tensors[node.outputs[0]]
    let blocks = output.shape[..<op.axis].reduce(1, *)
    let blockBytes = node.inputs.map { graph.tensors[$0].byteCount / blocks }
    append(
      ConcatStep(
        Partition(blocks, pieces: pieces(work: output.byteCount)), blockBytes: blockBytes,
        values: node.inputs + node.outputs),
      // With one block the operands lie one behind the other and may have been written in place.
      reads: node.inputs, writes: node.outputs, sharing: blocks == 1 ? .join : .none)
  }

  /// No step: the result is the operand.
  mutating func lowerReshape(_ node: Node) { appendView(of: node.inputs[0], as: node.outputs[0]) }
}

/// Copies blocks of each operand in turn, but for operands that lie in their place already. `values` are the operands,
/// output.
private final class ConcatStep: Step {
  private let blocks: Partition
  private let blockBytes: UnsafeMutableBufferPointer<Int>

  init(_ blocks: Partition, blockBytes: [Int], values: [ValueIndex]) {
    self.blocks = blocks
    self.blockBytes = .allocate(capacity: blockBytes.count)
    _ = self.blockBytes.initialize(from: blockBytes)
    super.init(values: values, kernelName: "copy", tiles: blocks.count)
  }

  deinit { blockBytes.deallocate() }

  override func run(tile: Int, thread: Int) {
    let range = blocks[tile]
    var total = 0
    for bytes in blockBytes { total += bytes }
    var target = mutable(blockBytes.count) + range.lowerBound * total
    for block in range {
      for (operand, bytes) in blockBytes.enumerated() {
        let source = address(operand) + block * bytes
        if source != UnsafeRawPointer(target) { target.copyMemory(from: source, byteCount: bytes) }
        target += bytes
      }
    }
  }
}

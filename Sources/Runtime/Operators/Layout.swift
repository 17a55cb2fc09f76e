import Format
import Kernels
import Quantize

// Operators that move elements or only look at them otherwise.

extension Lowering {
  mutating func lower(_ op: Concat, _ node: Node) {
    let output = graph.tensors[node.outputs[0]]
    let blocks = output.shape[..<op.axis].reduce(1, *)
    let blockBytes = node.inputs.map { graph.tensors[$0].byteCount / blocks }
    var position = 0
    var offsets: [Int?] = []
    for (input, bytes) in zip(node.inputs, blockBytes) {
      offsets.append(interleaved.contains(input) ? position : nil)
      position += bytes
    }
    // With one block the operands lie one behind the other and may have been written in place.
    let sharing = blocks == 1 ? MemoryUse.Sharing.join : .interleave(offsets)
    if offsets.allSatisfy({ $0 != nil }) {
      return appendUse(MemoryUse(reads: node.inputs, writes: node.outputs, sharing: sharing))
    }
    append(
      ConcatStep(
        Partition(blocks, pieces: pieces(work: output.byteCount)), blockBytes: blockBytes,
        isThere: offsets.map { $0 != nil }, values: node.inputs + node.outputs),
      reads: node.inputs, writes: node.outputs, sharing: sharing)
  }

  /// Lets the step of a convolution or dense layer write its result where a concat along the last dimension would copy it to,
  /// if only that one reads it.
  ///
  /// - Returns: elements from one pixel of the result to the next; nil if it has a place of its own.
  mutating func takeConcatPlace(of result: TensorIndex) -> Int? {
    guard fuses, let reader = onlyReader(of: result), case .concat(let op) = graph.nodes[reader].op else { return nil }
    let shape = graph.tensors[graph.nodes[reader].outputs[0]].shape
    // In one block, operands lie one behind the other as they are.
    guard op.axis == shape.count - 1, shape[..<op.axis].reduce(1, *) > 1 else { return nil }
    interleaved.insert(result)
    return shape[op.axis]
  }

  /// No step: the result is the operand.
  mutating func lowerReshape(_ node: Node) {
    if isStateForOutside(node) {
      return copy(node, BlockCopy(blocks: 1, bytes: graph.tensors[node.inputs[0]].byteCount))
    }
    appendView(of: node.inputs[0], as: node.outputs[0])
  }

  /// No step where the places lie one behind the other: the result is a part of the operand.
  mutating func lower(_ op: Slice, _ node: Node) {
    let x = graph.tensors[node.inputs[0]]
    let placeBytes = x.shape[(op.axis + 1)...].reduce(1, *) * x.type.size
    let blocks = x.shape[..<op.axis].reduce(1, *)
    let start = op.start * placeBytes
    if blocks == 1, !isStateForOutside(node) {
      return appendPart(of: node.inputs[0], from: start, as: node.outputs[0])
    }
    copy(
      node, BlockCopy(blocks: blocks, bytes: op.count * placeBytes, start: start, step: x.shape[op.axis] * placeBytes))
  }

  /// Whether a node that only gives its operand another shape shows a state's input to the outside: that input changes when a
  /// run is over, what the outside sees must not.
  private func isStateForOutside(_ node: Node) -> Bool {
    graph.outputs.contains(node.outputs[0]) && !graph.states.isEmpty
  }

  private mutating func copy(_ node: Node, _ blocks: BlockCopy) {
    append(BlockCopyStep(blocks, values: node.inputs + node.outputs), reads: node.inputs, writes: node.outputs)
  }

  mutating func lowerEmbedding(_ node: Node) {
    let table = graph.tensors[node.inputs[1]]
    let tokens = Partition(
      graph.tensors[node.inputs[0]].count, pieces: pieces(work: graph.tensors[node.outputs[0]].count))
    let values = [node.inputs[0], node.outputs[0]]
    let step: Step
    if table.type == .s8, let quantization = table.quantization, quantization.axis != nil {
      step = ScaledEmbeddingStep(tokens, table, quantization, kernel: kernel(.s8_dequantize), values: values)
    } else {
      step = EmbeddingStep(tokens, table, values: values)
    }
    append(step, reads: [node.inputs[0]], writes: node.outputs)
  }
}

/// Blocks of `bytes` bytes, the first of which begins at `start` and each other one `step` behind the one before.
private struct BlockCopy {
  let blocks: Int
  let bytes: Int
  var start = 0
  var step = 0
}

/// `values` are input, output.
private final class BlockCopyStep: Step {
  private let copy: BlockCopy

  init(_ copy: BlockCopy, values: [ValueIndex]) {
    self.copy = copy
    super.init(values: values, kernelName: "copy", tiles: 1)
  }

  override func run(tile: Int, thread: Int) {
    for block in 0..<copy.blocks {
      (mutable(1) + block * copy.bytes).copyMemory(
        from: address(0) + copy.start + block * copy.step, byteCount: copy.bytes)
    }
  }
}

/// Copies rows of a table. `values` are numbers of rows, output.
private final class EmbeddingStep: Step {
  private let tokens: Partition
  /// Valid as long as the graph.
  private let table: UnsafeRawPointer
  private let rows: Int
  private let rowBytes: Int

  init(_ tokens: Partition, _ table: Tensor, values: [ValueIndex]) {
    self.tokens = tokens
    self.table = table.constant!.bytes.baseAddress!
    rows = table.shape[0]
    rowBytes = table.byteCount / rows
    super.init(values: values, kernelName: "copy", tiles: tokens.count)
  }

  override func run(tile: Int, thread: Int) {
    for token in tokens[tile] {
      let row = embeddingRow(address(0, as: Float.self)[token], of: rows)
      (mutable(1) + token * rowBytes).copyMemory(from: table + row * rowBytes, byteCount: rowBytes)
    }
  }
}

/// Dequantizes rows of a table with a scale for each. `values` are numbers of rows, output.
private final class ScaledEmbeddingStep: Step {
  private let tokens: Partition
  private let table: UnsafePointer<Int8>
  private let rows: Int
  private let width: Int
  private let scales: UnsafeMutableBufferPointer<Float>
  private let function: s8_dequantize_function

  init(
    _ tokens: Partition, _ table: Tensor, _ quantization: Quantization, kernel: UnsafePointer<kernel>,
    values: [ValueIndex]
  ) {
    self.tokens = tokens
    self.table = table.constantElements(as: Int8.self)
    (rows, width) = (table.shape[0], table.shape[1])
    scales = .allocate(capacity: rows)
    _ = scales.initialize(from: quantization.scales)
    function = kernel.pointee.function.s8_dequantize
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: tokens.count)
  }

  deinit { scales.deallocate() }

  override func run(tile: Int, thread: Int) {
    for token in tokens[tile] {
      let row = embeddingRow(address(0, as: Float.self)[token], of: rows)
      function(width, table + row * width, mutable(1, as: Float.self) + token * width, scales[row], 0)
    }
  }
}

/// Copies blocks of each operand in turn, but for operands that lie in their place already. `values` are the operands,
/// output.
private final class ConcatStep: Step {
  private let blocks: Partition
  private let blockBytes: UnsafeMutableBufferPointer<Int>
  private let isThere: UnsafeMutableBufferPointer<Bool>

  /// - Parameter isThere: which operands' blocks have been written where they belong.
  init(_ blocks: Partition, blockBytes: [Int], isThere: [Bool], values: [ValueIndex]) {
    self.blocks = blocks
    self.blockBytes = .allocate(capacity: blockBytes.count)
    _ = self.blockBytes.initialize(from: blockBytes)
    self.isThere = .allocate(capacity: isThere.count)
    _ = self.isThere.initialize(from: isThere)
    super.init(values: values, kernelName: "copy", tiles: blocks.count)
  }

  deinit {
    blockBytes.deallocate()
    isThere.deallocate()
  }

  override func run(tile: Int, thread: Int) {
    let range = blocks[tile]
    var total = 0
    for bytes in blockBytes { total += bytes }
    var target = mutable(blockBytes.count) + range.lowerBound * total
    for block in range {
      for (operand, bytes) in blockBytes.enumerated() {
        let source = address(operand) + block * bytes
        if !isThere[operand] && source != UnsafeRawPointer(target) {
          target.copyMemory(from: source, byteCount: bytes)
        }
        target += bytes
      }
    }
  }
}

import Format
import Kernels

/// A step's weights in its kernel's layout, aligned to 64 bytes: packed when the step was made, or lying in the model file.
struct KernelWeights {
  let base: UnsafeRawPointer
  /// In bytes.
  let count: Int
  let layout: PackedWeights.Layout
  let isFromFile: Bool
  // One of the two keeps the bytes.
  private let memory: AlignedMemory?
  private let storage: Storage?

  fileprivate init(_ layout: PackedWeights.Layout, _ part: WeightMemory.Part) {
    base = UnsafeRawPointer(part.bytes.baseAddress!)
    count = part.bytes.count
    self.layout = layout
    isFromFile = false
    memory = part.owner
    storage = nil
  }

  fileprivate init(_ block: PackedWeights.Block) {
    base = block.contents.bytes.baseAddress!
    count = block.contents.bytes.count
    layout = block.layout
    isFromFile = true
    memory = nil
    storage = block.contents.storage
  }
}

/// Where the weights of a node come from: what the model file has packed for it, or else the graph's own.
struct WeightSource {
  let block: PackedWeights.Block?
  /// Where weights are packed.
  let memory: WeightMemory

  /// Whether the file has `count` bytes of weights in `layout`, as kernels read them.
  func has(_ layout: PackedWeights.Layout, count: Int) -> Bool {
    guard let block, count > 0 else { return false }
    return block.layout == layout && block.contents.bytes.count == count
      && UInt(bitPattern: block.contents.bytes.baseAddress) % UInt(KERNELS_ALIGNMENT) == 0
  }

  /// `count` bytes of weights in `layout`: those of the file if it has them, or what `pack` makes.
  ///
  /// Bytes of the right layout and length are all that kernels need to stay inside their buffers; whether the numbers are
  /// the graph's is what the file's checksums tell.
  func weights(
    _ layout: PackedWeights.Layout, count: Int, pack: (UnsafeMutableRawPointer) -> Void
  ) throws(RuntimeError) -> KernelWeights {
    if let block, has(layout, count: count) { return KernelWeights(block) }
    if let block { block.contents.storage.release(block.contents.range) }
    let part = try memory.allocate(count)
    pack(part.bytes.baseAddress!)
    return KernelWeights(layout, part)
  }
}

extension PackedWeights.Layout {
  /// - Parameters:
  ///   - pixels: output pixels whose columns are side by side.
  ///   - taps, depth: how a product's window is cut.
  init(_ kernel: UnsafePointer<kernel>, _ form: Form, pixels: Int = 1, taps: Int, depth: Int) {
    self.init(
      form: form, columns: kernel.pointee.nr, group: kernel.pointee.kr, vectors: kernel.pointee.block_vectors,
      inputBias: UInt8(truncatingIfNeeded: kernel.pointee.input_bias), windowTaps: kernel.pointee.taps,
      pixels: UInt8(clamping: pixels), taps: UInt32(clamping: taps), depth: UInt32(clamping: depth))
  }
}

extension PackedWeights {
  /// The weights of `model` for the kernels of an instruction set, which need not be one of this machine.
  ///
  /// A file of the model must have the graph as it is simplified, so that nodes are the same: see
  /// `Model.packed(for:savesMemory:)`.
  fileprivate init(_ graph: Graph, for isa: ISA, savesMemory: Bool) throws(RuntimeError) {
    let lowering = try Lowering(
      graph, packed: nil, isa: isa, threads: 1, options: SessionOptions(savesMemory: savesMemory))
    self.init(instructionSet: isa.name, blocks: [])
    for node in graph.nodes.indices {
      // A node that several products make keeps its plain weights.
      let steps = lowering.steps(of: node).filter { $0.weights != nil }
      if steps.count == 1, let weights = steps[0].weights {
        let bytes = UnsafeRawBufferPointer(start: weights.base, count: weights.count)
        let storage = Storage(count: weights.count) { $0.copyMemory(from: bytes) }
        let contents = Constant(storage: storage, range: 0..<weights.count)
        blocks.append(Block(node: node, layout: weights.layout, contents: contents))
      }
    }
  }
}

extension Model {
  /// The model with its weights packed for an instruction set, which need not be one of this machine: sessions there use
  /// them as they lie in the file, all others as if there were none. Batch-norms are folded and activations fused, as
  /// sessions do.
  ///
  /// - Parameter savesMemory: as in `SessionOptions`.
  /// - Throws: `RuntimeError` for a model that has no kernels, or too little memory.
  public func packed(for isa: ISA, savesMemory: Bool = false) throws(RuntimeError) -> Model {
    var result = self
    result.graph = graph.simplified()
    result.packed = try PackedWeights(result.graph, for: isa, savesMemory: savesMemory)
    return result
  }
}

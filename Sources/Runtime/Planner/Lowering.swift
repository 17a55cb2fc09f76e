import Format
import Kernels

/// Turns a graph into steps: chooses kernels, packs weights, and notes who reads and writes what for the memory planner.
///
/// Each operator adds its part in a file of Operators/ as `lower…(…)`.
struct Lowering {
  let graph: Graph
  let isa: ISA
  let threads: Int
  /// Whether tensors that nothing needs but the next node may be left out.
  let fuses: Bool
  let options: SessionOptions
  /// Sums that are made by the product that one of their operands is, by that operand.
  let residualSums: [TensorIndex: ResidualSum]
  /// For each tensor how often it is read, and by which node last.
  let readers: [(count: Int, node: Int?)]
  /// Tensors that have no bytes, because the step that would write them does the next node's work too, or the next node
  /// theirs.
  var unwritten: Set<TensorIndex>
  /// Tensors whose steps write them where a concat would copy them to.
  var interleaved: Set<TensorIndex> = []
  /// Weights of nodes that the model file has packed.
  let packed: PackedWeights?
  /// What the node being lowered has for weights.
  private(set) var weightSource: WeightSource
  private let weightMemory: WeightMemory
  /// Bytes of every value: the graph's tensors, then buffers that steps need.
  private(set) var sizes: [Int]
  private(set) var steps: [Step] = []
  /// One for each step, and one for each node that needs none because its result lies where its operand is.
  private(set) var uses: [MemoryUse] = []
  /// The steps of each node.
  private(set) var stepsOfNode: [Range<Int>] = []
  /// How each node is cut into Winograd's tiles, if it is a convolution that is. No stage of a chain is.
  private(set) var winogradTilings: [WinogradTiling?] = []
  /// Nodes that are computed together, line by line.
  private(set) var chains: [ChainSteps] = []
  /// The chain of each node that is part of one.
  private var chainOfNode: [Int?]
  private(set) var currentNode = 0
  /// The s8 form of f32 tensors that dynamic operators have quantized so far.
  var quantized: [TensorIndex: DynamicOperand] = [:]

  /// - Parameters:
  ///   - graph: verified and simplified.
  ///   - packed: weights of its nodes, as far as there are some.
  ///   - options: those that concern kernels and layouts.
  init(
    _ graph: Graph, packed: PackedWeights?, isa: ISA, threads: Int, options: SessionOptions
  ) throws(RuntimeError) {
    weightMemory = WeightMemory(expected: graph.tensors.map { $0.constant == nil ? 0 : $0.byteCount })
    weightSource = WeightSource(block: nil, memory: weightMemory)
    self.graph = graph
    self.packed = packed
    fuses = !options.computesEveryTensor
    self.options = options
    residualSums = fuses ? graph.residualSums() : [:]
    readers = graph.readers()
    unwritten = Set(residualSums.keys)
    self.isa = isa
    self.threads = threads
    sizes = graph.tensors.map { $0.byteCount }
    chainOfNode = graph.nodes.map { _ in nil }
    winogradTilings = graph.nodes.indices.map { winogradTiling(ofConvolution: $0) }
    for (number, chain) in lineChains().enumerated() {
      chains.append(ChainSteps(chain))
      for node in chain.nodes { chainOfNode[node] = number }
    }
    for (index, node) in graph.nodes.enumerated() {
      let first = steps.count
      currentNode = index
      weightSource = weightSource(ofNode: index)
      try lower(node)
      stepsOfNode.append(first..<steps.count)
      if steps(of: index).contains(where: { $0.weights != nil }) { releaseConstants(of: node) }
    }
    weightMemory.finish()
    if packed == nil { releaseFile() }
  }

  /// Gives back what is still in memory of a file that kernels read no weights from; the tables and rows that steps do read there
  /// come back by themselves.
  private func releaseFile() {
    var last: Storage?
    for tensor in graph.tensors {
      guard let storage = tensor.constant?.storage, storage !== last else { continue }
      storage.release(0..<storage.bytes.count)
      last = storage
    }
  }

  /// Where the weights of a node come from.
  func weightSource(ofNode index: Int) -> WeightSource {
    WeightSource(block: packed?.block(ofNode: index), memory: weightMemory)
  }

  /// Weights are in their kernel's layout now: those of the file need not stay in memory, nor what the system has mapped
  /// around them.
  private func releaseConstants(of node: Node) {
    for input in node.inputs {
      guard let constant = graph.tensors[input].constant else { continue }
      let (first, end) = (constant.range.lowerBound, constant.range.upperBound)
      constant.storage.release(
        max(first - Lowering.mappedAround, 0)..<min(end + Lowering.mappedAround, constant.storage.bytes.count))
    }
  }

  /// Bytes that Linux maps with one that is touched, if it has them in its cache.
  private static let mappedAround = 1 << 16

  private mutating func lower(_ node: Node) throws(RuntimeError) {
    switch node.op {
    case .conv2D(let op): try lower(op, node)
    case .depthwiseConv2D(let op): try lower(op, node)
    case .dense(let op): try lower(op, node)
    case .maxPool2D(let op): try lowerMaxPool(op, node)
    case .averagePool2D(let op): try lowerAveragePool(op, node)
    case .globalAveragePool: lowerGlobalAveragePool(node)
    case .add(let op): lower(op, node)
    case .multiply: lowerMultiply(node)
    case .concat(let op): lower(op, node)
    case .activation(let op): lower(op, node)
    case .softmax: lowerSoftmax(node)
    case .batchNorm(let op): try lower(op, node)
    case .reshape: lowerReshape(node)
    case .quantize: lowerQuantize(node)
    case .dequantize: lowerDequantize(node)
    case .lookup: lowerLookup(node)
    case .lookupSoftmax: lowerLookupSoftmax(node)
    case .embedding: lowerEmbedding(node)
    case .recurrent(let op): try lower(op, node)
    case .slice(let op): lower(op, node)
    case .transposedConv2D(let op): try lower(op, node)
    case .resize(let op): try lower(op, node)
    }
  }

  /// Adds a buffer that steps hand on to each other or use as scratch.
  mutating func buffer(bytes: Int) -> ValueIndex {
    sizes.append(bytes)
    return sizes.count - 1
  }

  /// Adds a buffer of which each thread has a part, and tells the distance between the parts.
  mutating func workspace(bytesPerThread: Int) throws(RuntimeError) -> (buffer: ValueIndex, stride: Int) {
    // Threads write their parts at the same time: no cache line belongs to two.
    let stride = (bytesPerThread + 63) & ~63
    let (bytes, overflow) = stride.multipliedReportingOverflow(by: threads)
    guard !overflow else { throw .outOfMemory(bytes: .max) }
    return (buffer(bytes: bytes), stride)
  }

  /// Adds a step that reads `reads`, writes `writes` and uses `scratch` on its own.
  mutating func append(
    _ step: Step, reads: [ValueIndex], writes: [ValueIndex], scratch: [ValueIndex] = [],
    sharing: MemoryUse.Sharing = .none
  ) {
    steps.append(step)
    uses.append(MemoryUse(reads: reads, writes: writes, scratch: scratch, sharing: sharing))
  }

  /// Makes `result` lie where `operand` lies.
  mutating func appendView(of operand: ValueIndex, as result: ValueIndex) {
    appendUse(MemoryUse(reads: [operand], writes: [result], sharing: .view))
  }

  /// Makes `result` lie `offset` bytes behind the start of `operand`.
  mutating func appendPart(of operand: ValueIndex, from offset: Int, as result: ValueIndex) {
    appendUse(MemoryUse(reads: [operand], writes: [result], sharing: .part(offset: offset)))
  }

  /// Notes what a node needs of memory that needs no step.
  mutating func appendUse(_ use: MemoryUse) { uses.append(use) }

  /// Adds a step that reads a tensor's lines, or keeps it until the other stages of its chain are there.
  mutating func append(
    _ step: LineStep, reads: [ValueIndex], writes: [ValueIndex], scratch: [ValueIndex] = [],
    sharing: MemoryUse.Sharing = .none
  ) throws(RuntimeError) {
    let use = MemoryUse(reads: reads, writes: writes, scratch: scratch, sharing: sharing)
    guard let number = chainOfNode[currentNode] else {
      steps.append(step)
      uses.append(use)
      return
    }
    chains[number].append(step, use)
    guard currentNode == chains[number].chain.nodes.last else { return }
    let stages = chains[number].stages
    let plan = LinePlan(stages)
    let (workspace, stride) = try workspace(bytesPerThread: plan.workspaceBytes)
    let pipeline = LinePipeline(
      stages, plan, workspace: workspace, workspaceStride: stride, pieces: chains[number].chain.pieces,
      threads: threads)
    chains[number].pipeline = pipeline
    steps.append(pipeline)
    uses.append(chains[number].use(workspace: workspace))
  }

  /// Whether the node being lowered is a stage of a chain: where its lines lie changes then.
  var isStage: Bool { isStage(currentNode) }
  func isStage(_ node: Int) -> Bool { chainOfNode[node] != nil }

  /// Whether a tensor has no bytes because the stages of a chain hand it on in lines.
  func isInner(_ tensor: TensorIndex) -> Bool { chains.contains { $0.chain.inner.contains(tensor) } }

  /// The steps that compute a node, those of a chain by themselves.
  func steps(of node: Int) -> [Step] {
    guard let number = chainOfNode[node], let place = chains[number].chain.nodes.firstIndex(of: node) else {
      return Array(steps[stepsOfNode[node]])
    }
    return [chains[number].stages[place]]
  }

  /// The best kernel of a family on this machine.
  func kernel(_ family: kernel_family) -> UnsafePointer<kernel> { kernels_best(isa.tier, family) }

  /// The quantization of an s8 tensor.
  func quantization(_ tensor: TensorIndex) -> Quantization { graph.tensors[tensor].quantization! }

  /// The operations of `count` results of `each` of them; at most `Int.max`, which a large layer reaches where `Int` has 32 bits.
  static func work(_ count: Int, _ each: Int) -> Int {
    let (work, overflow) = count.multipliedReportingOverflow(by: each)
    return overflow ? .max : work
  }

  /// How many pieces to cut a step of `work` operations into, of which a core does `perCycle` in a cycle: enough for the
  /// threads to share evenly, but none so short that handing it out would cost more than doing it.
  func pieces(work: Int, perCycle: Int = 16) -> Pieces {
    let most = threads == 1 ? 1 : min(4 * threads, max(1, work / (options.smallestPiece * perCycle)))
    return Pieces(most: most, threads: min(threads, most))
  }

  /// The same for multiply-accumulates of a kernel: `nr`·`kr` a cycle in products, half of `nr` in depthwise convolutions,
  /// is about what they do.
  func pieces(work: Int, _ kernel: UnsafePointer<kernel>) -> Pieces {
    let (nr, kr) = (Int(kernel.pointee.nr), Int(kernel.pointee.kr))
    return pieces(work: work, perCycle: kernel.pointee.mr > 1 ? nr * kr : max(nr / 2, 1))
  }

  /// Pointers to all places of a window have to fit in a thread's workspace.
  func check(_ window: Window, of node: Node) throws(RuntimeError) {
    let most = 1 << 18
    guard window.height <= most / window.width else {
      throw .unsupportedNode(
        name: node.name, operation: node.op.name, expected: "a window of at most \(most) places",
        found: "\(window.height) x \(window.width)")
    }
  }
}

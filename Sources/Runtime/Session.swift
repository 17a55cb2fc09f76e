import Format
import Kernels

/// What a session may be told; everything else follows from the model and the machine.
public struct SessionOptions: Sendable {
  /// Threads that share the work, 1 to `SessionOptions.mostThreads`; nil for as many as this process may use CPUs.
  public var threads: Int?
  /// The instruction set; nil for what `EDGERUN_ISA` says, or else the CPU's best.
  public var isa: ISA?
  /// Whether every tensor of the graph is computed, for `run(observing:)` to see. Otherwise those that only the next node
  /// needs may be left out, which is faster.
  public var computesEveryTensor: Bool
  /// Whether weights are kept to the size that they have in the graph, where other layouts would be faster: convolutions
  /// 3×3 by Winograd's tiles take four times that in f32, eight times in s8.
  /// And whether tensors are handed on in lines where that saves memory only, not time.
  public var savesMemory: Bool
  /// Whether 3×3 convolutions go by Winograd's tiles; nil for where that pays. To compare: see `KernelComparison`.
  var usesWinograd: Bool?
  /// Whether nodes hand lines to each other (`LinePipeline`); nil for where that pays.
  var usesPipelines: Bool?
  /// Whether neighbouring pixels of few channels are computed as one where that pays.
  var groupsPixels = true
  /// Cycles of work that handing out a piece of it is worth, about half a microsecond. Tests lower it, so that small
  /// networks are split too.
  var smallestPiece = 2048

  public init(
    threads: Int? = nil, isa: ISA? = nil, computesEveryTensor: Bool = false, savesMemory: Bool = false
  ) {
    self.threads = threads
    self.isa = isa
    self.computesEveryTensor = computesEveryTensor
    self.savesMemory = savesMemory
  }

  public static let mostThreads = 256
}

/// A model made ready to run on this machine: kernels chosen, weights packed, memory placed.
///
/// ```swift
/// let session = try Session(Model(path: "lenet5.int8.bin"))
/// try session.setInput(0, pixels)
/// session.run()
/// let scores = session.output(0).bindMemory(to: Float.self)
/// ```
///
/// What the graph keeps between runs (`Graph.states`) is zero at first and after `resetStates()`. A new sequence begins so.
///
/// After `init` nothing allocates and nothing can fail. Results are the same for every number of threads; those of
/// int8 models also for every instruction set. A session is for one thread at a time; two sessions may run side by side.
public final class Session {
  /// The graph in canonical form; tensor indices of this class mean its tensors.
  public let graph: Graph
  public let plan: Plan
  let selfTestVector: SelfTest?
  let steps: [Step]
  let stepsOfNode: [Range<Int>]
  let chains: [ChainSteps]
  let workers: Workers
  private let arena: AlignedMemory
  private let offsets: [Int?]
  /// Tensors that have no bytes, because one step does the work of two nodes.
  private let fused: Set<TensorIndex>
  /// The values of states on their way from outputs to inputs.
  private let carriedStates: AlignedMemory

  /// - Parameter model: one that was read from a file, or whose graph passes `Graph.verify()`.
  /// - Throws: `RuntimeError` for an instruction set or a number of threads that cannot be had, or too little memory.
  public init(_ model: Model, options: SessionOptions = SessionOptions()) throws(RuntimeError) {
    let isa: ISA
    if let wanted = options.isa { isa = try ISA(named: wanted.name) } else { isa = try ISA.fromEnvironment() }
    let threads = options.threads ?? min(Int(thread_pool_available_processors()), SessionOptions.mostThreads)
    guard 1...SessionOptions.mostThreads ~= threads else {
      throw .invalidThreadCount(found: threads, maximum: SessionOptions.mostThreads)
    }
    graph = model.graph.simplified()
    selfTestVector = model.selfTest
    // Packed weights go by the nodes of the file's graph, which are those of the simplified one if none has gone.
    let packed = graph.nodes.count == model.graph.nodes.count ? model.packed : nil
    let lowering = try Lowering(
      graph, packed: packed, isa: isa, threads: threads, options: options)
    chains = lowering.chains
    fused = lowering.chains.reduce(into: lowering.unwritten.union(lowering.interleaved)) {
      $0.formUnion($1.chain.inner)
    }
    let memory = MemoryPlan(
      sizes: lowering.sizes, inputs: graph.inputs, outputs: graph.outputs, steps: lowering.uses)
    plan = Plan(lowering, memory: memory)
    arena = try AlignedMemory(count: memory.arenaBytes)
    var stateBytes = 0
    for state in graph.states { stateBytes += graph.tensors[state.input].byteCount }
    carriedStates = try AlignedMemory(count: stateBytes)
    offsets = memory.offsets
    steps = lowering.steps
    stepsOfNode = lowering.stepsOfNode
    // Only the threads left to start can fail now; a session of one thread starts none.
    workers = try Workers(count: threads)
    arena.fill(0)
    for step in steps {
      step.bind { [arena, offsets] in arena.base + offsets[$0]! }
    }
  }

  /// Computes the outputs from the inputs. Inputs keep their values, but for those of states, which take those of the
  /// states' outputs.
  public func run() {
    for step in steps { step.execute(on: workers) }
    carryStates()
  }

  /// Makes all states zero: what comes next is a new sequence.
  public func resetStates() {
    for state in graph.states {
      let bytes = bytes(of: state.input)
      bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  /// The bytes of a state's input.
  func stateInput(_ state: State) -> UnsafeMutableRawBufferPointer { bytes(of: state.input) }

  /// In two copies, because an output may be an input under another name.
  private func carryStates() {
    var place = carriedStates.base
    for state in graph.states {
      let source = bytes(of: state.output)
      place.copyMemory(from: source.baseAddress!, byteCount: source.count)
      place += source.count
    }
    place = carriedStates.base
    for state in graph.states {
      let target = bytes(of: state.input)
      target.baseAddress!.copyMemory(from: place, byteCount: target.count)
      place += target.count
    }
  }

  /// Like `run()`, calling `observe` with each tensor as soon as it has its value: the graph's inputs, then each node's
  /// outputs. The bytes are valid during the call only, because later tensors take their place. Only with
  /// `SessionOptions.computesEveryTensor` is none left out.
  public func run(observing observe: (TensorIndex, UnsafeRawBufferPointer) -> Void) {
    for input in graph.inputs { observe(input, UnsafeRawBufferPointer(bytes(of: input))) }
    for (node, range) in zip(graph.nodes, stepsOfNode) {
      for step in steps[range] { step.execute(on: workers) }
      for output in node.outputs where !fused.contains(output) {
        observe(output, UnsafeRawBufferPointer(bytes(of: output)))
      }
    }
    carryStates()
  }

  /// The bytes of graph input `index`, to be written before `run`: elements in the tensor's type, shape and quantization.
  public func input(_ index: Int) -> UnsafeMutableRawBufferPointer { bytes(of: graph.inputs[index]) }

  /// The bytes of graph output `index`, valid until the next run or the session's end.
  public func output(_ index: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes(of: graph.outputs[index])) }

  /// Writes graph input `index`.
  ///
  /// - Throws: `RuntimeError.wrongInput` if there is no such input, or its element type or number is another.
  public func setInput(_ index: Int, _ values: [Float]) throws(RuntimeError) {
    try set(index, type: .f32, values)
  }

  /// Writes graph input `index`, an s8 tensor.
  ///
  /// - Throws: `RuntimeError.wrongInput` if there is no such input, or its element type or number is another.
  public func setInput(_ index: Int, _ values: [Int8]) throws(RuntimeError) {
    try set(index, type: .s8, values)
  }

  private func set<Element: BitwiseCopyable>(
    _ index: Int, type: ElementType, _ values: [Element]
  ) throws(RuntimeError) {
    guard graph.inputs.indices ~= index else {
      throw .wrongInput(index: index, expected: "an index below \(graph.inputs.count)", found: "\(index)")
    }
    let tensor = graph.tensors[graph.inputs[index]]
    guard tensor.type == type, tensor.count == values.count else {
      throw .wrongInput(
        index: index, expected: "\(tensor.count) elements of \(tensor.type.name)",
        found: "\(values.count) of \(type.name)")
    }
    let target = input(index)
    values.withUnsafeBytes { target.copyMemory(from: $0) }
  }

  /// The bytes of an activation.
  private func bytes(of tensor: TensorIndex) -> UnsafeMutableRawBufferPointer {
    // An input that no node reads has a place too: inputs live to the end.
    UnsafeMutableRawBufferPointer(start: arena.base + offsets[tensor]!, count: graph.tensors[tensor].byteCount)
  }
}

import Format
import Kernels

/// Nodes that a `LinePipeline` computes: each reads what the one before it gives, and nobody else does.
struct LineChain {
  /// Stages, in order.
  let nodes: [Int]
  /// What they hand to each other: the results of all but the last.
  let inner: [TensorIndex]
  /// Pieces of the last one's lines that threads may share.
  let pieces: Pieces
}

/// A chain as it is being lowered.
struct ChainSteps {
  let chain: LineChain
  private(set) var stages: [LineStep] = []
  private var reads: [ValueIndex] = []
  private var writes: [ValueIndex] = []
  private var scratch: [ValueIndex] = []
  private var sharing = MemoryUse.Sharing.none
  /// What computes all stages, once the last is there.
  var pipeline: LinePipeline?

  init(_ chain: LineChain) { self.chain = chain }

  /// Adds the next stage.
  mutating func append(_ step: LineStep, _ use: MemoryUse) {
    stages.append(step)
    reads += use.reads.filter { !chain.inner.contains($0) }
    writes = use.writes
    scratch += use.scratch
    sharing = use.sharing
  }

  /// What the pipeline reads and writes. Only the last stage can write over an operand, which is then the last of all.
  func use(workspace: ValueIndex) -> MemoryUse {
    MemoryUse(reads: reads, writes: writes, scratch: scratch + [workspace], sharing: sharing)
  }
}

/// A node as a stage of a chain.
private struct LineStage {
  let node: Int
  let window: Window
  let multiplyAccumulates: Double
  let weightBytes: Int
  /// What is written when sums and activations behind the node are its own.
  let result: TensorIndex
  /// Whether it takes its input line by line.
  let canFollow: Bool
}

// The cost model. A tensor that goes through a pipeline is neither written to memory nor read from there. That saves
// nothing while it stays in the second-level cache anyway; beyond, about 20 µs for each megabyte (docs/performance.md). It
// costs, for each line or few lines, a pass over the weights of all stages, which must therefore stay in cache together,
// and, for each thread but one, the lines at the edge of its share that the thread before makes too.
extension LineChain {
  /// A tensor of fewer bytes stays in the second-level cache with what is read and written beside it: it goes through lines
  /// only to save the arena its bytes.
  fileprivate static let leastBytes = 3 << 18
  fileprivate static let leastSavedBytes = 1 << 16
  /// Weights of all stages, which have to stay in the second-level cache.
  fileprivate static let mostWeightBytes = 1 << 17
  /// Lines of all stages, which should stay there too.
  fileprivate static let mostRingBytes = 3 << 17
  /// Work done twice where shares of threads meet, as a part of the whole work.
  fileprivate static let allowedRepetition = 0.1
  /// Stages call each other for lines (`LinePipeline.make`): their number is a depth of a thread's stack, which no file may
  /// choose. Networks have a tenth of it.
  fileprivate static let mostStages = 64
}

extension Lowering {
  /// The chains of the graph, none of which shares a node with another.
  func lineChains() -> [LineChain] {
    guard fuses, options.usesPipelines != false else { return [] }
    var chains: [LineChain] = []
    var isTaken = [Bool](repeating: false, count: graph.nodes.count)
    for index in graph.nodes.indices where !isTaken[index] {
      guard let first = lineStage(index) else { continue }
      var stages = [first]
      while let next = stage(after: stages) { stages.append(next) }
      guard stages.count > 1 else { continue }
      for stage in stages { isTaken[stage.node] = true }
      chains.append(
        LineChain(
          nodes: stages.map { $0.node }, inner: stages.dropLast().map { $0.result },
          pieces: pieces(work: Int(min(Lowering.work(of: stages).all, 1e9)))))
    }
    return chains
  }

  /// The stage that can take over the result of the last one, if that pays.
  private func stage(after stages: [LineStage]) -> LineStage? {
    let result = stages[stages.count - 1].result
    guard stages.count < LineChain.mostStages, let reader = onlyReader(of: result),
      graph.nodes[reader].inputs[0] == result,
      let next = lineStage(reader), next.canFollow
    else { return nil }
    if options.usesPipelines == true { return next }
    let all = stages + [next]
    let least = options.savesMemory ? LineChain.leastSavedBytes : LineChain.leastBytes
    guard graph.tensors[result].byteCount >= least,
      all.reduce(0, { $0 + $1.weightBytes }) <= LineChain.mostWeightBytes,
      ringBytes(all) <= LineChain.mostRingBytes
    else { return nil }
    let (work, repeated) = Lowering.work(of: all)
    return Double(threads - 1) * repeated <= LineChain.allowedRepetition * work ? next : nil
  }

  /// Bytes of the lines that stages hand on, if the last one makes a line at a time.
  private func ringBytes(_ stages: [LineStage]) -> Int {
    var (lines, bytes) = (1, 0)
    for (stage, next) in zip(stages, stages.dropFirst()).reversed() {
      let window = next.window
      lines = min((lines - 1) * window.strideHeight + window.seenLines, window.inputHeight)
      bytes += lines * (graph.tensors[stage.result].byteCount / window.inputHeight)
    }
    return bytes
  }

  /// nil for a node that works on whole tensors.
  private func lineStage(_ index: Int) -> LineStage? {
    let node = graph.nodes[index]
    let input = graph.tensors[node.inputs[0]]
    guard input.shape.count == 4, input.shape[0] == 1 else { return nil }
    let window: Window
    let canFollow: Bool
    var result = node.outputs[0]
    switch node.op {
    case .conv2D(let op):
      let shape = productShape(op, node)
      let weights = graph.tensors[node.inputs[1]]
      guard input.type == weights.type, winogradTilings[index] == nil else { return nil }
      (window, canFollow) = (shape.window, shape.window.isPointwise)
      result = residualSums[result]?.output ?? result
      result = fusedMap(of: result)?.output ?? result
    case .depthwiseConv2D(let op):
      let weights = graph.tensors[node.inputs[1]]
      guard input.type == weights.type, weights.shape[2] == input.shape[3] else { return nil }
      window = Window(
        op, input: input.shape, output: graph.tensors[result].shape, height: weights.shape[0], width: weights.shape[1])
      canFollow = true
      result = fusedMap(of: result)?.output ?? result
    case .maxPool2D(let op), .averagePool2D(let op):
      window = Window(op, input: input.shape, output: graph.tensors[result].shape)
      canFollow = true
    case .dense, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm, .reshape, .quantize,
      .dequantize, .lookup, .lookupSoftmax, .embedding, .recurrent, .slice, .transposedConv2D, .resize:
      return nil
    }
    let weightBytes = node.inputs.dropFirst().reduce(0) { $0 + graph.tensors[$1].byteCount }
    let reads = Double(window.pixels) * Double(window.height) * Double(window.width)
    let work = max(Double(graph.multiplyAccumulates(of: node)), reads)
    return LineStage(
      node: index, window: window, multiplyAccumulates: work, weightBytes: weightBytes, result: result,
      canFollow: canFollow)
  }

  /// Multiply-accumulates of a pipeline, and those that are repeated where one thread's share ends and another's begins.
  private static func work(of stages: [LineStage]) -> (all: Double, repeated: Double) {
    var (all, repeated, lines) = (0.0, 0.0, 0.0)
    for stage in stages.reversed() {
      all += stage.multiplyAccumulates
      repeated += stage.multiplyAccumulates / Double(stage.window.outputHeight) * lines
      let stride = stage.window.strideHeight
      lines = lines * Double(stride) + Double(max(stage.window.seenLines - stride, 0))
    }
    return (all, repeated)
  }
}

import Format

/// What a session will do, for people and tools: one entry per node of the simplified graph, and the memory it takes.
public struct Plan: Sendable {
  public struct Node: Sendable {
    public let name: String
    /// The operator's name, as "conv2d".
    public let operation: String
    /// Shapes of the activations that go in, constants not among them.
    public let inputShapes: [[Int]]
    public let outputShape: [Int]
    public let outputType: ElementType
    /// What the kernel multiplies by; nil without weights.
    public let weightType: ElementType?
    /// The micro-kernel that does most of the work; "-" where there is nothing to do.
    public let kernel: String
    /// Output pixels that the kernel computes as one.
    public let pixels: Int
    /// Elements of weights, biases and tables.
    public let parameters: Int
    /// Of one run.
    public let multiplyAccumulates: Int
    /// Where the output lies in the arena, in bytes; nil where it never lies there as a whole, because the next nodes take
    /// it line by line (`LinePipeline`). One that a concat joins with others may have its rows apart, from here on.
    public let arenaOffset: Int?
    public let outputBytes: Int
  }

  public let nodes: [Node]
  /// Nodes, by their index, that are computed together line by line (`LinePipeline`).
  public let chains: [[Int]]
  /// The instruction set that kernels were chosen for.
  public let isa: ISA
  public let threads: Int
  /// Bytes of all activations and scratch buffers together.
  public let arenaBytes: Int
  /// Bytes of weights in the kernels' layouts.
  public let packedWeightBytes: Int
  /// Those of them that lie in the model file as they are.
  public let fileWeightBytes: Int

  public var parameters: Int { nodes.reduce(0) { $0 + $1.parameters } }

  /// Of one run; at most `Int.max`, which a large network reaches where `Int` has 32 bits.
  public var multiplyAccumulates: Int {
    Int(clamping: nodes.reduce(Int64(0)) { $0 + Int64($1.multiplyAccumulates) })
  }
}

extension Plan {
  init(_ lowering: Lowering, memory: MemoryPlan) {
    let graph = lowering.graph
    nodes = graph.nodes.enumerated().map { index, node in
      let output = graph.tensors[node.outputs[0]]
      // The last step of a node is the one that the others prepare.
      let steps = lowering.steps(of: index)
      return Node(
        name: node.name, operation: node.op.name,
        inputShapes: node.inputs.filter { graph.tensors[$0].constant == nil }.map { graph.tensors[$0].shape },
        outputShape: output.shape, outputType: output.type,
        weightType: node.inputs.map { graph.tensors[$0] }.first { $0.constant != nil }?.type,
        kernel: steps.last?.kernelName ?? "-",
        pixels: steps.compactMap { $0.weights.map { Int($0.layout.pixels) } }.last ?? 1,
        parameters: graph.parameterCount(of: node), multiplyAccumulates: graph.multiplyAccumulates(of: node),
        arenaOffset: memory.offsets[node.outputs[0]], outputBytes: output.byteCount)
    }
    chains = lowering.chains.map { $0.chain.nodes }
    isa = lowering.isa
    threads = lowering.threads
    arenaBytes = memory.arenaBytes
    packedWeightBytes = lowering.steps.reduce(0) { $0 + $1.packedBytes }
    fileWeightBytes = graph.nodes.indices.reduce(0) { sum, node in
      lowering.steps(of: node).reduce(sum) { $0 + ($1.weights.map { $0.isFromFile ? $0.count : 0 } ?? 0) }
    }
  }
}

import Format
import Platform

/// How fast one node of a model is with each kernel and layout that could take it.
public struct KernelChoice: Sendable {
  public struct Candidate: Sendable {
    public let kernel: String
    /// Output pixels computed as one (`PixelGroup`).
    public let pixels: Int
    /// The least of all runs, with what its step computes of the nodes behind it in one session and a step of their own does
    /// in another.
    public let nanoseconds: UInt64
  }

  /// Index of the node in the plan.
  public let node: Int
  /// What sessions do.
  public let pick: Candidate
  /// What else there is.
  public let others: [Candidate]

  /// How much longer the pick takes than the best: 0 for the best itself.
  public var loss: Double {
    let best = others.reduce(pick.nanoseconds) { min($0, $1.nanoseconds) }
    return Double(pick.nanoseconds) / Double(max(best, 1)) - 1
  }
}

/// How fast nodes are that hand lines to each other, and how fast they would be one by one.
public struct ChainChoice: Sendable {
  /// Indices of the nodes in the plan.
  public let nodes: [Int]
  /// The sums of the nodes' least times.
  public let nanoseconds: UInt64
  public let apartNanoseconds: UInt64

  /// How much longer than one by one they take: 0 where they do not.
  public var loss: Double { max(Double(nanoseconds) / Double(max(apartNanoseconds, 1)) - 1, 0) }
}

/// Runs a model with every instruction set and every layout, in turns, and compares what its nodes take.
public struct KernelComparison {
  /// Of what sessions do.
  public let plan: Plan
  /// For each node that has a kernel.
  public let choices: [KernelChoice]
  /// For each chain of the plan.
  public let chains: [ChainChoice]

  /// - Parameters:
  ///   - make: makes a session of the model with the options given; one thread.
  ///   - seconds: how long to measure.
  /// - Throws: what `make` throws.
  public init<Failure: Error>(
    isa: ISA, seconds: Double, make: (SessionOptions) throws(Failure) -> Session
  ) throws(Failure) {
    let usual = SessionOptions(threads: 1, isa: isa)
    var (tiles, products, singlePixels, singleNodes) = (usual, usual, usual, usual)
    tiles.usesWinograd = true
    products.usesWinograd = false
    singlePixels.groupsPixels = false
    singleNodes.usesPipelines = false
    var sessions: [Session] = []
    for options in [usual, tiles, products, singlePixels] { sessions.append(try make(options)) }
    for other in ISA.supported where other != isa && isa.includes(other) {
      sessions.append(try make(SessionOptions(threads: 1, isa: other)))
    }
    plan = sessions[0].plan
    let ofNodes = sessions.count
    if !plan.chains.isEmpty {
      for options in [usual, singleNodes] { sessions.append(try make(options)) }
    }
    // Chains of the last two are not divided among their nodes: reading the clock for each line would count.
    let least = KernelComparison.leastTimes(sessions, seconds: seconds, dividesChains: 0..<ofNodes)
    chains = plan.chains.map { nodes in
      ChainChoice(
        nodes: nodes, nanoseconds: nodes.reduce(0) { $0 + least[ofNodes][$1] },
        apartNanoseconds: nodes.reduce(0) { $0 + least[ofNodes + 1][$1] })
    }
    let owners = sessions[0].owners
    var choices: [KernelChoice] = []
    for (index, node) in plan.nodes.enumerated() where node.kernel != "-" {
      let together = owners.indices.filter { owners[$0] == index }
      var candidates: [KernelChoice.Candidate] = []
      for (session, times) in zip(sessions[..<ofNodes], least) {
        let node = session.plan.nodes[index]
        // Part of another node's step there: its time is none of its own.
        guard node.kernel != "-" else { continue }
        let time = together.reduce(0) { $0 + times[$1] }
        if let known = candidates.firstIndex(where: { $0.kernel == node.kernel && $0.pixels == node.pixels }) {
          // The same again: another chance for a run that nothing disturbs.
          let least = min(candidates[known].nanoseconds, time)
          candidates[known] = .init(kernel: node.kernel, pixels: node.pixels, nanoseconds: least)
        } else {
          candidates.append(.init(kernel: node.kernel, pixels: node.pixels, nanoseconds: time))
        }
      }
      choices.append(KernelChoice(node: index, pick: candidates[0], others: Array(candidates.dropFirst())))
    }
    self.choices = choices
  }

  /// The least time of each node in each session. Sessions run in turns, so that what else the machine does meets all.
  ///
  /// - Parameter dividesChains: sessions whose pipelines' times are divided among their nodes.
  private static func leastTimes(
    _ sessions: [Session], seconds: Double, dividesChains: Range<Int>
  ) -> [[UInt64]] {
    var least = sessions.map { session in session.plan.nodes.map { _ in UInt64.max } }
    let end = platform_monotonic_nanoseconds() + UInt64(seconds * 1e9)
    repeat {
      for (number, session) in sessions.enumerated() {
        let times = session.profile(runs: 1, dividesChains: dividesChains.contains(number))
        for (node, time) in times.enumerated() {
          least[number][node] = min(least[number][node], time)
        }
      }
    } while platform_monotonic_nanoseconds() < end
    return least
  }
}

extension Session {
  /// For each node the one whose step computes it: itself, but for sums and functions that the node before makes too.
  var owners: [Int] {
    var producers = [Int?](repeating: nil, count: graph.tensors.count)
    var owners: [Int] = []
    for (index, node) in graph.nodes.enumerated() {
      // The later of two operands is the product that makes the sum.
      let before = node.inputs.reduce(-1) { max($0, producers[$1] ?? -1) }
      owners.append(plan.nodes[index].kernel == "-" && before >= 0 ? owners[before] : index)
      for output in node.outputs { producers[output] = index }
    }
    return owners
  }
}

import Format
import Platform

extension Session {
  /// Nanoseconds that each node took: the median of `runs` runs, one entry per entry of `plan.nodes`.
  ///
  /// The time of a pipeline is divided among its nodes as the times of its stages are. Reading the clock adds some 50 ns per
  /// node, and for stages of a pipeline per line; `run()` itself never does.
  ///
  /// - Parameter dividesChains: false for all of a pipeline's time to be its last node's, without reading the clock in it.
  public func profile(runs: Int, dividesChains: Bool = true) -> [UInt64] {
    let chains = dividesChains ? chains : []
    var samples = graph.nodes.map { _ in [UInt64]() }
    for chain in chains { chain.pipeline!.isTimed = true }
    defer { for chain in chains { chain.pipeline!.isTimed = false } }
    for _ in 0..<max(runs, 1) {
      var before = platform_monotonic_nanoseconds()
      for (node, range) in stepsOfNode.enumerated() {
        for step in steps[range] { step.execute(on: workers) }
        let now = platform_monotonic_nanoseconds()
        samples[node].append(now - before)
        before = now
      }
      for chain in chains {
        let times = chain.pipeline!.takeTimes()
        let sum = max(times.reduce(0, +), 1)
        let last = chain.chain.nodes.count - 1
        let run = samples[0].count - 1
        let whole = samples[chain.chain.nodes[last]][run]
        for (node, time) in zip(chain.chain.nodes, times) {
          samples[node][run] = UInt64(Double(whole) * Double(time) / Double(sum))
        }
      }
    }
    return samples.map { times in times.sorted()[times.count / 2] }
  }
}

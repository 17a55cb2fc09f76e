import Format
import Platform

extension Session {
  /// Nanoseconds that each node took: the median of `runs` runs, one entry per entry of `plan.nodes`.
  ///
  /// Reading the clock adds some 50 ns per node; `run()` itself never does.
  public func profile(runs: Int) -> [UInt64] {
    var samples = graph.nodes.map { _ in [UInt64]() }
    for _ in 0..<max(runs, 1) {
      var before = platform_monotonic_nanoseconds()
      for (node, range) in stepsOfNode.enumerated() {
        for step in steps[range] { step.execute(on: workers) }
        let now = platform_monotonic_nanoseconds()
        samples[node].append(now - before)
        before = now
      }
    }
    return samples.map { times in times.sorted()[times.count / 2] }
  }
}

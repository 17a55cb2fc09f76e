/// Which part of the examples a process has, of several that share them evenly.
struct RankShare: Sendable {
  var rank = 0
  var size = 1

  func part(of count: Int) -> Range<Int> {
    Shards.ranges(of: count, shares: [Int](repeating: 1, count: size))[rank]
  }
}

/// How the examples of a batch are divided.
enum Shards {
  /// 0..<count as ranges one after another, in the proportion of `shares` as near as whole examples allow; some may be
  /// empty. A function of its arguments: every process finds the same.
  ///
  /// - Parameter shares: not negative, and not all 0.
  static func ranges(of count: Int, shares: [Int]) -> [Range<Int>] {
    let total = shares.reduce(0, +)
    var before = 0
    return shares.map { share in
      let first = (count * before + total / 2) / total
      before += share
      return first..<((count * before + total / 2) / total)
    }
  }

  /// The largest range that part `index` can get of up to `count` examples.
  static func largest(of count: Int, shares: [Int], index: Int) -> Int {
    min(count, count * shares[index] / shares.reduce(0, +) + 1)
  }
}

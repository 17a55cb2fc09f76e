/// How an epoch's examples are chosen.
public enum Sampling: String, Sendable, CaseIterable {
  /// Each example once.
  case shuffled
  /// As many as there are, the same number of each class: examples of small classes come more than once, of large ones
  /// other examples are left out in each epoch.
  case balanced
}

/// The examples of an epoch in the order in which training takes them, a function of seed and epoch.
struct EpochOrder: Sendable {
  private let count: Int
  private let seed: UInt64
  /// The examples of each class that has any; nil if classes play no part.
  private let classes: [[Int]]?

  init(_ sampling: Sampling, classes: [Int32], seed: UInt64) {
    count = classes.count
    self.seed = seed
    switch sampling {
    case .shuffled: self.classes = nil
    case .balanced:
      var members: [Int32: [Int]] = [:]
      for (index, label) in classes.enumerated() { members[label, default: []].append(index) }
      self.classes = members.keys.sorted().map { members[$0]! }
    }
  }

  /// - Parameter epoch: from 1.
  func callAsFunction(epoch: Int) -> [Int] {
    var stream = RandomStream(seed: seed, .trainingOrder, number: epoch)
    let places = stream.permutation(of: count)
    guard let classes else { return places }
    var chosen: [Int] = []
    for (index, members) in classes.enumerated() {
      var share = count * (index + 1) / classes.count - count * index / classes.count
      var stream = RandomStream(seed: seed, .balancedSampling, number: epoch, index: index)
      while share > 0 {
        chosen += stream.permutation(of: members.count).prefix(share).map { members[$0] }
        share -= min(share, members.count)
      }
    }
    return places.map { chosen[$0] }
  }
}

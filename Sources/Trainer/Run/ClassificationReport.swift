/// How well a classifier did on labelled examples.
public struct ClassificationReport: Sendable {
  /// One name per class.
  public let labels: [String]
  /// Per example: the right class, and the one with the highest score.
  public let truths: [Int32]
  public let predictions: [Int32]
  /// Examples whose class is among the three highest scores.
  public let topThreeCount: Int
  /// `confusion[truth][prediction]`: number of examples.
  public let confusion: [[Int]]

  /// - Parameters:
  ///   - truths: at least one class, each in 0 ..< `labels.count`.
  ///   - scores: `labels.count` numbers per example. Of equal scores the lower class counts as the higher; NaN is
  ///     below every number.
  public init(labels: [String], truths: [Int32], scores: [Float]) {
    let classCount = labels.count
    precondition(!truths.isEmpty && scores.count == truths.count * classCount, "scores do not match the examples")
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: classCount), count: classCount)
    var predictions: [Int32] = []
    var topThreeCount = 0
    for (example, truth) in truths.enumerated() {
      let row = scores[(example * classCount)..<((example + 1) * classCount)].map { $0.isNaN ? -.infinity : $0 }
      let score = row[Int(truth)]
      // Its rank is the number of classes that come before it.
      let rank = row.indices.count { row[$0] > score || (row[$0] == score && $0 < Int(truth)) }
      if rank < 3 { topThreeCount += 1 }
      var best = 0
      for index in 1..<max(classCount, 1) where row[index] > row[best] { best = index }
      predictions.append(Int32(best))
      confusion[Int(truth)][best] += 1
    }
    self.labels = labels
    self.truths = truths
    self.predictions = predictions
    self.topThreeCount = topThreeCount
    self.confusion = confusion
  }

  public var count: Int { truths.count }
  public var correct: Int { labels.indices.reduce(0) { $0 + confusion[$1][$1] } }
  public var accuracy: Double { Double(correct) / Double(count) }
  public var topThreeAccuracy: Double { Double(topThreeCount) / Double(count) }

  /// Standard error of the accuracy: √(p·(1 − p) / n), that of a binomial share.
  public var standardError: Double { (accuracy * (1 - accuracy) / Double(count)).squareRoot() }

  /// Of the examples taken for `label`, the share that are; nil if none was.
  public func precision(_ label: Int) -> Double? {
    let taken = confusion.reduce(0) { $0 + $1[label] }
    return taken == 0 ? nil : Double(confusion[label][label]) / Double(taken)
  }

  /// Of the examples of `label`, the share that were recognized; nil if there is none.
  public func recall(_ label: Int) -> Double? {
    let all = confusion[label].reduce(0, +)
    return all == 0 ? nil : Double(confusion[label][label]) / Double(all)
  }
}

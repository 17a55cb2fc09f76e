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

  /// What several examples are called: "images", "tokens".
  public var noun = "images"

  /// What a classifier said of one example.
  public struct Decision: Equatable, Sendable {
    public let truth: Int32
    /// The class with the highest score.
    public let prediction: Int32
    /// Whether the right class is among the three highest scores.
    public let isAmongThree: Bool

    /// - Parameter scores: one per class. Of equal scores the lower class counts as the higher; NaN is below every number.
    public init(truth: Int32, scores: some RandomAccessCollection<Float>) {
      let row = scores.map { $0.isNaN ? -.infinity : $0 }
      let score = row[Int(truth)]
      // Its rank is the number of classes that come before it.
      let rank = row.indices.count { row[$0] > score || (row[$0] == score && $0 < Int(truth)) }
      var best = 0
      for index in row.indices where row[index] > row[best] { best = index }
      self.truth = truth
      prediction = Int32(best)
      isAmongThree = rank < 3
    }
  }

  /// - Parameters:
  ///   - truths: at least one class, each in 0 ..< `labels.count`.
  ///   - scores: `labels.count` numbers per example.
  public init(labels: [String], truths: [Int32], scores: [Float]) {
    let classCount = labels.count
    precondition(scores.count == truths.count * classCount, "scores do not match the examples")
    self.init(
      labels: labels,
      decisions: truths.enumerated().map { example, truth in
        Decision(truth: truth, scores: scores[(example * classCount)..<((example + 1) * classCount)])
      })
  }

  /// - Parameter decisions: at least one, of classes in 0 ..< `labels.count`.
  public init(labels: [String], decisions: [Decision]) {
    precondition(!decisions.isEmpty, "no examples")
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: labels.count), count: labels.count)
    for decision in decisions { confusion[Int(decision.truth)][Int(decision.prediction)] += 1 }
    self.labels = labels
    self.confusion = confusion
    truths = decisions.map(\.truth)
    predictions = decisions.map(\.prediction)
    topThreeCount = decisions.count { $0.isAmongThree }
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

/// How much the examples of each class count in the training loss.
public enum ClassWeights: Equatable, Sendable {
  case equal
  /// Each class as much as every other, however many examples it has: proportional to 1 / examples of the class.
  case balanced
  /// One positive weight per class; only their ratios matter.
  case given([Float])

  /// The factor of each class's examples, scaled so that its mean over all examples is 1 and the learning rate keeps its
  /// meaning; nil if all are equal.
  ///
  /// - Parameter histogram: examples of each class; with given weights, as many classes as weights.
  public func factors(histogram: [Int]) -> [Float]? {
    let weights: [Double]
    switch self {
    case .equal: return nil
    case .balanced: weights = histogram.map { 1 / Double(max($0, 1)) }
    case .given(let given): weights = given.map(Double.init)
    }
    precondition(weights.count == histogram.count, "weights of \(weights.count) classes for \(histogram.count)")
    let sum = zip(weights, histogram).reduce(0) { $0 + $1.0 * Double($1.1) }
    return weights.map { Float($0 * Double(histogram.reduce(0, +)) / sum) }
  }
}

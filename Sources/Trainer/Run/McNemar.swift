import Foundation

/// McNemar's test on two classifiers that saw the same examples (McNemar 1947): only the examples on which one is right
/// and the other wrong tell them apart.
///
/// Accuracies of two models on 10,000 images each have an error of about ±0.3 points, but the images are the same: the
/// paired test sees differences far smaller than that.
public struct McNemar: Equatable, Sendable {
  /// Examples that only the first, and only the second, classified right.
  public let onlyFirst: Int
  public let onlySecond: Int

  public init(onlyFirst: Int, onlySecond: Int) {
    self.onlyFirst = onlyFirst
    self.onlySecond = onlySecond
  }

  /// - Precondition: both reports are of the same examples.
  public init(_ first: ClassificationReport, _ second: ClassificationReport) {
    precondition(first.truths == second.truths, "reports of different examples")
    let pairs = zip(first.truths, zip(first.predictions, second.predictions))
    self.init(
      onlyFirst: pairs.count { truth, found in found.0 == truth && found.1 != truth },
      onlySecond: pairs.count { truth, found in found.0 != truth && found.1 == truth })
  }

  /// From whether each example was right.
  ///
  /// - Precondition: both are of the same examples.
  public init(_ first: [Bool], _ second: [Bool]) {
    precondition(first.count == second.count, "reports of different examples")
    let pairs = zip(first, second)
    self.init(onlyFirst: pairs.count { $0 && !$1 }, onlySecond: pairs.count { !$0 && $1 })
  }

  /// The probability of a split at least as uneven if both were equally good: the exact two-sided binomial test,
  /// 2 · P(X ≤ min) with X ~ B(n, ½), at most 1.
  public var pValue: Double {
    let number = onlyFirst + onlySecond
    let fewer = min(onlyFirst, onlySecond)
    let total = lgamma(Double(number) + 1) - Double(number) * log(2)
    let tail = (0...fewer).reduce(0.0) { sum, hits in
      sum + exp(total - lgamma(Double(hits) + 1) - lgamma(Double(number - hits) + 1))
    }
    return min(1, 2 * tail)
  }
}

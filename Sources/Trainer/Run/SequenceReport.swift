import Foundation

/// How well a model did on test examples of a task over sequences.
public struct SequenceReport: Equatable, Sendable {
  /// Per test example, whether its every label was told right, or its answer is the expected text; empty for a running
  /// text.
  public var isExact: [Bool] = []
  /// Labels: tags, tokens of a running text, or tokens of expected answers with the end of each.
  public var labels = 0
  /// Labels with the highest probability; of an answer, each told from the expected tokens before it.
  public var correct = 0
  /// −Σ ln p of the labels.
  public var lossSum = 0.0

  public init() {}

  /// Test examples.
  public var examples: Int { isExact.count }
  public var exact: Int { isExact.count { $0 } }
  public var exactShare: Double { Double(exact) / Double(max(examples, 1)) }
  public var accuracy: Double { Double(correct) / Double(max(labels, 1)) }
  /// e to the mean loss: among so many equally likely tokens the model is undecided.
  public var perplexity: Double { exp(lossSum / Double(max(labels, 1))) }

  /// Standard error of `exactShare`: √(p·(1 − p) / n), that of a binomial share.
  public var standardError: Double { (exactShare * (1 - exactShare) / Double(max(examples, 1))).squareRoot() }

  /// Counts a label.
  ///
  /// - Parameter logarithm: ln p of it.
  public mutating func add(isCorrect: Bool, logarithm: Double) {
    labels += 1
    correct += isCorrect ? 1 : 0
    lossSum -= logarithm
  }

  /// Adds what `other` has counted, its examples behind these.
  public mutating func append(_ other: SequenceReport) {
    isExact += other.isExact
    labels += other.labels
    correct += other.correct
    lossSum += other.lossSum
  }
}

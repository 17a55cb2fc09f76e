import Foundation

/// How well a model did on test examples of a task over sequences.
public struct SequenceReport: Equatable, Sendable {
  /// Test examples.
  public var examples = 0
  /// Examples whose every label was told right: of answers, those that are the expected text; 0 for a running text.
  public var exact = 0
  /// Labels: tags, or tokens of a running text; 0 for answers, which may have another length than the expected ones.
  public var labels = 0
  public var correct = 0
  /// −Σ ln p of the labels.
  public var lossSum = 0.0

  public init() {}

  public var exactShare: Double { Double(exact) / Double(max(examples, 1)) }
  public var accuracy: Double { Double(correct) / Double(max(labels, 1)) }
  /// e to the mean loss: among so many equally likely tokens the model is undecided.
  public var perplexity: Double { exp(lossSum / Double(max(labels, 1))) }

  public static func + (a: SequenceReport, b: SequenceReport) -> SequenceReport {
    var sum = a
    sum.examples += b.examples
    sum.exact += b.exact
    sum.labels += b.labels
    sum.correct += b.correct
    sum.lossSum += b.lossSum
    return sum
  }
}

import Vision

/// An example that a classifier took for another class.
public struct Mistake: Equatable, Sendable {
  /// Which example.
  public let index: Int
  public let truth: Int
  public let answer: Int
  /// The answer's score: its probability, if the network ends in a softmax.
  public let confidence: Float

  /// The mistakes that the classifier was surest of, the surest first.
  ///
  /// - Parameters:
  ///   - report: of the same examples.
  ///   - scores: one per class for each example, as `report` was made from.
  public static func worst(_ count: Int, of report: ClassificationReport, scores: [Float]) -> [Mistake] {
    let classCount = report.labels.count
    let all = report.truths.indices.compactMap { index -> Mistake? in
      let (truth, answer) = (Int(report.truths[index]), Int(report.predictions[index]))
      guard truth != answer else { return nil }
      return Mistake(index: index, truth: truth, answer: answer, confidence: scores[index * classCount + answer])
    }
    // Of equally sure ones the first: `sorted` is stable.
    return Array(all.sorted { $0.confidence > $1.confidence }.prefix(count))
  }
}

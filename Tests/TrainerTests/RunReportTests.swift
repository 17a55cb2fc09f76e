import Testing

@testable import Trainer

@Suite struct RunReportTests {
  // Five examples, four classes.
  let report = ClassificationReport(
    labels: ["a", "b", "c", "d"], truths: [0, 1, 1, 3, 2],
    scores: [
      0.7, 0.1, 0.1, 0.1,
      0.5, 0.4, 0.1, 0,
      0.1, 0.6, 0.2, 0.1,
      0.4, 0.3, 0.2, 0.1,
      0.25, 0.25, 0.25, 0.25,
    ])

  @Test func countsWhatWasRight() {
    #expect(report.predictions == [0, 0, 1, 0, 0])
    #expect(report.correct == 2)
    #expect(report.accuracy == 0.4)
    #expect(abs(report.standardError - (0.24 / 5).squareRoot()) < 1e-15)
    // The fourth example's class is the last of four; the fifth's is third of equals.
    #expect(report.topThreeAccuracy == 0.8)
  }

  @Test func confusionPrecisionAndRecall() {
    #expect(report.confusion == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
    #expect(report.precision(0) == 0.25 && report.recall(0) == 1)
    #expect(report.precision(1) == 1 && report.recall(1) == 0.5)
    #expect(report.precision(2) == nil && report.recall(2) == 0)
  }

  @Test func notANumberIsNeverTheBest() {
    let report = ClassificationReport(
      labels: ["a", "b"], truths: [0, 1, 0], scores: [.nan, 0.1, 0.3, .nan, .nan, .nan])
    #expect(report.predictions == [1, 0, 0])
  }

  @Test func mcNemarCountsDisagreements() {
    func report(_ predictions: [Int]) -> ClassificationReport {
      ClassificationReport(
        labels: ["a", "b"], truths: [0, 0, 1, 1], scores: predictions.flatMap { [Float(1 - $0), Float($0)] })
    }
    #expect(McNemar(report([0, 1, 1, 1]), report([1, 0, 0, 1])) == McNemar(onlyFirst: 2, onlySecond: 1))
  }

  /// The tail by Pascal's triangle in integers, for every split of up to 40.
  @Test func pValuesAreTheBinomialTail() {
    var row = [1.0]
    for number in 0...40 {
      for first in 0...number {
        let tail = row[0...min(first, number - first)].reduce(0, +) / row.reduce(0, +)
        let found = McNemar(onlyFirst: first, onlySecond: number - first).pValue
        #expect(abs(found - min(1, 2 * tail)) < 1e-12, "\(first) of \(number)")
      }
      row = (0...(number + 1)).map { ($0 > 0 ? row[$0 - 1] : 0) + ($0 <= number ? row[$0] : 0) }
    }
  }
}

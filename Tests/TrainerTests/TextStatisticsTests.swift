import Format
import Foundation
import Testing

@testable import Trainer

@Suite struct TextStatisticsTests {
  @Test func countsTokensAndLengths() {
    let statistics = TextStatistics(["abba", "", "cab", "a"], unit: .characters)
    #expect(statistics.lengths == [0, 1, 3, 4])
    #expect(statistics.tokenCount == 8)
    #expect(statistics.tokens.map(\.text) == ["a", "b", "c"])
    #expect(statistics.tokens.map(\.count) == [4, 3, 1])
    #expect(statistics.length(ofShare: 0.5) == 1 && statistics.length(ofShare: 1) == 4)
    #expect(statistics.length(ofShare: 0.51) == 3)
    // Of four tokens d is new.
    #expect(TextStatistics(["dabc"], unit: .characters).unknownShare(without: statistics) == 0.25)
    #expect(TextStatistics(["One, two"], unit: .words).tokens.map(\.text) == [",", "one", "two"])
  }

  /// Every length is in one interval, whatever their number.
  @Test(arguments: [1, 2, 5, 12]) func histogramsHoldEveryText(intervals: Int) {
    let texts = [3, 3, 4, 9, 10, 17].map { String(repeating: "x", count: $0) }
    let histogram = TextStatistics(texts, unit: .characters).histogram(intervals: intervals)
    #expect(histogram.count <= intervals && histogram.reduce(0) { $0 + $1.texts } == 6)
    #expect(histogram.first?.lengths.lowerBound == 3 && histogram.last?.lengths.upperBound == 17)
    for (lengths, count) in histogram { #expect(count == texts.count { lengths.contains($0.count) }) }
    for (one, next) in zip(histogram, histogram.dropFirst()) {
      #expect(one.lengths.upperBound + 1 == next.lengths.lowerBound)
    }
  }

  /// What the listing says that a network needs makes one that takes the data.
  @Test(arguments: ["numbers", "dates"]) func theNetworkThatItNamesTakesTheData(name: String) throws {
    let texts = try SequenceTexts(#require(SequenceSource(name)))
    let needs = SequenceStatistics(texts).needs.map { $0.replacingOccurrences(of: "WIDTH", with: "4") }
    let layers =
      needs.count > 3
      ? [needs[0], needs[1], "e: gru 5", needs[2], needs[3], "gru 5 state from e", needs[4]]
      : [needs[0], needs[1], "gru 5", needs[2]]
    let data = try SequenceData(texts, for: SequenceShape(describe(layers.joined(separator: "\n"))))
    // No text is cut: every answer has its end, every character its tag.
    for index in 0..<data.train.count {
      let labels = data.train.labels[index].prefix { $0 >= 0 }
      if data.task == .answers {
        #expect(labels.last == Int32(SequenceData.endToken))
      } else {
        #expect(labels.count == texts.train[index].text.unicodeScalars.count)
      }
    }
    #expect(!data.train.tokens[0].values.prefix(4).contains(0))
  }
}

@Suite struct PrincipalPlaneTests {
  /// Points on a line in space, with a little along a second direction: both are found.
  @Test func findsTheDirections() {
    let (first, second): ([Double], [Double]) = ([0.6, 0, 0.8], [0, 1, 0])
    let coordinates: [(Double, Double)] = [(-4, 0.5), (-1, -1), (0, 0.25), (2, 0.75), (3, -0.5)]
    let values = coordinates.flatMap { a, b in (0..<3).map { Float(7 + a * first[$0] + b * second[$0]) } }
    let plane = PrincipalPlane(values, columns: 3)
    #expect(plane.shares[0] > 0.9 && abs(plane.shares[0] + plane.shares[1] - 1) < 1e-6)
    // Projections keep distances: nothing lies outside the plane.
    for (i, a) in coordinates.enumerated() {
      for (j, b) in coordinates.enumerated() {
        let expected = ((a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)).squareRoot()
        let (p, q) = (plane.points[i], plane.points[j])
        #expect(abs(((p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y)).squareRoot() - expected) < 1e-4)
      }
    }
  }

  @Test func equalRowsAreOnePoint() {
    let plane = PrincipalPlane([1, 2, 1, 2, 1, 2], columns: 2)
    #expect(plane.points.allSatisfy { $0.x == 0 && $0.y == 0 } && plane.shares == [0, 0])
  }
}

@Suite struct SequenceReportTests {
  @Test func addsUp() {
    var one = SequenceReport()
    one.add(isCorrect: true, logarithm: log(0.5))
    one.add(isCorrect: false, logarithm: log(0.125))
    one.isExact = [false]
    var two = SequenceReport()
    two.add(isCorrect: true, logarithm: 0)
    two.isExact = [true]
    one.append(two)
    #expect(one.labels == 3 && one.correct == 2 && one.examples == 2 && one.exact == 1)
    // The geometric mean of 2, 8 and 1.
    #expect(abs(one.perplexity - pow(16, 1 / 3)) < 1e-12)
    #expect(one.exactShare == 0.5 && abs(one.standardError - (0.125).squareRoot()) < 1e-12)
    let test = McNemar([true, true, false, false], [true, false, true, true])
    #expect(test.onlyFirst == 1 && test.onlySecond == 2)
  }

  @Test func decisionsAreThoseOfScores() {
    let labels = ["a", "b", "c", "d"]
    let scores: [Float] = [0.1, 0.7, 0.1, 0.1, .nan, 0.2, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1]
    let truths: [Int32] = [1, 0, 3]
    let whole = ClassificationReport(labels: labels, truths: truths, scores: scores)
    let decisions = truths.enumerated().map { index, truth in
      ClassificationReport.Decision(truth: truth, scores: scores[(4 * index)..<(4 * index + 4)])
    }
    #expect(decisions.map(\.prediction) == [1, 3, 0])
    #expect(decisions.map(\.isAmongThree) == [true, false, false])
    let report = ClassificationReport(labels: labels, decisions: decisions)
    #expect(report.confusion == whole.confusion && report.topThreeCount == 1 && report.predictions == whole.predictions)
  }
}

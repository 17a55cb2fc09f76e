import Foundation
import Vision

/// Data for a task over sequences as a page: classes, how long texts are, their tokens, examples.
public struct SequenceDataReport {
  public let statistics: SequenceStatistics

  /// Tokens and examples that the page shows.
  private static let shownTokens = 40
  private static let shownExamples = 40

  public init(_ statistics: SequenceStatistics) { self.statistics = statistics }

  /// The page, in one file that opens offline.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  public func html() throws(VisionError) -> String {
    let texts = statistics.texts
    var page = Page(
      title: texts.name,
      summary: "\(texts.task.rawValue): \(texts.train.count) examples to train on, \(texts.test.count) to test with.")
    let counts = [("train", texts.train), ("test", texts.test)].map { ($0, statistics.histogram($1)) }
    if !texts.labels.isEmpty {
      page.heading(texts.task == .tags ? "Tags" : "Classes")
      page.drawings([
        BarChart(
          title: texts.task == .tags ? "Tokens of each tag" : "Texts of each class",
          axis: texts.task == .tags ? "tokens" : "texts",
          categories: texts.labels, series: counts.map { .init(name: $0.0, values: $0.1.map(Double.init)) },
          format: { "\(Int($0))" }
        ).drawing()
      ])
    }
    if let training = statistics.training { add(training, "Texts", isOneText: texts.task == .nextToken, to: &page) }
    if let answers = statistics.answers { add(answers, "Answers", isOneText: false, to: &page) }
    page.heading("Examples")
    if texts.task == .nextToken {
      page.code(String(texts.train[0].text.prefix(2000)))
    } else if let images = texts.images?.train {
      try page.pictures(
        (0..<min(SequenceDataReport.shownExamples, images.count)).map {
          Page.Picture(image: images.image($0), caption: texts.train[$0].target)
        })
    } else {
      page.table(
        [.init(title: "text", isNumber: false), .init(title: texts.task.rawValue, isNumber: false)],
        rows: texts.train.prefix(SequenceDataReport.shownExamples).map { [$0.text, $0.target] })
    }
    page.heading("A network for it")
    page.code(statistics.needs.joined(separator: "\n"))
    return page.html
  }

  private func add(_ statistics: TextStatistics, _ title: String, isOneText: Bool, to page: inout Page) {
    page.heading(title)
    let shown = statistics.tokens.prefix(SequenceDataReport.shownTokens)
    var drawings: [Drawing] = []
    if !isOneText {
      let histogram = statistics.histogram(intervals: 24)
      drawings.append(
        BarChart(
          title: "Lengths in tokens", axis: "texts",
          categories: histogram.map {
            $0.lengths.count == 1 ? "\($0.lengths.lowerBound)" : "\($0.lengths.lowerBound)–\($0.lengths.upperBound)"
          },
          series: [.init(name: "texts", values: histogram.map { Double($0.texts) })], format: { "\(Int($0))" }
        ).drawing())
    }
    drawings.append(
      BarChart(
        title: "The most frequent of \(statistics.tokens.count) tokens", axis: "times",
        categories: shown.map { $0.text.visible },
        series: [.init(name: "times", values: shown.map { Double($0.count) })], format: { "\(Int($0))" }
      ).drawing())
    page.drawings(drawings)
  }
}

extension String {
  /// With a sign for white space that is a text by itself.
  public var visible: String {
    switch self {
    case " ": "␣"
    case "\n": "↵"
    case "\t": "⇥"
    default: self
    }
  }
}

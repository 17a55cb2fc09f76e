import Terminal
import Vision

/// A training run or an evaluation as a page: curves over the epochs, confusion matrix, precision and recall, the worst
/// mistakes with their pictures.
public struct RunReport {
  /// A number that is to be seen first.
  public struct Figure: Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public let title: String
  public let summary: String
  public let figures: [Figure]
  /// Empty for a model that was not trained here.
  public let log: RunLog
  /// Nil where numbers are predicted.
  public let classification: ClassificationReport?
  /// Each with its picture.
  public let mistakes: [(mistake: Mistake, image: Image)]
  /// Texts that tell how to get the same again, each with a heading: the command, the network.
  public let settings: [(heading: String, text: String)]

  /// How many mistakes a page shows.
  public static let mistakeCount = 40

  public init(
    title: String, summary: String, figures: [Figure], log: RunLog, classification: ClassificationReport?,
    mistakes: [(mistake: Mistake, image: Image)], settings: [(heading: String, text: String)]
  ) {
    self.title = title
    self.summary = summary
    self.figures = figures
    self.log = log
    self.classification = classification
    self.mistakes = mistakes
    self.settings = settings
  }

  /// The page, in one file that opens offline.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  public func html() throws(VisionError) -> String {
    var page = Page(title: title, summary: summary)
    page.figures(figures.map { ($0.value, $0.name) })
    if !log.records.isEmpty {
      page.heading("Training")
      page.drawings([lossCurves] + (classification == nil ? [] : [accuracyCurves]) + [rateCurve, timeCurve])
    }
    if let classification { add(classification, to: &page) }
    if !mistakes.isEmpty {
      page.heading("Worst mistakes")
      page.paragraph("The test images that the network was surest of, and wrong: what it said, and what they are.")
      try page.pictures(mistakes.map { picture($0, labels: classification?.labels ?? []) })
    }
    for setting in settings {
      page.heading(setting.heading)
      page.code(setting.text)
    }
    return page.html
  }

  // MARK: Over the epochs

  private var epochAxis: Axis {
    Axis("epoch", values: log.records.map { Double($0.epoch) }, isTight: true, minimumStep: 1)
  }

  /// A curve with a point for each epoch that `value` has one for.
  private func curve(
    _ name: String, color: Int = 0, _ value: (EpochRecord) -> Double?
  ) -> LineChart.Series {
    let points = log.records.compactMap { record in
      value(record).map { Point(x: Double(record.epoch), y: $0) }
    }
    return LineChart.Series(name: name, points: points, hasDots: points.count <= 60, color: color)
  }

  private var best: [LineChart.Mark] {
    guard let best = log.records.last(where: { $0.validation?.isBest ?? false }) else { return [] }
    return [LineChart.Mark(x: Double(best.epoch), label: "best: \(best.epoch)")]
  }

  private var lossCurves: Drawing {
    var training = curve("training") { $0.loss }
    training.band = log.records.map {
      Interval(x: Double($0.epoch), mean: $0.loss, low: $0.stepLosses.lowerBound, high: $0.stepLosses.upperBound)
    }
    return chart(
      "Loss, mean of each epoch and range of its steps", "loss", including: [0],
      [
        training, curve("validation", color: 1) { $0.validation?.loss },
      ])
  }

  private var accuracyCurves: Drawing {
    chart(
      "Accuracy", "share right",
      [
        curve("training") { $0.accuracy }, curve("validation", color: 1) { $0.validation?.accuracy },
      ])
  }

  private func chart(_ title: String, _ label: String, including: [Double] = [], _ series: [LineChart.Series])
    -> Drawing
  {
    let series = series.filter { !$0.points.isEmpty }
    return LineChart(
      title: title, x: epochAxis, y: Axis(label, values: series.flatMap { $0.points.map { $0.y } } + including),
      series: series,
      marks: best
    ).drawing()
  }

  private var rateCurve: Drawing {
    LineChart(
      title: "Learning rate at the end of each epoch", x: epochAxis,
      y: Axis("rate", values: log.records.map { $0.rate }, including: [0]), series: [curve("rate") { $0.rate }]
    ).drawing()
  }

  private var timeCurve: Drawing {
    LineChart(
      title: "Time per epoch", x: epochAxis,
      y: Axis("seconds", values: log.records.map { $0.seconds }, including: [0]),
      series: [curve("seconds") { $0.seconds }]
    ).drawing()
  }

  // MARK: Per class

  private func add(_ classification: ClassificationReport, to page: inout Page) {
    page.heading("Test images")
    page.drawings([
      ConfusionMatrix(labels: classification.labels, counts: classification.confusion).drawing(),
      classBars(classification),
    ])
    page.table(
      [
        .init(title: "class", isNumber: false), .init(title: "images"), .init(title: "precision"),
        .init(title: "recall"), .init(title: "most often taken for", isNumber: false),
      ], rows: classification.labels.indices.map { row($0, of: classification) })
  }

  private func classBars(_ classification: ClassificationReport) -> Drawing {
    let classes = classification.labels.indices
    return BarChart(
      title: "Precision and recall", axis: "share", categories: classification.labels,
      series: [
        .init(name: "precision", values: classes.map { classification.precision($0) ?? 0 }),
        .init(name: "recall", values: classes.map { classification.recall($0) ?? 0 }),
      ], format: { percent($0) }
    ).drawing()
  }

  private func row(_ label: Int, of classification: ClassificationReport) -> [String] {
    let counts = classification.confusion[label]
    let others = counts.indices.filter { $0 != label && counts[$0] > 0 }
    let confused = others.max { counts[$0] < counts[$1] }
    return [
      classification.labels[label], "\(counts.reduce(0, +))",
      classification.precision(label).map { percent($0) } ?? "–",
      classification.recall(label).map { percent($0) } ?? "–",
      confused.map { "\(classification.labels[$0]) (\(counts[$0]))" } ?? "–",
    ]
  }

  private func picture(_ wrong: (mistake: Mistake, image: Image), labels: [String]) -> Page.Picture {
    return Page.Picture(
      image: wrong.image, caption: "\(labels[wrong.mistake.answer])? It is \(labels[wrong.mistake.truth])",
      note: "\(percent(Double(wrong.mistake.confidence))) sure, no. \(wrong.mistake.index)")
  }
}

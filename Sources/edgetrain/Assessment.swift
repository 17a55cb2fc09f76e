import Terminal
import Trainer

/// How well a model did on a data set's test examples.
enum Assessment {
  case classes(ClassificationReport)
  case numbers(RegressionReport)
  /// With figures per tag, where there are tags.
  case sequences(SequenceReport, tags: ClassificationReport?)

  /// - Parameter scores: the model's outputs, one after another.
  init(_ examples: Examples, labels: [String], scores: [Float]) {
    if examples.targetCount > 0 {
      self = .numbers(RegressionReport(names: labels, truths: examples.targets, predictions: scores))
    } else {
      var report = ClassificationReport(labels: labels, truths: examples.classes, scores: scores)
      report.noun = examples.noun
      self = .classes(report)
    }
  }

  /// Figures per class or tag.
  var classes: ClassificationReport? {
    switch self {
    case .classes(let report): report
    case .sequences(_, let tags): tags
    case .numbers: nil
    }
  }

  /// The share of examples that are right; of a running text, of its tokens; nil where numbers are predicted.
  var accuracy: Double? {
    switch self {
    case .classes(let report): report.accuracy
    case .numbers: nil
    case .sequences(let report, _): report.examples > 0 ? report.exactShare : report.accuracy
    }
  }

  /// The paired test on the examples that both were measured on; nil for numbers and for a running text, whose tokens are
  /// not independent of each other.
  func paired(with other: Assessment) -> McNemar? {
    switch (self, other) {
    case (.classes(let first), .classes(let second)): McNemar(first, second)
    case (.sequences(let first, _), .sequences(let second, _)) where first.examples > 0:
      McNemar(first.isExact, second.isExact)
    default: nil
    }
  }

  /// As in "accuracy 90.61 % ± 0.29 of 10000".
  var summary: String {
    switch self {
    case .classes(let report): "accuracy \(report.accuracyText)"
    case .numbers(let report):
      report.targets.map { "\($0.name): root mean squared error \($0.rootMeanSquare.significant)" }
        .joined(separator: ", ")
    case .sequences(let report, _):
      report.figures.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        + " of \(report.examples > 0 ? report.examples : report.labels)"
    }
  }

  func write(to json: inout JSONWriter, confusion: Bool) {
    switch self {
    case .classes(let report): report.write(to: &json, confusion: confusion)
    case .numbers(let report): report.write(to: &json)
    case .sequences(let report, let tags):
      report.write(to: &json)
      tags?.writeClasses(to: &json, confusion: confusion)
    }
  }
}

extension SequenceReport {
  /// What is known of it: as "exact", "98.20 % ± 0.42".
  var figures: [(name: String, value: String)] {
    var figures: [(name: String, value: String)] = []
    if labels > 0 {
      figures.append(("accuracy per token", percent(accuracy, decimals: 2)))
      figures.append(("perplexity", fixed(perplexity, decimals: 3)))
    }
    if examples > 0 {
      let error = fixed(standardError * 100, decimals: 2)
      figures.append(("exact", "\(percent(exactShare, decimals: 2)) ± \(error)"))
    }
    return figures
  }

  func write(to json: inout JSONWriter) {
    if labels > 0 {
      json.field("tokens", labels)
      json.field("token_accuracy", accuracy, decimals: 6)
      json.field("perplexity", perplexity, decimals: 6)
    }
    if examples > 0 {
      json.field("examples", examples)
      json.field("exact", exactShare, decimals: 6)
      json.field("standard_error", standardError, decimals: 6)
    }
  }
}

extension RegressionReport {
  /// A line per number that is predicted.
  var table: String {
    var table = TextTable([
      .left("predicted"), .right("root mean squared error"), .right("mean absolute error"), .right("R²"),
    ])
    for target in targets {
      table.add([
        target.name, target.rootMeanSquare.significant, target.meanAbsolute.significant,
        target.explained.map { fixed($0, decimals: 4) } ?? "–",
      ])
    }
    return table.text
  }

  func write(to json: inout JSONWriter) {
    json.field("rows", count)
    json.array("targets") { json in
      for target in targets {
        json.object { json in
          json.field("name", target.name)
          json.field("root_mean_squared_error", target.rootMeanSquare, decimals: 9)
          json.field("mean_absolute_error", target.meanAbsolute, decimals: 9)
          json.field("r2", target.explained ?? .nan, decimals: 6)
        }
      }
    }
  }
}

extension Double {
  /// With four significant digits.
  var significant: String {
    guard self > 0, isFinite else { return "\(self)" }
    var digits = 3
    var power = self
    while power >= 10, digits > 0 { (power, digits) = (power / 10, digits - 1) }
    while power < 1, digits < 9 { (power, digits) = (power * 10, digits + 1) }
    return fixed(self, decimals: digits)
  }
}

extension Examples {
  /// What several of them are called.
  var noun: String { holdsNumbers ? "rows" : "images" }
}

extension DataSet {
  /// As in "10 classes", "2 numbers to predict".
  var contents: String {
    guard train.targetCount > 0 else { return "\(labels.count) classes" }
    return labels.count == 1 ? "1 number to predict" : "\(labels.count) numbers to predict"
  }
}

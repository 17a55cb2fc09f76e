import Terminal
import Trainer

extension ClassificationReport {
  /// As in "90.61 % ± 0.29 of 10000".
  var accuracyText: String {
    "\(percent(accuracy, decimals: 2)) ± \(fixed(standardError * 100, decimals: 2)) of \(count)"
  }

  /// A line per class.
  var classTable: String {
    var table = TextTable([.left("class"), .right(noun), .right("precision"), .right("recall")])
    for (index, label) in labels.enumerated() {
      table.add([
        label, "\(confusion[index].reduce(0, +))", precision(index).map { percent($0) } ?? "–",
        recall(index).map { percent($0) } ?? "–",
      ])
    }
    return table.text
  }

  /// Rows are the right classes, columns what the model said.
  var confusionTable: String {
    var table = TextTable([.left("is \\ taken for")] + labels.indices.map { .right("\($0)") })
    for (index, row) in confusion.enumerated() {
      table.add(["\(index) \(labels[index])"] + row.map { $0 == 0 ? "." : "\($0)" })
    }
    return table.text
  }

  func write(to json: inout JSONWriter, confusion withConfusion: Bool) {
    json.field(noun, count)
    json.field("correct", correct)
    json.field("accuracy", accuracy, decimals: 6)
    json.field("standard_error", standardError, decimals: 6)
    json.field("top3_accuracy", topThreeAccuracy, decimals: 6)
    writeClasses(to: &json, confusion: withConfusion)
  }

  /// Figures per class.
  func writeClasses(to json: inout JSONWriter, confusion withConfusion: Bool) {
    json.array("classes") { json in
      for (index, label) in labels.enumerated() {
        json.object { json in
          json.field("label", label)
          json.field(noun, confusion[index].reduce(0, +))
          json.field("precision", precision(index) ?? .nan, decimals: 6)
          json.field("recall", recall(index) ?? .nan, decimals: 6)
        }
      }
    }
    guard withConfusion else { return }
    json.array("confusion") { json in
      for row in confusion {
        json.array { json in
          for count in row { json.value(count) }
        }
      }
    }
  }
}

extension McNemar {
  /// As in "right only in the first 12, only in the second 9, p = 0.66".
  func text(_ first: String, _ second: String) -> String {
    "McNemar: only \(first) right \(onlyFirst), only \(second) right \(onlySecond), p = \(fixed(pValue, decimals: 3))"
  }

  func write(to json: inout JSONWriter, _ first: String, _ second: String) {
    json.object("mcnemar") { json in
      json.field("only_\(first)_right", onlyFirst)
      json.field("only_\(second)_right", onlySecond)
      json.field("p", pValue, decimals: 6)
    }
  }
}

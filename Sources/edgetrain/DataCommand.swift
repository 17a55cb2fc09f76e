import Format
import Terminal
import Trainer

/// `edgetrain data info DATA`.
enum DataCommand {
  static let command = Command(
    name: "edgetrain data",
    summary:
      "Tells what was read of a data set: classes, examples of each, mean and deviation, duplicates, files left out;\n"
      + "of texts lengths and tokens.",
    operands: [Operand("info"), Operand("DATA")],
    options: [
      Option(
        "sheet", value: "HTML",
        help: "write a page with pictures of each class, or texts, duplicates and what was left out"),
      CommonOptions.json,
    ] + CommonOptions.reading,
    examples: [
      "edgetrain data info fashion-mnist", "edgetrain data info photos --sheet photos.html",
      "edgetrain data info houses.csv --target price", "edgetrain data info lines:languages",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    guard arguments.operands[0] == "info" else {
      throw UsageError("command", expected: "info", found: arguments.operands[0], command: command.name)
    }
    let sheet = try arguments.string("sheet").map { try OutputFile(path: $0) }
    let name = arguments.operands[1]
    try describe(
      name, options: CommonOptions.dataOptions(arguments, for: name, command: command),
      json: arguments.has("json"), sheet: sheet)
  }

  /// Tells of the data that `name` names.
  static func describe(_ name: String, options: DataOptions, json: Bool, sheet: OutputFile? = nil) throws {
    guard let source = SequenceSource(name) else {
      return try describe(DataSet(DataSource(name), options: options), json: json, sheet: sheet)
    }
    let listing = try SequenceListing(source, options: options)
    try sheet?.write(SequenceDataReport(listing.statistics).html())
    write(json ? listing.json : listing.text)
  }

  private static func describe(_ data: DataSet, json: Bool, sheet: OutputFile?) throws {
    let duplicates = data.duplicates()
    let listing = DataListing(data: data, duplicates: duplicates)
    try sheet?.write(DataReport(data, duplicates: duplicates).html())
    if json {
      write(listing.json)
    } else {
      noteSkipped(data)
      write(listing.text)
    }
  }
}

/// What `data info` prints.
private struct DataListing {
  let data: DataSet
  let duplicates: [[DataSet.Place]]

  /// Groups of duplicates that are named in the text.
  private static let named = 10

  private var parts: [(part: DataSet.Part, examples: Trainer.Examples)] {
    DataSet.Part.allCases.compactMap { part in data.examples(part).map { (part, $0) } }
  }

  private var predictsNumbers: Bool { data.train.targetCount > 0 }

  /// Groups that stand in the test examples and elsewhere: what was learnt by heart would be measured.
  private var leaks: Int {
    duplicates.count { group in group.contains { $0.part == .test } && group.contains { $0.part != .test } }
  }

  /// Groups whose examples are not all of one class.
  private var contradictions: Int {
    predictsNumbers ? 0 : duplicates.count { group in group.contains { data.label($0) != data.label(group[0]) } }
  }

  var text: String {
    var text = ""
    if data.train.holdsNumbers {
      text += "\(data.name): rows of \(data.shape.count) numbers\n\n\(columnTable)\n"
    } else {
      let (mean, deviation) = data.train.statistics()
      text += "\(data.name): images \(data.shape), mean \(mean.fourDecimals), "
      text += "deviation \(deviation.fourDecimals) of [0, 1]\n\n"
    }
    text += predictsNumbers ? targetTable : classTable
    let bytes = parts.reduce(0) { $0 + $1.examples.pixels.count + 4 * $1.examples.values.count }
    text += "\nin memory: \(byteSize(bytes)); duplicates: "
    guard !duplicates.isEmpty else { return text + "none\n" }
    let extra = duplicates.reduce(0) { $0 + $1.count - 1 }
    text += "\(extra) examples in \(duplicates.count) groups, \(leaks) of them in test and elsewhere, "
    text += "\(contradictions) with several labels\n"
    for group in duplicates.prefix(DataListing.named) {
      let names = group.map { predictsNumbers ? data.name($0) : "\(data.name($0)) (\(data.label($0)))" }
      text += "  " + names.joined(separator: " = ") + "\n"
    }
    if duplicates.count > DataListing.named { text += "  … \(duplicates.count - DataListing.named) groups more\n" }
    return text
  }

  private var classTable: String {
    var table = TextTable(
      [.right("class"), .left("label")] + parts.map { .right($0.part.rawValue) } + [.right("share")])
    let counts = parts.map { $0.examples.histogram(classCount: data.labels.count) }
    for (index, label) in data.labels.enumerated() {
      let share = Double(counts[0][index]) / Double(data.train.count)
      table.add(["\(index)", label] + counts.map { "\($0[index])" } + [percent(share)])
    }
    table.add(["", "all"] + parts.map { "\($0.examples.count)" } + [""])
    return table.text
  }

  private var targetTable: String {
    var table = TextTable([.left("predicted"), .right("mean"), .right("deviation")])
    let scale = data.train.targetStatistics
    for (index, label) in data.labels.enumerated() {
      table.add([label, scale.mean[index].significantText, scale.deviation[index].significantText])
    }
    return table.text + "\n" + parts.map { "\($0.part.rawValue) \($0.examples.count) rows" }.joined(separator: ", ")
      + "\n"
  }

  private var columnTable: String {
    var table = TextTable([.right("column"), .right("mean"), .right("deviation")])
    let scale = data.train.columnStatistics
    for column in scale.mean.indices {
      table.add(["\(column + 1)", scale.mean[column].significantText, scale.deviation[column].significantText])
    }
    return table.text
  }

  var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("data", data.name)
      json.array("shape") { json in
        for extent in [data.shape.height, data.shape.width, data.shape.channels] { json.value(extent) }
      }
      for (part, examples) in parts { json.field(part.rawValue, examples.count) }
      let (mean, deviation) = data.train.holdsNumbers ? data.train.columnStatistics : data.train.statistics()
      json.array("mean") { json in for value in mean { json.value(Double(value), decimals: 6) } }
      json.array("deviation") { json in for value in deviation { json.value(Double(value), decimals: 6) } }
      json.array(predictsNumbers ? "targets" : "classes") { json in
        let counts = parts.map { ($0.part, $0.examples.histogram(classCount: data.labels.count)) }
        for (index, label) in data.labels.enumerated() {
          json.object { json in
            json.field("label", label)
            guard !predictsNumbers else { return }
            for (part, counts) in counts { json.field(part.rawValue, counts[index]) }
          }
        }
      }
      json.object("duplicates") { json in
        json.field("groups", duplicates.count)
        json.field("in_test_and_elsewhere", leaks)
        json.field("with_several_labels", contradictions)
      }
      json.array("skipped") { json in
        for file in data.skipped {
          json.object { json in
            json.field("file", file.path)
            json.field("reason", file.reason)
          }
        }
      }
    }
    return json.text
  }
}

extension [Float] {
  /// As in "0.2860 0.3000".
  var fourDecimals: String { map { fixed(Double($0), decimals: 4) }.joined(separator: " ") }
}

extension Float {
  fileprivate var significantText: String { self < 0 ? "-" + Double(-self).significant : Double(self).significant }
}

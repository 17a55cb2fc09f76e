import Format
import Quantize
import Runtime
import Terminal
import Trainer

enum QuantizeCommand {
  static let command = Command(
    name: "edgetrain quantize",
    summary:
      "Makes an int8 model of a float one: a quarter of the bytes, integer arithmetic, measured loss of accuracy.",
    operands: [Operand("MODEL")],
    options: [
      Option(
        "data", value: "DATA",
        help: "data to calibrate on and measure with, as for evaluate; without, the file's own ranges serve"),
      Option("output", letter: "o", value: "MODEL", help: "the int8 model file to write"),
      Option(
        "images", value: "N", help: "training images, or sequences, to calibrate on (default 512, of sequences 256)"),
      Option(
        "observer", value: "KIND",
        help: "minmax (default), percentile (99.99 % inside), or percentile:P with 50 < P <= 100"),
      Option("dynamic", help: "int8 weights only; activations are quantized as they come, without calibration"),
      Option("report", help: "print ranges and signal-to-noise ratio of each layer"),
      CommonOptions.threads, CommonOptions.json,
    ] + CommonOptions.reading,
    examples: [
      "edgetrain quantize lenet5.bin --data fashion-mnist -o lenet5.int8.bin --report",
      "edgetrain quantize lenet5.bin --data fashion-mnist -o lenet5.int8.bin --observer percentile:99.9",
      "edgetrain quantize numbers.bin --data numbers -o numbers.int8.bin --report",
      "edgetrain quantize lenet5.bin -o lenet5.int8.bin",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    for option in ["images", "observer"] where arguments.has("dynamic") && arguments.has(option) {
      throw UsageError(
        "--\(option)", expected: "no --dynamic beside it, which needs no calibration", found: "both",
        command: command.name)
    }
    guard let data = arguments.string("data") else { return try quantizeWithoutData(arguments) }
    let output = try OutputFile(path: command.required("output", of: arguments))
    let count = try arguments.integer("images", in: 1...Int.max)
    let observer = try observer(arguments)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange)

    let subject = try subject(data, arguments)
    let before = try subject.assess(subject.model, name: subject.path, threads: threads)
    var int8 =
      try arguments.has("dynamic")
      ? subject.model.dynamicallyQuantized()
      : subject.model.quantized(ranges: subject.ranges(examples: count, observer: observer))
    let after = try subject.assess(int8, name: output.path, threads: threads)
    int8.metadata.provenance.floatAccuracy = before.accuracy.map { Float($0) }
    int8.metadata.provenance.int8Accuracy = after.accuracy.map { Float($0) }

    var report = try subject.compareLayers(with: int8)
    let bytes = try int8.encoded()
    report.bytesBefore = try subject.model.encoded().count
    report.bytesAfter = bytes.count
    try output.write(bytes)
    let result = QuantizationResult(
      input: subject.path, output: output.path, data: subject.dataName, layers: report, before: before, after: after)
    write(arguments.has("json") ? result.json : result.text(withLayers: arguments.has("report")))
  }

  /// The model with the data that it is measured on.
  private static func subject(_ data: String, _ arguments: Arguments) throws -> any QuantizationSubject {
    let path = arguments.operands[0]
    let options = try CommonOptions.dataOptions(arguments, for: data, command: command)
    if let source = SequenceSource(data) { return try SequenceModelFile(path: path, data: source, options: options) }
    let file = try ModelFile(path: path, data: DataSource(data), options: options)
    noteSkipped(file.data)
    return file
  }

  /// By the ranges that the file has from its training or from `init`. Nothing is measured.
  private static func quantizeWithoutData(_ arguments: Arguments) throws {
    let output = try OutputFile(path: command.required("output", of: arguments))
    for option in ["images", "observer", "report", "threads"] + CommonOptions.reading.map(\.name)
    where arguments.has(option) {
      throw UsageError("--data", expected: "a value, because of --\(option)", found: "none", command: command.name)
    }
    let path = arguments.operands[0]
    let model = try Model(readingFrom: path)
    let int8 =
      try arguments.has("dynamic")
      ? model.dynamicallyQuantized() : model.quantized(ranges: model.metadata.calibration)
    let bytesBefore = try model.encoded().count
    let bytes = try int8.encoded()
    try output.write(bytes)
    if arguments.has("json") {
      var json = JSONWriter()
      json.object { json in
        json.field("model", output.path)
        json.field("from", path)
        json.field("bytes_before", bytesBefore)
        json.field("bytes_after", bytes.count)
      }
      write(json.text)
    } else {
      let ratio = fixed(Double(bytesBefore) / Double(bytes.count), decimals: 2)
      write("\(output.path): \(byteSize(bytes.count)), \(ratio) times smaller; accuracy not measured without --data\n")
    }
  }

  private static func observer(_ arguments: Arguments) throws -> ObserverKind {
    let text = arguments.string("observer") ?? "minmax"
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts[0], parts.count) {
    case ("minmax", 1): return .minMax
    case ("percentile", 1): return .percentile(99.99)
    case ("percentile", 2):
      if let share = parseDecimal(parts[1]), share > 50, share <= 100 { return .percentile(share) }
    default: break
    }
    throw UsageError(
      "--observer", expected: "minmax, percentile, or percentile:P with 50 < P <= 100", found: text,
      command: command.name)
  }
}

/// What `quantize` prints.
struct QuantizationResult {
  let input: String
  let output: String
  let data: String
  let layers: QuantizationReport
  let before: Assessment
  let after: Assessment

  /// What was lost in the share of examples that are right (negative where int8 is better), and whether that is chance;
  /// nil for numbers and for a running text.
  private var loss: (drop: Double, test: McNemar)? {
    guard let test = before.paired(with: after), let old = before.accuracy, let new = after.accuracy else { return nil }
    return (old - new, test)
  }

  func text(withLayers: Bool) -> String {
    var text = ""
    if withLayers {
      var table = TextTable([
        .left("layer"), .left("op"), .left("arithmetic"), .left("weights"), .left("activations"), .right("SQNR"),
      ])
      for layer in layers.layers {
        table.add([
          layer.name, layer.op, layer.isInt8 ? "int8" : "float", rangeText(layer.weights),
          rangeText(layer.activations), layer.sqnr.map { "\(fixed($0, decimals: 1)) dB" } ?? "–",
        ])
      }
      text += table.text + "\n"
    }
    let ratio = Double(layers.bytesBefore) / Double(layers.bytesAfter)
    var table = TextTable([.left(""), .right("file"), .left("on the test examples")])
    table.add([input, byteSize(layers.bytesBefore), before.summary])
    table.add([output, byteSize(layers.bytesAfter), after.summary])
    text += table.text
    text += "\(fixed(ratio, decimals: 2)) times smaller"
    guard let loss else { return text + "\n" }
    text += "; drop \(fixed(loss.drop * 100, decimals: 2)) points; "
    return text + loss.test.text("float", "int8") + "\n"
  }

  var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("model", output)
      json.field("from", input)
      json.field("data", data)
      json.field("bytes_before", layers.bytesBefore)
      json.field("bytes_after", layers.bytesAfter)
      if case .classes(let before) = before, case .classes(let after) = after {
        json.field(before.noun, before.count)
        json.field("accuracy_before", before.accuracy, decimals: 6)
        json.field("accuracy_after", after.accuracy, decimals: 6)
      } else {
        json.object("before") { before.write(to: &$0, confusion: false) }
        json.object("after") { after.write(to: &$0, confusion: false) }
      }
      loss?.test.write(to: &json, "float", "int8")
      json.array("layers") { json in
        for layer in layers.layers {
          json.object { json in
            json.field("name", layer.name)
            json.field("op", layer.op)
            json.field("int8", layer.isInt8)
            for (key, range) in [("weights", layer.weights), ("activations", layer.activations)] {
              guard let range else {
                json.null(key)
                continue
              }
              json.array(key) { json in
                json.value(Double(range.lowerBound), decimals: 6)
                json.value(Double(range.upperBound), decimals: 6)
              }
            }
            json.field("sqnr_db", layer.sqnr ?? .nan, decimals: 3)
          }
        }
      }
    }
    return json.text
  }

  private func rangeText(_ range: ClosedRange<Float>?) -> String {
    guard let range else { return "–" }
    return "\(fixed(Double(range.lowerBound), decimals: 3)) … \(fixed(Double(range.upperBound), decimals: 3))"
  }
}

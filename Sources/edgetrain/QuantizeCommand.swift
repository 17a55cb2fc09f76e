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
        help: "images to calibrate on and measure with, as for evaluate; without, the file's own ranges serve"),
      Option("output", letter: "o", value: "MODEL", help: "the int8 model file to write"),
      Option("images", value: "N", help: "training images to calibrate on (default 512)"),
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
      "edgetrain quantize lenet5.bin -o lenet5.int8.bin",
    ])

  /// Images on which the layers of both models are compared: enough for ratios in tenths of a decibel.
  private static let comparedImages = 64

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    guard let data = arguments.string("data") else { return try quantizeWithoutData(arguments) }
    let source = try DataSource(data)
    let output = try OutputFile(path: command.required("output", of: arguments))
    let images = try arguments.integer("images", in: 1...Int.max) ?? 512
    let observer = try observer(arguments)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange)

    let file = try ModelFile(
      path: arguments.operands[0], data: source, options: CommonOptions.dataOptions(arguments, command: command))
    noteSkipped(file.data)
    let before = try Evaluator(file.model, path: file.path, threads: threads)
      .assess(file.data.test, labels: file.data.labels)
    var int8: Model
    if arguments.has("dynamic") {
      int8 = try file.model.dynamicallyQuantized()
    } else {
      let ranges = try Calibration(file.model).ranges(
        file.data.train.sample(images), observer: observer)
      int8 = try file.model.quantized(ranges: ranges)
    }
    let after = try Evaluator(int8, path: output.path, threads: threads)
      .assess(file.data.test, labels: file.data.labels)
    int8.metadata.provenance.floatAccuracy = before.classes.map { Float($0.accuracy) }
    int8.metadata.provenance.int8Accuracy = after.classes.map { Float($0.accuracy) }

    var report = try compareLayers(file, int8)
    let bytes = try int8.encoded()
    report.bytesBefore = try file.model.encoded().count
    report.bytesAfter = bytes.count
    try output.write(bytes)
    let result = QuantizationResult(
      input: file.path, output: output.path, data: file.data.name, layers: report, before: before, after: after)
    write(arguments.has("json") ? result.json : result.text(withLayers: arguments.has("report")))
  }

  /// By the ranges that the file has from its training or from `init`. Nothing is measured.
  private static func quantizeWithoutData(_ arguments: Arguments) throws {
    let output = try OutputFile(path: command.required("output", of: arguments))
    for option in ["images", "observer", "report"] where arguments.has(option) {
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

  /// Runs both models on the same test images, layer by layer.
  private static func compareLayers(_ file: ModelFile, _ int8: Model) throws -> QuantizationReport {
    let options = SessionOptions(threads: 1, computesEveryTensor: true)
    let floatSession = try Session(file.model, options: options)
    let int8Session = try Session(int8, options: options)
    var comparison = QuantizationComparison(float: floatSession.graph, int8: int8Session.graph)
    let examples = file.data.test.sample(comparedImages)
    let reader = BatchReader(file.model.metadata.preprocessing)
    for index in 0..<examples.count {
      for session in [floatSession, int8Session] {
        reader.read(examples, at: index, into: session.input(0).bindMemory(to: Float.self))
      }
      floatSession.run { comparison.observe(float: $0, $1) }
      int8Session.run { comparison.observe(int8: $0, $1) }
    }
    return comparison.report
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

  /// What was lost in the share of examples classified right (negative where int8 is better), and whether that is chance;
  /// nil where numbers are predicted.
  private var loss: (drop: Double, test: McNemar)? {
    guard let before = before.classes, let after = after.classes else { return nil }
    return (before.accuracy - after.accuracy, McNemar(before, after))
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
      if let before = before.classes, let after = after.classes, let loss {
        json.field("images", before.count)
        json.field("accuracy_before", before.accuracy, decimals: 6)
        json.field("accuracy_after", after.accuracy, decimals: 6)
        loss.test.write(to: &json, "float", "int8")
      } else {
        json.object("before") { before.write(to: &$0, confusion: false) }
        json.object("after") { after.write(to: &$0, confusion: false) }
      }
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

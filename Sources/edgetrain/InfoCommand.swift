import Format
import Foundation
import Terminal
import Trainer

enum InfoCommand {
  static let command = Command(
    name: "edgetrain info",
    summary: "Tells what is in a model file, a network description (.net) or a data set.",
    operands: [Operand("FILE")],
    options: [CommonOptions.json] + CommonOptions.reading,
    examples: [
      "edgetrain info lenet5.bin", "edgetrain info nets/lenet5.net", "edgetrain info fashion-mnist",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let path = arguments.operands[0]
    guard path.hasSuffix(".net") || (isRegularFile(path) && !DataSource.isTableName(path)) else {
      try DataCommand.describe(
        path, options: CommonOptions.dataOptions(arguments, for: path, command: command), json: arguments.has("json"))
      return
    }
    for option in CommonOptions.reading where arguments.has(option.name) {
      throw UsageError("--" + option.name, expected: "a data set beside it", found: path, command: command.name)
    }
    if path.hasSuffix(".net") {
      try describe(NetworkDescription(path: path), json: arguments.has("json"))
    } else {
      try describe(Model(readingFrom: path), path: path, json: arguments.has("json"))
    }
  }

  private static func isRegularFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  // MARK: Networks and models

  private static func describe(_ description: NetworkDescription, json: Bool) throws {
    let recipe = description.recipe
    let (exported, parameterCount) = try description.outline()
    let graph = exported.main
    guard !json else {
      var json = JSONWriter()
      json.object { json in
        json.field("network", description.name)
        json.field("parameters", parameterCount)
        write(graph, decoder: exported.decoder, to: &json)
      }
      write(json.text)
      return
    }
    write("\(description.name): input \(description.input), \(shortCount(parameterCount)) parameters, ")
    write(nodes(graph, decoder: exported.decoder))
    write("\ntraining: \(recipe.epochs) epochs, batch \(recipe.batchText), rate \(recipe.rate), ")
    write(
      "optimizer \(recipe.optimizer.text), schedule \(recipe.schedule.text), loss \(recipe.loss.rawValue), seed \(recipe.seed)\n"
    )
  }

  private static func describe(_ model: Model, path: String, json: Bool) throws {
    let metadata = model.metadata
    let provenance = metadata.provenance
    let bytes = try model.encoded().count
    guard !json else {
      var json = JSONWriter()
      json.object { json in
        json.field("model", path)
        json.field("name", metadata.name)
        json.field("bytes", bytes)
        json.field("tool", provenance.tool)
        json.field("data", provenance.data)
        if let seed = provenance.seed { json.field("seed", seed) } else { json.null("seed") }
        json.field("float_accuracy", Double(provenance.floatAccuracy ?? .nan), decimals: 6)
        json.field("int8_accuracy", Double(provenance.int8Accuracy ?? .nan), decimals: 6)
        json.array("labels") { json in for label in metadata.labels { json.value(label) } }
        json.field("calibration_ranges", metadata.calibration.count)
        json.field("self_test", model.selfTest != nil)
        write(model.graph, decoder: model.decoder?.graph, to: &json)
      }
      write(json.text)
      return
    }
    write("\(path): \(metadata.name.printable), \(byteSize(bytes)), ")
    write(nodes(model.graph, decoder: model.decoder?.graph) + "\n")
    var table = TextTable([.left("made"), .left("")])
    func add(_ name: String, _ value: String?) {
      if let value, !value.isEmpty { table.add([name, value]) }
    }
    add("by", provenance.tool)
    add("from", provenance.data)
    add("seed", provenance.seed.map(String.init))
    add("float accuracy", provenance.floatAccuracy.map { percent(Double($0), decimals: 2) })
    add("int8 accuracy", provenance.int8Accuracy.map { percent(Double($0), decimals: 2) })
    add("labels", metadata.labels.joined(separator: ", "))
    add("reads", metadata.inputVocabulary.map(vocabularyText))
    add("writes", metadata.vocabulary.map(vocabularyText))
    if let recipe = metadata.preprocessing {
      add(
        "images",
        "\(recipe.height)x\(recipe.width)x\(recipe.channels), \(recipe.fit), mean \(recipe.mean.fourDecimals), "
          + "deviation \(recipe.deviation.fourDecimals)")
    }
    add("calibration", metadata.calibration.isEmpty ? "none" : "\(metadata.calibration.count) ranges")
    add("self-test", model.selfTest == nil ? "none" : "one input")
    write(table.text)
  }

  /// As in "31 characters".
  private static func vocabularyText(_ vocabulary: Vocabulary) -> String {
    "\(vocabulary.texts.count) \(vocabulary.unit == .words ? "words" : "characters")"
  }

  /// What a run of the graph costs, and its nodes; and those of the decoder, if there is one.
  private static func nodes(_ graph: Graph, decoder: Graph?) -> String {
    var text = "\(shortCount(graph.multiplyAccumulates)) multiply-accumulates a run\n\n\(nodeTable(graph))"
    if let decoder {
      text += "\ndecoder, \(shortCount(decoder.multiplyAccumulates)) multiply-accumulates a token:\n\n"
      text += nodeTable(decoder)
    }
    return text
  }

  private static func nodeTable(_ graph: Graph) -> String {
    var table = TextTable([
      .left("node"), .left("op"), .left("output"), .right("parameters"), .right("multiply-accumulates"),
    ])
    for node in graph.nodes {
      table.add([
        node.name, node.op.name, shapeText(graph.tensors[node.outputs[0]].shape),
        "\(graph.parameterCount(of: node))", "\(graph.multiplyAccumulates(of: node))",
      ])
    }
    return table.text
  }

  private static func write(_ graph: Graph, decoder: Graph?, to json: inout JSONWriter) {
    write(graph, to: &json)
    guard let decoder else { return json.null("decoder") }
    json.object("decoder") { write(decoder, to: &$0) }
  }

  private static func write(_ graph: Graph, to json: inout JSONWriter) {
    json.field("multiply_accumulates", graph.multiplyAccumulates)
    json.array("nodes") { json in
      for node in graph.nodes {
        json.object { json in
          json.field("name", node.name)
          json.field("op", node.op.name)
          json.array("output") { json in for extent in graph.tensors[node.outputs[0]].shape { json.value(extent) } }
          json.field("parameters", graph.parameterCount(of: node))
          json.field("multiply_accumulates", graph.multiplyAccumulates(of: node))
        }
      }
    }
  }

  private static func write(_ text: String) { Terminal.write(text) }
}

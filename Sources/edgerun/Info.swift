import Format
import Runtime
import Terminal

// edgerun info MODEL: the nodes, and what the model needs on a device.

extension EdgeRun {
  static let infoCommand = Command(
    name: "edgerun info", summary: "Lists the nodes of a model, and the memory it takes on this machine.",
    operands: [ModelOptions.model],
    options: [ModelOptions.threads, ModelOptions.int8, ModelOptions.saveMemory, ModelOptions.json],
    examples: ["edgerun info lenet5.int8.bin", "edgerun info --int8 --json lenet5.bin"])

  static func info(_ words: [String]) throws(Failure) {
    guard let arguments = try infoCommand.arguments(words) else { return }
    let options = try arguments.sessionOptions()
    let loaded = try LoadedModel(path: arguments.operands[0], int8: arguments.has("int8"))
    let plans = try Sessions(loaded, options).all.map { $0.plan }
    write(arguments.has("json") ? infoJSON(arguments.operands[0], loaded, plans) : infoText(loaded, plans))
  }

  /// - Parameter plans: of the graph, and of the decoder's if there is one.
  private static func infoText(_ loaded: LoadedModel, _ plans: [Plan]) -> String {
    var summary = TextTable([.left(""), .left("")])
    for (name, value) in facts(loaded, plans) { summary.add([name, value]) }
    let decoder = plans.count > 1 ? "decoder, for each token:\n" + nodes(plans[1]) : ""
    return nodes(plans[0]) + decoder + summary.text
  }

  private static func nodes(_ plan: Plan) -> String {
    var nodes = TextTable([
      .left("node"), .left("op"), .left("output"), .left("type"), .right("parameters"), .right("MACs"),
      .left("kernel"), .right("arena offset"),
    ])
    for node in plan.nodes {
      nodes.add([
        node.name, node.operation, shapeText(node.outputShape), node.outputType.name,
        node.parameters > 0 ? shortCount(node.parameters) : "",
        node.multiplyAccumulates > 0 ? shortCount(node.multiplyAccumulates) : "", node.kernel,
        node.arenaOffset.map { String($0) } ?? "-",
      ])
    }
    return nodes.text
  }

  /// What there is to say about the model as a whole.
  private static func facts(_ loaded: LoadedModel, _ plans: [Plan]) -> [(String, String)] {
    let metadata = loaded.model.metadata
    let plan = plans[0]
    var facts = [
      ("file", "\(loaded.fileBytes) bytes"), ("arena", "\(plan.arenaBytes) bytes"),
      ("packed weights", packedWeights(loaded, plan)), ("parameters", shortCount(plan.parameters)),
      ("MACs", shortCount(plan.multiplyAccumulates)), ("instruction set", plan.isa.name),
      ("threads", String(plan.threads)), ("labels", String(metadata.labels.count)),
    ]
    if !metadata.name.isEmpty { facts.insert(("name", metadata.name), at: 0) }
    if let recipe = metadata.preprocessing { facts.append(("picture", text(of: recipe))) }
    let states = loaded.model.graph.states
    if !states.isEmpty { facts.append(("states", "\(states.count), kept between runs")) }
    if let decoder = loaded.model.decoder {
      let answers = "\(decoder.tokenCount) tokens, answers of at most \(decoder.maximumLength), "
      facts.append(("decoder", answers + "states \(decoder.graph.states.count), arena \(plans[1].arenaBytes) bytes"))
    }
    if let vocabulary = metadata.inputVocabulary { facts.append(("reads", text(of: vocabulary))) }
    if let vocabulary = metadata.vocabulary { facts.append(("writes", text(of: vocabulary))) }
    if metadata.labeling == .steps { facts.append(("labels are for", "each step")) }
    let provenance = metadata.provenance
    if !provenance.tool.isEmpty { facts.append(("made by", provenance.tool)) }
    if !provenance.data.isEmpty { facts.append(("trained on", provenance.data)) }
    if let seed = provenance.seed { facts.append(("seed", String(seed))) }
    if let accuracy = provenance.floatAccuracy {
      facts.append(("accuracy, float", percent(Double(accuracy), decimals: 2)))
    }
    if let accuracy = provenance.int8Accuracy {
      facts.append(("accuracy, int8", percent(Double(accuracy), decimals: 2)))
    }
    facts.append(("self-test", loaded.model.selfTest == nil ? "none" : "in the file"))
    return facts
  }

  private static func text(of vocabulary: Vocabulary) -> String {
    "\(vocabulary.texts.count) " + unit(of: vocabulary)
  }

  private static func unit(of vocabulary: Vocabulary) -> String {
    switch vocabulary.unit {
    case .characters: "characters"
    case .words: "words"
    }
  }

  private static func packedWeights(_ loaded: LoadedModel, _ plan: Plan) -> String {
    let text = "\(plan.packedWeightBytes) bytes"
    guard let packed = loaded.model.packed else { return text }
    return text + ", of which \(plan.fileWeightBytes) lie in the file, packed for " + packed.instructionSet
  }

  private static func text(of recipe: Preprocessing) -> String {
    var text = "\(recipe.width) x \(recipe.height) pixels, " + (recipe.channels == 1 ? "grey" : "colour")
    switch recipe.fit {
    case .stretch: text += ", stretched"
    case .crop: text += ", middle " + percent(Double(recipe.cropFraction)) + " cut out"
    }
    return text + ", mean " + list(recipe.mean) + ", deviation " + list(recipe.deviation)
  }

  private static func list(_ values: [Float]) -> String {
    var text = ""
    for (index, value) in values.enumerated() { text += (index == 0 ? "" : " ") + fixed(Double(value), decimals: 4) }
    return text
  }

  private static func infoJSON(_ path: String, _ loaded: LoadedModel, _ plans: [Plan]) -> String {
    let metadata = loaded.model.metadata
    let plan = plans[0]
    var json = JSONWriter()
    json.object { json in
      json.field("model", path)
      json.field("name", metadata.name)
      json.field("file_bytes", loaded.fileBytes)
      json.field("arena_bytes", plan.arenaBytes)
      json.field("packed_weight_bytes", plan.packedWeightBytes)
      json.field("file_weight_bytes", plan.fileWeightBytes)
      json.field("parameters", plan.parameters)
      json.field("macs", plan.multiplyAccumulates)
      json.field("isa", plan.isa.name)
      json.field("threads", plan.threads)
      json.array("nodes") { json in
        for node in plan.nodes { writeNode(node, to: &json) }
      }
      json.array("labels") { json in
        for label in metadata.labels { json.value(label) }
      }
      if let recipe = metadata.preprocessing { writeRecipe(recipe, to: &json) } else { json.null("preprocessing") }
      json.field("states", loaded.model.graph.states.count)
      if let decoder = loaded.model.decoder { writeDecoder(decoder, plans[1], to: &json) } else { json.null("decoder") }
      writeVocabulary(metadata.inputVocabulary, "input_vocabulary", to: &json)
      writeVocabulary(metadata.vocabulary, "vocabulary", to: &json)
      json.field("labels_are_for", metadata.labeling == .steps ? "steps" : "whole")
      writeProvenance(metadata.provenance, to: &json)
      json.field("self_test", loaded.model.selfTest != nil)
    }
    return json.text
  }

  private static func writeDecoder(_ decoder: Decoder, _ plan: Plan, to json: inout JSONWriter) {
    json.object("decoder") { json in
      json.field("tokens", decoder.tokenCount)
      json.field("start_token", decoder.startToken)
      json.field("end_token", decoder.endToken)
      json.field("maximum_length", decoder.maximumLength)
      json.field("states", decoder.graph.states.count)
      json.field("arena_bytes", plan.arenaBytes)
      json.field("packed_weight_bytes", plan.packedWeightBytes)
      json.field("parameters", plan.parameters)
      json.field("macs", plan.multiplyAccumulates)
      json.array("nodes") { json in
        for node in plan.nodes { writeNode(node, to: &json) }
      }
    }
  }

  private static func writeVocabulary(_ vocabulary: Vocabulary?, _ key: String, to json: inout JSONWriter) {
    guard let vocabulary else {
      json.null(key)
      return
    }
    json.object(key) { json in
      json.field("unit", unit(of: vocabulary))
      json.array("texts") { json in
        for text in vocabulary.texts { json.value(text) }
      }
    }
  }

  private static func writeNode(_ node: Plan.Node, to json: inout JSONWriter) {
    json.object { json in
      json.field("name", node.name)
      json.field("op", node.operation)
      json.array("inputs") { json in
        for shape in node.inputShapes { writeShape(shape, nil, to: &json) }
      }
      writeShape(node.outputShape, "output", to: &json)
      json.field("type", node.outputType.name)
      json.field("parameters", node.parameters)
      json.field("macs", node.multiplyAccumulates)
      json.field("kernel", node.kernel)
      if let offset = node.arenaOffset { json.field("arena_offset", offset) } else { json.null("arena_offset") }
      json.field("output_bytes", node.outputBytes)
    }
  }

  private static func writeRecipe(_ recipe: Preprocessing, to json: inout JSONWriter) {
    json.object("preprocessing") { json in
      json.field("width", recipe.width)
      json.field("height", recipe.height)
      json.field("channels", recipe.channels)
      json.field("fit", recipe.fit == .crop ? "crop" : "stretch")
      json.field("crop_fraction", Double(recipe.cropFraction), decimals: 6)
      json.array("mean") { json in
        for value in recipe.mean { json.value(Double(value), decimals: 6) }
      }
      json.array("deviation") { json in
        for value in recipe.deviation { json.value(Double(value), decimals: 6) }
      }
    }
  }

  private static func writeProvenance(_ provenance: Provenance, to json: inout JSONWriter) {
    json.object("provenance") { json in
      json.field("tool", provenance.tool)
      json.field("data", provenance.data)
      if let seed = provenance.seed { json.field("seed", seed) } else { json.null("seed") }
      if let accuracy = provenance.floatAccuracy {
        json.field("float_accuracy", Double(accuracy), decimals: 6)
      } else {
        json.null("float_accuracy")
      }
      if let accuracy = provenance.int8Accuracy {
        json.field("int8_accuracy", Double(accuracy), decimals: 6)
      } else {
        json.null("int8_accuracy")
      }
    }
  }
}

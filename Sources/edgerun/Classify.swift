import Format
import Platform
import Runtime
import Terminal
import Vision

// edgerun MODEL INPUT...: what the model is made for. Answers are in Speaker.swift, what a text is in TextReader.swift.

extension EdgeRun {
  static let classifyCommand = Command(
    name: "edgerun",
    summary: "Puts pictures or texts through a neural network in a model file, and says what it finds.",
    operands: [ModelOptions.model, Operand("INPUT", count: 0...Int.max)],
    options: [
      Option("top", value: "K", help: "print the K most likely classes (default: 3)"),
      Option("text", value: "TEXT", help: "read this text; an INPUT is a text file then, or - for standard input"),
      Option("beam", value: "N", help: "search for an answer among N beginnings at a time (default: 1, greedy)"),
      Option("generate", value: "N", help: "write N tokens behind the text, by a language model"),
      Option("temperature", value: "T", help: "how freely to choose them; 0 takes the likeliest (default: 1)"),
      Option("seed", value: "S", help: "another S, another text (default: 0)"), ModelOptions.threads,
      ModelOptions.int8, ModelOptions.saveMemory, Option("profile", help: "print the time that each node takes"),
      Option("self-test", help: "check that this machine computes what the model file says it must"),
      ModelOptions.json, Option("version", help: "print the version"),
    ],
    subcommands: [
      Subcommand("edgerun info MODEL", help: "list the nodes of a model and the memory it takes"),
      Subcommand("edgerun bench MODEL", help: "measure how long a model takes"),
      Subcommand("edgerun kernels", help: "list the micro-kernels and how fast they are here"),
    ],
    examples: [
      "edgerun lenet5.int8.bin camera.jpg", "edgerun --json --top 1 mobilenet.bin *.jpg",
      "edgerun --beam 4 captions.int8.bin camera.jpg",
      "edgerun language.bin --text \"Once\" --generate 200 --temperature 0.7",
      "edgerun --self-test lenet5.int8.bin", "EDGERUN_ISA=scalar edgerun --profile lenet5.bin camera.jpg",
    ])

  static func classify(_ words: [String]) throws(Failure) {
    let words = words.isEmpty ? ["--help"] : words
    if words.contains("--version") {
      write("edgerun " + version + "\n")
      return
    }
    guard let arguments = try classifyCommand.arguments(words) else { return }
    let inputs = Array(arguments.operands.dropFirst())
    let wantsSelfTest = arguments.has("self-test")
    guard wantsSelfTest || !inputs.isEmpty || arguments.has("text") || arguments.has("generate") else {
      throw Failure(UsageError("arguments", expected: "INPUT", found: "nothing", command: classifyCommand.name))
    }
    let wishes = try Wishes(arguments)
    let options = try arguments.sessionOptions()
    let path = arguments.operands[0]
    let loaded = try LoadedModel(path: path, int8: arguments.has("int8"), selfTest: wantsSelfTest)
    let sessions = try Sessions(loaded, options)
    let selfTest = wantsSelfTest ? try runSelfTest(sessions) : nil
    let results = try results(inputs, loaded.model, sessions, wishes, file: path)
    let profiles = arguments.has("profile") ? profiles(of: sessions) : []
    if wishes.isJSON {
      write(json(model: path, results, selfTest, profiles))
    } else {
      if let selfTest { write(text(of: selfTest)) }
      for profile in profiles { write((results.isEmpty ? "" : "\n") + profile.text) }
    }
    guard results.allSatisfy({ $0.failure == nil }), selfTest?.passed ?? true else { throw .reported }
  }

  /// What the model says of each input, printed as it comes unless it is to be JSON.
  private static func results(
    _ inputs: [String], _ model: Model, _ sessions: Sessions, _ wishes: Wishes, file: String
  ) throws(Failure) -> [any ModelResult] {
    let task = ModelTask(model)
    try wishes.check(task, file: file)
    guard !inputs.isEmpty || wishes.text != nil || wishes.tokens != nil else { return [] }
    switch task {
    case .pictures:
      let classifier = try Classifier(model, sessions.main, file: file)
      return inputs.map { show(classifier.classify($0, top: wishes.top), wishes) }
    case .captions, .answers:
      let speaker = try Speaker(model, sessions, wishes, file: file)
      if model.metadata.inputVocabulary == nil { return inputs.map { show(speaker.caption($0), wishes) } }
      return wishes.texts(inputs).map { show(speaker.answer($0), wishes) }
    case .classes, .tags, .language:
      let reader = try TextReader(model, sessions.main, wishes, task, file: file)
      return wishes.texts(inputs).map { show(reader.read($0), wishes) }
    }
  }

  private static func show(_ result: any ModelResult, _ wishes: Wishes) -> any ModelResult {
    if let failure = result.failure { report(failure.description, hint: failure.hint) }
    if !wishes.isJSON { write(result.text) }
    return result
  }

  private static func profiles(of sessions: Sessions) -> [Profile] {
    let peak = Peak(of: sessions.main.plan.isa, milliseconds: Profile.peakTime)
    return sessions.all.map { Profile($0, peak) }
  }

  private static func runSelfTest(_ sessions: Sessions) throws(Failure) -> SelfTestResult {
    do throws(RuntimeError) {
      var result = try sessions.main.selfTest()
      if let decoder = sessions.answerer?.decoder { result = result.and(try decoder.selfTest()) }
      return result
    } catch {
      throw Failure(error)
    }
  }

  private static func text(of result: SelfTestResult) -> String {
    var text = "self-test " + (result.passed ? "passed" : "FAILED")
    if result.differingBytes == 0 {
      text += ": every bit as expected\n"
    } else if result.largestDifference > 0 {
      text +=
        ": largest difference " + fixed(Double(result.largestDifference), decimals: 9) + ", allowed "
        + fixed(Double(result.tolerance), decimals: 9) + "\n"
    } else {
      text += ": \(result.differingBytes) bytes differ\n"
    }
    return text
  }

  private static func json(
    model: String, _ results: [any ModelResult], _ selfTest: SelfTestResult?, _ profiles: [Profile]
  ) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("model", model)
      if let selfTest {
        json.object("self_test") { json in
          json.field("passed", selfTest.passed)
          json.field("differing_bytes", selfTest.differingBytes)
          json.field("largest_difference", Double(selfTest.largestDifference), decimals: 9)
          json.field("tolerance", Double(selfTest.tolerance), decimals: 9)
        }
      }
      json.array(results.first?.jsonKey ?? "images") { json in
        for result in results { result.write(to: &json) }
      }
      for (index, profile) in profiles.enumerated() {
        profile.write(key: index == 0 ? "profile" : "decoder_profile", to: &json)
      }
    }
    return json.text
  }
}

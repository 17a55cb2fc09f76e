import Format
import Platform
import Runtime
import Terminal
import Vision

// edgerun MODEL IMAGE...: what is in the pictures.

extension EdgeRun {
  static let classifyCommand = Command(
    name: "edgerun", summary: "Says what is in pictures, by a neural network in a model file.",
    operands: [ModelOptions.model, Operand("IMAGE", count: 0...Int.max)],
    options: [
      Option("top", value: "K", help: "print the K most likely classes (default: 3)"), ModelOptions.threads,
      ModelOptions.int8, Option("profile", help: "print the time that each node takes"),
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
      "edgerun --self-test lenet5.int8.bin", "EDGERUN_ISA=scalar edgerun --profile lenet5.bin camera.jpg",
    ])

  static func classify(_ words: [String]) throws(Failure) {
    let words = words.isEmpty ? ["--help"] : words
    if words.contains("--version") {
      write("edgerun " + version + "\n")
      return
    }
    guard let arguments = try classifyCommand.arguments(words) else { return }
    let images = arguments.operands.dropFirst()
    let wantsSelfTest = arguments.has("self-test")
    guard wantsSelfTest || !images.isEmpty else {
      throw Failure(UsageError("arguments", expected: "IMAGE", found: "nothing", command: classifyCommand.name))
    }
    let top = try arguments.count("top") ?? 3
    let options = try arguments.sessionOptions()
    let loaded = try LoadedModel(path: arguments.operands[0], int8: arguments.has("int8"), selfTest: wantsSelfTest)
    let session = try loaded.session(options)
    let selfTest = wantsSelfTest ? try runSelfTest(session) : nil
    var results: [Classification] = []
    if !images.isEmpty {
      let classifier = try Classifier(loaded.model, session, file: arguments.operands[0])
      for image in images {
        let result = classifier.classify(image, top: top)
        results.append(result)
        if let failure = result.failure { report(failure.description, hint: failure.hint) }
        if !arguments.has("json") { write(result.text) }
      }
    }
    let profile = arguments.has("profile") ? session.profile(runs: profiledRuns) : nil
    if arguments.has("json") {
      write(json(model: arguments.operands[0], results, selfTest, profile, session))
    } else {
      if let selfTest { write(text(of: selfTest)) }
      if let profile { write((results.isEmpty ? "" : "\n") + text(of: profile, session)) }
    }
    guard results.allSatisfy({ $0.failure == nil }), selfTest?.passed ?? true else { throw .reported }
  }

  private static func runSelfTest(_ session: Session) throws(Failure) -> SelfTestResult {
    do throws(RuntimeError) {
      return try session.selfTest()
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
    model: String, _ results: [Classification], _ selfTest: SelfTestResult?, _ profile: [UInt64]?, _ session: Session
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
      json.array("images") { json in
        for result in results { result.write(to: &json) }
      }
      if let profile { writeProfile(profile, session, to: &json) }
    }
    return json.text
  }
}

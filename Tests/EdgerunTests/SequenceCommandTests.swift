import Foundation
import Format
import Quantize
import TestSupport
import Testing

@testable import edgerun

/// Models over texts, and one that captions pictures, all of random weights.
private struct SequenceSamples {
  let folder: URL
  let letters = Vocabulary(unit: .characters, texts: ["?", "\n", "a", "b", "c", " "])

  init() throws {
    folder = try temporaryFolder()
    try language().write(to: path("language.bin"))
    try tagger(labeling: .steps).write(to: path("tags.bin"))
    try tagger(labeling: .whole).write(to: path("classes.bin"))
    try captions().write(to: path("captions.bin"))
    let pixels = (0..<16).map { UInt8($0 * 16) }
    try (Data("P5 4 4 255\n".utf8) + Data(pixels)).write(to: folder.appendingPathComponent("a.pgm"))
    try Data("abba cab\nbac\n".utf8).write(to: folder.appendingPathComponent("a.txt"))
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
  func remove() { try? FileManager.default.removeItem(at: folder) }

  private func stream(_ outputs: Int, seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let token = net.input([1, 1, 1, 1])
    let h = net.input([1, 1, 1, 12])
    let y = try net.recurrent(try net.embedding(token, rows: 6, 5), 12, Recurrent(cell: .gru), states: [h])[0]
    net.output(try net.apply(.softmax, [try net.conv(y, outputs, (1, 1))]))
    net.output(y)
    net.state(h, becomes: y)
    return net
  }

  private func language() throws -> Model {
    var model = try stream(6, seed: 1).model
    model.metadata = Metadata(name: "language", inputVocabulary: letters, vocabulary: letters)
    return try withSelfTest(model)
  }

  private func tagger(labeling: Metadata.Labeling) throws -> Model {
    var model = try stream(3, seed: 2).model
    model.metadata = Metadata(
      name: "tags", labels: ["one", "two", "three"], inputVocabulary: letters, labeling: labeling)
    return model
  }

  private func captions() throws -> Model {
    var main = NetworkBuilder(seed: 3)
    let flat = try main.apply(.reshape, [main.input([1, 4, 4, 1])])
    main.output(try main.apply(.reshape, [main.dense(flat, 7)], shape: [1, 1, 1, 7]))
    var second = NetworkBuilder(seed: 4)
    let token = second.input([1, 1, 1, 1])
    let h = second.input([1, 1, 1, 7])
    let y = try second.recurrent(try second.embedding(token, rows: 4, 3), 7, Recurrent(cell: .rnn), states: [h])[0]
    second.output(try second.apply(.softmax, [try second.conv(y, 4, (1, 1))]))
    second.output(y)
    second.state(h, becomes: y)
    var model = main.model
    model.metadata = Metadata(
      name: "captions", preprocessing: Preprocessing(width: 4, height: 4, channels: 1, mean: [0], deviation: [1]),
      vocabulary: Vocabulary(unit: .words, texts: ["?", "bag", "boot", "."]))
    model.decoder = Decoder(
      graph: second.graph, links: [.init(output: 0, input: 1)], startToken: 0, endToken: 3, maximumLength: 6)
    return try withSelfTest(model)
  }

  private func withSelfTest(_ model: Model) throws -> Model {
    var model = model
    func vectors(_ graph: Graph) throws -> (inputs: [Constant], outputs: [Constant]) {
      let inputs = graph.inputs.map { TensorValue.f32([Float](repeating: 1, count: graph.tensors[$0].count)) }
      return (inputs.map { $0.constant }, try ReferenceInterpreter(graph).run(inputs).map { $0.constant })
    }
    let main = try vectors(model.graph)
    let second = try model.decoder.map { try vectors($0.graph) }
    model.selfTest = SelfTest(
      inputs: main.inputs, outputs: main.outputs, decoderInputs: second?.inputs ?? [],
      decoderOutputs: second?.outputs ?? [], tolerance: 1e-4)
    return model
  }
}

@Suite struct SequenceCommandTests {
  @Test func aPictureIsCaptioned() throws {
    let samples = try SequenceSamples()
    defer { samples.remove() }
    let (model, picture) = (samples.path("captions.bin"), samples.path("a.pgm"))
    let outcome = try edgerun(model, picture)
    #expect(outcome.status == 0 && outcome.output.hasPrefix(picture + "\n  "))
    let wide = try json(edgerun("--json", "--beam", "9", model, picture).output)
    let answers = try #require(wide["answers"] as? [[String: Any]])
    let words = try #require(answers[0]["answer"] as? String)
    let tokens = try #require(answers[0]["tokens"] as? [Int])
    #expect(words == tokens.map { ["?", "bag", "boot", "."][$0] }.joined(separator: " "))
    let greedy = try json(edgerun("--json", model, picture).output)["answers"] as? [[String: Any]]
    let scores = [answers, try #require(greedy)].map { $0[0]["score"] as? Double ?? 1 }
    #expect(scores[0] >= scores[1] && scores[0] <= 0)
    #expect(try edgerun(model, "/nowhere.jpg").status == 1)
  }

  @Test func aLanguageModelWritesTheSameForTheSameSeed() throws {
    let samples = try SequenceSamples()
    defer { samples.remove() }
    let model = samples.path("language.bin")
    func text(_ seed: String) throws -> String {
      try edgerun(model, "--text", "ab", "--generate", "40", "--seed", seed).output
    }
    #expect(try text("1") == text("1"))
    #expect(try text("1") != text("2"))
    #expect(try text("1").hasPrefix("ab") && text("1").unicodeScalars.count == 43)
    let sharp = try edgerun(model, "--generate", "10", "--temperature", "0", "--json")
    let generated = try #require(json(sharp.output)["texts"] as? [[String: Any]])
    #expect((generated[0]["generated"] as? String)?.count == 10)
    let read = try json(edgerun("--json", model, samples.path("a.txt")).output)["texts"] as? [[String: Any]]
    #expect(read?[0]["tokens"] as? Int == 13 && (read?[0]["perplexity"] as? Double ?? 0) > 1)
  }

  @Test func textsAreTaggedAndClassified() throws {
    let samples = try SequenceSamples()
    defer { samples.remove() }
    let tags = try edgerun(samples.path("tags.bin"), "--text", "ab c")
    let lines = tags.output.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(lines.map { $0[0] } == ["a", "b", " ", "c"])
    #expect(lines.allSatisfy { ["one", "two", "three"].contains($0[1]) })
    let classes = try json(edgerun("--json", "--top", "9", samples.path("classes.bin"), "--text", "ab c").output)
    let found = try #require((classes["texts"] as? [[String: Any]])?[0]["classes"] as? [[String: Any]])
    #expect(abs(found.compactMap { $0["score"] as? Double }.reduce(0, +) - 1) < 1e-4)
    // What is said at the end of a text is what is said of its last token.
    #expect(lines.last?[1] == found[0]["label"] as? String)
  }

  @Test func standardInputIsReadToItsEnd() throws {
    let samples = try SequenceSamples()
    defer { samples.remove() }
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    let output = samples.path("output")
    let command =
      "(printf 'ab'; sleep 0.1; printf ' c') | '\(programURL.path)' '\(samples.path("tags.bin"))' - > '\(output)'"
    shell.arguments = ["-c", command]
    try shell.run()
    shell.waitUntilExit()
    let expected = try edgerun(samples.path("tags.bin"), "--text", "ab c").output
    #expect(try String(contentsOfFile: output, encoding: .utf8) == expected)
  }

  @Test func optionsForAnotherKindOfModelAreErrors() throws {
    let samples = try SequenceSamples()
    defer { samples.remove() }
    for (model, option, what) in [
      ("captions.bin", "--text=a", "reads text for --text"), ("tags.bin", "--beam=2", "answers for --beam"),
      ("tags.bin", "--generate=2", "knows what comes next for --generate"),
    ] {
      let outcome = try edgerun(samples.path(model), samples.path("a.txt"), option)
      #expect(outcome.status == 1)
      #expect(outcome.errors == "error: \(samples.path(model)): expected a model that \(what), found another\n")
    }
    #expect(try edgerun(samples.path("tags.bin"), "/nowhere.txt").status == 1)
    #expect(
      try edgerun(samples.path("classes.bin"), "--text", "").errors.contains("expected a text, found an empty one"))
  }

  @Test(arguments: ["captions.bin", "language.bin"]) func theOtherCommandsKnowSuchModels(name: String) throws {
    let samples = try SequenceSamples()
    defer { samples.remove() }
    let model = samples.path(name)
    #expect(try edgerun("--self-test", model).output.hasPrefix("self-test passed"))
    #expect(try edgerun("--self-test", "--int8", model).output.hasPrefix("self-test passed"))
    let info = try json(edgerun("info", "--json", model).output)
    #expect((info["decoder"] as? [String: Any] != nil) == (name == "captions.bin"))
    #expect((info["states"] as? Int ?? 0 > 0) == (name == "language.bin"))
    #expect(
      (info["vocabulary"] as? [String: Any])?["unit"] as? String == (name == "captions.bin" ? "words" : "characters"))
    #expect(try edgerun("info", model).output.contains("writes"))
    let bench = try json(edgerun("bench", "--seconds", "0.01", "--json", model).output)
    #expect((bench["decoder_median_ms"] != nil) == (name == "captions.bin"))
    #expect(try edgerun("--profile", "--self-test", model).status == 0)
  }
}

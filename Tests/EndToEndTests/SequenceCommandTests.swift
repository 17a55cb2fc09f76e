import Foundation
import Testing

/// Tasks over sequences from the command line: trained a little, kept as a file, measured as the device runs it, made int8,
/// looked at.
struct SequenceCommandTests {
  private static let networks = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../nets").standardizedFileURL.path

  private let folder: TemporaryFolder
  private let edgetrain = Program(name: "edgetrain")

  init() throws { folder = try TemporaryFolder() }

  private func run(_ words: String, status: Int32 = 0, location: SourceLocation = #_sourceLocation) throws
    -> Program.Result
  {
    let words = words.split(separator: " ").map { $0.replacingOccurrences(of: "NETS", with: Self.networks) }
    let result = try edgetrain.run(words, in: folder)
    #expect(result.status == status, "\(words): \(result.errors)", sourceLocation: location)
    return result
  }

  private func json(_ result: Program.Result) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  /// The whole road of an encoder with a decoder. Of int8 with fixed scales, and with dynamic ones, at most three points of
  /// answers are lost: the regression test of what quantization costs a network for sequences.
  @Test func numbersAreTrainedMeasuredAndQuantized() throws {
    _ = try run("train NETS/numbers.net --data numbers -o m.bin --epochs 4 --limit 4000 --quiet")
    let measured = try json(run("evaluate m.bin --data numbers --json"))
    #expect(measured["examples"] as? Int == 1000)
    // Answers of up to eight words: an untrained network has none of them right.
    let exact = try #require(measured["exact"] as? Double)
    let tokens = try #require(measured["token_accuracy"] as? Double)
    #expect(exact > 0.3 && exact < 1 && tokens > exact && tokens < 1)
    #expect(try #require(measured["perplexity"] as? Double) > 1)
    // A wider search finds other answers, and hardly fewer right ones.
    let searched = try json(run("evaluate m.bin --data numbers --beam 3 --json"))
    #expect(try #require(searched["exact"] as? Double) > exact - 0.05)
    #expect(searched["token_accuracy"] as? Double == tokens)

    for (kind, name) in [("--images 100", "m.int8.bin"), ("--dynamic", "m.dynamic.bin")] {
      let result = try json(run("quantize m.bin --data numbers -o \(name) \(kind) --json"))
      let before = try #require((result["before"] as? [String: Any])?["exact"] as? Double)
      let after = try #require((result["after"] as? [String: Any])?["exact"] as? Double)
      print("numbers, \(name): exact \(before), int8 \(after)")
      #expect(before == exact && after > before - 0.03)
      let ratio = try #require(result["bytes_before"] as? Double) / #require(result["bytes_after"] as? Double)
      #expect(ratio > 3)
      let layers = try #require(result["layers"] as? [[String: Any]])
      #expect(layers.contains { $0["name"] as? String == "decoder/gru1" && $0["int8"] as? Bool == true })
      #expect(layers.allSatisfy { ($0["sqnr_db"] as? Double).map { $0 > 15 } ?? true })
    }
    let compared = try run("evaluate m.int8.bin --data numbers --compare m.bin").output
    #expect(compared.contains("McNemar: only the first right "), "\(compared)")
    let again = try run("quantize m.int8.bin --data numbers -o again.bin", status: 1)
    #expect(again.errors.contains("expected a float tensor, found int8"))

    let look = try run("look m.bin --data numbers --image 3 --units 2 -o look.html")
    #expect(look.output.hasPrefix("look.html: recurrent layers 2, embeddings 2, histograms "))
    let page = String(decoding: try folder.bytes("look.html"), as: UTF8.self)
    for text in ["The text, as units see it", "The answer, as units see it", "What it depends on", "Embeddings"] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(try run("look m.int8.bin --data numbers", status: 1).errors.contains("expected a float model"))
    for option in ["--landscape", "--threads"] {
      #expect(
        try run("look m.bin --data numbers \(option) 5", status: 64).errors.hasPrefix(
          "error: \(option): expected data of images beside it, found numbers\n"))
    }
    #expect(
      try run("evaluate m.bin --data numbers --confusion", status: 64).errors.hasPrefix(
        "error: --confusion: expected data with classes or tags, found numbers\n"))
    let info = try run("info m.bin").output
    for text in ["multiply-accumulates a token:", "gru1", "reads", "writes"] { #expect(info.contains(text)) }
    for file in ["m.bin", "NETS/numbers.net"] {
      let decoder = try #require(json(run("info \(file) --json"))["decoder"] as? [String: Any])
      #expect(try #require(decoder["nodes"] as? [Any]).count > 2)
    }

    // Whoever begins with it has learnt after a few steps what took thousands.
    let arguments = "train NETS/numbers.net --data numbers --epochs 1 --limit 320 --rate 0.002 --quiet -o"
    _ = try run("\(arguments) fresh.bin")
    _ = try run("\(arguments) begun.bin --from m.bin")
    func share(_ model: String) throws -> Double {
      try #require(json(run("evaluate \(model) --data numbers --json"))["exact"] as? Double)
    }
    #expect(try share("fresh.bin") < 0.05)
    #expect(try share("begun.bin") > exact - 0.2)
    #expect(
      try run("train --from m.bin --data numbers -o x.bin", status: 64).errors.hasPrefix(
        "error: NET: expected a network description: a model for sequences"))
    #expect(
      try run("\(arguments) x.bin --from m.int8.bin", status: 1).errors.contains("expected float weights, found int8"))
    #expect(!folder.has("x.bin"))
  }

  /// A classifier begins with what a tagger of other texts has: embedding and vocabulary, and a head of its own.
  @Test func aTextClassifierBeginsWithATagger() throws {
    try folder.write(
      "name tagger\ninput 20x1x1\ntext: embedding 30 6\ngru 8\ndense 2\nsoftmax\ntrain\nepochs 2\noptimizer adam\n",
      to: "tagger.net")
    try folder.write(
      "name classes\ninput 20x1x1\ntext: embedding 30 6\ngru 8\nlast\ndense 2\nsoftmax\ntrain\nepochs 2\noptimizer adam\n",
      to: "classes.net")
    let words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    var (tags, labels) = ("", "")
    for index in 0..<100 {
      let word = words[index % 5]
      tags += "\(word) \(index)\t\(String(repeating: "a", count: word.count + 1))\(index < 10 ? "n" : "nn")\n"
      labels += "\(word) \(index)\t\(["long", "short", "x"][index % 3])\n"
    }
    try folder.write(tags, to: "tags")
    try folder.write(labels, to: "labels")
    let trained = try run("train tagger.net --data tags:tags -o tagger.bin --run run --json").output
    let last = try #require(trained.split(separator: "\n").last)
    let model = try #require(try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
    #expect(model["exact"] is Double && model["perplexity"] is Double && model["tokens"] is Int)
    #expect(String(decoding: try folder.bytes("run/report.html"), as: UTF8.self).contains("sequences a second"))
    let tagged = try json(run("evaluate tagger.bin --data tags:tags --json"))
    #expect((tagged["classes"] as? [[String: Any]])?.map { $0["label"] as? String } == ["a", "n"])
    #expect(
      try run("evaluate tagger.bin --data tags:tags --beam 2", status: 64).errors.hasPrefix(
        "error: --beam: expected data with answers, as numbers, found tags:tags, of tags\n"))
    #expect(try run("evaluate tagger.bin --data tags:tags --confusion").output.contains("is \\ taken for"))
    let begun = try run("train classes.net --data labels:labels --from tagger.bin -o classes.bin")
    #expect(begun.errors.contains("from tagger.bin: 4 of 6 tensors; new: dense1.weights (the head of other classes)"))
    #expect(try run("info classes.bin").output.contains("begun with tagger"))
    let measured = try run("evaluate classes.bin --data labels:labels")
    #expect(measured.output.contains("class  texts  precision"))
  }

  @Test func dataIsListed() throws {
    let listing = try run("data info dates --sheet sheet.html").output
    for text in ["tags; 8000 examples", "tag", "95 % at most", "different characters", "dense 4"] {
      #expect(listing.contains(text), "\(text)")
    }
    #expect(String(decoding: try folder.bytes("sheet.html"), as: UTF8.self).contains("Lengths in tokens"))
    let numbers = try json(run("data info numbers --json"))
    #expect(numbers["train"] as? Int == 9000 && (numbers["answers"] as? [String: Any])?["longest"] as? Int == 6)
    try folder.write("to be or not to be\n", to: "text")
    #expect(try run("info text:text").output.contains("18 characters to train on, 1 to test with"))
  }

  @Test func ratesAreTried() throws {
    let result = try run("lr-find NETS/numbers.net --data numbers --steps 12 --batch 16 -o lr.html")
    #expect(result.output.contains("rate"))
    #expect(String(decoding: try folder.bytes("lr.html"), as: UTF8.self).contains("16 sequences of numbers"))
  }

  /// Untrained, a network of each kind is a model that the device checks and measures.
  @Test(arguments: ["numbers", "dates", "characters", "captions", "languages"]) func untrained(name: String) throws {
    _ = try run("init NETS/\(name).net -o m.bin")
    let edgerun = Program(name: "edgerun")
    for arguments in [
      ["m.bin", "--self-test"], ["m.bin", "--self-test", "--int8"], ["bench", "m.bin", "--seconds", "0.02"],
    ] {
      let result = try edgerun.run(arguments, in: folder)
      #expect(result.status == 0, "\(arguments): \(result.errors)")
    }
  }

  @Test func whatIsNoSequenceIsTold() throws {
    let result = try run("train NETS/lenet5.net --data numbers -o m.bin", status: 1)
    #expect(result.errors.contains("expected a second one for the answer"))
    try folder.writeRows()
    try folder.writeNetwork()
    _ = try run("init rows.net -o rows.bin")
    #expect(
      try run("evaluate rows.bin --data numbers", status: 1).errors
        == "error: rows.bin: expected a model for sequences, as numbers is, found another\n")
    #expect(
      try run("evaluate rows.bin --data rows --beam 3", status: 64).errors.hasPrefix(
        "error: --beam: expected data with answers, as numbers, found rows\n"))
    #expect(
      try run("data info nonsense:file", status: 1).errors.contains("hint: data for sequences is text:FILE, lines:DIR"))
    #expect(
      try run("data info lines:nothing", status: 1).errors == "error: nothing: cannot read: No such file or directory\n"
    )
    #expect(
      try run("data info lines:rows.net", status: 1).errors == "error: rows.net: cannot read: Not a directory\n")
  }
}

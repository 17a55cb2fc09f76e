import Foundation
import Testing

/// `train --from`: a model of one problem becomes one of another.
@Suite struct TransferCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.writeNetwork()
    let trained = try edgetrain.run(
      ["train", "rows.net", "--data", "rows", "-o", "base.bin", "--epochs", "4", "--quiet"], in: folder)
    try #require(trained.status == 0, "\(trained.errors)")
  }

  func run(_ arguments: [String]) throws -> Program.Result { try edgetrain.run(arguments, in: folder) }

  func accuracy(_ result: Program.Result) throws -> Double {
    #expect(result.status == 0, "\(result.errors)")
    let line = try #require(result.output.split(separator: "\n").last)
    let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    return try #require(json["test_accuracy"] as? Double)
  }

  @Test func oneStepIsEnoughForWhatIsKnown() throws {
    let arguments = ["--data", "rows", "-o", "new.bin", "--epochs", "1", "--rate", "0.001", "--limit", "16", "--json"]
    let fresh = try accuracy(run(["train", "rows.net"] + arguments))
    let started = try accuracy(run(["train", "rows.net", "--from", "base.bin"] + arguments))
    #expect(started > 0.8 && started > fresh + 0.1, "\(fresh), \(started)")
    // The network is in the model file.
    #expect(try accuracy(run(["train", "--from", "base.bin"] + arguments)) > 0.8)
  }

  @Test func aModelThatFitsNowhereIsAnError() throws {
    try folder.write("name other\ninput 8x8x1\nflatten\na: dense 5\nb: dense 3\nsoftmax\n", to: "other.net")
    let result = try run(["train", "other.net", "--from", "base.bin", "--data", "rows", "-o", "new.bin"])
    #expect(result.status == 1 && !folder.has("new.bin"))
    #expect(
      result.errors.contains("error: model to start from: expected names and shapes of other's 4 tensors, found none"),
      "\(result.errors)")
  }

  @Test func otherClassesGetANewHead() throws {
    try folder.writeRows(folder: "two", classes: 2)
    let result = try run([
      "train", "rows.net", "--from", "base.bin", "--freeze", "maxpool1", "--data", "two", "-o", "two.bin",
    ])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("from base.bin: 4 of 6 tensors; new: dense1.weights (the head of other classes)"))
    #expect(result.errors.contains("; frozen up to maxpool1: "))
    let info = try run(["info", "two.bin"])
    #expect(info.output.contains("begun with rows") && info.output.contains("top, middle"), "\(info.output)")
    // And the same every time.
    let again = try run([
      "train", "rows.net", "--from", "base.bin", "--freeze", "maxpool1", "--data", "two", "-o", "again.bin", "--quiet",
    ])
    #expect(try again.status == 0 && folder.bytes("again.bin") == folder.bytes("two.bin"))
  }

  @Test func wrongOptionsAreErrors() throws {
    func errors(_ arguments: [String]) throws -> String {
      let result = try run(["train"] + arguments + ["--data", "rows", "-o", "new.bin"])
      #expect(result.status != 0 && !folder.has("new.bin"))
      return result.errors
    }
    #expect(try errors([]).hasPrefix("error: NET: expected a network description, or --from MODEL, found nothing"))
    #expect(
      try errors(["rows.net", "--freeze", "conv1"]).hasPrefix(
        "error: --freeze: expected --from, whose weights are held"))
    #expect(
      try errors(["rows.net", "--from", "base.bin", "--freeze", "nose"])
        .hasPrefix("error: freeze: expected one of the layers conv1, "))
    #expect(
      try errors(["rows.net", "--from", "base.bin", "--freeze", "dense1"])
        .contains("expected at least one layer with weights that is not frozen, found none"))
    #expect(try errors(["rows.net", "--from", "no.bin"]).hasPrefix("error: no.bin: cannot read: "))
    try folder.write("input 8x8x1\nflatten\nother: dense 3\nsoftmax\n", to: "other.net")
    #expect(
      try errors(["other.net", "--from", "base.bin"]).hasPrefix(
        "error: model to start from: expected names and shapes of other's 2 tensors, found none of them\nhint: layers are "
      ))
    let quantized = try run(["quantize", "base.bin", "-o", "int8.bin"])
    #expect(quantized.status == 0)
    #expect(try errors(["--from", "int8.bin"]).hasPrefix("error: "))
  }
}

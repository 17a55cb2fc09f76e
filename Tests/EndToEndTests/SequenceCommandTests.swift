import Foundation
import Testing

/// Tasks over sequences from the command line: trained a little, kept as a file, measured as the device runs it.
struct SequenceCommandTests {
  private static let networks = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../nets").standardizedFileURL.path

  @Test func numbersAreTrainedAndMeasured() throws {
    let folder = try TemporaryFolder()
    let program = Program(name: "edgetrain")
    let trained = try program.run(
      [
        "train", Self.networks + "/numbers.net", "--data", "numbers", "-o", "m.bin", "--epochs", "4", "--limit", "4000",
        "--quiet",
      ], in: folder)
    #expect(trained.status == 0, "\(trained.errors)")
    let measured = try program.run(["evaluate", "m.bin", "--data", "numbers", "--json"], in: folder)
    #expect(measured.status == 0, "\(measured.errors)")
    let json = try #require(try JSONSerialization.jsonObject(with: Data(measured.output.utf8)) as? [String: Any])
    #expect(json["examples"] as? Int == 1000)
    // Answers of up to eight words: an untrained network has none of them right.
    #expect(try #require(json["exact"] as? Double) > 0.3)
  }

  @Test func whatIsNoSequenceIsTold() throws {
    let folder = try TemporaryFolder()
    let result = try Program(name: "edgetrain").run(
      ["train", Self.networks + "/lenet5.net", "--data", "numbers", "-o", "m.bin"], in: folder)
    #expect(result.status == 1)
    #expect(result.errors.contains("expected a second one for the answer"))
  }
}

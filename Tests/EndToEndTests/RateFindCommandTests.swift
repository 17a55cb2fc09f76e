import Foundation
import Testing

@Suite struct RateFindCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.writeNetwork()
  }

  @Test func suggestsARateAndDrawsTheLoss() throws {
    let arguments = ["lr-find", "rows.net", "--data", "rows", "--from", "1e-4", "--to", "1000"]
    let result = try edgetrain.run(arguments + ["-o", "lr.html", "--json"], in: folder)
    #expect(result.status == 0, "\(result.errors)")
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let suggestion = try #require(json["suggestion"] as? Double)
    #expect((1e-4...10).contains(suggestion))
    // A rate of 1000 ends every training: the ramp stops before.
    #expect(json["end"] as? String != "ramp-ended")
    #expect(try #require(json["steps"] as? [Any]).count < 200)
    let page = String(decoding: try folder.bytes("lr.html"), as: UTF8.self)
    #expect(page.contains("Loss against learning rate") && page.contains("suggestion: "))

    // The suggestion trains.
    let trained = try edgetrain.run(
      ["train", "rows.net", "--data", "rows", "-o", "m.bin", "--rate", "\(suggestion)", "--quiet"], in: folder)
    #expect(trained.status == 0, "\(trained.errors)")
  }

  @Test func wrongRates() throws {
    let arguments = ["lr-find", "rows.net", "--data", "rows"]
    let crossed = try edgetrain.run(arguments + ["--from", "1", "--to", "0.5"], in: folder)
    #expect(crossed.status == 64)
    #expect(crossed.errors.hasPrefix("error: --to: expected a number above --from, 1.0, found 0.5\n"))
    let high = try edgetrain.run(arguments + ["--from", "20"], in: folder)
    #expect(high.status == 64)
    #expect(high.errors.hasPrefix("error: --from: expected a number below 10.0, found 20.0\n"))
  }
}

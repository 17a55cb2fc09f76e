import Foundation
import Testing

@Suite struct DemoCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws { folder = try TemporaryFolder() }

  @Test func writesPageAndDrawings() throws {
    let result = try edgetrain.run(["demo", "-o", "a/b", "--json"], in: folder)
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(json["page"] as? String == "a/b/index.html")
    let networks = try #require(json["networks"] as? [[String: Any]])
    let xor = networks.filter { $0["data"] as? String == "XOR" }
    #expect(xor.contains { $0["network"] as? String == "4 tanh units" && $0["accuracy"] as? Double == 1 })
    #expect(folder.has("a/b/index.html") && folder.has("a/b/xor-logistic.svg"))
    let page = String(decoding: try folder.bytes("a/b/index.html"), as: UTF8.self)
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("edgetrain demo --seed 1"))
  }

  @Test func saysWhereItCannotWrite() throws {
    try folder.write("", to: "file")
    let result = try edgetrain.run(["demo", "-o", "file"], in: folder)
    #expect(result.status == 1)
    #expect(result.errors == "error: file: cannot write: Not a directory\n")
    #expect(result.output.isEmpty)
  }
}

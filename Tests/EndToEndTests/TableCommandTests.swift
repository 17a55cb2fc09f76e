import Foundation
import Testing

/// Rows of numbers from CSV file to int8 model.
@Suite struct TableCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    var state: UInt32 = 7
    func random() -> Double {
      state = state &* 1_664_525 &+ 1_013_904_223
      return Double(state >> 8) / 16_777_216
    }
    var text = "width,height,price,kind\n"
    for _ in 0..<300 {
      let (width, height) = (random() / 100, 1000 * random())
      text += "\(width),\(height),\(50_000 + 1000 * (100 * width - height / 1000)),"
      text += 100 * width > height / 1000 ? "\"wide, low\"\n" : "\"narrow, high\"\n"
    }
    try folder.write(text, to: "boxes.csv")
    try folder.write(
      "input 1x1x3\ndense 8 relu\ndense 2\nsoftmax\ntrain\n epochs 20\n batch 16\n rate 0.05\n", to: "kind.net")
    try folder.write(
      "input 1x1x2\ndense 16 tanh\ndense 1\ntrain\n epochs 30\n batch 16\n rate 0.05\n loss mean-squared-error\n"
        + " validation 0.1\n", to: "price.net")
  }

  func run(_ arguments: [String], status: Int32 = 0) throws -> Program.Result {
    let result = try edgetrain.run(arguments, in: folder)
    #expect(result.status == status, "\(result.errors)")
    return result
  }

  func json(_ text: some StringProtocol) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func classes() throws {
    let trained = try run(["train", "kind.net", "--data", "boxes.csv", "-o", "kind.bin", "--run", "run"])
    #expect(trained.errors.contains("boxes.csv: 241 rows 1x1x3 of 2 classes"))
    _ = try run(["quantize", "kind.bin", "--data", "boxes.csv", "-o", "kind.int8.bin"])
    for model in ["kind.bin", "kind.int8.bin"] {
      let result = try json(run(["evaluate", model, "--data", "boxes.csv", "--json"]).output)
      #expect(result["rows"] as? Int == 59)
      #expect(try #require(result["accuracy"] as? Double) > 0.9)
      #expect(try Program(name: "edgerun").run([model, "--self-test"], in: folder).status == 0)
    }
    #expect(String(decoding: try folder.bytes("run/report.html"), as: UTF8.self).contains("narrow, high"))
  }

  @Test func numbers() throws {
    // Without the class's column, which is no number.
    let text = String(decoding: try folder.bytes("boxes.csv"), as: UTF8.self).split(separator: "\n")
    try folder.write(
      text.map { $0.split(separator: ",").prefix(3).joined(separator: ",") }.joined(separator: "\n"), to: "prices.csv")
    let data = ["--data", "prices.csv", "--target", "price"]
    let trained = try run(["train", "price.net", "-o", "price.bin", "--run", "run"] + data)
    #expect(trained.errors.contains("prices.csv: 216 rows 1x1x2 of 1 number to predict"), "\(trained.errors)")
    #expect(trained.output.contains("price: root mean squared error "))
    let quantized = try run(["quantize", "price.bin", "-o", "price.int8.bin"] + data)
    #expect(quantized.output.contains("root mean squared error"))
    for model in ["price.bin", "price.int8.bin"] {
      let result = try json(run(["evaluate", model, "--json"] + data).output)
      let targets = try #require(result["targets"] as? [[String: Any]])
      #expect(try #require(targets[0]["r2"] as? Double) > 0.95, "\(targets)")
    }
    #expect(
      String(decoding: try folder.bytes("run/report.html"), as: UTF8.self).contains("share of the variance explained"))
    let info = try json(run(["data", "info", "--json"] + data.dropFirst()).output)
    #expect(info["train"] as? Int == 240 && info["test"] as? Int == 60)
    let wrong = try run(["train", "kind.net", "-o", "x.bin"] + data, status: 1)
    #expect(wrong.errors.hasPrefix("error: kind: input: expected 1x1x2 as prices.csv has columns"))
    let confused = try run(["evaluate", "price.bin", "--confusion"] + data, status: 64)
    #expect(confused.errors.hasPrefix("error: --confusion: expected data with classes or tags, found prices.csv\n"))
    _ = try run(["photo", "-o", "x.jpg", "--data", "prices.csv", "--target", "price"], status: 1)
  }

  @Test func wrongTablesAreErrors() throws {
    try folder.write("a,b,kind\n1,2,x\n1,two,y\n", to: "wrong.csv")
    let wrong = try run(["data", "info", "wrong.csv"], status: 1)
    #expect(wrong.errors.hasPrefix("error: wrong.csv:3: column b: expected a number, found 'two'\n"))
    let label = try run(["data", "info", "boxes.csv", "--label", "colour"], status: 1)
    #expect(
      label.errors.hasPrefix("error: boxes.csv: expected one of the columns width, height, price, kind, found 'colour'")
    )
    let both = try run(["data", "info", "boxes.csv", "--label", "kind", "--target", "price"], status: 64)
    #expect(both.errors.hasPrefix("error: --label: expected not both"))
  }
}

import Foundation
import Testing

@Suite struct LookCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.write(
      "name rows\ninput 8x8x1\nfirst: conv 3x3x4 relu\nflatten\ndense 3\nsoftmax\n\ntrain\n  epochs 1\n  rate 0.05\n",
      to: "rows.net")
    let trained = try edgetrain.run(["train", "rows.net", "--data", "rows", "-o", "rows.bin", "--quiet"], in: folder)
    try #require(trained.status == 0, "\(trained.errors)")
  }

  @Test func showsWhatIsInside() throws {
    let result = try edgetrain.run(
      ["look", "rows.bin", "--data", "rows", "--image", "5", "--units", "2", "-o", "page.html"], in: folder)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output == "page.html: layers 1, units 2, histograms 2\n")
    let page = String(decoding: try folder.bytes("page.html"), as: UTF8.self)
    for text in ["Filters of first", "first: 6x6x4", "What activates the units of first", "the network says "] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(page.components(separatedBy: "<img").count - 1 >= 4 + 1 + 4)
  }

  @Test func namesWhatIsNotThere() throws {
    let layer = try edgetrain.run(["look", "rows.bin", "--data", "rows", "--layer", "third"], in: folder)
    #expect(layer.status == 1)
    #expect(layer.errors.hasPrefix("error: --layer: expected first, found third\nhint: "))
    let image = try edgetrain.run(["look", "rows.bin", "--data", "rows", "--image", "60"], in: folder)
    #expect(image.status == 64)
    #expect(image.errors.hasPrefix("error: --image: expected 0 to 59, a test image of rows, found 60\n"))
    let quantized = try edgetrain.run(
      ["quantize", "rows.bin", "--data", "rows", "-o", "rows.int8.bin"], in: folder)
    #expect(quantized.status == 0, "\(quantized.errors)")
    let int8 = try edgetrain.run(["look", "rows.int8.bin", "--data", "rows"], in: folder)
    #expect(int8.status == 1)
    #expect(int8.errors.hasPrefix("error: rows.int8.bin: expected a float model, found an int8 model\nhint: "))
    #expect(!folder.has("look.html"))
  }
}

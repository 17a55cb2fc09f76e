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
    let lines = result.output.split(separator: "\n")
    #expect(lines[0] == "page.html: layers 1, units 2, templates 3, histograms 2")
    #expect(lines[1].hasPrefix("template: correlation 1.000 at "))
    #expect(lines[2].hasPrefix("loss of the trained network: "))
    let page = String(decoding: try folder.bytes("page.html"), as: UTF8.self)
    for text in [
      "Filters of first", "first: 6x6x4", "What activates the units of first", "the network says ", "Output map",
      "The loss landscape", "Surface",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(page.components(separatedBy: "<img").count - 1 >= 4 + 1 + 4 + 2 + 7)
    // All but the command's own words is the same for any number of threads.
    let again = try edgetrain.run(
      ["look", "rows.bin", "--data", "rows", "--image", "5", "--units", "2", "-o", "again.html", "--threads", "3"],
      in: folder)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try folder.bytes("page.html") == folder.bytes("again.html"))
  }

  @Test func searchesPictures() throws {
    // A picture of noise with a cross at (30, 11), and the cross as a picture of its own.
    var noise = Data("P5 60 40 255\n".utf8)
    var pixels = (0..<2400).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31 >> 3) }
    let cross = (0..<49).map { UInt8($0 % 7 == $0 / 7 || $0 % 7 == 6 - $0 / 7 ? 220 : 30) }
    for (index, value) in cross.enumerated() { pixels[(11 + index / 7) * 60 + 30 + index % 7] = value / 2 + 50 }
    noise += pixels
    try folder.write([UInt8](noise), to: "crowd.pgm")
    try folder.write([UInt8](Data("P5 7 7 255\n".utf8) + cross), to: "cross.pgm")
    let arguments = ["look", "rows.bin", "--data", "rows", "--units", "1", "--landscape", "0"]
    let result = try edgetrain.run(
      arguments + ["--picture", "crowd.pgm", "--template", "cross.pgm"], in: folder)
    #expect(result.status == 0, "\(result.errors)")
    #expect(
      result.output == """
        look.html: layers 1, units 1, templates 2, histograms 2
        template: correlation 1.000 at 30, 11

        """)
    let large = try edgetrain.run(arguments + ["--picture", "cross.pgm", "--template", "crowd.pgm"], in: folder)
    #expect(large.status == 1)
    #expect(large.errors == "error: crowd.pgm: expected at most 7x7, the picture, found 60x40\n")
    let even = try edgetrain.run(arguments.dropLast() + ["20"], in: folder)
    #expect(even.status == 64)
    #expect(even.errors.hasPrefix("error: --landscape: expected 0, or an odd number of at least 3"))
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

import Format
import Terminal
import Trainer
import Vision

enum PhotoCommand {
  static let command = Command(
    name: "edgetrain photo",
    summary: "Writes a test image as a camera would give it: in colour, much larger than the network needs, as JPEG.",
    options: [
      CommonOptions.data,
      Option("index", value: "N", help: "which test image, from 0 (default 0)"),
      Option("output", letter: "o", value: "FILE", help: "the JPEG file to write"),
      Option("width", value: "PIXELS", help: "default 640"),
      Option("height", value: "PIXELS", help: "default 480"),
      Option("quality", value: "Q", help: "of the JPEG, 1 to 100 (default 90)"),
    ] + CommonOptions.reading,
    examples: ["edgetrain photo --data fashion-mnist --index 0 -o camera.jpg"])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let name = try command.required("data", of: arguments)
    let source = try DataSource(name)
    let output = try OutputFile(path: command.required("output", of: arguments))
    let index = try arguments.integer("index", in: 0...Int.max) ?? 0
    let width = try arguments.integer("width", in: 16...8192) ?? 640
    let height = try arguments.integer("height", in: 16...8192) ?? 480
    let quality = try arguments.integer("quality", in: 1...100) ?? 90

    let data = try DataSet(source, options: CommonOptions.dataOptions(arguments, for: name, command: command))
    guard !data.test.holdsNumbers else { throw Problem("--data: expected images, found rows of numbers") }
    guard index < data.test.count else {
      throw UsageError(
        "--index", expected: "0 to \(data.test.count - 1), a test image of \(data.name)", found: "\(index)",
        command: command.name)
    }
    let photo = data.test.image(index).photographed(width: width, height: height)
    try output.write(photo.jpeg(quality: quality))
    let label = data.labels[Int(data.test.classes[index])]
    write("\(output.path): \(width)×\(height), test image \(index) of \(data.name), \(label)\n")
  }
}

extension Image {
  /// The image in the middle of a colour picture of this size, as large as fits, before a background of its top left
  /// corner's colour, in slightly warm light.
  fileprivate func photographed(width: Int, height: Int) -> Image {
    let scale = min(Double(width) / Double(self.width), Double(height) / Double(self.height))
    let inner = resized(
      width: max(1, Int(Double(self.width) * scale)), height: max(1, Int(Double(self.height) * scale))
    ).converted(toChannels: 3)
    let left = (width - inner.width) / 2
    let top = (height - inner.height) / 2
    let light = [1, 0.97, 0.9]
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        let isInside = (top..<(top + inner.height)).contains(y) && (left..<(left + inner.width)).contains(x)
        let source = isInside ? ((y - top) * inner.width + x - left) * 3 : 0
        for channel in 0..<3 {
          let level = Double(inner.pixels[source + channel]) * light[channel]
          pixels[(y * width + x) * 3 + channel] = UInt8(level.rounded())
        }
      }
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }
}

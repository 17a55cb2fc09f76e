import Format
import Terminal
import Trainer

/// `edgetrain look` on a task over sequences.
enum SequenceLook {
  /// Options of `look` that only pictures have a use for.
  private static let forImages = [
    "images", "patches", "picture", "template", "landscape", "loss-images", "seed", "threads",
  ]

  /// - Parameter name: of `source`, as it was typed.
  static func run(_ source: SequenceSource, name: String, _ arguments: Arguments, command: Command) throws {
    for option in forImages where arguments.has(option) {
      throw UsageError(
        "--" + option, expected: "data of images beside it", found: source.name, command: command.name)
    }
    let page = try OutputFile(path: arguments.string("output") ?? "look.html")
    let units = try arguments.integer("units", in: 0...1024) ?? 12
    let index = try arguments.integer("image", in: 0...Int.max) ?? 0
    let file = try SequenceModelFile(
      path: arguments.operands[0], data: source,
      options: CommonOptions.dataOptions(arguments, for: name, command: command))
    let inspector = try SequenceInspector(file, layer: arguments.string("layer"))
    guard index < inspector.exampleCount else {
      throw UsageError(
        "--image", expected: "0 to \(inspector.exampleCount - 1), a test example of \(source.name)", found: "\(index)",
        command: command.name)
    }
    let look = try inspector.look(index)
    let report = SequenceLookReport(
      title: "Inside \(file.model.metadata.name)", summary: "\(file.path), test example \(index) of \(file.data.name).",
      said: look.said, readings: look.readings, units: units, saliency: look.saliency,
      embeddings: inspector.embeddings, weights: inspector.weights)
    try page.write(report.html())
    let layers = report.readings.reduce(0) { $0 + $1.states.count }
    write("\(page.path): recurrent layers \(layers), embeddings \(report.embeddings.count), ")
    write("histograms \(report.weights.count)\n\(look.said)\n")
  }
}

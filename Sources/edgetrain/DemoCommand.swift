import Foundation
import Terminal
import Trainer

enum DemoCommand {
  static let command = Command(
    name: "edgetrain demo",
    summary:
      "Shows what neural networks can and cannot learn, on points of the plane: trains neurons, linear networks\n"
      + "and networks with hidden layers within seconds, and draws their decision boundaries and losses.",
    options: [
      Option("output", letter: "o", value: "DIR", help: "where index.html and the drawings go (default: demo)"),
      Option("seed", value: "N", help: "draws the points and the initial weights (default 1)"),
      CommonOptions.json,
    ],
    examples: ["edgetrain demo", "edgetrain demo --seed 7 -o /tmp/demo    # then open /tmp/demo/index.html"])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let seed = UInt64(try arguments.integer("seed", in: 0...Int.max) ?? 1)
    let folder = try OutputFolder(path: arguments.string("output") ?? "demo")
    OpenBLASEnvironment.establish()
    let demo = try Demo(seed: seed, backend: CPUBackend(threads: 1))
    for file in demo.files { try folder.write(file.text, to: file.name) }
    let page = folder.path(of: demo.files[0].name)
    if arguments.has("json") {
      write(json(demo, page: page))
    } else {
      write("\(table(demo))\n\(page): \(demo.files.count - 1) drawings in one page, each also as a file beside it\n")
    }
  }

  private static func table(_ demo: Demo) -> String {
    var table = TextTable([
      .left("data"), .left("network"), .right("weights and biases"), .right("steps"), .right("cross-entropy"),
      .right("accuracy"),
    ])
    for row in demo.rows {
      table.add([
        row.data, row.model, "\(row.parameters)", "\(row.steps)", row.loss.map { fixed($0, decimals: 4) } ?? "–",
        percent(row.accuracy),
      ])
    }
    return table.text
  }

  private static func json(_ demo: Demo, page: String) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("page", page)
      json.array("networks") { json in
        for row in demo.rows {
          json.object { json in
            json.field("data", row.data)
            json.field("network", row.model)
            json.field("parameters", row.parameters)
            json.field("steps", row.steps)
            json.field("loss", row.loss ?? .nan, decimals: 6)
            json.field("accuracy", row.accuracy, decimals: 6)
          }
        }
      }
    }
    return json.text
  }
}

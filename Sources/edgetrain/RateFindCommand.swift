import Format
import Foundation
import Terminal
import Trainer

enum RateFindCommand {
  static let command = Command(
    name: "edgetrain lr-find",
    summary: "Tries learning rates: trains NET with a rate that rises from step to step until the loss explodes.",
    operands: [Operand("NET")],
    options: [
      CommonOptions.dataOrSequences,
      Option("output", letter: "o", value: "HTML", help: "write a page with the loss drawn against the rate"),
      Option("from", value: "R", help: "the first rate (default 1e-6)"),
      Option("to", value: "R", help: "the last rate (default 10)"),
      Option("steps", value: "N", help: "how many steps (default 200)"),
      Option("batch", value: "N", help: "examples in a step (default: as NET says)"),
      Option("seed", value: "N", help: "first weights, order and augmentation of images (default: as NET says)"),
      DeviceOption.device, DeviceOption.shares, CommonOptions.threads, DeviceOption.retune, CommonOptions.json,
    ] + CommonOptions.reading,
    examples: [
      "edgetrain lr-find nets/lenet5.net --data fashion-mnist -o lr.html",
      "edgetrain lr-find nets/lenet5.net --data fashion-mnist --from 1e-4 --to 1 --steps 400",
      "edgetrain lr-find nets/numbers.net --data numbers",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let path = arguments.operands[0]
    let name = try command.required("data", of: arguments)
    let page = try arguments.string("output").map { try OutputFile(path: $0) }
    var curve = try curve(arguments)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange) ?? availableThreads()
    let options = try CommonOptions.dataOptions(arguments, for: name, command: command)
    let device = try DeviceOption(arguments, of: command)
    var description = try NetworkDescription(path: path)
    if let batch = try arguments.integer("batch", in: 1...65_536) { description.recipe.batch = batch }
    if let seed = try arguments.integer("seed", in: 0...Int.max) { description.recipe.seed = UInt64(seed) }
    // One epoch more than there are steps never ends before them; held-out examples would only cost time.
    description.recipe.epochs = curve.rates.count + 1
    description.recipe.validation = 0
    description.recipe.patience = nil
    OpenBLASEnvironment.establish()

    let data = try TrainingData(name, for: description, path: path, base: nil, options: options, limit: nil)
    if case .set(let data) = data { noteSkipped(data) }
    let run = try data.run(description, devices: device.devices(threads: threads))
    let end = try search(&curve, run)
    let report = RateReport(
      title: "Learning rates for \(description.name)",
      summary: "\(curve.losses.count) steps of \(run.batch) \(data.noun) of \(data.name), rates from "
        + "\(short(curve.rates[0])) to \(short(curve.rates[max(curve.losses.count - 1, 0)])).",
      curve: curve, command: Edgetrain.commandLine)
    try page?.write(report.html)
    if arguments.has("json") {
      write(json(curve, end))
    } else {
      write(text(curve, end))
    }
  }

  private static func curve(_ arguments: Arguments) throws -> RateCurve {
    let from = try CommonOptions.rate("from", of: arguments) ?? 1e-6
    let to = try CommonOptions.rate("to", of: arguments) ?? 10
    guard from < to else {
      throw arguments.has("to")
        ? UsageError("--to", expected: "a number above --from, \(from)", found: "\(to)", command: command.name)
        : UsageError("--from", expected: "a number below \(to)", found: "\(from)", command: command.name)
    }
    return RateCurve(from...to, steps: try arguments.integer("steps", in: 10...100_000) ?? 200)
  }

  private enum End: String {
    case exploded
    case diverged
    case rampEnded = "ramp-ended"
  }

  /// Steps until the loss explodes, or the ramp ends.
  private static func search(_ curve: inout RateCurve, _ run: TrainingRun) throws -> End {
    while let rate = curve.nextRate {
      do {
        if curve.add(loss: try run.step(rate: Float(rate)).stepLoss) { return .exploded }
      } catch .diverged {
        return .diverged
      }
    }
    return .rampEnded
  }

  private static func text(_ curve: RateCurve, _ end: End) -> String {
    var text = ""
    if let valley = curve.valley {
      text += "suggestion: --rate \(short(valley.suggestion)), "
      text += "a third of the highest rate at which the loss stays low, \(short(valley.highestRate))\n"
      text += "lowest loss \(fixed(valley.loss, decimals: 4)) at rate \(short(valley.rate)), "
      text += "from \(fixed(curve.smoothed[0], decimals: 4)) at rate \(short(curve.rates[0]))\n"
    } else {
      text += "no suggestion: the loss never fell to nine tenths of what it began with; try other rates or more steps\n"
    }
    let last = short(curve.rates[min(curve.losses.count, curve.rates.count - 1)])
    switch end {
    case .exploded, .diverged: text += "stopped: the loss exploded at rate \(last)\n"
    case .rampEnded: text += "the loss did not explode up to rate \(last)\n"
    }
    return text
  }

  /// With two significant digits: more would be noise.
  private static func short(_ rate: Double) -> String {
    let unit = pow(10, log10(rate).rounded(.down) - 1)
    return "\(Float((rate / unit).rounded() * unit))"
  }

  private static func json(_ curve: RateCurve, _ end: End) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("suggestion", curve.valley?.suggestion ?? .nan, decimals: 9)
      json.field("lowest_at", curve.valley?.rate ?? .nan, decimals: 9)
      json.field("end", end.rawValue)
      let smoothed = curve.smoothed
      json.array("steps") { json in
        for step in curve.losses.indices {
          json.object { json in
            json.field("rate", curve.rates[step], decimals: 9)
            json.field("loss", curve.losses[step], decimals: 6)
            json.field("smoothed_loss", smoothed[step], decimals: 6)
          }
        }
      }
    }
    return json.text
  }
}

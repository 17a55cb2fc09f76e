import Foundation
import Terminal

/// The program: picks the command.
enum Edgetrain {
  static let version = "1.0"

  static let command = Command(
    name: "edgetrain",
    summary: "Trains neural networks, measures them and makes them small for `edgerun`.",
    operands: [Operand("COMMAND"), Operand("ARGUMENT", count: 0...Int.max)],
    options: [Option("version", help: "print the version")],
    subcommands: [
      Subcommand("train NET", help: "train a network and export it as a model file"),
      Subcommand("evaluate MODEL", help: "accuracy of a model file on test images"),
      Subcommand("quantize MODEL", help: "make an int8 model of a float one, with a report of what it cost"),
      Subcommand("pack MODEL", help: "lay weights out for one instruction set, so that a device starts faster"),
      Subcommand("bench NET", help: "images a second in training"),
      Subcommand("devices", help: "where networks can be trained: the CPU and OpenCL devices"),
      Subcommand("init NET", help: "write an untrained model file, to measure speed with"),
      Subcommand("info FILE", help: "what is in a model file, a network description or a data set"),
      Subcommand("data info DATA", help: "what was read of a data set, with a sheet of its pictures or texts"),
      Subcommand("lr-find NET", help: "try learning rates, and draw the loss against them"),
      Subcommand("look MODEL", help: "filters, feature maps, what activates units, weights, in one page"),
      Subcommand("demo", help: "what networks can and cannot learn, on points of the plane"),
      Subcommand("photo", help: "write a test image as a camera would give it"),
    ],
    examples: [
      "edgetrain train nets/lenet5.net --data fashion-mnist -o lenet5.bin",
      "edgetrain quantize lenet5.bin --data fashion-mnist -o lenet5.int8.bin",
      "edgetrain evaluate lenet5.int8.bin --data fashion-mnist",
      "edgetrain train --help    # what a command takes",
    ])

  static func run(_ words: [String]) throws {
    guard let first = words.first else {
      throw UsageError("arguments", expected: "a command", found: "nothing", command: "edgetrain")
    }
    let rest = Array(words.dropFirst())
    switch first {
    case "train": try TrainCommand.run(rest)
    case "evaluate": try EvaluateCommand.run(rest)
    case "quantize": try QuantizeCommand.run(rest)
    case "pack": try PackCommand.run(rest)
    case "bench": try BenchCommand.run(rest)
    case "devices": try DevicesCommand.run(rest)
    case "init": try InitCommand.run(rest)
    case "info": try InfoCommand.run(rest)
    case "data": try DataCommand.run(rest)
    case "lr-find": try RateFindCommand.run(rest)
    case "look": try LookCommand.run(rest)
    case "demo": try DemoCommand.run(rest)
    case "photo": try PhotoCommand.run(rest)
    case "--help", "-h", "help": write(command.help)
    case "--version": write("edgetrain \(version)\n")
    default:
      let names = command.subcommands.compactMap { $0.synopsis.split(separator: " ").first.map(String.init) }
      throw UsageError(
        "command", expected: names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1], found: first,
        command: "edgetrain")
    }
  }

  /// This process's command line, to be typed again.
  static var commandLine: String { shellText(["edgetrain"] + processArguments()) }

  /// `words` as a POSIX shell reads them.
  static func shellText(_ words: [String]) -> String { words.map { $0.quotedForShell }.joined(separator: " ") }
}

extension String {
  /// The text as one word of a POSIX shell.
  fileprivate var quotedForShell: String {
    let plain = !isEmpty && allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0)) }
    return plain ? self : "'" + replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}

extension Command {
  /// Parses `words`, or prints the help text and gives nil if it is asked for.
  func arguments(_ words: [String]) throws -> Arguments? {
    let arguments = try parse(words)
    guard !arguments.has("help") else {
      write(help)
      return nil
    }
    return arguments
  }

  /// - Throws: `UsageError` if the option was not given, or is empty.
  func required(_ option: String, of arguments: Arguments) throws -> String {
    if let value = arguments.string(option), !value.isEmpty { return value }
    let value = options.first { $0.name == option }?.value ?? "a value"
    throw UsageError("--" + option, expected: value, found: "nothing", command: name)
  }
}

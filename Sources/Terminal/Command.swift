/// An option of a command: `--name`, `--name VALUE` or `--name=VALUE`, and perhaps `-l VALUE`.
public struct Option: Sendable {
  public let name: String
  /// The short form's letter: "o" for `-o`.
  public let letter: String?
  /// What its value stands for, in capitals; nil for a switch.
  public let value: String?
  public let help: String

  public init(_ name: String, letter: String? = nil, value: String? = nil, help: String) {
    self.name = name
    self.letter = letter
    self.value = value
    self.help = help
  }

  fileprivate var synopsis: String {
    (letter.map { "-" + $0 + ", " } ?? "") + "--" + name + (value.map { " " + $0 } ?? "")
  }
}

/// An argument that is no option.
public struct Operand: Sendable {
  /// In capitals, as in `MODEL`.
  public let name: String
  /// How many there may be. Only the last operand's may be a range of more than one count.
  public let count: ClosedRange<Int>

  public init(_ name: String, count: ClosedRange<Int> = 1...1) {
    self.name = name
    self.count = count
  }

  fileprivate var synopsis: String {
    let repeated = count.upperBound > 1 ? name + "..." : name
    return count.lowerBound == 0 ? "[" + repeated + "]" : repeated
  }
}

/// A line of help: a subcommand with what it does.
public struct Subcommand: Sendable {
  public let synopsis: String
  public let help: String

  public init(_ synopsis: String, help: String) {
    self.synopsis = synopsis
    self.help = help
  }
}

/// What a command takes: the one description that its parser and its help text are made of.
public struct Command: Sendable {
  /// As typed: "edgerun", "edgerun info".
  public let name: String
  /// What it does, in lines of at most 120 characters.
  public let summary: String
  public let operands: [Operand]
  public let options: [Option]
  public let subcommands: [Subcommand]
  /// Command lines, each with what it does behind a `#` if need be.
  public let examples: [String]

  /// `--help` is added to `options`.
  public init(
    name: String, summary: String, operands: [Operand] = [], options: [Option] = [], subcommands: [Subcommand] = [],
    examples: [String]
  ) {
    self.name = name
    self.summary = summary
    self.operands = operands
    self.options = options + [Option("help", letter: "h", help: "print this text")]
    self.subcommands = subcommands
    self.examples = examples
  }

  /// The text of `--help`.
  public var help: String {
    var text = summary + "\n\nusage: " + name
    for operand in operands { text += " " + operand.synopsis }
    text += " [options]\n"
    if !subcommands.isEmpty {
      text += "\ncommands:\n" + Command.columns(subcommands.map { ($0.synopsis, $0.help) })
    }
    text += "\noptions:\n" + Command.columns(options.map { ($0.synopsis, $0.help) })
    text += "\nexamples:\n"
    for example in examples { text += "  " + example + "\n" }
    return text
  }

  /// Reads a command line. `--help` among the arguments is enough: operands and values are then not asked for.
  public func parse(_ words: [String]) throws(UsageError) -> Arguments {
    var arguments = Arguments(command: self)
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        arguments.operands += rest
        rest = []
      } else if word.utf8.first == UInt8(ascii: "-") && word != "-" {
        try parseOption(word, &rest, into: &arguments)
      } else {
        arguments.operands.append(word)
      }
    }
    if !arguments.has("help") { try check(arguments.operands) }
    return arguments
  }

  private func parseOption(
    _ word: String, _ rest: inout ArraySlice<String>, into arguments: inout Arguments
  ) throws(UsageError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let typed = String(parts[0])
    guard let option = options.first(where: { typed == "--" + $0.name || $0.letter.map { typed == "-" + $0 } ?? false })
    else {
      throw UsageError(typed, expected: "an option of `" + name + "`", found: "an unknown one", command: name)
    }
    if let value = option.value {
      if parts.count == 2 {
        arguments.values[option.name] = String(parts[1])
      } else if let next = rest.first, !next.hasPrefix("--") {
        arguments.values[option.name] = next
        rest.removeFirst()
      } else {
        throw UsageError(typed, expected: value, found: "nothing", command: name)
      }
    } else {
      guard parts.count == 1 else {
        throw UsageError(typed, expected: "no value", found: String(parts[1]), command: name)
      }
      arguments.values[option.name] = ""
    }
  }

  private func check(_ given: [String]) throws(UsageError) {
    var taken = 0
    for operand in operands {
      guard given.count - taken >= operand.count.lowerBound else {
        throw UsageError("arguments", expected: operand.name, found: "nothing", command: name)
      }
      taken += min(operand.count.upperBound, given.count - taken)
    }
    guard taken == given.count else {
      throw UsageError("arguments", expected: "nothing more", found: given[taken], command: name)
    }
  }

  private static func columns(_ rows: [(String, String)]) -> String {
    let width = rows.reduce(0) { max($0, $1.0.count) }
    var text = ""
    for (left, right) in rows {
      text += "  " + left + String(repeating: " ", count: width - left.count + 2) + right + "\n"
    }
    return text
  }
}

/// A command line as read by `Command.parse`.
public struct Arguments: Sendable {
  let command: Command
  public fileprivate(set) var operands: [String] = []
  fileprivate var values: [String: String] = [:]

  fileprivate init(command: Command) { self.command = command }

  /// Whether the option was given.
  public func has(_ option: String) -> Bool { string(option) != nil }

  /// The option's value, the last one if it was given more than once.
  public func string(_ option: String) -> String? {
    precondition(command.options.contains { $0.name == option }, "the command has no such option")
    return values[option]
  }

  /// The option's value as an integer, nil if it was not given.
  public func integer(_ option: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
    guard let text = string(option) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      let most = range.upperBound == Int.max ? "of at least \(range.lowerBound)" : Arguments.text(of: range)
      throw UsageError("--" + option, expected: "an integer " + most, found: text, command: command.name)
    }
    return value
  }

  /// The option's value as a number, nil if it was not given.
  ///
  /// - Parameter expected: the range in words, for the error: "a number above 0".
  public func number(
    _ option: String, expected: String, where isValid: (Double) -> Bool
  ) throws(UsageError) -> Double? {
    guard let text = string(option) else { return nil }
    guard let value = parseDecimal(text), isValid(value) else {
      throw UsageError("--" + option, expected: expected, found: text, command: command.name)
    }
    return value
  }

  private static func text(of range: ClosedRange<Int>) -> String { "from \(range.lowerBound) to \(range.upperBound)" }
}

/// What is wrong with a command line. The program ends with `ExitStatus.usage`.
public struct UsageError: Error, Equatable, Sendable {
  /// One line: "<what>: expected X, found Y".
  public let description: String
  public let hint: String

  public init(_ what: String, expected: String, found: String, command: String) {
    description = what + ": expected " + expected + ", found " + (found.isEmpty ? "nothing" : found)
    hint = "see `" + command + " --help`"
  }
}

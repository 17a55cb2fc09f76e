import Foundation
import Platform
import Terminal
import Trainer

/// Options that several commands take.
enum CommonOptions {
  static let data = Option(
    "data", value: "DATA",
    help: "fashion-mnist, a folder of IDX or CIFAR files, a CSV file, or a folder of photos per class")
  /// Of commands that take sequences, too.
  static let dataOrSequences = Option(
    "data", value: "DATA",
    help: "images (fashion-mnist, a folder), rows of a CSV file, or sequences (as text:FILE, lines:DIR, numbers)")
  /// How data is read, whatever it is.
  static let reading = [
    Option("split-seed", value: "N", help: "draws the test examples where the data does not name them (default 0)"),
    Option("label", value: "COLUMN", help: "the column of a CSV file that has the classes (default: the last)"),
    Option("target", value: "COLUMNS", help: "columns of a CSV file whose numbers are predicted, as price,area"),
    Option("cache", value: "DIR", help: "keeps decoded photos (default: edgerun in ~/.cache; none: nowhere)"),
  ]
  static let threads = Option("threads", value: "N", help: "default: as many as the CPU has")
  static let json = Option("json", help: "print JSON instead of text")

  static let threadRange = 1...256

  /// From the options of `reading`.
  ///
  /// - Parameter name: the data, as it was typed.
  /// - Throws: `UsageError`, also of columns of data that has none.
  static func dataOptions(_ arguments: Arguments, for name: String, command: Command) throws -> DataOptions {
    for option in ["label", "target"] where arguments.has(option) && !mayHaveColumns(name) {
      throw UsageError("--\(option)", expected: "a CSV file beside it", found: name, command: command.name)
    }
    var options = DataOptions(splitSeed: UInt64(try arguments.integer("split-seed", in: 0...Int.max) ?? 0))
    if let columns = arguments.string("target") {
      guard !arguments.has("label") else {
        throw UsageError("--label", expected: "not both, --label and --target", found: "both", command: command.name)
      }
      options.columns = .numbers(columns.split(separator: ",").map(String.init))
    } else if let column = arguments.string("label") {
      options.columns = .label(column)
    }
    switch arguments.string("cache") {
    case nil: options.cache = DataCache.standard
    case "none": break
    case let folder?: options.cache = DataCache(folder: folder)
    }
    return options
  }

  /// Of what is not there, reading tells.
  private static func mayHaveColumns(_ name: String) -> Bool {
    guard SequenceSource(name) == nil else { return false }
    return (try? DataSource(name))?.holdsNumbers ?? true
  }

  /// - Throws: `UsageError` of a learning rate that the trainer's numbers cannot hold.
  static func rate(_ option: String, of arguments: Arguments) throws(UsageError) -> Double? {
    try arguments.number(option, expected: "a number above 0 that single precision holds") {
      Float($0) > 0 && Float($0).isFinite
    }
  }
}

/// CPUs that this process may use.
func availableThreads() -> Int { ProcessInfo.processInfo.activeProcessorCount }

/// Tells on standard error which files of the data could not be decoded.
func noteSkipped(_ data: DataSet) {
  for text in data.notes { note(text) }
  guard !data.skipped.isEmpty else { return }
  for file in data.skipped.prefix(10) { note("skipped \(file.reason)") }
  if data.skipped.count > 10 { note("skipped \(data.skipped.count - 10) files more") }
  note(
    "\(data.name): \(data.skipped.count) of \(data.count + data.skipped.count) files skipped")
}

/// A line on standard error.
func note(_ text: String) { write(text.printable + "\n", to: .error) }

extension Duration {
  var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}

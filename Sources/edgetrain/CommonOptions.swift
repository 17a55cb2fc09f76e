import Foundation
import Platform
import Terminal
import Trainer

/// Options that several commands take.
enum CommonOptions {
  static let data = Option(
    "data", value: "DATA", help: "fashion-mnist, a folder of IDX files, or a folder of photos per class")
  static let splitSeed = Option(
    "split-seed", value: "N", help: "draws the test photos of a folder without train/ and test/ (default 0)")
  static let threads = Option("threads", value: "N", help: "default: as many as the CPU has")
  static let json = Option("json", help: "print JSON instead of text")

  static let threadRange = 1...256

  static func splitSeed(_ arguments: Arguments) throws -> UInt64 {
    UInt64(try arguments.integer("split-seed", in: 0...Int.max) ?? 0)
  }
}

/// CPUs that this process may use.
func availableThreads() -> Int { ProcessInfo.processInfo.activeProcessorCount }

/// Tells on standard error which files of the data could not be decoded.
func noteSkipped(_ data: DataSet) {
  guard !data.skipped.isEmpty else { return }
  for file in data.skipped.prefix(10) { note("skipped \(file.reason)") }
  if data.skipped.count > 10 { note("skipped \(data.skipped.count - 10) files more") }
  note(
    "\(data.name): \(data.skipped.count) of \(data.train.count + data.test.count + data.skipped.count) files skipped")
}

/// A line on standard error.
func note(_ text: String) { write(text.printable + "\n", to: .error) }

extension Duration {
  var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}

import Format
import Quantize
import Runtime
import Terminal
import Vision

/// Why the command ends without success: what to print and the exit status.
struct Failure: Error {
  /// Empty when everything has been said.
  let description: String
  let hint: String?
  let status: ExitStatus

  init(_ description: String, hint: String? = nil, status: ExitStatus = .failure) {
    self.description = description
    self.hint = hint
    self.status = status
  }

  init(_ error: UsageError) { self.init(error.description, hint: error.hint, status: .usage) }
  init(_ error: FormatError, file: String) {
    switch error {
    case .cannotRead, .cannotWrite: self.init(error.description, hint: error.hint)
    case .notAModel, .newerVersion, .truncated, .checksumMismatch, .invalid:
      self.init(file + ": " + error.description, hint: error.hint)
    }
  }

  init(_ error: QuantizeError) { self.init(error.description, hint: error.hint) }
  init(_ error: RuntimeError) { self.init(error.description, hint: error.hint) }
  init(_ error: VisionError) { self.init(error.description, hint: error.hint) }

  /// Errors have been reported already.
  static let reported = Failure("")
}

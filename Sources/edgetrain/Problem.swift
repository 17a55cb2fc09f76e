import Format
import Quantize
import Runtime
import Terminal
import Trainer
import Vision

/// What went wrong, as it is printed.
struct Problem: Error {
  /// One line: "<what>: expected X, found Y".
  let description: String
  let hint: String?

  init(_ description: String, hint: String? = nil) {
    self.description = description
    self.hint = hint
  }

  /// Any error of any module.
  init(_ error: any Error) {
    switch error {
    case let error as Problem: self = error
    case let error as FormatError: self.init(error.description, hint: error.hint)
    case let error as QuantizeError: self.init(error.description, hint: error.hint)
    case let error as RuntimeError: self.init(error.description, hint: error.hint)
    case let error as VisionError: self.init(error.description, hint: error.hint)
    case let error as TrainerError: self.init(error.description, hint: error.hint)
    case let error as DataError: self.init(error.description, hint: error.hint)
    case let error as RunError: self.init(error.description, hint: error.hint)
    default: self.init("\(error)")
    }
  }
}

/// Why a network could not be described, built or trained.
public enum TrainerError: Error, Equatable, Sendable {
  /// The text of a network description is wrong at `line` and `column`, both counted from 1.
  case syntax(file: String, line: Int, column: Int, expected: String, found: String, hint: String?)
  /// A layer, an argument or a state (`what`) is outside what is allowed.
  case invalid(what: String, expected: String, found: String)
  /// The device that computes failed: no memory, no driver, a lost device. `reason` is its own text.
  case device(name: String, reason: String)
}

extension TrainerError: CustomStringConvertible {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .syntax(let file, let line, let column, let expected, let found, _):
      "\(file):\(line):\(column): expected \(expected), found \(found)"
    case .invalid(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    case .device(let name, let reason): "\(name): \(reason)"
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .syntax(_, _, _, _, _, let hint): hint
    case .invalid, .device: nil
    }
  }
}

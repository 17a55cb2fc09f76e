/// Why a model file could not be read, written or trusted.
public enum FormatError: Error, Equatable, Sendable {
  /// The system would not give the file: `reason` is its own text.
  case cannotRead(path: String, reason: String)
  case cannotWrite(path: String, reason: String)
  /// The first bytes are not a model's.
  case notAModel
  case newerVersion(found: UInt16, supported: UInt16)
  /// `what` needs `expected` bytes where only `found` are left.
  case truncated(what: String, expected: Int, found: Int)
  case checksumMismatch(section: String)
  /// A field, a tensor or a node (`what`) is outside what the specification allows.
  case invalid(what: String, expected: String, found: String)
}

extension FormatError {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .cannotRead(let path, let reason): "\(path): cannot read: \(reason)"
    case .cannotWrite(let path, let reason): "\(path): cannot write: \(reason)"
    case .notAModel: "not a model file: expected the magic bytes of an edgerun model at the start, found others"
    case .newerVersion(let found, let supported):
      "model file version: expected at most \(supported), found \(found)"
    case .truncated(let what, let expected, let found):
      "\(what): expected \(expected) bytes, found \(found)"
    case .checksumMismatch(let section):
      "\(section): expected the checksum stored with it, found another"
    case .invalid(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .newerVersion: "update edgerun, or export the model again with this version's edgetrain"
    case .truncated, .checksumMismatch: "the file is damaged: copy or export it again"
    case .notAModel: "model files are made by `edgetrain train` and `edgetrain quantize`"
    case .cannotRead, .cannotWrite, .invalid: nil
    }
  }
}

extension FormatError {
  /// The same error with `place` before the name of what is wrong: "node 3 'conv1': stride: expected …".
  func within(_ place: String) -> FormatError {
    switch self {
    case .truncated(let what, let expected, let found):
      .truncated(what: "\(place): \(what)", expected: expected, found: found)
    case .checksumMismatch(let section): .checksumMismatch(section: "\(place): \(section)")
    case .invalid(let what, let expected, let found):
      .invalid(what: "\(place): \(what)", expected: expected, found: found)
    case .cannotRead, .cannotWrite, .notAModel, .newerVersion: self
    }
  }
}

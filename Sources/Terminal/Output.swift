import Platform

/// Where text goes: results to `.output`, diagnostics and progress to `.error`.
public enum Stream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Whether a person sees it: only then progress bars make sense.
  public var isTerminal: Bool { platform_is_terminal(rawValue) }
}

/// How a program ends.
public enum ExitStatus: Int32, Sendable {
  case success = 0
  case failure = 1
  /// The command line was wrong (EX_USAGE of sysexits.h).
  case usage = 64
}

/// Writes `text` as it is, without buffering. Text that standard output does not take (a full disk) ends the program
/// with an error and `ExitStatus.failure`: a result cut short must not look like success.
public func write(_ text: String, to stream: Stream = .output) {
  var text = text
  let error = text.withUTF8 { platform_write(stream.rawValue, $0.baseAddress, $0.count) }
  guard error != 0, stream == .output else { return }
  report("standard output: cannot write: " + String(cString: platform_error_text(error)), hint: nil)
  exit(.failure)
}

/// Writes `error: …` and, if there is one, `hint: …` to standard error.
public func report(_ error: String, hint: String?) {
  write("error: " + error.printable + "\n" + (hint.map { "hint: " + $0.printable + "\n" } ?? ""), to: .error)
}

/// Ends the program.
public func exit(_ status: ExitStatus) -> Never { platform_exit(status.rawValue) }

/// The arguments of this process, without the program's name.
public func processArguments() -> [String] {
  var result: [String] = []
  var index: Int32 = 1
  while let argument = platform_argument(index) {
    result.append(String(cString: argument))
    index += 1
  }
  return result
}

extension String {
  /// The text with control characters written as `\u{1b}`: labels and names come from files, and a terminal obeys
  /// escape sequences.
  public var printable: String {
    guard unicodeScalars.contains(where: { $0.isControl }) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      if scalar.isControl {
        result += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// C0, DEL and C1.
  fileprivate var isControl: Bool { value < 0x20 || (0x7f..<0xa0).contains(value) }
}

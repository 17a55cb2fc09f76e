import Format
import Platform
import Terminal

/// Where a text comes from.
enum TextSource {
  case words(String)
  case file(String)
  case standardInput

  /// What results call it.
  var name: String {
    switch self {
    case .words: "text"
    case .file(let path): path
    case .standardInput: "standard input"
    }
  }

  /// The whole text.
  func read() throws(Failure) -> String {
    var text = ""
    try forEachPart(unit: .characters) { text += $0 }
    return text
  }

  /// Calls `body` with the parts of the text as they come: the whole of it at once, but for standard input. No part ends
  /// inside a token of `unit`.
  func forEachPart(unit: Vocabulary.Unit, _ body: (String) -> Void) throws(Failure) {
    switch self {
    case .words(let text): body(text)
    case .file(let path):
      let storage: Storage
      do throws(FormatError) { storage = try Storage(mapping: path) } catch { throw Failure(error, file: path) }
      body(try text(of: Array(storage.bytes)))
    case .standardInput:
      var pending: [UInt8] = []
      while true {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let got = bytes.withUnsafeMutableBytes { platform_read(0, $0.baseAddress!, $0.count) }
        guard got >= 0 else {
          let reason = String(cString: platform_error_text(Int32(-got)))
          throw Failure("standard input: cannot read: " + reason)
        }
        pending += bytes[..<got]
        let whole = got == 0 ? pending.count : TextSource.wholeTokens(pending, unit)
        if whole > 0 { body(try text(of: Array(pending[..<whole]))) }
        if got == 0 { return }
        pending.removeFirst(whole)
      }
    }
  }

  /// The bytes before the last token, which may not be complete: behind the last white space, or before the last
  /// character's first byte.
  private static func wholeTokens(_ bytes: [UInt8], _ unit: Vocabulary.Unit) -> Int {
    switch unit {
    case .words: return (bytes.lastIndex { $0 == 0x20 || 0x09...0x0D ~= $0 } ?? -1) + 1
    case .characters:
      guard let last = bytes.lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return 0 }
      let first = bytes[last]
      let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      return bytes.count - last >= length ? bytes.count : last
    }
  }

  private func text(of bytes: [UInt8]) throws(Failure) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(name + ": expected text in UTF-8, found other bytes")
    }
    return text
  }
}

import Foundation

/// Text files as examples.
enum SequenceFile {
  /// Bytes of a text at most: its tokens and windows take some twenty times as many.
  private static let limit = 1 << 28

  /// A whole file; bytes that are no UTF-8 are replaced, and control characters but tabs and line ends left out: a model
  /// file's vocabulary can have no others.
  static func text(_ path: String) throws(DataError) -> String {
    let bytes = try ByteStream(path: path).read(limit)
    guard bytes.count < limit else {
      throw .mismatch(what: path, expected: "a text of less than \(limit) bytes", found: "a longer one")
    }
    return String(decoding: withoutControls(bytes), as: UTF8.self)
  }

  private static func withoutControls(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\t"), UInt8(ascii: "\n"): result.append(byte)
      case ..<0x20, 0x7F: continue
      // UTF-8 writes U+0080 to U+009F as C2 80 to C2 9F.
      case 0x80..<0xA0 where result.last == 0xC2: result.removeLast()
      default: result.append(byte)
      }
    }
    return result
  }

  /// Lines of two parts with a tab between them. Empty lines, and such as begin with '#', are left out.
  static func pairs(_ path: String) throws(DataError) -> [SequenceTexts.Pair] {
    var pairs: [SequenceTexts.Pair] = []
    for (index, line) in try lines(of: text(path)).enumerated() where !line.isEmpty && !line.hasPrefix("#") {
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw .mismatch(
          what: "\(path): line \(index + 1)", expected: "two texts with a tab between them",
          found: parts.count == 1 ? "no tab" : parts.count == 2 ? "an empty one" : "\(parts.count - 1) tabs")
      }
      pairs.append((String(parts[0]), String(parts[1])))
    }
    return pairs
  }

  /// The lines of every file of a folder, with the file's name as class. Lines of less than `shortest` characters say too
  /// little and are left out, and so are lines that are in files of several classes.
  static func lines(
    _ folder: String, shortest: Int = 20
  ) throws(DataError) -> (pairs: [SequenceTexts.Pair], labels: [String]) {
    let found: [String]
    do {
      found = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw .cannotRead(path: folder, reason: systemErrorText(error))
    }
    let names = found.filter { !$0.hasPrefix(".") }
    guard names.count >= 2 else {
      throw .mismatch(what: folder, expected: "at least 2 text files, one per class", found: "\(names.count)")
    }
    var files: [(name: String, lines: [String])] = []
    var owners: [String: Set<String>] = [:]
    for name in names.sorted() {
      let lines = try lines(of: text(folder + "/" + name))
        .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        .filter { $0.count >= shortest }
      files.append((name, lines))
      for line in lines { owners[line, default: []].insert(name) }
    }
    let pairs = files.flatMap { file in
      Set(file.lines).sorted().filter { owners[$0]!.count == 1 }.map { ($0, file.name) }
    }
    return (pairs, files.map(\.name))
  }

  private static func lines(of text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }
}

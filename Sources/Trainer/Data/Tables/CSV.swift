/// A file of values separated by commas, semicolons or tabs, as RFC 4180 has it: fields in quotes may hold separators, line
/// breaks and doubled quotes.
struct CSV {
  struct Row: Equatable {
    /// In the file, from 1: where the row begins.
    var line: Int
    var fields: [String]
  }

  let path: String
  let rows: [Row]

  /// Bytes of the largest file that is read.
  static let largestFile = 1 << 32

  /// Reads a file, or what `.gz` unpacks to.
  init(path: String) throws(DataError) {
    let bytes = try ByteStream(path: path).read(CSV.largestFile)
    try self.init(bytes, path: path)
  }

  /// - Parameter path: names the text in errors.
  init(_ bytes: [UInt8], path: String) throws(DataError) {
    self.path = path
    // A byte order mark is no part of the first name.
    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var scanner = CSVScanner(bytes: bytes, position: start, separator: CSV.separator(bytes), path: path)
    var rows: [Row] = []
    while let row = try scanner.row() { rows.append(row) }
    self.rows = rows
  }

  /// The comma, unless the first line has none and has a semicolon or a tab.
  private static func separator(_ bytes: [UInt8]) -> UInt8 {
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
    let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
    return candidates.first { line.contains($0) } ?? candidates[0]
  }
}

extension ArraySlice<UInt8> {
  /// Without the spaces and tabs at both ends.
  fileprivate var trimmed: ArraySlice<UInt8> {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    let tail = drop(while: isBlank)
    return tail.prefix(tail.lastIndex { !isBlank($0) }.map { $0 - tail.startIndex + 1 } ?? 0)
  }
}

/// Takes rows from a text.
private struct CSVScanner {
  let bytes: [UInt8]
  var position: Int
  let separator: UInt8
  let path: String
  var line = 1

  private static let (quote, lineFeed, carriageReturn) = (UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"))

  init(bytes: [UInt8], position: Int, separator: UInt8, path: String) {
    self.bytes = bytes
    self.position = position
    self.separator = separator
    self.path = path
  }

  /// The next row, nil at the end. Empty lines are none.
  mutating func row() throws(DataError) -> CSV.Row? {
    while position < bytes.count, isLineEnd(bytes[position]) { skipLineEnd() }
    guard position < bytes.count else { return nil }
    var row = CSV.Row(line: line, fields: [])
    while true {
      row.fields.append(try field())
      guard position < bytes.count else { return row }
      if isLineEnd(bytes[position]) {
        skipLineEnd()
        return row
      }
      position += 1
    }
  }

  /// A field; the position is then at what ends it.
  private mutating func field() throws(DataError) -> String {
    if position < bytes.count, bytes[position] == CSVScanner.quote { return try quotedField() }
    let start = position
    while position < bytes.count, bytes[position] != separator, !isLineEnd(bytes[position]) { position += 1 }
    return String(decoding: bytes[start..<position].trimmed, as: UTF8.self)
  }

  private mutating func quotedField() throws(DataError) -> String {
    let begin = line
    var text: [UInt8] = []
    position += 1
    while true {
      guard position < bytes.count else {
        throw .wrongLine(path: path, line: begin, expected: "a closing quote", found: "the end of the file")
      }
      let byte = bytes[position]
      position += 1
      if byte == CSVScanner.quote {
        guard position < bytes.count, bytes[position] == CSVScanner.quote else { break }
        position += 1
      }
      if byte == CSVScanner.lineFeed { line += 1 }
      text.append(byte)
    }
    guard position == bytes.count || bytes[position] == separator || isLineEnd(bytes[position]) else {
      throw .wrongLine(
        path: path, line: line, expected: "a separator after the closing quote",
        found: "'\(Character(UnicodeScalar(bytes[position])))'")
    }
    return String(decoding: text, as: UTF8.self)
  }

  private func isLineEnd(_ byte: UInt8) -> Bool { byte == CSVScanner.lineFeed || byte == CSVScanner.carriageReturn }

  /// LF, CR LF or CR.
  private mutating func skipLineEnd() {
    let isReturn = bytes[position] == CSVScanner.carriageReturn
    position += 1
    if isReturn, position < bytes.count, bytes[position] == CSVScanner.lineFeed { position += 1 }
    line += 1
  }
}

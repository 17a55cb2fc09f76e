/// Reads little-endian fields from one section of a file, front to back, and never beyond its end.
///
/// Each function throws `FormatError.truncated` when the section ends inside the field, which errors name.
struct ByteReader {
  private let section: String
  private let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  var remaining: Int { bytes.count - offset }

  init(_ bytes: UnsafeRawBufferPointer, section: String) {
    self.bytes = bytes
    self.section = section
  }

  /// The next `count` bytes.
  mutating func take(_ count: Int, _ field: String) throws(FormatError) -> UnsafeRawBufferPointer {
    guard count <= remaining else { throw .truncated(what: place(field), expected: count, found: remaining) }
    let start = offset
    offset += count
    return UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
  }

  mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ field: String, as type: Integer.Type = Integer.self
  ) throws(FormatError) -> Integer {
    let bytes = try take(MemoryLayout<Integer>.size, field)
    return Integer(littleEndian: bytes.loadUnaligned(as: type))
  }

  mutating func float(_ field: String) throws(FormatError) -> Float {
    Float(bitPattern: try integer(field, as: UInt32.self))
  }

  mutating func floats(_ count: Int, _ field: String) throws(FormatError) -> [Float] {
    var result: [Float] = []
    // `count` comes from the file: do not reserve more than it can hold.
    result.reserveCapacity(min(count, remaining / 4))
    for _ in 0..<count { result.append(try float(field)) }
    return result
  }

  /// A u32 that is a number of things or a position: at most 2^31 − 1, which every `Int` holds.
  mutating func int(_ field: String) throws(FormatError) -> Int {
    let value = try integer(field, as: UInt32.self)
    guard let result = Int32(exactly: value) else {
      throw .invalid(what: place(field), expected: "at most \(Int32.max)", found: "\(value)")
    }
    return Int(result)
  }

  /// A u32 number of records of at least `recordBytes` each: at most `limit`, and no more than the section has bytes
  /// for, so that what is read into memory is never larger than the file.
  mutating func count(_ field: String, limit: Int, recordBytes: Int) throws(FormatError) -> Int {
    let count = try int(field)
    guard count <= limit else {
      throw .invalid(what: place(field), expected: "at most \(limit)", found: "\(count)")
    }
    guard count <= remaining / recordBytes else {
      throw .truncated(what: place(field), expected: count * recordBytes, found: remaining)
    }
    return count
  }

  /// A byte that is 0 or 1.
  mutating func flag(_ field: String) throws(FormatError) -> Bool {
    let value = try integer(field, as: UInt8.self)
    guard value <= 1 else { throw .invalid(what: place(field), expected: "0 or 1", found: "\(value)") }
    return value == 1
  }

  /// A byte that is the code of an enumeration's case.
  mutating func code<Code: RawRepresentable>(
    _ field: String, as type: Code.Type = Code.self
  ) throws(FormatError) -> Code where Code.RawValue == UInt8 {
    let value = try integer(field, as: UInt8.self)
    guard let code = Code(rawValue: value) else {
      throw .invalid(what: place(field), expected: "a code of version \(Container.versionText)", found: "\(value)")
    }
    return code
  }

  /// A u16 length and as many bytes of UTF-8.
  mutating func string(_ field: String) throws(FormatError) -> String {
    let length = Int(try integer(field, as: UInt16.self))
    guard let text = String(validating: try take(length, field), as: UTF8.self) else {
      throw .invalid(what: place(field), expected: "UTF-8", found: "other bytes")
    }
    return text
  }

  /// Skips zero bytes to the next multiple of 64 from the section's start.
  mutating func align(_ field: String) throws(FormatError) {
    let padding = try take(paddingToAlignment(offset), field)
    guard padding.allSatisfy({ $0 == 0 }) else {
      throw .invalid(what: place(field), expected: "zero bytes as padding", found: "others")
    }
  }

  /// Makes sure that everything was read. Newer minor versions may append fields, which this one passes over.
  func finish(minor: UInt16) throws(FormatError) {
    guard remaining == 0 || minor > Container.minor else {
      throw .invalid(what: "\(section) section", expected: "\(offset) bytes", found: "\(bytes.count)")
    }
  }

  /// How errors call a field.
  func place(_ field: String) -> String { "\(section) section, \(field)" }
}

/// Bytes from `offset` to the next multiple of 64.
func paddingToAlignment(_ offset: Int) -> Int { (64 - offset & 63) & 63 }

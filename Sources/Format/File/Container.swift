/// The outer layer of a model file: header, section table, sections. docs/format.md, "Container".
///
/// Every byte of a file is covered: header and table by the header's checksum, each section by its own, and the padding
/// between them must be zero.
struct Container {
  static let magic: [UInt8] = [0x89, 0x45, 0x44, 0x47, 0x45, 0x0D, 0x0A, 0x1A]
  static let major: UInt16 = 1
  /// The newest minor version that is understood.
  static let minor: UInt16 = 2
  static var versionText: String { "\(major).\(minor)" }
  static let maximumSections = 64

  static let headerBytes = 32
  static let entryBytes = 32
  /// Where the header's checksum lies; it covers all bytes before it, and the section table behind it.
  static let checksumOffset = 24

  enum SectionCode: UInt32 {
    case graph = 1
    case weights = 2
    case metadata = 3
    case selfTest = 4
    case packed = 5
    case decoder = 6

    var name: String {
      switch self {
      case .graph: "graph"
      case .weights: "weights"
      case .metadata: "metadata"
      case .selfTest: "self-test"
      case .packed: "packed"
      case .decoder: "decoder"
      }
    }
  }

  /// The file's minor version, which may be newer than `Container.minor`.
  let minor: UInt16
  private let bytes: UnsafeRawBufferPointer
  private var sections: [(code: UInt32, range: Range<Int>, checksum: UInt64)] = []

  /// Checks header, section table, padding and all checksums of a file, but for that of the packed section: that is to be
  /// done by `verifyChecksum(of:)` when the weights are no longer needed, so that not both have to be in memory.
  init(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    guard bytes.prefix(Container.magic.count).elementsEqual(Container.magic.prefix(bytes.count)) else {
      throw .notAModel
    }
    self.bytes = bytes
    var reader = ByteReader(bytes, section: "header")
    _ = try reader.take(Container.magic.count, "magic")
    let major = try reader.integer("major version", as: UInt16.self)
    guard major <= Container.major else { throw .newerVersion(found: major, supported: Container.major) }
    guard major == Container.major else {
      throw .invalid(what: reader.place("major version"), expected: "\(Container.major)", found: "\(major)")
    }
    minor = try reader.integer("minor version")
    let count = try reader.int("section count")
    let length = try reader.integer("file length", as: UInt64.self)
    let checksum = try reader.integer("checksum", as: UInt64.self)
    guard length <= UInt64(bytes.count) else {
      throw .truncated(what: "model file", expected: Int(clamping: length), found: bytes.count)
    }
    guard length == UInt64(bytes.count) else {
      throw .invalid(what: "model file", expected: "\(length) bytes", found: "\(bytes.count)")
    }
    guard 1...Container.maximumSections ~= count else {
      throw .invalid(
        what: reader.place("section count"), expected: "1 to \(Container.maximumSections)", found: "\(count)")
    }
    let table = try reader.take(count * Container.entryBytes, "section table")
    guard checksum == Container.headerChecksum(bytes, table: table) else {
      throw .checksumMismatch(section: "header and section table")
    }
    try readTable(table, count: count, end: reader.offset)
  }

  private mutating func readTable(
    _ table: UnsafeRawBufferPointer, count: Int, end tableEnd: Int
  ) throws(FormatError) {
    var reader = ByteReader(table, section: "header")
    var end = tableEnd
    for position in 0..<count {
      let code = try reader.integer("section code", as: UInt32.self)
      let reserved = try reader.integer("reserved field", as: UInt32.self)
      let offset = try reader.integer("section offset", as: UInt64.self)
      let length = try reader.integer("section length", as: UInt64.self)
      let checksum = try reader.integer("section checksum", as: UInt64.self)
      let name = SectionCode(rawValue: code)?.name ?? "section \(code)"
      guard reserved == 0 else {
        throw .invalid(what: "\(name) section, reserved field", expected: "0", found: "\(reserved)")
      }
      guard !sections.contains(where: { $0.code == code }) else {
        throw .invalid(what: "\(name) section", expected: "one of them", found: "a second at entry \(position)")
      }
      let start = end + paddingToAlignment(end)
      guard offset == UInt64(start) else {
        throw .invalid(what: "\(name) section, offset", expected: "\(start)", found: "\(offset)")
      }
      guard start <= bytes.count, length <= UInt64(bytes.count - start) else {
        throw .truncated(
          what: "\(name) section", expected: Int(clamping: length), found: max(0, bytes.count - start))
      }
      // Safe: the length is at most the file's, which is an Int.
      let range = start..<(start + Int(length))
      guard bytes[end..<start].allSatisfy({ $0 == 0 }) else {
        throw .invalid(what: "\(name) section", expected: "zero bytes before it", found: "others")
      }
      sections.append((code, range, checksum))
      if code != SectionCode.packed.rawValue { try verifyChecksum(of: code) }
      end = range.upperBound
    }
    guard end == bytes.count else {
      throw .invalid(what: "model file", expected: "its last section to end at \(bytes.count)", found: "\(end)")
    }
  }

  /// - Throws: `FormatError.checksumMismatch` if a section of the file is not as it was written.
  private func verifyChecksum(of code: UInt32) throws(FormatError) {
    guard let section = sections.first(where: { $0.code == code }) else { return }
    guard XXH64.hash(UnsafeRawBufferPointer(rebasing: bytes[section.range])) == section.checksum else {
      throw .checksumMismatch(section: "\(SectionCode(rawValue: code)?.name ?? "section \(code)") section")
    }
  }

  /// The same for a section that may be there.
  func verifyChecksum(of code: SectionCode) throws(FormatError) { try verifyChecksum(of: code.rawValue) }

  /// The checksum that the table has of a section; 0 if the file has none of this code.
  func checksum(of code: SectionCode) -> UInt64 { sections.first { $0.code == code.rawValue }?.checksum ?? 0 }

  /// Where a section lies in the file; nil if the file has none of this code.
  func range(of code: SectionCode) -> Range<Int>? {
    sections.first { $0.code == code.rawValue }?.range
  }

  /// - Throws: `FormatError.invalid` if the file has no such section.
  func required(_ code: SectionCode) throws(FormatError) -> Range<Int> {
    guard let range = range(of: code) else {
      throw .invalid(what: "\(code.name) section", expected: "one", found: "none")
    }
    return range
  }

  /// A file of these sections, in this order.
  static func encode(_ sections: [(code: SectionCode, bytes: [UInt8])], minor: UInt16) -> [UInt8] {
    var offset = headerBytes + sections.count * entryBytes
    var table = ByteWriter()
    for section in sections {
      offset += paddingToAlignment(offset)
      table.put(section.code.rawValue)
      table.put(UInt32(0))
      table.put(UInt64(offset))
      table.put(UInt64(section.bytes.count))
      table.put(section.bytes.withUnsafeBytes { XXH64.hash($0) })
      offset += section.bytes.count
    }
    var file = ByteWriter()
    file.put(contentsOf: magic)
    file.put(major)
    file.put(minor)
    file.put(int: sections.count)
    file.put(UInt64(offset))
    file.put(
      file.bytes.withUnsafeBytes { head in
        table.bytes.withUnsafeBytes { headerChecksum(head, table: $0) }
      })
    file.put(contentsOf: table.bytes)
    for section in sections {
      file.align()
      file.put(contentsOf: section.bytes)
    }
    return file.bytes
  }

  /// XXH64 of the header's bytes before the checksum and the section table, one after the other.
  private static func headerChecksum(_ head: UnsafeRawBufferPointer, table: UnsafeRawBufferPointer) -> UInt64 {
    var covered = Array(head.prefix(checksumOffset))
    covered.append(contentsOf: table)
    return covered.withUnsafeBytes { XXH64.hash($0) }
  }
}

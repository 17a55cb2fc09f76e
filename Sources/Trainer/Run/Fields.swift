/// Little-endian fields of a file; strings and arrays are a u64 count and their elements.
struct FieldWriter {
  var bytes: [UInt8] = []

  mutating func put<Integer: FixedWidthInteger>(_ value: Integer) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ text: String) {
    put(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func put(_ values: [Float]) {
    put(values.count)
    values.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

}

/// Takes what `FieldWriter` puts. Gives nil instead of anything that would lie beyond the end.
struct FieldReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func word() -> UInt64? {
    guard let field = take(8) else { return nil }
    return UInt64(littleEndian: field.loadUnaligned(as: UInt64.self))
  }

  /// A count or a position.
  mutating func int() -> Int? { word().flatMap { Int(exactly: $0) } }

  mutating func string() -> String? {
    guard let count = int(), let text = take(count) else { return nil }
    return String(validating: text, as: UTF8.self)
  }

  mutating func floats() -> [Float]? {
    guard let count = int(), count <= (bytes.count - offset) / 4, let field = take(4 * count) else { return nil }
    return [Float](unsafeUninitializedCapacity: count) { memory, initialized in
      UnsafeMutableRawBufferPointer(memory).copyMemory(from: field)
      initialized = count
    }
  }

  /// So many bytes.
  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count <= bytes.count - offset else { return nil }
    let start = offset
    offset += count
    return UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
  }
}

/// Appends little-endian fields to a section: what `ByteReader` reads. Values have been verified before.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
    var little = value.littleEndian
    withUnsafeBytes(of: &little) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ value: Float) { put(value.bitPattern) }

  mutating func put(_ values: [Float]) {
    for value in values { put(value) }
  }

  mutating func put(contentsOf other: [UInt8]) { bytes.append(contentsOf: other) }

  /// A number of things or a position, as u32.
  mutating func put(int value: Int) { put(UInt32(value)) }

  mutating func put(_ text: String) {
    put(UInt16(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// The elements of a constant, at the next multiple of 64.
  mutating func put(aligned constant: Constant) {
    align()
    bytes.append(contentsOf: constant.bytes)
  }

  /// Zero bytes to the next multiple of 64.
  mutating func align() {
    bytes.append(contentsOf: repeatElement(0, count: paddingToAlignment(bytes.count)))
  }
}

import Platform

/// Memory on a 64-byte boundary: the arena, packed weights.
final class AlignedMemory {
  let bytes: UnsafeMutableRawBufferPointer

  /// - Throws: `RuntimeError.outOfMemory`. The contents are not initialized.
  init(count: Int) throws(RuntimeError) {
    guard let base = platform_allocate(count) else { throw .outOfMemory(bytes: count) }
    bytes = UnsafeMutableRawBufferPointer(start: base, count: count)
  }

  /// `elements`, then zeros up to `count` floats.
  convenience init(_ elements: [Float], paddedTo count: Int) throws(RuntimeError) {
    try self.init(count: count * MemoryLayout<Float>.stride)
    let floats = bytes.bindMemory(to: Float.self)
    for index in 0..<count { floats[index] = index < elements.count ? elements[index] : 0 }
  }

  deinit { platform_free(bytes.baseAddress) }

  var base: UnsafeMutableRawPointer { bytes.baseAddress! }

  /// Sets every byte to the s8 `value`.
  func fill(_ value: Int32) {
    base.initializeMemory(as: Int8.self, repeating: Int8(value), count: bytes.count)
  }
}

/// The bytes of JPEG files that the encoder does not make: built or changed by hand.
enum HandmadeJPEG {
  /// An 8 × 8 baseline JPEG of any number of components, each of one level everywhere.
  ///
  /// - Parameter adobeTransform: the colour transform that an Adobe segment tells, or nil for no such segment.
  static func plain(levels: [UInt8], adobeTransform: UInt8? = nil) -> [UInt8] {
    var file: [UInt8] = [0xFF, 0xD8]
    if let adobeTransform {
      file += segment(0xEE, Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, adobeTransform])
    }
    file += segment(0xDB, [0] + [UInt8](repeating: 8, count: 64))
    let components = levels.indices.map { UInt8($0 + 1) }
    file += segment(0xC0, [8, 0, 8, 0, 8, UInt8(levels.count)] + components.flatMap { [$0, 0x11, 0] })
    // DC: nine codes of four bits, for the differences' lengths 0...8. AC: one code of one bit, end of block.
    file += segment(0xC4, [0x00, 0, 0, 0, 9] + [UInt8](repeating: 0, count: 12) + Array(0...8))
    file += segment(0xC4, [0x10, 1] + [UInt8](repeating: 0, count: 15) + [0])
    file += segment(0xDA, [UInt8(levels.count)] + components.flatMap { [$0, 0x00] } + [0, 63, 0])
    var bits: [Bool] = []
    func append(_ value: Int, count: Int) {
      for bit in (0..<count).reversed() { bits.append(value >> bit & 1 == 1) }
    }
    for level in levels {
      // A block's DC coefficient is eight times its mean, and the quantization table divides by eight.
      let difference = Int(level) - 128
      let length = difference == 0 ? 0 : Int.bitWidth - abs(difference).leadingZeroBitCount
      append(length, count: 4)
      append(difference < 0 ? difference + (1 << length) - 1 : difference, count: length)
      append(0, count: 1)
    }
    while bits.count % 8 != 0 { bits.append(true) }
    for start in stride(from: 0, to: bits.count, by: 8) {
      let byte = bits[start..<(start + 8)].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
      file += byte == 0xFF ? [0xFF, 0] : [byte]
    }
    return file + [0xFF, 0xD9]
  }

  static func segment(_ marker: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let length = payload.count + 2
    return [0xFF, marker, UInt8(length >> 8), UInt8(length & 0xFF)] + payload
  }

  /// `file` with segments put in front of all others.
  static func inserting(_ segments: [UInt8], into file: [UInt8]) -> [UInt8] {
    Array(file[..<2]) + segments + Array(file[2...])
  }

  /// `file` with the picture's size in its frame header overwritten.
  static func resizing(_ file: [UInt8], width: Int, height: Int) -> [UInt8] {
    var file = file
    let frame = frameHeader(of: file)
    file.replaceSubrange(
      (frame + 5)..<(frame + 9),
      with: [UInt8(height >> 8), UInt8(height & 0xFF), UInt8(width >> 8), UInt8(width & 0xFF)])
    return file
  }

  /// The place of the marker that starts the frame header.
  static func frameHeader(of file: [UInt8]) -> Int {
    file.indices.dropLast().first { file[$0] == 0xFF && [0xC0, 0xC1, 0xC2].contains(file[$0 + 1]) }!
  }

  /// `file` with its last scan (tables included) repeated until there are `count` more.
  static func repeatingLastScan(of file: [UInt8], count: Int) -> [UInt8] {
    let scans = file.indices.dropLast().filter { file[$0] == 0xFF && file[$0 + 1] == 0xDA }
    let tables = file.indices.dropLast().last { $0 < scans.last! && file[$0] == 0xFF && file[$0 + 1] == 0xC4 }!
    let end = file.count - 2
    return Array(file[..<end]) + (0..<count).flatMap { _ in file[tables..<end] } + Array(file[end...])
  }
}

/// The EXIF segment of a JPEG file with an orientation tag behind another one.
struct EXIF {
  var orientation: UInt32
  var bigEndian = true
  var isLong = false
  var tagCount: UInt16 = 2
  var directory: UInt32 = 8

  var segment: [UInt8] { HandmadeJPEG.segment(0xE1, Array("Exif".utf8) + [0, 0] + tiff) }

  private var tiff: [UInt8] {
    let value = isLong ? number(orientation) : number(UInt16(orientation)) + [0, 0]
    return (bigEndian ? Array("MM".utf8) : Array("II".utf8)) + number(UInt16(42)) + number(directory)
      + number(tagCount)
      + number(UInt16(0x0100)) + number(UInt16(3)) + number(UInt32(1)) + number(UInt16(7)) + [0, 0]
      + number(UInt16(0x0112)) + number(UInt16(isLong ? 4 : 3)) + number(UInt32(1)) + value
      + number(UInt32(0))
  }

  private func number<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: bigEndian ? value.bigEndian : value.littleEndian) { Array($0) }
  }
}

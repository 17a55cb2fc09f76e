/// How a stored picture has to be turned to be seen upright: the values of EXIF's tag 0x0112.
enum Orientation: UInt8, CaseIterable {
  case upright = 1
  case mirrored = 2
  case halfTurn = 3
  case flipped = 4
  case transposed = 5
  /// Needs a quarter turn clockwise.
  case quarterTurn = 6
  case transverse = 7
  /// Needs a quarter turn counterclockwise.
  case threeQuarterTurn = 8

  /// Where the seen picture's top left corner is stored (at the right end? at the bottom?), and whether the seen
  /// picture's rows are stored as columns.
  var origin: (right: Bool, bottom: Bool, swapsSides: Bool) {
    switch self {
    case .upright: (false, false, false)
    case .mirrored: (true, false, false)
    case .halfTurn: (true, true, false)
    case .flipped: (false, true, false)
    case .transposed: (false, false, true)
    case .quarterTurn: (false, true, true)
    case .transverse: (true, true, true)
    case .threeQuarterTurn: (true, false, true)
    }
  }
}

extension Orientation {
  /// The orientation that the EXIF segment of a JPEG file tells; upright where there is none, or none that can be
  /// read: a picture is not refused for its notes.
  init(ofJPEG bytes: UnsafeRawBufferPointer) {
    var position = 2  // behind the start-of-image marker
    while let marker = nextMarker(in: bytes, at: &position) {
      // Start of scan or end of image: no more notes. Parameterless markers do not occur before them.
      if marker == 0xDA || marker == 0xD9 { break }
      guard let length = bytes.uint16(at: position, bigEndian: true), length >= 2,
        length <= bytes.count - position
      else { break }
      if marker == 0xE1 {
        let segment = UnsafeRawBufferPointer(rebasing: bytes[(position + 2)..<(position + length)])
        if let orientation = Orientation(ofEXIF: segment) {
          self = orientation
          return
        }
      }
      position += length
    }
    self = .upright
  }

  /// Reads an APP1 segment: "Exif", two zeros, then a TIFF file whose first directory may hold the tag.
  private init?(ofEXIF segment: UnsafeRawBufferPointer) {
    let signature: [UInt8] = [0x45, 0x78, 0x69, 0x66, 0, 0]
    guard segment.count > signature.count, segment.prefix(signature.count).elementsEqual(signature) else { return nil }
    let tiff = UnsafeRawBufferPointer(rebasing: segment[signature.count...])
    let bigEndian: Bool
    switch tiff.uint16(at: 0, bigEndian: true) {
    case 0x4D4D: bigEndian = true  // "MM"
    case 0x4949: bigEndian = false  // "II"
    default: return nil
    }
    guard tiff.uint16(at: 2, bigEndian: bigEndian) == 42,
      let directory = tiff.uint32(at: 4, bigEndian: bigEndian),
      let count = tiff.uint16(at: directory, bigEndian: bigEndian)
    else { return nil }
    for index in 0..<count {
      // An entry: tag, type, number of values (4 bytes), value (4 bytes, left-justified).
      let entry = directory + 2 + 12 * index
      guard let tag = tiff.uint16(at: entry, bigEndian: bigEndian) else { return nil }
      guard tag == 0x0112 else { continue }
      let value: Int?
      switch tiff.uint16(at: entry + 2, bigEndian: bigEndian) {
      case 3: value = tiff.uint16(at: entry + 8, bigEndian: bigEndian)
      case 4: value = tiff.uint32(at: entry + 8, bigEndian: bigEndian)
      default: value = nil
      }
      guard let value, let code = UInt8(exactly: value) else { return nil }
      self.init(rawValue: code)
      return
    }
    return nil
  }
}

/// The marker at `position`, which moves behind it; nil where there is none. Any number of 0xFF may precede it.
private func nextMarker(in bytes: UnsafeRawBufferPointer, at position: inout Int) -> UInt8? {
  guard position < bytes.count, bytes[position] == 0xFF else { return nil }
  while position < bytes.count, bytes[position] == 0xFF { position += 1 }
  guard position < bytes.count else { return nil }
  position += 1
  return bytes[position - 1]
}

extension UnsafeRawBufferPointer {
  /// The number at byte `offset`, or nil if it is not wholly inside.
  fileprivate func uint16(at offset: Int, bigEndian: Bool) -> Int? {
    guard count >= 2, offset >= 0, offset <= count - 2 else { return nil }
    let value = loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    return Int(bigEndian ? UInt16(bigEndian: value) : UInt16(littleEndian: value))
  }

  /// The number at byte `offset`, or nil if it is not wholly inside or beyond what an offset can be: a segment has
  /// less than 64 KiB.
  fileprivate func uint32(at offset: Int, bigEndian: Bool) -> Int? {
    guard count >= 4, offset >= 0, offset <= count - 4 else { return nil }
    let value = loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    let number = bigEndian ? UInt32(bigEndian: value) : UInt32(littleEndian: value)
    return number <= 0xFFFF ? Int(number) : nil
  }
}

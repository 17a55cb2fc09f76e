extension Image {
  /// Decodes the first picture of a PPM (P3, P6) or PGM (P2, P5) file; samples of more or fewer than 8 bits are scaled
  /// to 0...255 and rounded.
  init(netpbm bytes: UnsafeRawBufferPointer, name: String) throws(VisionError) {
    var reader = NetpbmReader(bytes: bytes, name: name)
    let kind = bytes[1] - 0x30
    let isText = kind == 2 || kind == 3
    guard isText || kind == 5 || kind == 6 else {
      throw .unsupported(image: name, expected: "PGM (P2, P5) or PPM (P3, P6)", found: "P\(kind)")
    }
    let width = try reader.number("width", below: Image.maximumSide + 1)
    let height = try reader.number("height", below: Image.maximumSide + 1)
    let maximum = try reader.number("maximum sample value", below: 1 << 16)
    guard width > 0, height > 0 else {
      throw .corrupt(image: name, expected: "at least one pixel", found: "\(width) x \(height)")
    }
    guard Image.isAllowed(width: width, height: height) else {
      throw .tooLarge(image: name, width: String(width), height: String(height))
    }
    guard maximum > 0 else {
      throw .corrupt(image: name, expected: "a maximum sample value of at least 1", found: "0")
    }
    let channels = kind == 3 || kind == 6 ? 3 : 1
    let count = width * height * channels
    // Before anything is allocated: are there bytes for all samples? In text a sample takes a digit and a space.
    let needed = isText ? 2 * count - 1 : count * (maximum > 255 ? 2 : 1)
    if !isText { try reader.skipOneSpace() }
    guard reader.remaining >= needed else {
      throw .truncated(image: name, expected: "\(needed) bytes of pixels", found: "\(reader.remaining)")
    }
    let pixels =
      isText
      ? try reader.textSamples(count: count, maximum: maximum)
      : try reader.binarySamples(count: count, maximum: maximum)
    self.init(width: width, height: height, channels: channels, pixels: pixels)
  }

  /// The picture as a binary PGM (grey) or PPM (colour) file.
  public func netpbm() -> [UInt8] {
    let header = "P\(channels == 1 ? 5 : 6)\n\(width) \(height)\n255\n"
    return Array(header.utf8) + pixels
  }
}

/// Reads the numbers of a Netpbm file, which are separated by white space and comments.
private struct NetpbmReader {
  let bytes: UnsafeRawBufferPointer
  let name: String
  /// Behind the two bytes of the magic.
  var position = 2

  var remaining: Int { bytes.count - position }

  /// The next number, which must be less than `limit`, at most 65,536.
  mutating func number(_ what: String, below limit: Int) throws(VisionError) -> Int {
    skipSpaceAndComments()
    var value = 0
    let start = position
    while position < bytes.count, case let digit = bytes[position], isDigit(digit) {
      value = value * 10 + Int(digit - 0x30)
      guard value < limit else {
        throw .tooLarge(image: name, expected: "a \(what) below \(limit)", found: "at least \(value)")
      }
      position += 1
    }
    if position > start { return value }
    if position == bytes.count {
      throw .truncated(image: name, expected: "a number (\(what))", found: "the end of the file")
    }
    throw .corrupt(image: name, expected: "a number (\(what))", found: "the byte \(bytes[position])")
  }

  mutating func skipSpaceAndComments() {
    while position < bytes.count {
      if bytes[position] == 0x23 {  // "#": a comment up to the end of the line
        while position < bytes.count, bytes[position] != 0x0A, bytes[position] != 0x0D { position += 1 }
      } else if isSpace(bytes[position]) {
        position += 1
      } else {
        return
      }
    }
  }

  /// Between header and binary samples stands exactly one byte of white space.
  mutating func skipOneSpace() throws(VisionError) {
    guard position < bytes.count else {
      throw .truncated(image: name, expected: "pixels behind the header", found: "the end of the file")
    }
    guard isSpace(bytes[position]) else {
      throw .corrupt(image: name, expected: "white space behind the header", found: "the byte \(bytes[position])")
    }
    position += 1
  }

  mutating func textSamples(count: Int, maximum: Int) throws(VisionError) -> [UInt8] {
    var pixels = [UInt8]()
    pixels.reserveCapacity(count)
    for _ in 0..<count {
      let value = try number("sample", below: 1 << 16)
      pixels.append(try sample(value, maximum: maximum))
    }
    return pixels
  }

  mutating func binarySamples(count: Int, maximum: Int) throws(VisionError) -> [UInt8] {
    if maximum == 255 { return [UInt8](bytes[position..<(position + count)]) }
    var pixels = [UInt8]()
    pixels.reserveCapacity(count)
    for index in 0..<count {
      let value =
        maximum > 255
        ? Int(bytes[position + 2 * index]) << 8 | Int(bytes[position + 2 * index + 1])
        : Int(bytes[position + index])
      pixels.append(try sample(value, maximum: maximum))
    }
    return pixels
  }

  private func sample(_ value: Int, maximum: Int) throws(VisionError) -> UInt8 {
    guard value <= maximum else {
      throw .corrupt(image: name, expected: "samples of at most \(maximum)", found: "\(value)")
    }
    return UInt8((value * 255 + maximum / 2) / maximum)
  }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

/// Blank, tab, line feed, vertical tab, form feed, carriage return.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

/// The files of the MNIST family: a magic number (two zero bytes, the element type, the rank), the dimensions as
/// big-endian 32-bit numbers, then the elements. Source: http://yann.lecun.com/exdb/mnist/, "the IDX file format".
enum IDX {
  static let imagesMagic: UInt32 = 0x0000_0803
  static let labelsMagic: UInt32 = 0x0000_0801
  /// Side of the largest image that is read, and bytes of the largest file.
  static let largestSide = 4096
  static let largestFile = 1 << 32

  /// Grey images, one byte a pixel.
  static func readImages(_ path: String) throws(DataError) -> (shape: ImageShape, count: Int, pixels: [UInt8]) {
    let stream = try ByteStream(path: path)
    let header = try readHeader(stream, path: path, magic: imagesMagic, dimensions: 3)
    let (count, height, width) = (header[0], header[1], header[2])
    for (what, side) in [("image height", height), ("image width", width)] where !(1...largestSide).contains(side) {
      throw .invalidHeader(path: path, what: what, expected: "1 to \(largestSide)", found: side)
    }
    let shape = ImageShape(height: height, width: width, channels: 1)
    let most = largestFile / shape.count
    guard count <= most else {
      throw .invalidHeader(path: path, what: "number of images", expected: "at most \(most)", found: count)
    }
    return (shape, count, try readElements(stream, path: path, count: count * shape.count))
  }

  static func readLabels(_ path: String) throws(DataError) -> [UInt8] {
    let stream = try ByteStream(path: path)
    let count = try readHeader(stream, path: path, magic: labelsMagic, dimensions: 1)[0]
    return try readElements(stream, path: path, count: count)
  }

  private static func readHeader(
    _ stream: ByteStream, path: String, magic: UInt32, dimensions: Int
  ) throws(DataError) -> [Int] {
    let length = 4 + 4 * dimensions
    let bytes = try stream.read(length)
    guard bytes.count >= 4 else { throw .wrongLength(path: path, expected: length, found: bytes.count) }
    let words = stride(from: 0, to: bytes.count - 3, by: 4).map { start in
      bytes[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    guard words[0] == magic else { throw .wrongMagic(path: path, expected: magic, found: words[0]) }
    guard bytes.count == length else { throw .wrongLength(path: path, expected: length, found: bytes.count) }
    return words.dropFirst().map(Int.init)
  }

  private static func readElements(_ stream: ByteStream, path: String, count: Int) throws(DataError) -> [UInt8] {
    var bytes = try stream.read(count)
    guard bytes.count == count else { throw .wrongLength(path: path, expected: count, found: bytes.count) }
    bytes += try stream.read(1)
    guard bytes.count == count else { throw .wrongLength(path: path, expected: count, found: nil) }
    return bytes
  }
}

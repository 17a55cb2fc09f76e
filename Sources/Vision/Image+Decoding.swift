import Format

extension Image {
  /// Reads the image file at `path`: JPEG (turned upright as its EXIF segment says), PPM or PGM, told apart by content.
  ///
  /// - Parameter recipe: what the image is for. A JPEG far larger than the recipe needs is decoded at a lower
  ///   resolution, and in grey if that is what the recipe wants; `Preprocessing.apply` does the rest.
  /// - Throws: `VisionError`, with `path` in it.
  public init(path: String, for recipe: Preprocessing? = nil) throws(VisionError) {
    let storage: Storage
    do {
      storage = try Storage(mapping: path)
    } catch .cannotRead(let path, let reason) {
      throw .cannotRead(image: path, reason: reason)
    } catch {
      throw .cannotRead(image: path, reason: error.description)
    }
    defer { withExtendedLifetime(storage) {} }
    try self.init(decoding: storage.bytes, name: path, for: recipe)
  }

  /// Reads an image file that is in memory; otherwise as `init(path:for:)`.
  ///
  /// - Parameter name: what errors call the image.
  public init(
    decoding bytes: UnsafeRawBufferPointer, name: String = "image", for recipe: Preprocessing? = nil
  ) throws(VisionError) {
    if bytes.isEmpty { throw .empty(image: name) }
    switch FileKind(of: bytes) {
    case .jpeg: try self.init(jpeg: bytes, name: name, for: recipe)
    case .netpbm: try self.init(netpbm: bytes, name: name)
    case .other(let found): throw .unknownKind(image: name, found: found)
    }
  }
}

/// What the first bytes say about a file.
private enum FileKind {
  case jpeg
  case netpbm
  case other(String)

  init(of bytes: UnsafeRawBufferPointer) {
    func starts(_ magic: StaticString) -> Bool {
      let magic = UnsafeRawBufferPointer(start: magic.utf8Start, count: magic.utf8CodeUnitCount)
      return bytes.count >= magic.count && bytes.prefix(magic.count).elementsEqual(magic)
    }
    if bytes.count >= 2, bytes[0] == 0xFF, bytes[1] == 0xD8 {
      self = .jpeg
    } else if bytes.count >= 2, bytes[0] == 0x50, (0x31...0x37).contains(bytes[1]) {
      self = .netpbm
    } else if bytes.count >= 4, bytes[0] == 0x89, bytes[1] == 0x50, bytes[2] == 0x4E, bytes[3] == 0x47 {
      self = .other("a PNG image")
    } else if starts("GIF8") {
      self = .other("a GIF image")
    } else if starts("RIFF") {
      self = .other("a RIFF file (WebP, AVI)")
    } else if starts("BM") {
      self = .other("a BMP image")
    } else {
      self = .other("a file of another kind")
    }
  }
}

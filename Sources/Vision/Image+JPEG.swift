import Format
import JPEGCodec

extension Image {
  /// Decodes a JPEG and turns it upright.
  init(jpeg bytes: UnsafeRawBufferPointer, name: String, for recipe: Preprocessing?) throws(VisionError) {
    guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { throw .empty(image: name) }
    var message = [CChar](repeating: 0, count: Int(JPEG_CODEC_MESSAGE_SIZE))
    let grey = recipe?.channels == 1
    var header = jpeg_codec_header()
    var status = jpeg_codec_read_header(start, bytes.count, grey, &header, &message)
    if let error = VisionError(status, message, image: name, size: bytes.count) { throw error }
    guard let width = Int(exactly: header.width), let height = Int(exactly: header.height),
      Image.isAllowed(width: width, height: height)
    else { throw .tooLarge(image: name, width: String(header.width), height: String(header.height)) }

    let orientation = Orientation(ofJPEG: bytes)
    let eighths = recipe.map { $0.decodingScale(width: width, height: height, orientation: orientation) } ?? 8
    let channels = Int(header.channels)
    let stored = Image(width: scaled(width, eighths), height: scaled(height, eighths), channels: channels) { pixels in
      guard let target = pixels.baseAddress else { return }
      status = jpeg_codec_decode(start, bytes.count, grey, Int32(eighths), target, pixels.count, &message)
    }
    if let error = VisionError(status, message, image: name, size: bytes.count) { throw error }
    self = stored.upright(from: orientation)
  }

  /// The picture as a JPEG file.
  ///
  /// - Parameters:
  ///   - quality: 1 (smallest) to 100 (best).
  ///   - progressive: whether the file shows a coarse picture first, in several scans.
  /// - Throws: `VisionError.cannotEncode`, if memory runs out or this build has no libjpeg.
  public func jpeg(quality: Int, progressive: Bool = false) throws(VisionError) -> [UInt8] {
    precondition((1...100).contains(quality), "JPEG quality out of range")
    var message = [CChar](repeating: 0, count: Int(JPEG_CODEC_MESSAGE_SIZE))
    var bytes: UnsafeMutablePointer<UInt8>?
    var count = 0
    let status = pixels.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return jpeg_codec_status.JPEG_CODEC_CORRUPT }
      return jpeg_codec_encode(
        start, UInt32(width), UInt32(height), Int32(channels), Int32(quality), progressive, &bytes, &count, &message)
    }
    if status == .JPEG_CODEC_ABSENT { throw .cannotEncode(reason: "this build has no JPEG") }
    if status != .JPEG_CODEC_OK { throw .cannotEncode(reason: text(of: message)) }
    defer { jpeg_codec_free(bytes) }
    return [UInt8](UnsafeBufferPointer(start: bytes, count: count))
  }
}

/// A side of a picture decoded at `eighths`/8 of its size.
private func scaled(_ side: Int, _ eighths: Int) -> Int { (side * eighths + 7) / 8 }

private func text(of message: [CChar]) -> String {
  message.withUnsafeBufferPointer { buffer in
    guard let start = buffer.baseAddress else { return "" }
    return String(cString: start)
  }
}

extension Preprocessing {
  /// The lowest resolution, in eighths of the stored picture's, at which what the recipe keeps has still at least as
  /// many rows and columns as the network's input; 8 if none has.
  func decodingScale(width: Int, height: Int, orientation: Orientation) -> Int {
    let (seenWidth, seenHeight) = orientation.origin.swapsSides ? (height, width) : (width, height)
    for eighths in 1..<8 {
      let kept = region(width: scaled(seenWidth, eighths), height: scaled(seenHeight, eighths))
      if kept.width >= self.width && kept.height >= self.height { return eighths }
    }
    return 8
  }
}

extension VisionError {
  /// Nil if `status` tells of no failure.
  fileprivate init?(_ status: jpeg_codec_status, _ message: [CChar], image: String, size: Int) {
    let reason = text(of: message)
    switch status {
    case .JPEG_CODEC_OK: return nil
    case .JPEG_CODEC_TRUNCATED:
      self = .truncated(image: image, expected: "a whole JPEG", found: "its start in \(size) bytes (\(reason))")
    case .JPEG_CODEC_CORRUPT: self = .corrupt(image: image, expected: "a correct JPEG", found: reason)
    case .JPEG_CODEC_UNSUPPORTED:
      self = .unsupported(image: image, expected: "an 8-bit baseline or progressive JPEG", found: reason)
    case .JPEG_CODEC_TOO_LARGE:
      self = .tooLarge(
        image: image,
        expected: "at most \(JPEG_CODEC_MAX_SCANS) scans and \(JPEG_CODEC_MAX_MEMORY >> 20) MiB of memory",
        found: reason)
    case .JPEG_CODEC_NO_MEMORY: self = .outOfMemory(image: image)
    case .JPEG_CODEC_ABSENT: self = .jpegNotBuiltIn(image: image)
    }
  }

  static func tooLarge(image: String, width: String, height: String) -> VisionError {
    .tooLarge(
      image: image,
      expected: "sides of at most \(Image.maximumSide) and at most \(Image.maximumPixels) pixels",
      found: "\(width) x \(height)")
  }
}

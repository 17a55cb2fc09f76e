/// A picture in memory: 8-bit samples, rows from top to bottom, channels interleaved, no padding.
///
/// Sample (x, y, c) is `pixels[(y * width + x) * channels + c]`; channels are grey, or red, green and blue.
public struct Image: Equatable, Sendable {
  /// Columns, 1...`maximumSide`.
  public let width: Int
  /// Rows, 1...`maximumSide`.
  public let height: Int
  /// 1 (grey) or 3 (red, green, blue).
  public let channels: Int
  /// `width × height × channels` samples.
  public let pixels: [UInt8]

  /// The longest side that any image may have; JPEG's own limit.
  public static let maximumSide = 65_535
  /// The most pixels that any image may have before scaling: 64 megapixels, 192 MiB in colour.
  public static let maximumPixels = 1 << 26

  /// - Precondition: the sides are in 1...`maximumSide`, their product at most `maximumPixels`, `channels` is 1 or 3,
  ///   and `pixels` has `width × height × channels` elements.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(Image.isAllowed(width: width, height: height), "image size out of range")
    precondition(channels == 1 || channels == 3, "an image has 1 or 3 channels")
    precondition(pixels.count == width * height * channels, "pixel count does not match the image's size")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  /// Whether a picture of this size is within the limits.
  static func isAllowed(width: Int, height: Int) -> Bool {
    let sides = 1...maximumSide
    // Divided, not multiplied: the product of two sides does not fit an Int of 32 bits.
    return sides.contains(width) && sides.contains(height) && width <= maximumPixels / height
  }

  /// Makes an image by filling its samples in place.
  init(width: Int, height: Int, channels: Int, fill: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
    let count = width * height * channels
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      fill(UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
      initialized = count
    }
    self.init(width: width, height: height, channels: channels, pixels: pixels)
  }
}

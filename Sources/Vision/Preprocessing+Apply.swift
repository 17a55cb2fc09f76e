import Format

extension Preprocessing {
  /// Elements of the network's input: `height × width × channels`.
  public var inputCount: Int { width * height * channels }

  /// Does what the recipe says to `image`: channels, crop and scale, then `(sample / 255 − mean[c]) / deviation[c]`,
  /// into `input` in NHWC order (N = 1).
  ///
  /// The same image gives the same bits on every CPU.
  ///
  /// - Precondition: the recipe is a verified one (sides in 1...`Image.maximumSide`, 1 or 3 channels, as many means and
  ///   positive deviations), and `input` has `inputCount` elements.
  public func apply(to image: Image, into input: UnsafeMutableBufferPointer<Float>) {
    precondition(input.count == inputCount, "the buffer does not match the recipe")
    precondition(mean.count == channels && deviation.count == channels, "the recipe's channels do not match")
    let picture = resampled(image)
    for channel in 0..<channels {
      let table = pixelTable(channel)
      // A grey picture's one channel serves all of a colour network's.
      let step = picture.channels
      let first = step == 1 ? 0 : channel
      picture.pixels.withUnsafeBufferPointer { samples in
        table.withUnsafeBufferPointer { table in
          for pixel in 0..<(width * height) {
            input[pixel &* channels &+ channel] = table[Int(samples[pixel &* step &+ first])]
          }
        }
      }
    }
  }

  /// The image in the recipe's size and channels, before it is normalised: what training keeps of a photo.
  ///
  /// Law: `apply` writes `pixelTable(c)[sample]` for each sample of channel c.
  public func fitted(_ image: Image) -> Image { resampled(image).converted(toChannels: channels) }

  /// In the recipe's size; a grey picture stays grey.
  private func resampled(_ image: Image) -> Image {
    let source = channels == 1 ? image.converted(toChannels: 1) : image
    return source.resized(region(width: source.width, height: source.height), width: width, height: height)
  }

  /// The network's input for each of the 256 values of a sample of `channel`.
  public func pixelTable(_ channel: Int) -> [Float] {
    (0..<256).map { (Float($0) / 255 - mean[channel]) / deviation[channel] }
  }
}

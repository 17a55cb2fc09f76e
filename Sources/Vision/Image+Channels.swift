extension Image {
  /// The picture with 1 or 3 channels.
  ///
  /// Colour becomes grey by the luma weights of ITU-R BT.601 (0.299, 0.587, 0.114), as in JPEG, in 16-bit fixed
  /// point: (19595·r + 38470·g + 7471·b + 32768) / 65536. Grey becomes colour by repeating it.
  ///
  /// - Precondition: `channels` is 1 or 3.
  public func converted(toChannels channels: Int) -> Image {
    precondition(channels == 1 || channels == 3, "an image has 1 or 3 channels")
    if channels == self.channels { return self }
    return Image(width: width, height: height, channels: channels) { target in
      pixels.withUnsafeBufferPointer { source in
        if channels == 1 {
          for index in 0..<target.count {
            let red = 19_595 &* UInt32(source[3 &* index])
            let green = 38_470 &* UInt32(source[3 &* index &+ 1])
            let blue = 7_471 &* UInt32(source[3 &* index &+ 2])
            target[index] = UInt8(truncatingIfNeeded: (red &+ green &+ blue &+ 32_768) >> 16)
          }
        } else {
          for index in 0..<source.count {
            let grey = source[index]
            target[3 &* index] = grey
            target[3 &* index &+ 1] = grey
            target[3 &* index &+ 2] = grey
          }
        }
      }
    }
  }
}

import Format

/// A rectangle of pixels.
public struct Region: Equatable, Sendable {
  public var x: Int
  public var y: Int
  public var width: Int
  public var height: Int

  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}

extension Image {
  /// The whole picture as a region.
  public var bounds: Region { Region(x: 0, y: 0, width: width, height: height) }

  func contains(_ region: Region) -> Bool {
    region.width >= 1 && region.height >= 1 && region.x >= 0 && region.y >= 0
      && region.width <= width && region.x <= width - region.width
      && region.height <= height && region.y <= height - region.height
  }

  /// The picture's part inside `region`.
  ///
  /// - Precondition: `region` is not empty and lies inside the picture.
  public func cropped(to region: Region) -> Image {
    precondition(contains(region), "region outside the image")
    if region == bounds { return self }
    let rowBytes = region.width * channels
    return Image(width: region.width, height: region.height, channels: channels) { target in
      pixels.withUnsafeBufferPointer { source in
        for row in 0..<region.height {
          let start = ((region.y + row) * width + region.x) * channels
          _ = UnsafeMutableBufferPointer(rebasing: target[(row * rowBytes)..<((row + 1) * rowBytes)])
            .update(fromContentsOf: source[start..<(start + rowBytes)])
        }
      }
    }
  }

  /// The picture as it is meant to be seen, having been stored as `orientation` says.
  func upright(from orientation: Orientation) -> Image {
    if orientation == .upright { return self }
    let (originX, originY, swapsSides) = orientation.origin
    // Seen pixel (x, y) is stored at origin + x·stepX + y·stepY.
    let firstX = originX ? width - 1 : 0
    let firstY = originY ? height - 1 : 0
    let alongRow = originX ? -1 : 1
    let alongColumn = originY ? -width : width
    let stepX = swapsSides ? alongColumn : alongRow
    let stepY = swapsSides ? alongRow : alongColumn
    let (seenWidth, seenHeight) = swapsSides ? (height, width) : (width, height)
    return Image(width: seenWidth, height: seenHeight, channels: channels) { target in
      pixels.withUnsafeBufferPointer { source in
        var next = 0
        for y in 0..<seenHeight {
          var pixel = firstY * width + firstX + y * stepY
          for _ in 0..<seenWidth {
            for channel in 0..<channels {
              target[next] = source[pixel * channels + channel]
              next += 1
            }
            pixel += stepX
          }
        }
      }
    }
  }
}

extension Preprocessing {
  /// The part of a `width` × `height` picture that the recipe keeps, before it is scaled.
  ///
  /// With `.crop` it is the largest centred rectangle of the target's aspect ratio (sides rounded to the nearest
  /// pixel), shrunk about its centre to `cropFraction` of its sides; never empty.
  public func region(width: Int, height: Int) -> Region {
    switch fit {
    case .stretch:
      return Region(x: 0, y: 0, width: width, height: height)
    case .crop:
      // 64 bits: the product of two sides does not fit an Int of 32.
      let (sourceWidth, sourceHeight) = (Int64(width), Int64(height))
      let (targetWidth, targetHeight) = (Int64(self.width), Int64(self.height))
      var (cropWidth, cropHeight) = (sourceWidth, sourceHeight)
      if sourceWidth * targetHeight > sourceHeight * targetWidth {
        cropWidth = (2 * sourceHeight * targetWidth + targetHeight) / (2 * targetHeight)
      } else {
        cropHeight = (2 * sourceWidth * targetHeight + targetWidth) / (2 * targetWidth)
      }
      let keptWidth = shrunk(Int(cropWidth), limit: width)
      let keptHeight = shrunk(Int(cropHeight), limit: height)
      return Region(x: (width - keptWidth) / 2, y: (height - keptHeight) / 2, width: keptWidth, height: keptHeight)
    }
  }

  private func shrunk(_ side: Int, limit: Int) -> Int {
    min(max(Int((Float(side) * cropFraction).rounded()), 1), limit)
  }
}

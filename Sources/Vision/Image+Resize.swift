extension Image {
  /// The picture scaled to `width` × `height`: bilinear, and antialiased where it shrinks.
  ///
  /// - Precondition: the size is one that an image may have.
  public func resized(width: Int, height: Int) -> Image { resized(bounds, width: width, height: height) }

  /// The part of the picture inside `region`, scaled to `width` × `height`.
  ///
  /// Each output sample is the mean of the input samples under a triangle about its centre. The triangle reaches one
  /// input pixel to each side, and the scaling factor times that where the picture shrinks; at the region's border it
  /// is cut off and its weights still sum to one. That is Pillow's `BILINEAR`. All arithmetic is in integers, so the
  /// result has the same bits on every CPU, and a picture that keeps its size keeps its samples.
  ///
  /// - Precondition: `region` lies inside the picture and the size is one that an image may have.
  public func resized(_ region: Region, width: Int, height: Int) -> Image {
    precondition(contains(region), "region outside the image")
    precondition(Image.isAllowed(width: width, height: height), "image size out of range")
    if region.width == width && region.height == height { return cropped(to: region) }
    let columns = TriangleFilter(from: region.width, to: width)
    let rows = TriangleFilter(from: region.height, to: height)
    let rowStride = self.width * channels
    let regionStart = region.y * rowStride + region.x * channels
    // Columns first, row by row: that loop runs over adjacent samples, so it is the one that should see them all.
    var sums = [UInt32](repeating: 0, count: region.width * channels)
    return Image(width: width, height: height, channels: channels) { target in
      pixels.withUnsafeBufferPointer { source in
        sums.withUnsafeMutableBufferPointer { sums in
          for y in 0..<height {
            sums.update(repeating: 0)
            for tap in rows.taps(of: y) {
              let start = regionStart + (rows.firsts[y] + tap - rows.starts[y]) * rowStride
              accumulate(source, from: start, weight: rows.weights[tap], into: sums)
            }
            // 24 fractional bits become 8: at most 65,280 is left.
            for index in 0..<sums.count { sums[index] = (sums[index] &+ (1 << 15)) >> 16 }
            let start = y * width * channels
            let row = UnsafeMutableBufferPointer(rebasing: target[start..<(start + width * channels)])
            columns.apply(to: UnsafeBufferPointer(sums), channels: channels, into: row)
          }
        }
      }
    }
  }
}

/// sums += weight × the samples from `start` on. No sum overflows: the weights of a row add up to 2^24.
private func accumulate(
  _ samples: UnsafeBufferPointer<UInt8>, from start: Int, weight: UInt32, into sums: UnsafeMutableBufferPointer<UInt32>
) {
  // Safe: a region lies inside its picture, and `sums` has a region's row.
  for index in 0..<sums.count { sums[index] &+= weight &* UInt32(samples[start &+ index]) }
}

/// Which input samples make an output sample of one dimension, and with what weights.
private struct TriangleFilter {
  /// Fractional bits of a weight: 255 × 2^24 still fits 32 bits.
  static let weightBits: UInt64 = 24

  /// Per output sample, the input sample of its first weight.
  private(set) var firsts: [Int] = []
  /// Per output sample, the place of its first weight; one more at the end.
  private(set) var starts: [Int] = [0]
  private(set) var weights: [UInt32] = []

  /// Places in `weights` of output sample `index`.
  func taps(of index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

  /// - Precondition: both counts are in 1...65,535, so that no product below exceeds 2^58.
  init(from inputCount: Int, to outputCount: Int) {
    let (inputs, outputs) = (Int64(inputCount), Int64(outputCount))
    // Lengths are in units of 1/(2·outputs) of an input pixel, in which every centre is an integer: input j's is at
    // (2j + 1)·outputs, output i's at (2i + 1)·inputs. `radius` is half the triangle's base.
    let radius = 2 * max(inputs, outputs)
    firsts.reserveCapacity(outputCount)
    starts.reserveCapacity(outputCount + 1)
    var heights: [UInt64] = []
    for output in 0..<outputs {
      let centre = (2 * output + 1) * inputs
      // The first and last input whose centre lies strictly within the radius.
      let lowest = centre - radius - outputs
      let first = lowest < 0 ? 0 : lowest / (2 * outputs) + 1
      let last = min((centre + radius - outputs - 1) / (2 * outputs), inputs - 1)
      heights.removeAll(keepingCapacity: true)
      var total: UInt64 = 0
      for input in first...last {
        let height = UInt64(radius - abs((2 * input + 1) * outputs - centre))
        heights.append(height)
        total += height
      }
      // Each weight is the difference of two rounded running sums: they add up to exactly one.
      var sum: UInt64 = 0
      var previous: UInt64 = 0
      for height in heights {
        sum += height
        let next = ((sum << TriangleFilter.weightBits) + total / 2) / total
        weights.append(UInt32(next - previous))
        previous = next
      }
      firsts.append(Int(first))
      starts.append(weights.count)
    }
  }

  /// Filters a row of interleaved samples with 8 fractional bits down to whole ones.
  func apply(to row: UnsafeBufferPointer<UInt32>, channels: Int, into result: UnsafeMutableBufferPointer<UInt8>) {
    let shift = TriangleFilter.weightBits + 8
    weights.withUnsafeBufferPointer { weights in
      for output in 0..<firsts.count {
        let taps = taps(of: output)
        for channel in 0..<channels {
          var sum: UInt64 = 1 << (shift - 1)
          var sample = firsts[output] &* channels &+ channel
          for tap in taps {
            sum &+= UInt64(row[sample]) &* UInt64(weights[tap])
            sample &+= channels
          }
          result[output &* channels &+ channel] = UInt8(truncatingIfNeeded: sum >> shift)
        }
      }
    }
  }
}

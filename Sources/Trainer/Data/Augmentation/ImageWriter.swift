import Format

/// Writes images as the network's input: normalised, and changed as augmentation says.
struct ImageWriter: Sendable {
  /// [channels, 256]: (pixel / 255 − mean) / deviation of each pixel value.
  let table: [Float]
  private let mean: [Float]
  private let deviation: [Float]

  init(_ recipe: Preprocessing) {
    table = (0..<recipe.channels).flatMap { recipe.pixelTable($0) }
    mean = recipe.mean
    deviation = recipe.deviation
  }

  /// Writes `pixels` [H, W, C] to `output` [H, W, C]. The partner plays no part.
  func write(
    _ pixels: UnsafePointer<UInt8>, _ shape: ImageShape, _ change: ImageChange,
    to output: UnsafeMutablePointer<Float>
  ) {
    table.withUnsafeBufferPointer { table in
      if change.map.isExact {
        for channel in 0..<shape.channels {
          Plane(
            shape: shape, pixels: pixels + channel, output: output + channel,
            table: table.baseAddress! + 256 * channel
          ).move(PixelMove(change.map, width: shape.width))
        }
      } else {
        Sampler(shape: shape, pixels: pixels, table: table.baseAddress!).interpolate(change.map, to: output)
      }
    }
    for jitter in change.jitters { apply(jitter, shape, to: output) }
    for hole in change.holes {
      for row in hole.rows {
        let start = output + (row * shape.width + hole.columns.lowerBound) * shape.channels
        // 0 is the mean of the normalised pixels.
        start.update(repeating: 0, count: hole.columns.count * shape.channels)
      }
    }
  }

  /// Brightness scales all samples, contrast their distance from the image's mean grey, saturation a pixel's distance
  /// from its own grey; samples stay in black to white.
  private func apply(_ jitter: ImageChange.Jitter, _ shape: ImageShape, to output: UnsafeMutablePointer<Float>) {
    let (pixels, channels) = (shape.height * shape.width, shape.channels)
    for index in 0..<(pixels * channels) {
      let channel = index % channels
      output[index] = (output[index] * deviation[channel] + mean[channel]) * jitter.brightness
    }
    var sum: Float = 0
    for pixel in 0..<pixels { sum += grey(output + pixel * channels, channels) }
    let middle = sum / Float(pixels)
    for pixel in 0..<pixels {
      let samples = output + pixel * channels
      for channel in 0..<channels { samples[channel] = (samples[channel] - middle) * jitter.contrast + middle }
      let own = grey(samples, channels)
      for channel in 0..<channels {
        let value = channels == 1 ? own : (samples[channel] - own) * jitter.saturation + own
        samples[channel] = (min(max(value, 0), 1) - mean[channel]) / deviation[channel]
      }
    }
  }

  /// The luma of ITU-R BT.601, as JPEG has it.
  private func grey(_ samples: UnsafePointer<Float>, _ channels: Int) -> Float {
    channels == 3 ? 0.299 * samples[0] + 0.587 * samples[1] + 0.114 * samples[2] : samples[0]
  }
}

/// One channel of an image: samples lie `shape.channels` apart.
private struct Plane {
  let shape: ImageShape
  let pixels: UnsafePointer<UInt8>
  let output: UnsafeMutablePointer<Float>
  let table: UnsafePointer<Float>

  func move(_ move: PixelMove) {
    let (width, step) = (shape.width, shape.channels)
    let first = move.first
    // Those x whose source is inside.
    let inside = (move.step < 0 ? first - width + 1..<first + 1 : -first..<width - first).clamped(to: 0..<width)
    let stride = move.step * step
    for y in 0..<shape.height {
      let row = output + y * width * step
      let sourceY = y + move.down
      guard 0..<shape.height ~= sourceY, !inside.isEmpty else {
        for x in 0..<width { row[x * step] = table[0] }
        continue
      }
      for x in 0..<inside.lowerBound { row[x * step] = table[0] }
      let start = first + move.step * inside.lowerBound
      var source = (sourceY * width + start) * step
      for x in inside {
        row[x * step] = table[Int(pixels[source])]
        source += stride
      }
      for x in inside.upperBound..<width { row[x * step] = table[0] }
    }
  }
}

/// An image between its pixels.
private struct Sampler {
  let shape: ImageShape
  let pixels: UnsafePointer<UInt8>
  /// [channels, 256]
  let table: UnsafePointer<Float>

  /// Any map, bilinearly; outside is black.
  func interpolate(_ map: PixelMap, to output: UnsafeMutablePointer<Float>) {
    let (middleX, middleY) = (Float(shape.width - 1) / 2, Float(shape.height - 1) / 2)
    let channels = shape.channels
    var result = output
    for y in 0..<shape.height {
      let fromMiddle = Float(y) - middleY
      for x in 0..<shape.width {
        let right = Float(x) - middleX
        let sourceX = map.xx * right + map.xy * fromMiddle + map.x + middleX
        let sourceY = map.yx * right + map.yy * fromMiddle + map.y + middleY
        let (column, line) = (floor(sourceX), floor(sourceY))
        let (shareX, shareY) = (sourceX - Float(column), sourceY - Float(line))
        let isInside = column >= 0 && line >= 0 && column < shape.width - 1 && line < shape.height - 1
        let first = pixels + (line * shape.width + column) * channels
        for channel in 0..<channels {
          let values = table + 256 * channel
          let corners =
            isInside
            ? SIMD4(
              values[Int(first[channel])], values[Int(first[channels + channel])],
              values[Int(first[shape.width * channels + channel])],
              values[Int(first[(shape.width + 1) * channels + channel])])
            : SIMD4(
              sample(line, column, channel), sample(line, column + 1, channel), sample(line + 1, column, channel),
              sample(line + 1, column + 1, channel))
          let upper = corners[0] * (1 - shareX) + corners[1] * shareX
          let lower = corners[2] * (1 - shareX) + corners[3] * shareX
          result[channel] = upper * (1 - shareY) + lower * shareY
        }
        result += channels
      }
    }
  }

  /// Without the call that `rounded(.down)` is on CPUs without SSE4.1.
  private func floor(_ value: Float) -> Int {
    let whole = Int(value)
    return value < Float(whole) ? whole - 1 : whole
  }

  private func sample(_ y: Int, _ x: Int, _ channel: Int) -> Float {
    guard 0..<shape.height ~= y, 0..<shape.width ~= x else { return table[256 * channel] }
    return table[256 * channel + Int(pixels[(y * shape.width + x) * shape.channels + channel])]
  }
}

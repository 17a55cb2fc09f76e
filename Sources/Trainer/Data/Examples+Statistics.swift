import Format

extension Examples {
  /// A number that tells these examples from all others: XXH64 of the pixels, then of the classes; numbers after them.
  var checksum: UInt64 {
    var hash = pixels.withUnsafeBytes { XXH64.hash($0) }
    hash = classes.withUnsafeBytes { XXH64.hash($0, seed: hash) }
    guard holdsNumbers else { return hash }
    hash = values.withUnsafeBytes { XXH64.hash($0, seed: hash) }
    return targets.withUnsafeBytes { XXH64.hash($0, seed: hash) }
  }

  /// Mean and standard deviation of the pixels of each channel, in units of the pixel range [0, 1]. Sums are integers,
  /// so the result does not depend on an order of additions.
  ///
  /// A channel that is the same everywhere gets the deviation of one grey level: dividing by it must stay possible.
  public func statistics() -> (mean: [Float], deviation: [Float]) {
    let channels = shape.channels
    var sums = [UInt64](repeating: 0, count: channels)
    var squares = [UInt64](repeating: 0, count: channels)
    pixels.withUnsafeBufferPointer { pixels in
      for channel in 0..<channels {
        var histogram = [UInt64](repeating: 0, count: 256)
        for index in stride(from: channel, to: pixels.count, by: channels) { histogram[Int(pixels[index])] += 1 }
        for (value, times) in histogram.enumerated() {
          sums[channel] += UInt64(value) * times
          squares[channel] += UInt64(value * value) * times
        }
      }
    }
    let number = Double(max(pixels.count / channels, 1))
    let means = sums.map { Double($0) / number }
    let deviations = zip(squares, means).map { square, mean in
      max((Double(square) / number - mean * mean).squareRoot(), 1)
    }
    return (means.map { Float($0 / 255) }, deviations.map { Float($0 / 255) })
  }

  /// Mean and deviation of each column of rows of numbers.
  public var columnStatistics: (mean: [Float], deviation: [Float]) {
    let scale = Standardization(values, columns: shape.count)
    return (scale.mean, scale.deviation)
  }

  /// Mean and deviation of each number that is predicted.
  public var targetStatistics: (mean: [Float], deviation: [Float]) {
    let scale = Standardization(targets, columns: targetCount)
    return (scale.mean, scale.deviation)
  }
}

import Format
import TrainerKernels

extension CPUBackend {
  public func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, output: DeviceSlice
  ) {
    let (x, gamma, beta) = (floats(input), floats(scale), floats(shift))
    let (running, saved) = (floats(running), floats(saved))
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    // Differences from the first row: the variance is not the small difference of two large numbers.
    let sums = channelSums(geometry, rows: rows) { range, sums in
      trainer_moments(x + range.lowerBound * channels, range.count, channels, x, sums)
    }
    let factors = scratch(worker: 0, 2 * channels)
    for c in 0..<channels {
      let difference = sums[c] / Double(rows)
      let mean = Double(x[c]) + difference
      let squares = max(sums[channels + c] - Double(rows) * difference * difference, 0)
      let inverse = 1 / (squares / Double(rows) + Double(geometry.epsilon)).squareRoot()
      saved[c] = Float(mean)
      saved[channels + c] = Float(inverse)
      running[c] += geometry.momentum * (Float(mean) - running[c])
      running[channels + c] +=
        geometry.momentum * (Float(squares / Double(max(rows - 1, 1))) - running[channels + c])
      factors[c] = gamma[c] * saved[channels + c]
      factors[channels + c] = beta[c] - saved[c] * factors[c]
    }
    scaleShift(input, rows: rows, channels: channels, factors, output)
  }

  public func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, saved: DeviceSlice,
    outputGradient: DeviceSlice, scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    let (x, gamma, dy) = (floats(input), floats(scale), floats(outputGradient))
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    let (mean, inverse) = (floats(saved), floats(saved) + channels)
    let sums = channelSums(geometry, rows: rows) { range, sums in
      let start = range.lowerBound * channels
      trainer_batch_norm_sums(x + start, dy + start, range.count, channels, mean, inverse, sums)
    }
    let (dgamma, dbeta) = (floats(scaleGradient), floats(shiftGradient))
    // dx = γ·inverse · (dy − Σdy/m − x̂ · Σ(dy·x̂)/m), as a·dy + b·x + c.
    let a = scratch(worker: 0, 3 * channels)
    let (b, c) = (a + channels, a + 2 * channels)
    for k in 0..<channels {
      dbeta[k] = Float(sums[k])
      dgamma[k] = Float(sums[channels + k])
      a[k] = gamma[k] * inverse[k]
      b[k] = -a[k] * inverse[k] * Float(sums[channels + k] / Double(rows))
      c[k] = -a[k] * Float(sums[k] / Double(rows)) - b[k] * mean[k]
    }
    guard let dx = inputGradient.map(floats) else { return }
    forEachRows(rows, channels) { range in
      let start = range.lowerBound * channels
      trainer_batch_norm_gradient(x + start, dy + start, range.count, channels, a, b, c, dx + start)
    }
  }

  public func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, output: DeviceSlice
  ) {
    let (gamma, beta, running) = (floats(scale), floats(shift), floats(running))
    let channels = geometry.channels
    let factors = scratch(worker: 0, 2 * channels)
    for c in 0..<channels {
      factors[c] = gamma[c] / (running[channels + c] + geometry.epsilon).squareRoot()
      factors[channels + c] = beta[c] - running[c] * factors[c]
    }
    scaleShift(input, rows: count * geometry.pixels, channels: channels, factors, output)
  }

  /// output = input · factors[0] + factors[1] per channel.
  private func scaleShift(
    _ input: DeviceSlice, rows: Int, channels: Int, _ factors: UnsafePointer<Float>, _ output: DeviceSlice
  ) {
    let (x, y) = (floats(input), floats(output))
    forEachRows(rows, channels) { range in
      let start = range.lowerBound * channels
      trainer_scale_shift(x + start, range.count, channels, factors, factors + channels, y + start)
    }
  }

  private func forEachRows(_ rows: Int, _ channels: Int, _ body: (Range<Int>) -> Void) {
    forEachRange(of: rows, atLeast: max(CPUBackend.run / channels, 1), body)
  }

  /// Two sums per channel over all rows: `body` adds those of a range of rows to zeroed sums [2, channels], and the
  /// ranges' sums are added in order.
  private func channelSums(
    _ geometry: BatchNormGeometry, rows: Int, _ body: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
  ) -> UnsafeMutablePointer<Double> {
    let width = 2 * geometry.channels
    let pieces = CPUBackend.pieces(rows, atLeast: max(CPUBackend.run / geometry.channels, 1))
    let memory = UnsafeMutableRawPointer(parts(2 * pieces * width))
    let sums = memory.bindMemory(to: Double.self, capacity: pieces * width)
    pool.run(pieces: pieces) { piece, _ in
      let own = sums + piece * width
      own.update(repeating: 0, count: width)
      body(CPUBackend.range(piece, of: pieces, over: rows), own)
    }
    for piece in 1..<max(pieces, 1) {
      for k in 0..<width { sums[k] += sums[piece * width + k] }
    }
    return sums
  }
}

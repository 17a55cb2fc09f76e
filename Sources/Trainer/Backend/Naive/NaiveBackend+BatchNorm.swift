extension NaiveBackend {
  public func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, output: DeviceSlice
  ) {
    let (x, y) = (Doubles(input), Doubles(output))
    let (gamma, beta, running, saved) = (Doubles(scale), Doubles(shift), Doubles(running), Doubles(saved))
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    let momentum = Double(geometry.momentum)
    for c in 0..<channels {
      let column = (0..<rows).map { x[$0 * channels + c] }
      let mean = column.reduce(0, +) / Double(rows)
      let squares = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let inverse = 1 / (squares / Double(rows) + Double(geometry.epsilon)).squareRoot()
      saved[c] = mean
      saved[channels + c] = inverse
      running[c] += momentum * (mean - running[c])
      running[channels + c] += momentum * (squares / Double(max(rows - 1, 1)) - running[channels + c])
      for row in 0..<rows { y[row * channels + c] = gamma[c] * (column[row] - mean) * inverse + beta[c] }
    }
  }

  public func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, saved: DeviceSlice,
    outputGradient: DeviceSlice, scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    let (x, dy, dx) = (Doubles(input), Doubles(outputGradient), inputGradient.map(Doubles.init))
    let (gamma, saved) = (Doubles(scale), Doubles(saved))
    let (dgamma, dbeta) = (Doubles(scaleGradient), Doubles(shiftGradient))
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    for c in 0..<channels {
      let (mean, inverse) = (saved[c], saved[channels + c])
      dgamma[c] = 0
      dbeta[c] = 0
      for row in 0..<rows {
        let index = row * channels + c
        dgamma[c] += dy[index] * (x[index] - mean) * inverse
        dbeta[c] += dy[index]
      }
      guard let dx else { continue }
      // x̂ depends on every x of the channel, through mean and variance.
      for row in 0..<rows {
        let index = row * channels + c
        let normalized = (x[index] - mean) * inverse
        dx[index] = gamma[c] * inverse * (dy[index] - (dbeta[c] + normalized * dgamma[c]) / Double(rows))
      }
    }
  }

  public func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, output: DeviceSlice
  ) {
    let (x, y) = (Doubles(input), Doubles(output))
    let (gamma, beta, running) = (Doubles(scale), Doubles(shift), Doubles(running))
    let channels = geometry.channels
    for index in 0..<(count * geometry.pixels * channels) {
      let c = index % channels
      let inverse = 1 / (running[channels + c] + Double(geometry.epsilon)).squareRoot()
      y[index] = gamma[c] * (x[index] - running[c]) * inverse + beta[c]
    }
  }
}

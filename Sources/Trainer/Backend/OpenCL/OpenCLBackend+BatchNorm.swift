extension OpenCLBackend {
  public func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, output: DeviceSlice
  ) {
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    let cut = parts(of: rows)
    guard let sums = scratch(.parts, cut.number * 2 * channels), let factors = scratch(.factors, 3 * channels) else {
      return
    }
    runLoops(
      .batchNorm, "batch_norm_moments", columns: channels, [cut.number], [input, sums, rows, channels, cut.rows])
    runElements(
      .batchNorm, "batch_norm_statistics", count: channels,
      [
        input, sums, scale, shift, running, saved, factors, rows, channels, cut.number, geometry.epsilon,
        geometry.momentum,
      ])
    runVectors(.batchNorm, "batch_norm_apply", columns: channels, rows: rows, [input, factors, output, rows, channels])
  }

  public func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, saved: DeviceSlice,
    outputGradient: DeviceSlice, scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    let cut = parts(of: rows)
    guard let sums = scratch(.parts, cut.number * 2 * channels), let factors = scratch(.factors, 3 * channels) else {
      return
    }
    runLoops(
      .batchNorm, "batch_norm_gradient_sums", columns: channels, [cut.number],
      [input, outputGradient, saved, sums, rows, channels, cut.rows])
    runElements(
      .batchNorm, "batch_norm_gradient_factors", count: channels,
      [sums, scale, saved, scaleGradient, shiftGradient, factors, rows, channels, cut.number])
    guard let inputGradient else { return }
    runVectors(
      .batchNorm, "batch_norm_input_gradient", columns: channels, rows: rows,
      [input, outputGradient, factors, inputGradient, rows, channels])
  }

  public func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, output: DeviceSlice
  ) {
    let (channels, rows) = (geometry.channels, count * geometry.pixels)
    guard let factors = scratch(.factors, 3 * channels) else { return }
    runElements(
      .batchNorm, "batch_norm_running", count: channels, [scale, shift, running, factors, channels, geometry.epsilon])
    runVectors(.batchNorm, "batch_norm_apply", columns: channels, rows: rows, [input, factors, output, rows, channels])
  }
}

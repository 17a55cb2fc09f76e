import Format

extension OpenCLBackend {
  public func activationForward(_ activation: Activation, input: DeviceSlice, output: DeviceSlice) {
    let (kernel, slope) = activation.openCLKernel
    runElements(.elementwise, kernel, count: output.count, [input, output, output.count, slope])
  }

  public func activationBackward(
    _ activation: Activation, values: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (kernel, slope) = activation.openCLKernel
    runElements(
      .elementwise, kernel + "_gradient", count: values.count,
      [values, outputGradient, inputGradient, values.count, slope])
  }

  public func add(_ a: DeviceSlice, _ b: DeviceSlice, output: DeviceSlice) {
    runElements(.elementwise, "add", count: output.count, [a, b, output, output.count])
  }

  public func multiplyForward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, output: DeviceSlice
  ) {
    runVectors(
      .elementwise, "multiply", columns: geometry.channels, rows: count * geometry.pixels,
      [a, b, output, count, geometry.pixels, geometry.channels])
  }

  public func multiplyBackward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, outputGradient: DeviceSlice,
    aGradient: DeviceSlice?, bGradient: DeviceSlice?
  ) {
    if let bGradient {
      runLoops(
        .elementwise, "multiply_factor_gradient", columns: geometry.channels, [count],
        [a, outputGradient, bGradient, geometry.pixels, geometry.channels])
    }
    // Last, for it may overwrite the output's gradient.
    if let aGradient { multiplyForward(geometry, count: count, a: outputGradient, b: b, output: aGradient) }
  }

  public func copy(_ source: DeviceSlice, to destination: DeviceSlice) { queue.copy(source, to: destination) }

  public func dropout(_ mask: DropoutMask, input: DeviceSlice, output: DeviceSlice) {
    let lead = mask.first % 4
    runElements(
      .elementwise, "dropout", count: ceilDivide(input.count + lead, 4),
      [
        input, output, input.count, UInt32(truncatingIfNeeded: mask.seed), UInt32(truncatingIfNeeded: mask.seed >> 32),
        mask.stream, mask.step, mask.threshold, 1 / (1 - mask.rate), UInt32(truncatingIfNeeded: mask.first / 4),
        lead,
      ])
  }

  public func copyRows(
    rows: Int, columns: Int, source: DeviceSlice, sourceStride: Int, destination: DeviceSlice, destinationStride: Int
  ) {
    runGrid(
      .elementwise, "copy_rows", columns: columns, rows: rows,
      [source, destination, rows, columns, sourceStride, destinationStride])
  }
}

extension Activation {
  /// The function's kernel in programs/elementwise.cl, and its slope argument.
  var openCLKernel: (name: String, slope: Float) {
    switch self {
    case .relu: ("relu", 0)
    case .relu6: ("relu6", 0)
    case .sigmoid: ("sigmoid", 0)
    case .tanh: ("tanh_", 0)
    case .hardSigmoid: ("hard_sigmoid", 0)
    case .hardSwish: ("hard_swish", 0)
    case .gelu: ("gelu", 0)
    case .silu: ("silu", 0)
    case .leakyReLU(let slope): ("leaky_relu", slope)
    case .threshold: ("threshold", 0)
    }
  }
}

extension Activation? {
  /// The bounds that values are cut to, if that is all that the function does: products do it before they store.
  var bounds: (low: Float, high: Float)? {
    switch self {
    case nil: (-.infinity, .infinity)
    case .relu: (0, .infinity)
    case .relu6: (0, 6)
    default: nil
    }
  }
}

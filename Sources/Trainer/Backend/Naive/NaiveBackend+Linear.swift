import Format

extension NaiveBackend {
  // Depthwise and dense are convolutions with another order of weights: one loop serves all three.

  public func convolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    forward(geometry, .outputFirst, count, input, weights, bias, activation, output)
  }

  public func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    backward(
      geometry, .outputFirst, count, input, weights, output, activation, outputGradient, weightGradient, biasGradient,
      inputGradient)
  }

  public func depthwiseForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    forward(geometry, .outputLast, count, input, weights, bias, activation, output)
  }

  public func depthwiseBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    backward(
      geometry, .outputLast, count, input, weights, output, activation, outputGradient, weightGradient, biasGradient,
      inputGradient)
  }

  public func denseForward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    forward(geometry.asConvolution, .outputFirst, count, input, weights, bias, activation, output)
  }

  public func denseBackward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    backward(
      geometry.asConvolution, .outputFirst, count, input, weights, output, activation, outputGradient, weightGradient,
      biasGradient, inputGradient)
  }

  private func forward(
    _ geometry: ConvolutionGeometry, _ order: WeightOrder, _ count: Int, _ input: DeviceSlice, _ weights: DeviceSlice,
    _ bias: DeviceSlice?, _ activation: Activation?, _ output: DeviceSlice
  ) {
    let (x, w, b, y) = (Doubles(input), Doubles(weights), bias.map(Doubles.init), Doubles(output))
    let channels = geometry.output.channels
    for index in 0..<(count * geometry.output.count) { y[index] = b?[index % channels] ?? 0 }
    geometry.forEachProduct(count: count, order) { xi, wi, yi in y[yi] += x[xi] * w[wi] }
    guard let activation else { return }
    for index in 0..<(count * geometry.output.count) { y[index] = activation.value(y[index]) }
  }

  private func backward(
    _ geometry: ConvolutionGeometry, _ order: WeightOrder, _ count: Int, _ input: DeviceSlice, _ weights: DeviceSlice,
    _ output: DeviceSlice, _ activation: Activation?, _ outputGradient: DeviceSlice, _ weightGradient: DeviceSlice,
    _ biasGradient: DeviceSlice?, _ inputGradient: DeviceSlice?
  ) {
    let (x, w, y) = (Doubles(input), Doubles(weights), Doubles(output))
    let (dy, dw) = (Doubles(outputGradient), Doubles(weightGradient))
    let outputs = count * geometry.output.count
    if let activation {
      for index in 0..<outputs { dy[index] *= activation.slope(at: y[index]) }
    }
    if let db = biasGradient.map(Doubles.init) {
      let channels = geometry.output.channels
      for channel in 0..<channels { db[channel] = 0 }
      for index in 0..<outputs { db[index % channels] += dy[index] }
    }
    for index in 0..<geometry.weightCount { dw[index] = 0 }
    geometry.forEachProduct(count: count, order) { xi, wi, yi in dw[wi] += x[xi] * dy[yi] }
    if let dx = inputGradient.map(Doubles.init) {
      for index in 0..<(count * geometry.input.count) { dx[index] = 0 }
      geometry.forEachProduct(count: count, order) { xi, wi, yi in dx[xi] += w[wi] * dy[yi] }
    }
  }
}

extension NaiveBackend {
  public func transposedConvolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    let (x, w, b, y) = (Doubles(input), Doubles(weights), bias.map(Doubles.init), Doubles(output))
    let channels = geometry.input.channels
    for index in 0..<(count * geometry.input.count) { y[index] = b?[index % channels] ?? 0 }
    geometry.forEachProduct(count: count, .inputFirst) { yi, wi, xi in y[yi] += x[xi] * w[wi] }
    guard let activation else { return }
    for index in 0..<(count * geometry.input.count) { y[index] = activation.value(y[index]) }
  }

  public func transposedConvolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let (x, w, y) = (Doubles(input), Doubles(weights), Doubles(output))
    let (dy, dw) = (Doubles(outputGradient), Doubles(weightGradient))
    let outputs = count * geometry.input.count
    if let activation {
      for index in 0..<outputs { dy[index] *= activation.slope(at: y[index]) }
    }
    if let db = biasGradient.map(Doubles.init) {
      let channels = geometry.input.channels
      for channel in 0..<channels { db[channel] = 0 }
      for index in 0..<outputs { db[index % channels] += dy[index] }
    }
    for index in 0..<geometry.weightCount { dw[index] = 0 }
    geometry.forEachProduct(count: count, .inputFirst) { yi, wi, xi in dw[wi] += x[xi] * dy[yi] }
    if let dx = inputGradient.map(Doubles.init) {
      for index in 0..<(count * geometry.output.count) { dx[index] = 0 }
      geometry.forEachProduct(count: count, .inputFirst) { yi, wi, xi in dx[xi] += w[wi] * dy[yi] }
    }
  }
}

/// Whether weights are [outputs, kernel height, kernel width, inputs], [kernel height, kernel width, outputs], or
/// [inputs, kernel height, kernel width, outputs] of one group.
private enum WeightOrder {
  case outputFirst
  case outputLast
  case inputFirst
}

extension DenseGeometry {
  /// A convolution of images of one pixel.
  fileprivate var asConvolution: ConvolutionGeometry {
    guard
      let geometry = try? ConvolutionGeometry(
        "dense", input: ImageShape(height: 1, width: 1, channels: inputs), outputChannels: outputs, kernel: Extent(1))
    else { preconditionFailure("a window of one pixel fits") }
    return geometry
  }
}

extension ConvolutionGeometry {
  /// Calls `body` with the places in input, weights and output of every product that the convolution sums.
  fileprivate func forEachProduct(count: Int, _ order: WeightOrder, _ body: (Int, Int, Int) -> Void) {
    for n in 0..<count {
      for oy in 0..<output.height {
        for ox in 0..<output.width {
          for ky in 0..<kernel.height {
            for kx in 0..<kernel.width {
              let iy = oy * stride.height - padding.top + ky * dilation.height
              let ix = ox * stride.width - padding.left + kx * dilation.width
              guard (0..<input.height).contains(iy), (0..<input.width).contains(ix) else { continue }
              for o in 0..<output.channels {
                let group = o / groupOutputs
                for c in 0..<groupInputs {
                  let x = ((n * input.height + iy) * input.width + ix) * input.channels + group * groupInputs + c
                  let y = ((n * output.height + oy) * output.width + ox) * output.channels + o
                  let tap = ky * kernel.width + kx
                  let w =
                    switch order {
                    case .outputFirst: (o * kernel.height * kernel.width + tap) * groupInputs + c
                    case .outputLast: tap * output.channels + o
                    case .inputFirst: (c * kernel.height * kernel.width + tap) * output.channels + o
                    }
                  body(x, w, y)
                }
              }
            }
          }
        }
      }
    }
  }
}

import Format

// Operations that some backends do in one pass, composed of others.

extension Backend {
  public func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice, addend: DeviceSlice
  ) {
    convolutionBackward(
      geometry, count: count, input: input, weights: weights, output: output, activation: activation,
      outputGradient: outputGradient, weightGradient: weightGradient, biasGradient: biasGradient,
      inputGradient: inputGradient)
    let sum = inputGradient[0..<(count * geometry.input.count)]
    add(sum, addend[0..<sum.count], output: sum)
  }

  public func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, residual: DeviceSlice?, activation: Activation?, output: DeviceSlice
  ) {
    batchNormForward(
      geometry, count: count, input: input, scale: scale, shift: shift, running: running, saved: saved, output: output)
    finish(output[0..<geometry.valueCount(count)], residual, activation)
  }

  public func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    saved: DeviceSlice, output: DeviceSlice, hasResidual: Bool, activation: Activation?, outputGradient: DeviceSlice,
    scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    if let activation {
      let gradient = outputGradient[0..<geometry.valueCount(count)]
      activationBackward(
        activation, values: output[0..<gradient.count], outputGradient: gradient, inputGradient: gradient)
    }
    batchNormBackward(
      geometry, count: count, input: input, scale: scale, saved: saved, outputGradient: outputGradient,
      scaleGradient: scaleGradient, shiftGradient: shiftGradient, inputGradient: inputGradient)
  }

  public func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, residual: DeviceSlice?, activation: Activation?, output: DeviceSlice
  ) {
    batchNormInference(
      geometry, count: count, input: input, scale: scale, shift: shift, running: running, output: output)
    finish(output[0..<geometry.valueCount(count)], residual, activation)
  }

  /// values = activation(values + residual).
  private func finish(_ values: DeviceSlice, _ residual: DeviceSlice?, _ activation: Activation?) {
    if let residual { add(values, residual[0..<values.count], output: values) }
    if let activation { activationForward(activation, input: values, output: values) }
  }
}

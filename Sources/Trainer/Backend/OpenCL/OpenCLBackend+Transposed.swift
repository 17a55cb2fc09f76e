import Format
import OpenCLKernels

// Transposed convolution: forward is a convolution's input gradient and the reverse, with weights [output's channels, kernel
// height, kernel width, input's channels].

extension OpenCLBackend {
  public func transposedConvolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    guard let matrix = pack(.transposedForward(geometry), weights, groups: 1) else { return }
    multiplyRows(
      opencl_patches(ofGradientOf: geometry, images: count), image: input, matrix, bias: bias, activation, groups: 1,
      columns: geometry.input.channels, output: output)
  }

  public func transposedConvolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let channels = geometry.input.channels
    beginBackward(
      rows: count * geometry.input.height * geometry.input.width, columns: channels, activation, output: output,
      outputGradient: outputGradient, biasGradient: biasGradient)
    let patches = opencl_patches(of: geometry, images: count)
    // [input's channels, taps, output's channels], with the two kinds of channels changed over.
    guard let sums = scratch(.sums, geometry.weightCount) else { return }
    multiplyWeights(
      patches, image: outputGradient, gradient: input, groups: 1, outputs: geometry.output.channels, into: sums)
    reorder(.transposedWeights(geometry), sums, into: weightGradient)
    guard let inputGradient, let matrix = pack(.transposedBackward(geometry), weights, groups: 1) else { return }
    multiplyRows(
      patches, image: outputGradient, matrix, bias: nil, nil, groups: 1, columns: geometry.output.channels,
      output: inputGradient)
  }
}

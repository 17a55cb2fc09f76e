import Format
import OpenCLKernels

// Depthwise convolution and pooling: a window slides over each channel alone.

extension OpenCLBackend {
  public func depthwiseForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    let window = opencl_window(geometry, images: count)
    let bounds = activation.bounds ?? (-.infinity, .infinity)
    let channels = geometry.output.channels
    runVectors(
      .depthwise, "depthwise_forward", columns: channels, rows: window.outputPixels, flops: window.flops,
      [input, weights, bias ?? weights, output, window, bias == nil ? 0 : 1, bounds.low, bounds.high])
    finishActivation(activation, output[0..<(window.outputPixels * channels)])
  }

  public func depthwiseBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let window = opencl_window(geometry, images: count)
    let channels = geometry.output.channels
    beginBackward(
      rows: window.outputPixels, columns: channels, activation, output: output, outputGradient: outputGradient,
      biasGradient: biasGradient)
    let taps = geometry.kernel.height * geometry.kernel.width
    let cut = parts(of: window.outputPixels)
    guard let sums = scratch(.parts, cut.number * taps * channels) else { return }
    runLoops(
      .depthwise, "depthwise_weight_gradient", columns: channels, [taps, cut.number], flops: window.flops,
      [input, outputGradient, sums, window, cut.rows])
    sumParts(sums, number: cut.number, into: weightGradient[0..<(taps * channels)])
    guard let inputGradient else { return }
    runGrid(
      .depthwise, "depthwise_input_gradient", columns: geometry.input.channels,
      rows: count * geometry.input.height * geometry.input.width, flops: window.flops,
      [weights, outputGradient, inputGradient, window])
  }

  public func maxPoolForward(
    _ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice, indices: DeviceSlice
  ) {
    let window = opencl_window(geometry, images: count)
    runVectors(
      .pool, "max_pool", columns: geometry.input.channels, rows: window.outputPixels, [input, output, indices, window])
  }

  public func maxPoolBackward(
    _ geometry: PoolGeometry, count: Int, indices: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    if geometry.stride.height >= geometry.window.height, geometry.stride.width >= geometry.window.width {
      let window = opencl_window(geometry, images: count)
      runVectors(
        .pool, "max_pool_spread", columns: geometry.input.channels, rows: window.outputPixels,
        [indices, outputGradient, inputGradient, window])
      return
    }
    runVectors(
      .pool, "max_pool_gradient", columns: geometry.input.channels,
      rows: count * geometry.input.height * geometry.input.width,
      [indices, outputGradient, inputGradient, opencl_window(geometry, images: count)])
  }

  public func averagePoolForward(_ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice) {
    let window = opencl_window(geometry, images: count)
    runVectors(
      .pool, "average_pool", columns: geometry.input.channels, rows: window.outputPixels, [input, output, window])
  }

  public func averagePoolBackward(
    _ geometry: PoolGeometry, count: Int, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    runVectors(
      .pool, "average_pool_gradient", columns: geometry.input.channels,
      rows: count * geometry.input.height * geometry.input.width,
      [outputGradient, inputGradient, opencl_window(geometry, images: count)])
  }
}

extension opencl_window {
  fileprivate init(
    input: ImageShape, output: ImageShape, kernel: Extent, stride: Extent, dilation: Extent, padding: Padding,
    images: Int
  ) {
    self.init(
      images: Int32(images), height: Int32(input.height), width: Int32(input.width), channels: Int32(input.channels),
      output_height: Int32(output.height), output_width: Int32(output.width), kernel_height: Int32(kernel.height),
      kernel_width: Int32(kernel.width), stride_height: Int32(stride.height), stride_width: Int32(stride.width),
      dilation_height: Int32(dilation.height), dilation_width: Int32(dilation.width), top: Int32(padding.top),
      left: Int32(padding.left), multiplier: Int32(output.channels / input.channels))
  }

  fileprivate init(_ geometry: ConvolutionGeometry, images: Int) {
    self.init(
      input: geometry.input, output: geometry.output, kernel: geometry.kernel, stride: geometry.stride,
      dilation: geometry.dilation, padding: geometry.padding, images: images)
  }

  fileprivate init(_ geometry: PoolGeometry, images: Int) {
    self.init(
      input: geometry.input, output: geometry.output, kernel: geometry.window, stride: geometry.stride,
      dilation: Extent(1), padding: geometry.padding, images: images)
  }

  fileprivate var outputPixels: Int { Int(images) * Int(output_height) * Int(output_width) }
  /// Of a depthwise convolution.
  fileprivate var flops: Int {
    2 * outputPixels * Int(channels) * Int(multiplier) * Int(kernel_height) * Int(kernel_width)
  }
}

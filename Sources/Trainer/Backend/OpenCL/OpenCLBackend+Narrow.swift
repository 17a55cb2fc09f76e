import Format
import OpenCLKernels

// Convolutions whose patches are short runs of memory, on CPUs: programs/narrow.cl takes them from padded images.

/// A convolution that programs/narrow.cl computes.
struct NarrowConvolution {
  let argument: opencl_narrow
  fileprivate let tile: PanelTiling
  /// Elements that an input's gradient keeps: for each line of a window a line of outputs, each with all its terms.
  private let termCount: Int

  /// Elements of the largest padded image, and of those terms: a part of a second-level cache.
  fileprivate static let paddedElements = 24 << 10

  /// Nil if it is not of this kind or its padded images are too large.
  init?(_ geometry: ConvolutionGeometry, _ plan: GemmTiling, lanes: Int, on device: OpenCLDevice) {
    guard case .panel(let tile) = plan, geometry.groups == 1, geometry.dilation == Extent(1) else { return nil }
    let (input, output) = (geometry.input, geometry.output)
    let run = geometry.kernel.width * input.channels
    let pitch = (output.width - 1) * geometry.stride.width * input.channels + run
    let lines = (output.height - 1) * geometry.stride.height + geometry.kernel.height
    // Tiles at a line's end read and write beyond it.
    let slack = tile.rows * geometry.stride.width * input.channels + run + tile.columns(lanes)
    guard lines * pitch + slack <= NarrowConvolution.paddedElements,
      4 * NarrowConvolution.paddedElements <= device.localMemory
    else { return nil }
    self.tile = tile
    let kernelHeight = geometry.kernel.height
    termCount = kernelHeight * output.width * kernelHeight * roundUp(run, tile.columns(lanes)) + lanes
    argument = opencl_narrow(
      height: Int32(input.height), width: Int32(input.width), channels: Int32(input.channels),
      output_height: Int32(output.height), output_width: Int32(output.width), outputs: Int32(output.channels),
      kernel_height: Int32(geometry.kernel.height), run: Int32(run), stride_height: Int32(geometry.stride.height),
      stride_width: Int32(geometry.stride.width), top: Int32(geometry.padding.top),
      left: Int32(geometry.padding.left))
  }

  var depth: Int { Int(argument.kernel_height * argument.run) }
  fileprivate var outputs: Int { Int(argument.outputs) }
  fileprivate func flops(images: Int) -> Int {
    2 * images * Int(argument.output_height * argument.output_width) * depth * outputs
  }

  /// Whether rows of a window are so short that gathering them costs more than the products.
  func hasShortRuns(lanes: Int) -> Bool { Int(argument.run) < 2 * lanes }

  /// Whether the input's gradient is cheaper from the outputs' side: few channels, which would fill a part of a vector, or
  /// strides.
  func makesInputGradient(lanes: Int) -> Bool {
    termCount <= NarrowConvolution.paddedElements
      && (Int(argument.channels) < lanes || argument.stride_height > 1 || argument.stride_width > 1)
  }
}

extension OpenCLBackend {
  /// The convolution as programs/narrow.cl computes it; nil if it cannot, or on a GPU.
  func narrow(_ geometry: ConvolutionGeometry) -> NarrowConvolution? {
    NarrowConvolution(geometry, gemm.rows, lanes: lanes, on: device)
  }

  func narrowForward(
    _ narrow: NarrowConvolution, _ matrix: GemmMatrix, images: Int, input: DeviceSlice, bias: DeviceSlice?,
    _ activation: Activation?, output: DeviceSlice
  ) {
    let bounds = activation.bounds ?? (-.infinity, .infinity)
    runImages(
      narrow, "narrow_forward", groups: images, images: images,
      [
        input, matrix.values, bias ?? matrix.values, output, narrow.argument, bias == nil ? 0 : 1, bounds.low,
        bounds.high,
      ])
    finishActivation(activation, output)
  }

  func narrowWeightGradient(
    _ narrow: NarrowConvolution, images: Int, input: DeviceSlice, outputGradient: DeviceSlice, into result: DeviceSlice
  ) {
    let outputs = narrow.outputs
    let pitch = roundUp(outputs, lanes)
    let each = ceilDivide(images, 16)
    let number = ceilDivide(images, each)
    guard let sums = scratch(.parts, number * narrow.depth * pitch) else { return }
    runImages(
      narrow, "narrow_weight_gradient", groups: number, images: images,
      [input, outputGradient, sums, narrow.argument, images, each])
    queue.run(
      program(narrow), "narrow_weight_sum", global: [roundUp(narrow.depth, 16), outputs], local: [16, 1],
      [sums, result, number, narrow.depth, outputs, pitch])
  }

  func narrowInputGradient(
    _ narrow: NarrowConvolution, images: Int, weights: DeviceSlice, outputGradient: DeviceSlice,
    inputGradient: DeviceSlice
  ) {
    let (kernelHeight, run) = (Int(narrow.argument.kernel_height), Int(narrow.argument.run))
    let packing = WeightPacking.rowsOfTaps(outputs: narrow.outputs, run: run, number: kernelHeight)
    guard let matrix = pack(packing, weights, groups: kernelHeight) else { return }
    runImages(
      narrow, "narrow_input_gradient", groups: images, images: images,
      [outputGradient, matrix.values, inputGradient, narrow.argument])
  }

  private func runImages(
    _ narrow: NarrowConvolution, _ kernel: String, groups: Int, images: Int, _ arguments: [any KernelArgument]
  ) {
    queue.run(
      program(narrow), kernel, global: [groups], local: [1], flops: narrow.flops(images: images), arguments)
  }

  private func program(_ narrow: NarrowConvolution) -> OpenCLProgram? {
    queue.program(
      .narrow,
      options: options + " -DROWS=\(narrow.tile.rows) -DVECTORS=\(narrow.tile.vectors)"
        + " -DPADDED=\(NarrowConvolution.paddedElements)")
  }
}

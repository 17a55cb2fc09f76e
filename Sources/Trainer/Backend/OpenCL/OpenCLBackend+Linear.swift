import Format
import OpenCLKernels

// Convolution and dense layers as products of patches, which kernels gather as they go (implicit GEMM), with weights:
//
//   output         [pixels, O]  = patches of the input         · weightsᵀ
//   input gradient [pixels, C]  = patches of ∂J/∂output        · weights with their taps turned round
//   weight gradient [O, patch]  = ∂J/∂outputᵀ                  · patches of the input

extension OpenCLBackend {
  public func convolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    if let tiles = WinogradTiles(geometry, images: count, lanes: lanes) {
      winogradForward(
        tiles, .forward(geometry), images: count, input: input, weights: weights, bias: bias, activation,
        output: output)
      return
    }
    let patches = opencl_patches(of: geometry, images: count)
    guard let matrix = pack(.forward(geometry), weights, groups: geometry.groups) else { return }
    if let narrow = narrow(geometry), narrow.hasShortRuns(lanes: lanes) {
      narrowForward(
        narrow, matrix, images: count, input: input, bias: bias, activation,
        output: output[0..<(count * geometry.output.count)])
      return
    }
    multiplyRows(
      patches, image: input, matrix, bias: bias, activation, groups: geometry.groups,
      columns: geometry.groupOutputs, output: output)
  }

  public func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let pixels = count * geometry.output.height * geometry.output.width
    beginBackward(
      rows: pixels, columns: geometry.output.channels, activation, output: output, outputGradient: outputGradient,
      biasGradient: biasGradient)
    convolutionWeightGradient(
      geometry, count: count, input: input, outputGradient: outputGradient,
      into: weightGradient[0..<geometry.weightCount])
    guard let inputGradient else { return }
    if let tiles = WinogradTiles(inputGradientOf: geometry, images: count, lanes: lanes) {
      winogradForward(
        tiles, .backward(geometry), images: count, input: outputGradient, weights: weights, bias: nil, nil,
        output: inputGradient)
      return
    }
    if let narrow = narrow(geometry), narrow.makesInputGradient(lanes: lanes) {
      narrowInputGradient(
        narrow, images: count, weights: weights, outputGradient: outputGradient, inputGradient: inputGradient)
      return
    }
    if geometry.stride != Extent(1), geometry.dilation == Extent(1) {
      stridedInputGradient(
        geometry, images: count, weights: weights, outputGradient: outputGradient, inputGradient: inputGradient)
      return
    }
    guard let matrix = pack(.backward(geometry), weights, groups: geometry.groups) else { return }
    multiplyRows(
      opencl_patches(ofGradientOf: geometry, images: count), image: outputGradient, matrix, bias: nil, nil,
      groups: geometry.groups, columns: geometry.groupInputs, output: inputGradient)
  }

  private func convolutionWeightGradient(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, outputGradient: DeviceSlice,
    into weightGradient: DeviceSlice
  ) {
    if let tiles = WinogradTiles(geometry, images: count, lanes: lanes) {
      winogradWeightGradient(
        tiles, images: count, input: input, outputGradient: outputGradient, into: weightGradient)
    } else if let narrow = narrow(geometry), narrow.hasShortRuns(lanes: lanes) {
      narrowWeightGradient(
        narrow, images: count, input: input, outputGradient: outputGradient, into: weightGradient)
    } else {
      multiplyWeights(
        opencl_patches(of: geometry, images: count), image: input, gradient: outputGradient, groups: geometry.groups,
        outputs: geometry.groupOutputs, into: weightGradient)
    }
  }

  public func denseForward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    if isCPU, count <= OpenCLBackend.fewRows {
      denseRows(
        geometry, rows: count, input: input, weights: weights, bias: bias, activation,
        output: output[0..<(count * geometry.outputs)])
      return
    }
    guard let matrix = pack(.forward(geometry), weights, groups: 1) else { return }
    multiplyRows(
      opencl_patches(rows: count, of: geometry.inputs), image: input, matrix, bias: bias, activation, groups: 1,
      columns: geometry.outputs, output: output)
  }

  /// Rows up to which packing weights takes longer than it saves.
  private static let fewRows = 256

  /// The product with weights as they lie (dense.cl).
  private func denseRows(
    _ geometry: DenseGeometry, rows: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    _ activation: Activation?, output: DeviceSlice
  ) {
    let bounds = activation.bounds ?? (-.infinity, .infinity)
    let columnTiles = ceilDivide(geometry.outputs, 4)
    let outputBlock = 4 * ceilDivide(columnTiles, wantedGroups)
    let columnBlocks = ceilDivide(geometry.outputs, outputBlock)
    let rowBlock = 4 * ceilDivide(ceilDivide(rows, 4), ceilDivide(wantedGroups, columnBlocks))
    queue.run(
      program(.dense), "dense_rows", global: [columnBlocks, ceilDivide(rows, rowBlock)], local: [1, 1],
      flops: 2 * rows * geometry.inputs * geometry.outputs,
      [
        input, weights, bias ?? weights, output, rows, geometry.inputs, geometry.outputs, outputBlock, rowBlock,
        bias == nil ? 0 : 1, bounds.low, bounds.high,
      ])
    finishActivation(activation, output)
  }

  public func denseBackward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    beginBackward(
      rows: count, columns: geometry.outputs, activation, output: output, outputGradient: outputGradient,
      biasGradient: biasGradient)
    multiplyWeights(
      opencl_patches(rows: count, of: geometry.inputs), image: input, gradient: outputGradient, groups: 1,
      outputs: geometry.outputs, into: weightGradient[0..<(geometry.inputs * geometry.outputs)])
    guard let inputGradient else { return }
    // The weights are the matrix as they lie.
    let matrix = GemmMatrix(values: weights, pitch: geometry.inputs, panelPitch: panelColumns ?? 0, group: 0)
    multiplyRows(
      opencl_patches(rows: count, of: geometry.outputs), image: outputGradient, matrix, bias: nil, nil, groups: 1,
      columns: geometry.inputs, output: inputGradient)
  }

  // MARK: What linear layers share

  /// Functions that products cannot do as they store.
  func finishActivation(_ activation: Activation?, _ output: DeviceSlice) {
    guard let activation, Optional(activation).bounds == nil else { return }
    activationForward(activation, input: output, output: output)
  }

  /// outputGradient ← outputGradient · f′, and its column sums.
  func beginBackward(
    rows: Int, columns: Int, _ activation: Activation?, output: DeviceSlice, outputGradient: DeviceSlice,
    biasGradient: DeviceSlice?
  ) {
    let gradient = outputGradient[0..<(rows * columns)]
    // Narrower rows would leave lanes, or work-items beside each other, without work.
    if let activation, let biasGradient, let bounds = Optional(activation).bounds, columns >= (isCPU ? lanes : 32) {
      cutGradientSums(
        gradient, output[0..<gradient.count], bounds, rows: rows, columns: columns, into: biasGradient)
      return
    }
    if let activation {
      activationBackward(
        activation, values: output[0..<gradient.count], outputGradient: gradient, inputGradient: gradient)
    }
    if let biasGradient { columnSums(gradient, rows: rows, columns: columns, into: biasGradient) }
  }
}

// MARK: Patches

extension opencl_patches {
  /// Patches that a convolution sees of its input.
  init(of geometry: ConvolutionGeometry, images: Int) {
    self.init(
      image: geometry.input, channels: geometry.groupInputs, output: geometry.output, kernel: geometry.kernel,
      stride: geometry.stride, dilation: geometry.dilation, top: geometry.padding.top, left: geometry.padding.left,
      upsample: Extent(1), images: images)
  }

  /// Patches of the output's gradient, one per input pixel: those outputs that the pixel had a part in, the last tap's
  /// first.
  init(ofGradientOf geometry: ConvolutionGeometry, images: Int) {
    self.init(
      image: geometry.output, channels: geometry.groupOutputs, output: geometry.input, kernel: geometry.kernel,
      stride: Extent(1), dilation: geometry.dilation,
      top: geometry.dilation.height * (geometry.kernel.height - 1) - geometry.padding.top,
      left: geometry.dilation.width * (geometry.kernel.width - 1) - geometry.padding.left, upsample: geometry.stride,
      images: images)
  }

  /// The first `columns` of the rows of a matrix that lie `pitch` elements apart, or one behind the other.
  init(rows: Int, of columns: Int, pitch: Int? = nil) {
    let shape = ImageShape(height: 1, width: 1, channels: pitch ?? columns)
    self.init(
      image: shape, channels: columns, output: shape, kernel: Extent(1), stride: Extent(1), dilation: Extent(1), top: 0,
      left: 0, upsample: Extent(1), images: rows)
  }

  init(
    image: ImageShape, channels: Int, output: ImageShape, kernel: Extent, stride: Extent, dilation: Extent, top: Int,
    left: Int, upsample: Extent, images: Int
  ) {
    // Neighbouring taps of all channels are neighbours in memory.
    let rowIsRun = dilation.width == 1 && channels == image.channels && upsample.width == 1
    self.init(
      rows: Int32(images * output.height * output.width), depth: Int32(kernel.height * kernel.width * channels),
      output_height: Int32(output.height), output_width: Int32(output.width), height: Int32(image.height),
      width: Int32(image.width), pitch: Int32(image.channels), channels: Int32(channels),
      stride_height: Int32(stride.height), stride_width: Int32(stride.width), dilation_height: Int32(dilation.height),
      dilation_width: Int32(dilation.width), top: Int32(top), left: Int32(left),
      upsample_height: Int32(upsample.height),
      upsample_width: Int32(upsample.width), run: Int32(rowIsRun ? kernel.width * channels : channels),
      runs: Int32(rowIsRun ? 1 : kernel.width), run_pixels: Int32(rowIsRun ? kernel.width : 1))
  }
}

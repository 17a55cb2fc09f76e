import Format
import Kernels
import TrainerKernels

/// A 3×3 convolution of stride 1 by Winograd's F(4×4, 3×3) (Lavin and Gray 2016): 36 products for each tile of 4×4
/// outputs instead of 144, by the kernels of the device (docs/kernels.md has the arithmetic and its error). The gradient
/// with respect to the input is one too: of the output's gradient, with transposed weights turned by 180°.
struct WinogradConvolution {
  static let side = 4
  private static let patchSide = 6
  static let places = patchSide * patchSide
  /// Elements of a block's transforms, for inputs and for products, that leave the second-level cache room for weights.
  private static let blockElements = 96 << 10
  /// Elements between places beyond those needed: at powers of two, all places would fall into one set of the cache.
  static let lineElements = 16

  private let kernels: ConvolutionKernels
  let input: ImageShape
  let output: ImageShape
  private let top: Int
  private let left: Int
  /// Tiles side by side, and in an image.
  private let tilesPerLine: Int
  let tilesPerImage: Int
  /// Most tiles whose transforms are in working memory together.
  private let block: Int
  /// Output channels that are multiplied together.
  private let chunk: Int

  /// The forward convolution, if it is of this kind.
  init?(_ geometry: ConvolutionGeometry, kernels: ConvolutionKernels) {
    guard geometry.isWinograd else { return nil }
    self.init(
      input: geometry.input, output: geometry.output, top: geometry.padding.top, left: geometry.padding.left,
      kernels: kernels)
  }

  /// The convolution that makes the input's gradient of the output's.
  init?(inputGradientOf geometry: ConvolutionGeometry, kernels: ConvolutionKernels) {
    let padding = geometry.padding
    guard geometry.isWinograd, max(padding.top, padding.left, padding.bottom, padding.right) <= 2 else { return nil }
    self.init(
      input: geometry.output, output: geometry.input, top: 2 - padding.top, left: 2 - padding.left, kernels: kernels)
  }

  private init(input: ImageShape, output: ImageShape, top: Int, left: Int, kernels: ConvolutionKernels) {
    self.kernels = kernels
    self.input = input
    self.output = output
    self.top = top
    self.left = left
    tilesPerLine = (output.width + 3) / WinogradConvolution.side
    tilesPerImage = (output.height + 3) / WinogradConvolution.side * tilesPerLine
    let most = WinogradConvolution.blockElements / WinogradConvolution.places
    block = max(most / input.channels / kernels.rows, 1) * kernels.rows
    chunk = min(max(most / block / kernels.columns, 1) * kernels.columns, output.channels)
  }

  private var inputStride: Int { block * input.channels + WinogradConvolution.lineElements }
  private var productStride: Int { block * chunk + WinogradConvolution.lineElements }
  /// Zeros that stand for what lies beyond an image.
  var zeros: Int { max(input.channels, output.channels) }
  /// Elements of working memory.
  var scratchCount: Int {
    max(
      MemoryPlanner.aligned(zeros) + WinogradConvolution.places * (inputStride + productStride),
      MemoryPlanner.aligned(output.channels) + zeroWindowMemory)
  }
  /// Elements that the search for zero windows takes.
  private var zeroWindowMemory: Int {
    ((output.height + input.height + 1) * output.width + 2) / MemoryLayout<Float>.stride + 1
  }

  /// Whether this is faster than going through the whole window, for so many images of a piece. The unit is a
  /// multiplication of the product; the factors were measured, see docs/kernels.md.
  func pays(images: Int) -> Bool {
    // Vectors hold sixteen channels.
    let (inputs, outputs) = (MemoryPlanner.aligned(input.channels), MemoryPlanner.aligned(output.channels))
    let weights = inputs * outputs
    let tiles = images * tilesPerImage
    let transforms = 10 * tiles * (inputs + outputs)
    let direct = 9 * images * output.height * output.width * input.channels * output.channels
    return WinogradConvolution.places * (tiles * weights + transforms + 12 * weights) < direct
  }

  // MARK: Weights

  /// Elements of packed weights.
  var packedCount: Int {
    WinogradConvolution.places * igemm_packed_size(kernels.multiply, output.channels, 1, input.channels)
      / MemoryLayout<Float>.stride
  }

  /// Transforms and packs weights [output channels, 3, 3, input channels].
  func pack(_ weights: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
    f32_winograd_pack(kernels.multiply, output.channels, input.channels, weights, packed)
  }

  // MARK: Running

  /// output = clamp(input ∗ weights + bias) for some images of a batch.
  ///
  /// - Parameters:
  ///   - input, output: the batch.
  ///   - packed: by `pack`.
  ///   - residual: like the output, to be added before the clamp.
  ///   - scratch: `scratchCount` elements.
  func run(
    _ images: Range<Int>, input: UnsafePointer<Float>, packed: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    bounds: ClosedRange<Float>, residual: UnsafePointer<Float>? = nil, output: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    scratch.update(repeating: 0, count: zeros)
    let zeros = UnsafePointer(scratch)
    let transformed = scratch + MemoryPlanner.aligned(self.zeros)
    let products = transformed + WinogradConvolution.places * inputStride
    let end = images.upperBound * tilesPerImage
    for first in stride(from: images.lowerBound * tilesPerImage, to: end, by: block) {
      let tiles = first..<min(first + block, end)
      transformInputs(tiles, of: input, zeros: zeros, into: transformed, stride: inputStride)
      for columns in StrideChunks(count: self.output.channels, size: chunk) {
        multiply(tiles.count, by: packed, columns, transformed, into: products)
        transformOutputs(
          tiles, columns, of: products, bias: (bias ?? zeros) + columns.lowerBound, bounds: bounds,
          residual: residual, into: output)
      }
    }
  }

  private var zeroWindows: trainer_zero_windows {
    trainer_zero_windows(
      height: input.height, width: input.width, channels: input.channels, output_height: output.height,
      output_width: output.width, outputs: output.channels, top: top, left: left)
  }

  /// Images with a window of zeros, which `settleZeroWindows` is for. Before `run`, which then finds the input in the cache.
  func imagesWithZeroWindows(
    _ images: Range<Int>, input: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) -> [Int] {
    var windows = zeroWindows
    let memory = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: UInt8.self)
    return images.filter { trainer_find_zero_windows(&windows, input + $0 * self.input.count, memory) != 0 }
  }

  /// Makes outputs exactly clamp(bias) whose whole window is 0: `run` leaves them so but for rounding, where the tile holds
  /// anything. With biases of 0, as training begins, they lie on a ReLU's kink, and rounding would choose its slope.
  ///
  /// - Parameters: as of `run`, for one image.
  func settleZeroWindows(
    _ image: Int, input: UnsafePointer<Float>, bias: UnsafePointer<Float>?, bounds: ClosedRange<Float>,
    output: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    for channel in 0..<self.output.channels {
      scratch[channel] = min(max(bias?[channel] ?? 0, bounds.lowerBound), bounds.upperBound)
    }
    let memory = UnsafeMutableRawPointer(scratch + MemoryPlanner.aligned(self.output.channels))
      .assumingMemoryBound(to: UInt8.self)
    var windows = zeroWindows
    _ = trainer_find_zero_windows(&windows, input + image * self.input.count, memory)
    trainer_settle_zero_windows(&windows, memory, scratch, output + image * self.output.count)
  }

  /// The image of a tile, and where its outputs begin there.
  func position(_ tile: Int) -> (image: Int, y: Int, x: Int) {
    let place = tile % tilesPerImage
    let side = WinogradConvolution.side
    return (tile / tilesPerImage, place / tilesPerLine * side, place % tilesPerLine * side)
  }

  /// Transforms the patches of some tiles, their places `stride` apart.
  func transformInputs(
    _ tiles: Range<Int>, of input: UnsafePointer<Float>, zeros: UnsafePointer<Float>,
    into transformed: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let places = WinogradConvolution.places
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: places) { patch in
      patch.initialize(repeating: zeros)
      var arguments = f32_winograd_input_arguments(
        channels: self.input.channels, inputs: UnsafePointer(patch.baseAddress!), output: transformed,
        output_stride: stride)
      for tile in tiles {
        point(patch, at: tile, of: input, zeros: zeros)
        kernels.winogradInput(&arguments)
        arguments.output += self.input.channels
      }
    }
  }

  /// Points `patch` at the inputs of a tile, and at zeros beyond the image.
  private func point(
    _ patch: UnsafeMutableBufferPointer<UnsafePointer<Float>>, at tile: Int, of input: UnsafePointer<Float>,
    zeros: UnsafePointer<Float>
  ) {
    let (image, tileY, tileX) = position(tile)
    let (firstY, firstX, side, shape) = (tileY - top, tileX - left, WinogradConvolution.patchSide, self.input)
    var index = 0
    if firstY >= 0, firstX >= 0, firstY + side <= shape.height, firstX + side <= shape.width {
      var line = input + ((image * shape.height + firstY) * shape.width + firstX) * shape.channels
      for _ in 0..<side {
        for x in 0..<side { patch[index + x] = line + x * shape.channels }
        line += shape.width * shape.channels
        index += side
      }
      return
    }
    for y in firstY..<(firstY + side) {
      let isInside = y >= 0 && y < shape.height
      let line = (image * shape.height + y) * shape.width
      for x in firstX..<(firstX + side) {
        patch[index] = isInside && x >= 0 && x < shape.width ? input + (line + x) * shape.channels : zeros
        index += 1
      }
    }
  }

  /// The products of each place: rows are tiles.
  private func multiply(
    _ tiles: Int, by packed: UnsafePointer<Float>, _ columns: Range<Int>,
    _ transformed: UnsafePointer<Float>, into products: UnsafeMutablePointer<Float>
  ) {
    let depth = input.channels
    let panel = igemm_panel_size(kernels.multiply, 1, depth) / MemoryLayout<Float>.stride
    let place = igemm_packed_size(kernels.multiply, output.channels, 1, depth) / MemoryLayout<Float>.stride
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: kernels.rows) { rows in
      rows.initialize(repeating: transformed)
      var arguments = f32_igemm_arguments(
        rows: 0, columns: columns.count, taps: 1, depth: depth, inputs: UnsafePointer(rows.baseAddress!),
        weights: packed, output: products, output_stride: columns.count, residual: nil, residual_stride: 0,
        minimum: -.infinity, maximum: .infinity)
      for index in 0..<WinogradConvolution.places {
        arguments.weights = UnsafeRawPointer(packed + index * place + columns.lowerBound / kernels.columns * panel)
        for tile in stride(from: 0, to: tiles, by: kernels.rows) {
          arguments.rows = min(kernels.rows, tiles - tile)
          let first = transformed + index * inputStride + tile * depth
          for row in 0..<arguments.rows { rows[row] = first + row * depth }
          arguments.output = products + index * productStride + tile * columns.count
          kernels.multiplyRows(&arguments)
        }
      }
    }
  }

  private func transformOutputs(
    _ tiles: Range<Int>, _ columns: Range<Int>, of products: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    bounds: ClosedRange<Float>, residual: UnsafePointer<Float>?, into output: UnsafeMutablePointer<Float>
  ) {
    let (shape, side) = (self.output, WinogradConvolution.side)
    for tile in tiles {
      let (image, y, x) = position(tile)
      let start = ((image * shape.height + y) * shape.width + x) * shape.channels + columns.lowerBound
      var arguments = f32_winograd_output_arguments(
        channels: columns.count, input: products + (tile - tiles.lowerBound) * columns.count,
        input_stride: productStride, bias: bias, output: output + start,
        lines: min(side, shape.height - y), pixels: min(side, shape.width - x),
        line_stride: shape.width * shape.channels, pixel_stride: shape.channels, residual: residual.map { $0 + start },
        minimum: bounds.lowerBound, maximum: bounds.upperBound)
      kernels.winogradOutput(&arguments)
    }
  }
}

/// The kernels of the device that convolutions use, the best ones for this CPU.
struct ConvolutionKernels {
  let multiply: UnsafePointer<kernel>
  let multiplyRows: f32_igemm_function
  let winogradInput: f32_winograd_input_function
  let winogradOutput: f32_winograd_output_function
  /// The most rows of a call, and the columns of a panel of weights.
  let rows: Int
  let columns: Int

  init() {
    let isa = kernels_best_isa()
    multiply = kernels_best(isa, .f32_igemm)
    multiplyRows = multiply.pointee.function.f32_igemm
    winogradInput = kernels_best(isa, .f32_winograd_input).pointee.function.f32_winograd_input
    winogradOutput = kernels_best(isa, .f32_winograd_output).pointee.function.f32_winograd_output
    rows = Int(multiply.pointee.mr)
    columns = Int(multiply.pointee.nr)
  }
}

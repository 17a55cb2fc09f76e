import Kernels
import TrainerKernels

// The gradient of the weights: that of the transformed weights, 36 products over all tiles of transformed inputs and
// transformed output gradients, and its transform back.

extension WinogradConvolution {
  /// Elements of a block's transforms, and the most output channels of a block.
  private static let gradientElements = 192 << 10
  private static let gradientColumns = 64

  private var gradientChunk: Int { min(output.channels, WinogradConvolution.gradientColumns) }
  private var gradientBlock: Int {
    max(WinogradConvolution.gradientElements / WinogradConvolution.places / (input.channels + gradientChunk), 1)
  }
  private var inputPlace: Int { gradientBlock * input.channels + WinogradConvolution.lineElements }
  private var gradientPlace: Int { gradientBlock * gradientChunk + WinogradConvolution.lineElements }
  private var sumPlace: Int { output.channels * input.channels + WinogradConvolution.lineElements }

  /// Elements of working memory for `addWeightGradient`.
  var gradientScratchCount: Int {
    MemoryPlanner.aligned(zeros) + WinogradConvolution.places * (inputPlace + gradientPlace + sumPlace)
  }

  /// weightGradient [output channels, 3, 3, input channels] += the sum over some images of a batch.
  ///
  /// - Parameters:
  ///   - input, outputGradient: the batch.
  ///   - scratch: `gradientScratchCount` elements.
  func addWeightGradient(
    _ images: Range<Int>, input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>,
    to weightGradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let places = WinogradConvolution.places
    scratch.update(repeating: 0, count: self.zeros)
    let zeros = UnsafePointer(scratch)
    let inputs = scratch + MemoryPlanner.aligned(self.zeros)
    let gradients = inputs + places * inputPlace
    let sums = gradients + places * gradientPlace
    sums.update(repeating: 0, count: places * sumPlace)
    let end = images.upperBound * tilesPerImage
    for first in stride(from: images.lowerBound * tilesPerImage, to: end, by: gradientBlock) {
      let tiles = first..<min(first + gradientBlock, end)
      transformInputs(tiles, of: input, zeros: zeros, into: inputs, stride: inputPlace)
      for columns in StrideChunks(count: output.channels, size: gradientChunk) {
        transformGradients(tiles, columns, of: outputGradient, zeros: zeros, into: gradients)
        addProducts(tiles.count, columns, inputs, gradients, to: sums)
      }
    }
    trainer_winograd_weight_gradient(sums, sumPlace, output.channels, self.input.channels, weightGradient)
  }

  private func transformGradients(
    _ tiles: Range<Int>, _ columns: Range<Int>, of outputGradient: UnsafePointer<Float>, zeros: UnsafePointer<Float>,
    into gradients: UnsafeMutablePointer<Float>
  ) {
    let (shape, side) = (output, WinogradConvolution.side)
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: side * side) { pointers in
      pointers.initialize(repeating: zeros)
      for tile in tiles {
        let (image, top, left) = position(tile)
        for place in 0..<(side * side) {
          let (y, x) = (top + place / side, left + place % side)
          let pixel = (image * shape.height + y) * shape.width + x
          pointers[place] =
            y < shape.height && x < shape.width
            ? outputGradient + pixel * shape.channels + columns.lowerBound : zeros
        }
        trainer_winograd_gradient(
          pointers.baseAddress!, columns.count, gradients + (tile - tiles.lowerBound) * columns.count, gradientPlace)
      }
    }
  }

  /// sums [36, output channels, input channels] += gradientsᵀ · inputs, place by place: the weight gradient of a pointwise
  /// convolution whose pixels are tiles.
  private func addProducts(
    _ tiles: Int, _ columns: Range<Int>, _ inputs: UnsafePointer<Float>, _ gradients: UnsafePointer<Float>,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let depth = input.channels
    var window = trainer_window(
      width: tiles, channels: depth, first_channel: 0, group_channels: depth, kernel_height: 1, kernel_width: 1,
      stride_height: 1, stride_width: 1, dilation_height: 1, dilation_width: 1, output_width: tiles)
    for place in 0..<WinogradConvolution.places {
      trainer_weight_gradient(
        &window, 1, columns.count, columns.count, inputs + place * inputPlace, gradients + place * gradientPlace,
        sums + place * sumPlace + columns.lowerBound * depth)
    }
  }
}

import Format
import TrainerKernels

/// How one convolution is cut: the padded image, the output rows of a chunk, and where both lie in working memory.
struct PatchPlan {
  let geometry: ConvolutionGeometry
  /// Elements of the padded image. Without padding the input is used where it lies, but its gradient needs the memory.
  private let paddedCount: Int
  private let rowsPerChunk: Int

  /// Elements of patches that stay in a core's second cache beside weights and outputs.
  private static let patchBudget = 65_536

  init(_ geometry: ConvolutionGeometry) {
    self.geometry = geometry
    let padding = geometry.padding
    paddedCount =
      (geometry.input.height + padding.top + padding.bottom) * (geometry.input.width + padding.left + padding.right)
      * geometry.input.channels
    rowsPerChunk = max(PatchPlan.patchBudget / (geometry.output.width * geometry.patch), 1)
  }

  /// Where patches start: behind a padded image and its slack.
  var patchesOffset: Int { MemoryPlanner.aligned(paddedCount) + Int(TRAINER_SLACK) }

  var scratchCount: Int {
    let rows = min(rowsPerChunk, geometry.output.height)
    return patchesOffset + rows * geometry.output.width * geometry.patch
  }

  /// Ranges of output rows whose patches are made at a time.
  var chunks: StrideChunks { StrideChunks(count: geometry.output.height, size: rowsPerChunk) }

  /// The padded image, in `scratch` unless there is nothing to pad.
  func pad(_ image: UnsafePointer<Float>, into scratch: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    let padding = geometry.padding
    if padding == Padding() { return image }
    trainer_pad(
      image, geometry.input.height, geometry.input.width, geometry.input.channels, padding.top, padding.left,
      padding.bottom, padding.right, scratch)
    return UnsafePointer(scratch)
  }

  /// The [outputs, patch] weights of a group.
  func weights(_ weights: UnsafePointer<Float>, group: Int) -> Matrix {
    Matrix(weights + group * geometry.groupOutputs * geometry.patch, stride: geometry.patch)
  }

  /// The [pixels, patch] matrix of some output rows: gathered into `memory`, or the image itself.
  func patches(
    of padded: UnsafePointer<Float>, group: Int, rows: Range<Int>, into memory: UnsafeMutablePointer<Float>
  ) -> Matrix {
    if geometry.isPointwise {
      let channels = geometry.input.channels
      return Matrix(
        padded + rows.lowerBound * geometry.output.width * channels + group * geometry.groupInputs, stride: channels)
    }
    var window = window(group: group)
    trainer_gather_patches(&window, padded, rows.lowerBound, rows.count, memory)
    return Matrix(memory, stride: geometry.patch)
  }

  /// The convolution without bias of one padded image. `finish` gets each chunk's outputs while they are in the cache.
  func forward(
    _ padded: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, patches memory: UnsafeMutablePointer<Float>,
    into target: UnsafeMutablePointer<Float>,
    finish: (_ outputs: UnsafeMutablePointer<Float>, _ pixels: Int) -> Void = { _, _ in }
  ) {
    let outputs = geometry.output.channels
    for rows in chunks {
      let pixels = rows.count * geometry.output.width
      let start = target + rows.lowerBound * geometry.output.width * outputs
      for group in 0..<geometry.groups {
        let patches = patches(of: padded, group: group, rows: rows, into: memory)
        multiply(
          pixels, geometry.groupOutputs, geometry.patch, patches, self.weights(weights, group: group).transposed,
          into: start + group * geometry.groupOutputs, stride: outputs)
      }
      finish(start, pixels)
    }
  }

  /// dw += dyᵀ · patches, for one image.
  func addWeightGradient(
    _ padded: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>
  ) {
    for group in 0..<geometry.groups {
      var window = window(group: group)
      trainer_weight_gradient(
        &window, geometry.output.height, geometry.groupOutputs, geometry.output.channels, padded,
        gradient + group * geometry.groupOutputs, sum + group * geometry.groupOutputs * geometry.patch)
    }
  }

  /// dx from dy · w, for one image: gradients of patches, added up where the patches came from.
  func inputGradient(
    _ gradient: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let outputs = geometry.output.channels
    let channels = geometry.input.channels
    let padding = geometry.padding
    if !geometry.isPointwise { scratch.update(repeating: 0, count: paddedCount) }
    let patches = scratch + patchesOffset
    for rows in chunks {
      let first = rows.lowerBound * geometry.output.width
      let pixels = rows.count * geometry.output.width
      for group in 0..<geometry.groups {
        let dy = Matrix(gradient + first * outputs + group * geometry.groupOutputs, stride: outputs)
        let w = self.weights(weights, group: group)
        if geometry.isPointwise {
          multiply(
            pixels, geometry.groupInputs, geometry.groupOutputs, dy, w,
            into: target + first * channels + group * geometry.groupInputs, stride: channels)
        } else {
          multiply(pixels, geometry.patch, geometry.groupOutputs, dy, w, into: patches, stride: geometry.patch)
          var window = window(group: group)
          trainer_scatter_patches(&window, patches, rows.lowerBound, rows.count, scratch)
        }
      }
    }
    if !geometry.isPointwise {
      trainer_crop(
        scratch, geometry.input.height, geometry.input.width, channels, padding.top, padding.left, padding.right, target
      )
    }
  }

  func window(group: Int) -> trainer_window {
    trainer_window(
      geometry, firstChannel: group * geometry.groupInputs, groupChannels: geometry.groupInputs)
  }
}

/// Consecutive ranges of at most `size` that make up 0..<count.
struct StrideChunks: Sequence, IteratorProtocol {
  let count: Int
  let size: Int
  private var start = 0

  init(count: Int, size: Int) {
    self.count = count
    self.size = size
  }

  mutating func next() -> Range<Int>? {
    guard start < count else { return nil }
    defer { start += size }
    return start..<Swift.min(start + size, count)
  }
}

extension trainer_window {
  /// The window of a convolution over its padded input.
  init(_ geometry: ConvolutionGeometry, firstChannel: Int, groupChannels: Int) {
    self.init(
      width: geometry.input.width + geometry.padding.left + geometry.padding.right, channels: geometry.input.channels,
      first_channel: firstChannel, group_channels: groupChannels, kernel_height: geometry.kernel.height,
      kernel_width: geometry.kernel.width, stride_height: geometry.stride.height, stride_width: geometry.stride.width,
      dilation_height: geometry.dilation.height, dilation_width: geometry.dilation.width,
      output_width: geometry.output.width)
  }
}

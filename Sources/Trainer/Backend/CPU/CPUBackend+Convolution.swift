import Format
import TrainerKernels

// Convolution in one of three ways. 3×3 windows of stride 1 over enough channels go through Winograd's tiles, forward and
// for the input's gradient. Few outputs have kernels of their own. The rest is matrix products over patches (Chellapilla
// et al. 2006), image by image: a few output rows' patches are gathered so that they stay in the cache, and multiplied
// with the weights. Weight gradients need no patches. Images are shared out in pieces; each piece sums its own weight gradient.

extension CPUBackend {
  public func convolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    let plan = PatchPlan(geometry)
    let (x, w, b, y) = (floats(input), floats(weights), bias.map(floats), floats(output))
    let outputs = geometry.output.channels
    if let winograd = WinogradConvolution(geometry, kernels: kernels), winograd.pays(images: imagesPerPiece(count)) {
      winogradForward(winograd, geometry, count: count, x, w, b, activation, y)
      return
    }
    if geometry.isNarrow {
      narrowForward(plan, count: count, x, w, b, activation, y)
      return
    }
    forEachImage(count) { image, worker in
      let scratch = scratch(worker: worker, plan.scratchCount)
      let padded = plan.pad(x + image * geometry.input.count, into: scratch)
      let target = y + image * geometry.output.count
      plan.forward(padded, w, patches: scratch + plan.patchesOffset, into: target) { rows, pixels in
        trainer_bias_activation(rows, pixels, outputs, outputs, b, activation.function)
      }
    }
  }

  public func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let plan = PatchPlan(geometry)
    let (x, w, y) = (floats(input), floats(weights), floats(output))
    let (dy, dx) = (floats(outputGradient), inputGradient.map(floats))
    let outputs = geometry.output.channels
    let images = imagesPerPiece(count)
    let forWeights = WinogradConvolution(geometry, kernels: kernels).flatMap { $0.pays(images: images) ? $0 : nil }
    let forInput = dx.flatMap { _ in WinogradConvolution(inputGradientOf: geometry, kernels: kernels) }
      .flatMap { $0.pays(images: images) ? $0 : nil }
    let turned = forInput.map { packTurned($0, geometry, w) }
    let isNarrow = geometry.isNarrow && geometry.hasShortRows && forWeights == nil
    let scratchCount = max(
      plan.scratchCount, forInput?.scratchCount ?? 0, forWeights?.gradientScratchCount ?? 0)
    sumOverImages(
      count, weights: isNarrow ? geometry.packedCount : geometry.weightCount, weightGradient, biases: outputs,
      biasGradient, packed: isNarrow ? geometry : nil
    ) { images, worker, dw, db in
      let scratch = scratch(worker: worker, scratchCount)
      var window = plan.window(group: 0)
      for image in images {
        let gradient = dy + image * geometry.output.count
        if let activation {
          trainer_activation_gradient(
            activation.function, y + image * geometry.output.count, gradient, gradient, geometry.output.count)
        }
        if biasGradient != nil {
          trainer_column_sums(gradient, geometry.output.height * geometry.output.width, outputs, db)
        }
        if isNarrow {
          let padded = plan.pad(x + image * geometry.input.count, into: scratch)
          trainer_narrow_weight_gradient(&window, geometry.output.height, outputs, padded, gradient, dw)
        } else if forWeights == nil {
          plan.addWeightGradient(plan.pad(x + image * geometry.input.count, into: scratch), gradient, to: dw)
        }
        if let dx, forInput == nil {
          plan.inputGradient(gradient, w, scratch: scratch, into: dx + image * geometry.input.count)
        }
      }
      forWeights?.addWeightGradient(images, input: x, outputGradient: dy, to: dw, scratch: scratch)
      if let dx, let forInput, let turned {
        forInput.run(
          images, input: dy, packed: turned, bias: nil, bounds: -.infinity ... .infinity, output: dx, scratch: scratch)
      }
    }
  }

  private func winogradForward(
    _ winograd: WinogradConvolution, _ geometry: ConvolutionGeometry, count: Int, _ x: UnsafePointer<Float>,
    _ w: UnsafePointer<Float>, _ b: UnsafePointer<Float>?, _ activation: Activation?, _ y: UnsafeMutablePointer<Float>
  ) {
    let packed = packed(winograd.packedCount)
    winograd.pack(w, into: packed)
    let pieces = CPUBackend.pieces(count, atLeast: 1)
    pool.run(pieces: pieces) { piece, worker in
      let images = CPUBackend.range(piece, of: pieces, over: count)
      let scratch = scratch(worker: worker, winograd.scratchCount)
      winograd.run(
        images, input: x, packed: packed, bias: b, bounds: activation?.bounds ?? -.infinity ... .infinity, output: y,
        scratch: scratch)
      if let activation, activation.bounds == nil {
        let target = y + images.lowerBound * geometry.output.count
        trainer_activation(activation.function, target, target, images.count * geometry.output.count)
      }
    }
  }

  /// The packed weights of the convolution that makes the input's gradient.
  private func packTurned(
    _ winograd: WinogradConvolution, _ geometry: ConvolutionGeometry, _ w: UnsafePointer<Float>
  ) -> UnsafePointer<Float> {
    let offset = MemoryPlanner.aligned(winograd.packedCount)
    let packed = packed(offset + geometry.weightCount)
    trainer_turn_weights(
      w, geometry.output.channels, geometry.kernel.height * geometry.kernel.width, geometry.input.channels,
      packed + offset)
    winograd.pack(packed + offset, into: packed)
    return UnsafePointer(packed)
  }

  private func narrowForward(
    _ plan: PatchPlan, count: Int, _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ b: UnsafePointer<Float>?,
    _ activation: Activation?, _ y: UnsafeMutablePointer<Float>
  ) {
    let geometry = plan.geometry
    let outputs = geometry.output.channels
    let packed = parts(geometry.packedCount)
    trainer_narrow_pack(w, outputs, geometry.patch, packed)
    forEachImage(count) { image, worker in
      let padded = plan.pad(x + image * geometry.input.count, into: scratch(worker: worker, plan.patchesOffset))
      let target = y + image * geometry.output.count
      var window = plan.window(group: 0)
      trainer_narrow_convolution(&window, geometry.output.height, outputs, padded, packed, b, target)
      if let activation { trainer_activation(activation.function, target, target, geometry.output.count) }
    }
  }

  /// Images of the smallest piece.
  private func imagesPerPiece(_ count: Int) -> Int { count / CPUBackend.pieces(count, atLeast: 1) }

  /// Calls `body(image, worker)` for all images, those of a piece one after the other.
  func forEachImage(_ count: Int, _ body: (_ image: Int, _ worker: Int) -> Void) {
    let pieces = CPUBackend.pieces(count, atLeast: 1)
    pool.run(pieces: pieces) { piece, worker in
      for image in CPUBackend.range(piece, of: pieces, over: count) { body(image, worker) }
    }
  }

  /// Calls `body` with the images of each piece, a worker, and zeroed sums for that piece's gradients of weights and
  /// biases; then adds the pieces' sums, in order, into the slices. Sums of weights are unpacked if `packed` is not nil.
  func sumOverImages(
    _ count: Int, weights: Int, _ weightGradient: DeviceSlice, biases: Int, _ biasGradient: DeviceSlice?,
    packed: ConvolutionGeometry? = nil,
    _ body: (Range<Int>, _ worker: Int, _ weights: UnsafeMutablePointer<Float>, _ biases: UnsafeMutablePointer<Float>)
      -> Void
  ) {
    let pieces = CPUBackend.pieces(count, atLeast: 1)
    let biasOffset = MemoryPlanner.aligned(weights)
    let stride = biasOffset + MemoryPlanner.aligned(biases)
    let sums = parts(pieces * stride)
    pool.run(pieces: pieces) { piece, worker in
      let own = sums + piece * stride
      own.update(repeating: 0, count: stride)
      body(CPUBackend.range(piece, of: pieces, over: count), worker, own, own + biasOffset)
    }
    if let db = biasGradient.map(floats) { trainer_sum_parts(sums + biasOffset, pieces, stride, db, biases) }
    let dw = floats(weightGradient)
    if let packed {
      let total = scratch(worker: 0, weights)
      trainer_sum_parts(sums, pieces, stride, total, weights)
      trainer_narrow_unpack(total, packed.output.channels, packed.patch, dw)
    } else {
      forEachRun(of: weights) { start, run in trainer_sum_parts(sums + start, pieces, stride, dw + start, run) }
    }
  }
}

/// How one convolution is cut: the padded image, the output rows of a chunk, and where both lie in working memory.
struct PatchPlan {
  let geometry: ConvolutionGeometry
  /// Elements of the padded image; 0 if the input has no padding and is used where it lies.
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

extension ConvolutionGeometry {
  /// Whether the kernels for few outputs are the faster ones: at most two vectors of outputs, weights that stay in the
  /// first cache.
  fileprivate var isNarrow: Bool { groups == 1 && dilation.width == 1 && output.channels <= 32 && patch <= 256 }

  /// Whether a row of a window fills less than two vectors: weight gradients of few outputs are then faster with the
  /// outputs in vectors.
  fileprivate var hasShortRows: Bool { kernel.width * input.channels <= 24 }

  /// Weights as those kernels want them.
  fileprivate var packedCount: Int { (output.channels + 15) / 16 * 16 * patch }
}

extension Activation {
  /// The bounds that it clamps to, if that is all it does.
  fileprivate var bounds: ClosedRange<Float>? {
    switch self {
    case .relu: 0 ... .infinity
    case .relu6: 0...6
    case .sigmoid, .tanh, .hardSigmoid, .hardSwish, .gelu, .silu, .leakyReLU, .threshold: nil
    }
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

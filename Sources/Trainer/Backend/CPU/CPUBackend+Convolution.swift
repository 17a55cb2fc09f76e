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
    convolutionBackward(
      geometry, count: count, input: input, weights: weights, output: output, activation: activation,
      outputGradient: outputGradient, weightGradient: weightGradient, biasGradient: biasGradient,
      inputGradient: inputGradient, addend: nil)
  }

  public func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice, addend: DeviceSlice
  ) {
    convolutionBackward(
      geometry, count: count, input: input, weights: weights, output: output, activation: activation,
      outputGradient: outputGradient, weightGradient: weightGradient, biasGradient: biasGradient,
      inputGradient: inputGradient, addend: floats(addend))
  }

  private func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?, addend: UnsafePointer<Float>?
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
        guard let dx, forInput == nil else { continue }
        let start = image * geometry.input.count
        plan.inputGradient(gradient, w, scratch: scratch, into: dx + start)
        if let addend { trainer_add(dx + start, addend + start, dx + start, geometry.input.count) }
      }
      forWeights?.addWeightGradient(images, input: x, outputGradient: dy, to: dw, scratch: scratch)
      if let dx, let forInput, let turned {
        forInput.run(
          images, input: dy, packed: turned, bias: nil, bounds: .unbounded, residual: addend, output: dx,
          scratch: scratch)
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
      let bounds = activation?.bounds ?? .unbounded
      // Without either, batch-norm follows, which lifts zeros off its function's kink.
      let isPlain = b == nil && activation == nil
      let zeroWindows = isPlain ? [] : winograd.imagesWithZeroWindows(images, input: x, scratch: scratch)
      winograd.run(images, input: x, packed: packed, bias: b, bounds: bounds, output: y, scratch: scratch)
      for image in zeroWindows {
        winograd.settleZeroWindows(image, input: x, bias: b, bounds: bounds, output: y, scratch: scratch)
      }
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

extension ClosedRange<Float> {
  /// No clamp.
  fileprivate static var unbounded: ClosedRange<Float> { -.infinity ... .infinity }
}

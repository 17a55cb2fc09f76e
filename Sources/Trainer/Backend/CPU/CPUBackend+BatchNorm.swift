import Format
import TrainerKernels

extension CPUBackend {
  public func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, output: DeviceSlice
  ) {
    batchNormForward(
      geometry, count: count, input: input, scale: scale, shift: shift, running: running, saved: saved, residual: nil,
      activation: nil, output: output)
  }

  public func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, residual: DeviceSlice?, activation: Activation?, output: DeviceSlice
  ) {
    let (x, running, statistics) = (floats(input), floats(running), floats(saved))
    let view = NormView(geometry, count: count)
    let (channels, values) = (geometry.channels, Double(count * geometry.pixels))
    let constants = NormConstants(view, memory: scratch(worker: 0, NormConstants.count(view)))
    // Differences from the first pixel: the variance is not the small difference of two large numbers.
    constants.set(.pivot) { x[$0] }
    let pivot = constants[.pivot]
    let sums = columnSums(view) { rows, sums in
      trainer_moments(x + rows.lowerBound * view.width, rows.count, view.width, pivot, sums)
    }
    for c in 0..<channels {
      let difference = sums[c] / values
      let mean = Double(pivot[c]) + difference
      let squares = max(sums[channels + c] - values * difference * difference, 0)
      let inverse = 1 / (squares / values + Double(geometry.epsilon)).squareRoot()
      statistics[c] = Float(mean)
      statistics[channels + c] = Float(inverse)
      running[c] += geometry.momentum * (Float(mean) - running[c])
      running[channels + c] += geometry.momentum * (Float(squares / max(values - 1, 1)) - running[channels + c])
    }
    constants.setNormalization(mean: statistics, inverse: statistics + channels, floats(scale), floats(shift))
    normalize(view, input, constants, residual, activation, output)
  }

  public func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, saved: DeviceSlice,
    outputGradient: DeviceSlice, scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    // Without a function, neither shift nor output is looked at.
    batchNormBackward(
      geometry, count: count, input: input, scale: scale, shift: scale, saved: saved, output: nil, activation: nil,
      outputGradient: outputGradient, scaleGradient: scaleGradient, shiftGradient: shiftGradient,
      inputGradient: inputGradient)
  }

  public func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    saved: DeviceSlice, output: DeviceSlice, hasResidual: Bool, activation: Activation?, outputGradient: DeviceSlice,
    scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    var (output, activation) = (Optional(output), activation)
    if let function = activation, function.ramp == nil {
      let gradient = outputGradient[0..<geometry.valueCount(count)]
      activationBackward(
        function, values: output![0..<gradient.count], outputGradient: gradient, inputGradient: gradient)
      activation = nil
    }
    // What the function was applied to can be computed again, which reads less than its result, unless something was added.
    if activation == nil || !hasResidual { output = nil }
    batchNormBackward(
      geometry, count: count, input: input, scale: scale, shift: shift, saved: saved, output: output,
      activation: activation, outputGradient: outputGradient, scaleGradient: scaleGradient,
      shiftGradient: shiftGradient, inputGradient: inputGradient)
  }

  /// - Parameters:
  ///   - output: tells the slope of `activation`, and `outputGradient` becomes the gradient of its argument; nil: the argument
  ///     is what was normalized.
  ///   - activation: a ramp.
  private func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    saved: DeviceSlice, output: DeviceSlice?, activation: Activation?, outputGradient: DeviceSlice,
    scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?
  ) {
    let (x, y, dy) = (floats(input), output.map(floats), floats(outputGradient))
    let view = NormView(geometry, count: count)
    let (width, channels, values) = (view.width, geometry.channels, Double(count * geometry.pixels))
    let (mean, gamma) = (floats(saved), floats(scale))
    let inverse = mean + channels
    let constants = NormConstants(view, memory: scratch(worker: 0, NormConstants.count(view)))
    constants.setNormalization(mean: mean, inverse: inverse, gamma, floats(shift))
    let ramp = activation.ramp
    let sums = columnSums(view) { rows, sums in
      let start = rows.lowerBound * width
      withUnsafePointer(to: constants.normalization) {
        trainer_batch_norm_sums(x + start, y.map { $0 + start }, dy + start, rows.count, width, $0, ramp, sums)
      }
    }
    let (dgamma, dbeta) = (floats(scaleGradient), floats(shiftGradient))
    for c in 0..<channels {
      sums[channels + c] *= Double(inverse[c])
      dbeta[c] = Float(sums[c])
      dgamma[c] = Float(sums[channels + c])
    }
    guard let dx = inputGradient.map(floats) else { return }
    // dx = γ·inverse · (dy − Σdy/m − x̂ · Σ(dy·x̂)/m), as a·dy + b·x + c.
    constants.set(.a) { gamma[$0] * inverse[$0] }
    let (a, b, c) = (constants[.a], constants[.b], constants[.c])
    constants.set(.b) { -a[$0] * inverse[$0] * Float(sums[channels + $0] / values) }
    constants.set(.c) { -a[$0] * Float(sums[$0] / values) - b[$0] * mean[$0] }
    let rest = y == nil ? ramp : Activation?.none.ramp
    forEachRows(view) { rows in
      let start = rows.lowerBound * width
      withUnsafePointer(to: constants.normalization) {
        trainer_batch_norm_gradient(x + start, dy + start, rows.count, width, $0, rest, a, b, c, dx + start)
      }
    }
  }

  public func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, output: DeviceSlice
  ) {
    batchNormInference(
      geometry, count: count, input: input, scale: scale, shift: shift, running: running, residual: nil,
      activation: nil, output: output)
  }

  public func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, residual: DeviceSlice?, activation: Activation?, output: DeviceSlice
  ) {
    let view = NormView(geometry, count: count)
    let constants = NormConstants(view, memory: scratch(worker: 0, NormConstants.count(view)))
    let mean = floats(running)
    let variance = mean + geometry.channels
    constants.set(.inverse) { 1 / (variance[$0] + geometry.epsilon).squareRoot() }
    constants.setNormalization(mean: mean, inverse: constants[.inverse], floats(scale), floats(shift))
    normalize(view, input, constants, residual, activation, output)
  }

  /// output = activation(input · factor + term + residual).
  private func normalize(
    _ view: NormView, _ input: DeviceSlice, _ constants: NormConstants, _ residual: DeviceSlice?,
    _ activation: Activation?, _ output: DeviceSlice
  ) {
    let (x, z, y, width) = (floats(input), residual.map(floats), floats(output), view.width)
    let separate = activation?.ramp == nil ? activation : nil
    let ramp = separate == nil ? activation.ramp : Activation?.none.ramp
    forEachRows(view) { rows in
      let start = rows.lowerBound * width
      trainer_normalize(
        x + start, rows.count, width, constants[.factor], constants[.term], z.map { $0 + start }, ramp, y + start)
      if let separate { trainer_activation(separate.function, y + start, y + start, rows.count * width) }
    }
  }

  private func forEachRows(_ view: NormView, _ body: (Range<Int>) -> Void) {
    forEachRange(of: view.rows, atLeast: view.rowsOfPiece, body)
  }

  /// Two sums per channel over all rows: `body` adds those of a range of rows to zeroed sums [2, width]; the ranges' sums, and
  /// then those of the pixels of a row, are added in order.
  private func columnSums(
    _ view: NormView, _ body: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
  ) -> UnsafeMutablePointer<Double> {
    let (width, channels) = (2 * view.width, view.width / view.pixels)
    let pieces = CPUBackend.pieces(view.rows, atLeast: view.rowsOfPiece)
    let memory = UnsafeMutableRawPointer(parts(2 * pieces * width))
    let sums = memory.bindMemory(to: Double.self, capacity: pieces * width)
    pool.run(pieces: pieces) { piece, _ in
      let own = sums + piece * width
      own.update(repeating: 0, count: width)
      body(CPUBackend.range(piece, of: pieces, over: view.rows), own)
    }
    for piece in 1..<max(pieces, 1) {
      for k in 0..<width { sums[k] += sums[piece * width + k] }
    }
    for kind in 0..<2 {
      for c in 0..<channels {
        sums[kind * channels + c] = (0..<view.pixels).reduce(0) { $0 + sums[kind * view.width + $1 * channels + c] }
      }
    }
    return sums
  }
}

/// Values [pixels of all images, channels] as rows of several pixels, so that few channels fill vectors, too.
private struct NormView {
  let rows: Int
  /// Of a row.
  let pixels: Int
  /// Elements of a row.
  let width: Int

  /// Elements from which on a row is long enough.
  private static let longRow = 64

  init(_ geometry: BatchNormGeometry, count: Int) {
    let all = count * geometry.pixels
    var pixels = 1
    while pixels * geometry.channels < NormView.longRow, all % (2 * pixels) == 0 { pixels *= 2 }
    self.pixels = pixels
    rows = all / pixels
    width = pixels * geometry.channels
  }

  var rowsOfPiece: Int { max(CPUBackend.run / width, 1) }
}

/// Constants per channel, repeated for the pixels of a row.
private struct NormConstants {
  enum Kind: Int, CaseIterable {
    case mean, inverse, factor, term, pivot, a, b, c
  }

  private let view: NormView
  private let memory: UnsafeMutablePointer<Float>

  private static func stride(_ view: NormView) -> Int { MemoryPlanner.aligned(view.width) + Int(TRAINER_SLACK) }

  /// Floats of memory for them.
  static func count(_ view: NormView) -> Int { Kind.allCases.count * stride(view) }

  init(_ view: NormView, memory: UnsafeMutablePointer<Float>) {
    self.view = view
    self.memory = memory
  }

  subscript(kind: Kind) -> UnsafeMutablePointer<Float> { memory + kind.rawValue * NormConstants.stride(view) }

  func set(_ kind: Kind, _ value: (_ channel: Int) -> Float) {
    let (target, channels) = (self[kind], view.width / view.pixels)
    for c in 0..<channels { target[c] = value(c) }
    for pixel in 1..<max(view.pixels, 1) { (target + pixel * channels).update(from: target, count: channels) }
  }

  /// The same of the same statistics, forward and backward.
  func setNormalization(
    mean: UnsafePointer<Float>, inverse: UnsafePointer<Float>, _ scale: UnsafePointer<Float>,
    _ shift: UnsafePointer<Float>
  ) {
    let factor = self[.factor]
    set(.mean) { mean[$0] }
    set(.factor) { scale[$0] * inverse[$0] }
    set(.term) { shift[$0] - mean[$0] * factor[$0] }
  }

  var normalization: trainer_normalization {
    trainer_normalization(mean: self[.mean], factor: self[.factor], term: self[.term])
  }
}

extension Activation {
  /// The function as `TrainerKernels` has it, if it is made of straight lines.
  fileprivate var ramp: trainer_ramp? {
    switch self {
    case .relu: trainer_ramp(below: 0, limit: .infinity)
    case .relu6: trainer_ramp(below: 0, limit: 6)
    case .leakyReLU(let slope): trainer_ramp(below: slope, limit: .infinity)
    case .sigmoid, .tanh, .hardSigmoid, .hardSwish, .gelu, .silu, .threshold: nil
    }
  }
}

extension Activation? {
  /// The identity without a function.
  fileprivate var ramp: trainer_ramp { self?.ramp ?? trainer_ramp(below: 1, limit: .infinity) }
}

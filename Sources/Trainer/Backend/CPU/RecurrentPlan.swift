import Format
import TrainerKernels

/// Where the values of a recurrent layer lie in its saved memory, and what is done with them for a range of images. Steps are
/// counted in the order of computation.
struct RecurrentPlan {
  let geometry: RecurrentGeometry
  /// Images of the whole batch.
  private let count: Int
  /// [T, N, B·H]: the gates; on the way back, their gradients.
  private let gates: UnsafeMutablePointer<Float>
  /// [T + 1, N, F + H]: x of a step and h before it, side by side as the factors of one product; no x in the last row.
  private let rows: UnsafeMutablePointer<Float>
  /// [T + 1, N, H], LSTM only: c before each step.
  private let cells: UnsafeMutablePointer<Float>

  /// - Parameter memory: `geometry.savedCount` floats per image.
  init(_ geometry: RecurrentGeometry, count: Int, memory: UnsafeMutablePointer<Float>) {
    self.geometry = geometry
    self.count = count
    gates = memory
    rows = gates + geometry.steps * count * geometry.biasCount
    cells = rows + (geometry.steps + 1) * count * (geometry.inputs + geometry.units)
  }

  var rowWidth: Int { geometry.inputs + geometry.units }
  private var units: Int { geometry.units }
  /// From a sequence's values at one step to the next sequence's, [N, T, H].
  private var outputStride: Int { geometry.steps * units }

  func gates(_ index: Int, _ images: Range<Int>) -> UnsafeMutablePointer<Float> {
    gates + (index * count + images.lowerBound) * geometry.biasCount
  }

  private func row(_ index: Int, _ images: Range<Int>) -> UnsafeMutablePointer<Float> {
    rows + (index * count + images.lowerBound) * rowWidth
  }

  private func hidden(_ index: Int, _ images: Range<Int>) -> UnsafeMutablePointer<Float> {
    row(index, images) + geometry.inputs
  }

  private func cell(_ index: Int, _ images: Range<Int>) -> UnsafeMutablePointer<Float> {
    cells + (index * count + images.lowerBound) * units
  }

  /// The place in [N, T, width] of the step computed `index`-th of the first of `images`.
  private func place(_ index: Int, _ images: Range<Int>, width: Int) -> Int {
    (images.lowerBound * geometry.steps + geometry.step(index)) * width
  }

  // MARK: Forward

  /// Takes in the images' sequences and what h and c are before them, 0 where nil.
  func begin(
    _ images: Range<Int>, x: UnsafePointer<Float>, hidden initial: UnsafePointer<Float>?,
    cell initialCell: UnsafePointer<Float>?
  ) {
    let inputs = geometry.inputs
    for index in 0..<geometry.steps {
      let source = x + place(index, images, width: inputs)
      let target = row(index, images)
      for n in 0..<images.count {
        (target + n * rowWidth).update(from: source + n * geometry.steps * inputs, count: inputs)
      }
    }
    let start = hidden(0, images)
    for n in 0..<images.count {
      let target = start + n * rowWidth
      if let initial {
        target.update(from: initial + (images.lowerBound + n) * units, count: units)
      } else {
        target.update(repeating: 0, count: units)
      }
    }
    if geometry.cell == .lstm { load(initialCell, images, into: cell(0, images)) }
  }

  /// The sums of a step's gates, without biases.
  func multiplyForward(_ panels: RecurrentPanels, _ images: Range<Int>, index: Int, hiddenIsZero: Bool) {
    let (row, gates, stride) = (row(index, images), gates(index, images), geometry.biasCount)
    let depth = hiddenIsZero ? geometry.inputs : rowWidth
    panels.joint.multiply(rows: images.count, depth: depth, row, stride: rowWidth, into: gates, stride: stride)
    guard let candidate = panels.candidate else { return }
    candidate.multiply(
      rows: images.count, depth: geometry.inputs, row, stride: rowWidth, into: gates + 2 * units, stride: stride)
    candidate.multiply(
      rows: images.count, depth: units, hidden(index, images), stride: rowWidth, row: geometry.inputs,
      into: gates + 3 * units, stride: stride)
  }

  /// From a step's sums to h (and c) behind it, which is its output.
  func stepForward(
    _ images: Range<Int>, index: Int, bias: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
  ) {
    let y = output + place(index, images, width: units)
    let (gates, after) = (gates(index, images), hidden(index + 1, images))
    switch geometry.cell {
    case .rnn: trainer_rnn_step(images.count, units, gates, bias, after, rowWidth, y, outputStride)
    case .lstm:
      trainer_lstm_step(
        images.count, units, gates, bias, cell(index, images), cell(index + 1, images), after, rowWidth, y,
        outputStride)
    case .gru:
      trainer_gru_step(images.count, units, gates, bias, hidden(index, images), after, rowWidth, y, outputStride)
    }
  }

  /// Gives out h and c behind the last step.
  func end(
    _ images: Range<Int>, hidden final: UnsafeMutablePointer<Float>?, cell finalCell: UnsafeMutablePointer<Float>?
  ) {
    if let final {
      let last = hidden(geometry.steps, images)
      for n in 0..<images.count {
        (final + (images.lowerBound + n) * units).update(from: last + n * rowWidth, count: units)
      }
    }
    store(cell(geometry.steps, images), images, into: finalCell)
  }

  // MARK: Backward

  /// From the gradients of h and c behind a step to those of its gates' sums, in their place, of c before it, and, with a GRU,
  /// of h before it but for the part through recurrentWeights.
  func stepBackward(
    _ images: Range<Int>, index: Int, outputGradient: UnsafePointer<Float>?, hidden dh: UnsafeMutablePointer<Float>,
    cell dc: UnsafeMutablePointer<Float>
  ) {
    let dy = outputGradient.map { $0 + place(index, images, width: units) }
    let gates = gates(index, images)
    switch geometry.cell {
    case .rnn:
      trainer_rnn_step_gradient(
        images.count, units, hidden(index + 1, images), rowWidth, dy, outputStride, dh, gates)
    case .lstm:
      trainer_lstm_step_gradient(
        images.count, units, cell(index, images), cell(index + 1, images), dy, outputStride, dh, dc, gates)
    case .gru:
      trainer_gru_step_gradient(images.count, units, hidden(index, images), rowWidth, dy, outputStride, dh, gates)
    }
  }

  /// The gradient of h before a step from that of its gates.
  func hiddenGradient(
    _ weights: PackedMatrix, _ images: Range<Int>, index: Int, into dh: UnsafeMutablePointer<Float>
  ) {
    let (gates, stride) = (gates(index, images), geometry.biasCount)
    let isGRU = geometry.cell == .gru
    weights.multiply(
      rows: images.count, depth: isGRU ? 2 * units : geometry.gateRows, gates, stride: stride, into: dh, stride: units,
      adding: isGRU)
    guard isGRU else { return }
    weights.multiply(
      rows: images.count, depth: units, gates + 3 * units, stride: stride, row: 2 * units, into: dh, stride: units,
      adding: true)
  }

  func inputGradient(
    _ weights: PackedMatrix, _ images: Range<Int>, index: Int, into dx: UnsafeMutablePointer<Float>
  ) {
    let inputs = geometry.inputs
    weights.multiply(
      rows: images.count, depth: geometry.gateRows, gates(index, images), stride: geometry.biasCount,
      into: dx + place(index, images, width: inputs), stride: geometry.steps * inputs)
  }

  /// Gates whose weights' gradients are a piece of work, and positions (steps of an image) that a product is over: so many leave
  /// gates and rows in the second-level cache, and sums are rarely interrupted.
  private static let gatesOfPiece = 128
  private static let positionsOfProduct = 256
  /// Inputs that fill vectors well enough. Of fewer, gates are in the vectors, and the gradient is made transposed.
  private static let manyInputs = 48

  /// Elements of working memory for `weightGradient`.
  var transposedCount: Int { geometry.inputs < RecurrentPlan.manyInputs ? geometry.inputs * geometry.gateRows : 0 }

  /// The gradients of both weights: gate gradientsᵀ · x and · h, over all steps and images.
  ///
  /// - Parameter memory: `transposedCount` elements.
  func weightGradient(
    into input: UnsafeMutablePointer<Float>, _ recurrent: UnsafeMutablePointer<Float>,
    memory: UnsafeMutablePointer<Float>, _ pool: ThreadPool
  ) {
    let (inputs, block) = (geometry.inputs, RecurrentPlan.gatesOfPiece)
    let isTransposed = transposedCount > 0
    pool.run(pieces: (geometry.gateRows + block - 1) / block) { piece, _ in
      let gateRange = piece * block..<min((piece + 1) * block, geometry.gateRows)
      // The two parts of the GRU's candidate have gate gradients of their own, `units` apart.
      let isGRU = geometry.cell == .gru
      let joint = isGRU ? gateRange.clamped(to: 0..<(2 * units)) : gateRange
      let candidate = isGRU ? gateRange.clamped(to: (2 * units)..<(3 * units)) : 0..<0
      let first = (isTransposed ? memory : input) + gateRange.lowerBound * inputs
      let second = recurrent + gateRange.lowerBound * units
      first.update(repeating: 0, count: gateRange.count * inputs)
      second.update(repeating: 0, count: gateRange.count * units)
      for positions in StrideChunks(count: geometry.steps * count, size: RecurrentPlan.positionsOfProduct) {
        let (x, y) = (rows + positions.lowerBound * rowWidth, gates + positions.lowerBound * geometry.biasCount)
        let (count, stride) = (positions.count, geometry.biasCount)
        if isTransposed {
          addProduct(count, x, rowWidth, inputs, y + gateRange.lowerBound, stride, gateRange.count, to: first)
        } else {
          addProduct(count, y + gateRange.lowerBound, stride, gateRange.count, x, rowWidth, inputs, to: first)
        }
        let h = x + inputs
        addProduct(count, y + joint.lowerBound, stride, joint.count, h, rowWidth, units, to: second)
        if !candidate.isEmpty {
          addProduct(
            count, y + candidate.lowerBound + units, stride, candidate.count, h, rowWidth, units,
            to: recurrent + candidate.lowerBound * units)
        }
      }
      guard isTransposed else { return }
      for gate in gateRange {
        for index in 0..<inputs {
          input[gate * inputs + index] = first[index * gateRange.count + gate - gateRange.lowerBound]
        }
      }
    }
  }

  /// target [columns, width] += left [count, columns]ᵀ · right [count, width], their rows so far apart: the weights' gradient of a
  /// pointwise convolution.
  private func addProduct(
    _ count: Int, _ left: UnsafePointer<Float>, _ leftStride: Int, _ columns: Int, _ right: UnsafePointer<Float>,
    _ rightStride: Int, _ width: Int, to target: UnsafeMutablePointer<Float>
  ) {
    var window = trainer_window(
      width: count, channels: rightStride, first_channel: 0, group_channels: width, kernel_height: 1, kernel_width: 1,
      stride_height: 1, stride_width: 1, dilation_height: 1, dilation_width: 1, output_width: count)
    trainer_weight_gradient(&window, 1, columns, leftStride, right, left, target)
  }

  // MARK: States

  /// The images' part of [N, H], or zeros.
  func load(_ source: UnsafePointer<Float>?, _ images: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    if let source {
      target.update(from: source + images.lowerBound * units, count: images.count * units)
    } else {
      target.update(repeating: 0, count: images.count * units)
    }
  }

  func store(_ source: UnsafePointer<Float>, _ images: Range<Int>, into target: UnsafeMutablePointer<Float>?) {
    target.map { $0 + images.lowerBound * units }?.update(from: source, count: images.count * units)
  }
}

import Format

/// Memory of a backend. Only the backend that made it knows what is inside; it may lie on another device.
public protocol DeviceBuffer: AnyObject {
  /// Number of elements: reals (in whatever precision the backend computes) or 32-bit integers.
  var count: Int { get }
}

/// A run of elements of a device buffer: what operations work on.
public struct DeviceSlice {
  public let buffer: any DeviceBuffer
  public let offset: Int
  public let count: Int

  public init(_ buffer: any DeviceBuffer, offset: Int = 0, count: Int) {
    precondition(offset >= 0 && count >= 0 && offset + count <= buffer.count, "slice outside its buffer")
    self.buffer = buffer
    self.offset = offset
    self.count = count
  }

  /// `range` counts from the start of this slice.
  public subscript(range: Range<Int>) -> DeviceSlice {
    DeviceSlice(buffer, offset: offset + range.lowerBound, count: range.count)
  }
}

public enum DeviceElement: Sendable {
  case real
  case int32
}

/// Everything that training computes, on some device: the only part of the Trainer that knows where numbers are.
///
/// - Activations are NHWC, convolution weights OHWI, depthwise weights HWC, dense weights [outputs, inputs].
/// - `count` is the number of images in the step, at most what buffers were made for; only the first `count` images
///   are read and written.
/// - Operations run in the order of the calls, perhaps later; `finish` and `download` wait for them. Operations
///   themselves do not throw: a device that fails says so at the next `finish` or `download`.
/// - A result slice never overlaps an argument unless the operation says that it may be the same slice.
/// - Gradients are overwritten, not added to, unless said otherwise.
/// - The same calls give the same bits, whatever the number of threads.
public protocol Backend: AnyObject {
  /// As "cpu, 2 threads".
  var name: String { get }

  // MARK: Memory

  /// Zeroed memory.
  ///
  /// - Throws: `TrainerError.device` if the device has not that much.
  func allocate(_ element: DeviceElement, count: Int) throws(TrainerError) -> any DeviceBuffer
  /// Copies; the caller's memory may be reused when the call returns.
  func upload(_ values: UnsafeBufferPointer<Float>, to slice: DeviceSlice)
  func upload(_ values: UnsafeBufferPointer<Int32>, to slice: DeviceSlice)
  /// Waits for all operations so far.
  func download(_ slice: DeviceSlice, into values: UnsafeMutableBufferPointer<Float>) throws(TrainerError)
  /// Waits for all operations so far.
  func finish() throws(TrainerError)
  /// Begins to copy `slice` to the host, as it is after all operations so far; nil where operations are done when they
  /// return (the default).
  func beginDownload(_ slice: DeviceSlice) -> (any PendingDownload)?
  /// A copy of the examples in the device's memory; nil if it has no room for them, or none of its own (the default).
  func keep(_ examples: ResidentExamples) -> (any ResidentStore)?

  // MARK: Linear layers

  // Forward: output = activation(input ∗ weights + bias).
  //
  // Backward: given ∂J/∂output in `outputGradient` and the forward's `output`, ∂J/∂weights, ∂J/∂bias and, unless nil,
  // ∂J/∂input. `outputGradient` is working memory: what it holds afterwards is undefined. `activation` is none with
  // `slopeNeedsInput`, since the values before it are not kept.

  /// input [N, H, W, C], output [N, H', W', O].
  func convolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice)
  func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?)

  /// The same with `addend`, as long as `inputGradient`, added to that: the gradient of the input from elsewhere.
  func convolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice, addend: DeviceSlice)

  /// As convolution, with `groups` = input channels and weights [KH, KW, C·M].
  func depthwiseForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice)
  func depthwiseBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?)

  /// The transpose of the convolution that `geometry` describes: `input` has the shape of its output, `output` that of its
  /// input, weights are [output's channels, kernel height, kernel width, input's channels].
  func transposedConvolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice)
  func transposedConvolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?)

  /// input [N, I], output [N, O].
  func denseForward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice)
  func denseBackward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?)

  // MARK: Sequences

  /// Runs over the steps of every sequence, as Format's `Recurrent` says; the state before is `initial` or 0. `output`
  /// [N, T, H] is every step's h in the input's order, `final` the state behind the last computed step, which may be
  /// the slices of `initial`. `saved` has `savedCount` reals per image.
  func recurrentForward(
    _ geometry: RecurrentGeometry, count: Int, input: DeviceSlice, weights: RecurrentWeights, initial: RecurrentState?,
    output: DeviceSlice, final: RecurrentState?, saved: DeviceSlice)
  /// Backpropagation through time (Werbos 1990) from what the forward saved, which is used up. Gradients of the output and
  /// of the final state count as 0 where nil, those of input and initial state are not computed where nil.
  func recurrentBackward(
    _ geometry: RecurrentGeometry, count: Int, weights: RecurrentWeights, saved: DeviceSlice,
    outputGradient: DeviceSlice?, finalGradient: RecurrentState?, weightGradient: RecurrentWeights,
    inputGradient: DeviceSlice?, initialGradient: RecurrentState?)

  /// output [rows, width] = the tokens' rows of weights [vocabulary, width]; tokens [rows] are reals, and row 0 stands for
  /// those out of range.
  func embeddingForward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, weights: DeviceSlice, output: DeviceSlice)
  func embeddingBackward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, outputGradient: DeviceSlice,
    weightGradient: DeviceSlice)

  // MARK: Pooling

  /// `indices` (int32, one per output) keeps where each maximum was, the first one in row order if several are equal.
  func maxPoolForward(
    _ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice, indices: DeviceSlice)
  func maxPoolBackward(
    _ geometry: PoolGeometry, count: Int, indices: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice)
  func averagePoolForward(_ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice)
  func averagePoolBackward(
    _ geometry: PoolGeometry, count: Int, outputGradient: DeviceSlice, inputGradient: DeviceSlice)

  // MARK: Normalization

  /// y = scale · (x − mean) / √(variance + ε) + shift per channel, over the step's images and pixels; the variance is
  /// the biased one. `saved` [2, C] keeps mean and 1/√(variance + ε). `running` [2, C] (mean, variance) moves by
  /// `momentum` towards the step's mean and unbiased variance (Ioffe and Szegedy 2015).
  func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, output: DeviceSlice)
  /// `inputGradient` may be the slice of `outputGradient`.
  func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, saved: DeviceSlice,
    outputGradient: DeviceSlice, scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?)
  /// The same with `running` instead of the step's statistics.
  func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, output: DeviceSlice)

  // output = activation(y + residual), y being what the operations above make of the input; without what is nil. A backend
  // that cannot do it in one pass has the operations composed for it.
  //
  // Backward, `outputGradient` becomes the gradient of y + residual, and so of the residual, if there is one; else it is
  // working memory, and may be the slice of `inputGradient`. `activation` is none with `slopeNeedsInput`.

  func batchNormForward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, saved: DeviceSlice, residual: DeviceSlice?, activation: Activation?, output: DeviceSlice)
  func batchNormBackward(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    saved: DeviceSlice, output: DeviceSlice, hasResidual: Bool, activation: Activation?, outputGradient: DeviceSlice,
    scaleGradient: DeviceSlice, shiftGradient: DeviceSlice, inputGradient: DeviceSlice?)
  func batchNormInference(
    _ geometry: BatchNormGeometry, count: Int, input: DeviceSlice, scale: DeviceSlice, shift: DeviceSlice,
    running: DeviceSlice, residual: DeviceSlice?, activation: Activation?, output: DeviceSlice)

  // MARK: Element by element; slices of one count; every result may be an argument's slice

  func activationForward(_ activation: Activation, input: DeviceSlice, output: DeviceSlice)
  /// inputGradient = outputGradient · f′, f′ being computed from `values`: the forward's output, or its input for
  /// functions with `slopeNeedsInput`.
  func activationBackward(
    _ activation: Activation, values: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice)
  func add(_ a: DeviceSlice, _ b: DeviceSlice, output: DeviceSlice)
  /// output [count, pixels, channels] = a [count, pixels, channels] · b [count, channels].
  func multiplyForward(_ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, output: DeviceSlice)
  /// aGradient = outputGradient · b; bGradient = Σ over an image's pixels of outputGradient · a, no argument's slice.
  func multiplyBackward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, outputGradient: DeviceSlice,
    aGradient: DeviceSlice?, bGradient: DeviceSlice?)
  func copy(_ source: DeviceSlice, to destination: DeviceSlice)
  /// output = input / (1 − rate) where the mask keeps, 0 elsewhere; forward and backward alike.
  func dropout(_ mask: DropoutMask, input: DeviceSlice, output: DeviceSlice)

  /// Copies a [rows, columns] matrix between memories whose rows lie `sourceStride` and `destinationStride` apart:
  /// concatenation along channels and its reverse.
  func copyRows(
    rows: Int, columns: Int, source: DeviceSlice, sourceStride: Int, destination: DeviceSlice, destinationStride: Int)

  // MARK: Losses

  /// targets [count, classes] = 1 − s + s/classes at the label and s/classes elsewhere, s being the `smoothing`. Labels are
  /// in 0..<classes; with one class the target is the label, 0 or 1, itself.
  func oneHot(labels: DeviceSlice, count: Int, classes: Int, smoothing: Float, targets: DeviceSlice)
  /// exp(x − max) / Σ exp(x − max) over each row. `output` may be `input`.
  func softmax(rows: Int, columns: Int, input: DeviceSlice, output: DeviceSlice)
  /// From the network's last values z [count, K] and targets [count, K]: the loss of each example in `losses` [count], 1 or
  /// 0 in `hits` [count] (the largest z stands where the largest target stands; with K = 1, z and t are on the same side
  /// of the threshold), and ∂(mean loss)/∂z in `gradient`. Unless nil, `weights` [count] are factors of the examples' losses
  /// and gradients.
  func loss(
    _ loss: Loss, count: Int, outputs: Int, values: DeviceSlice, targets: DeviceSlice, weights: DeviceSlice?,
    losses: DeviceSlice, hits: DeviceSlice, gradient: DeviceSlice)

  // MARK: Weights

  /// result [1] = Σ x².
  func sumOfSquares(_ values: DeviceSlice, result: DeviceSlice)
  /// values = values · min(1, limit / √sumOfSquares[0]).
  func clipNorm(_ values: DeviceSlice, sumOfSquares: DeviceSlice, limit: Float)
  /// values = min(max(values, −limit), limit).
  func clipValues(_ values: DeviceSlice, limit: Float)
  /// average = average + share · (values − average).
  func moveAverage(_ average: DeviceSlice, towards values: DeviceSlice, share: Float)
  /// Moves `weights` and its slots by one step. Penalty and weight decay apply to the first `regularized` of them.
  func update(
    _ step: OptimizerStep, regularized: Int, weights: DeviceSlice, gradient: DeviceSlice, slots: [DeviceSlice])
}

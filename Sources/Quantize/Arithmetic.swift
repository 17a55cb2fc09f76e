import Format

// The int8 arithmetic: docs/quantization.md in code. Whatever computes on s8 tensors, on any CPU, gives the bits that
// these functions give. Each works on one element, so that a reader can check it by hand.

/// The last step of every linear operator: an s32 accumulator becomes s8.
///
/// `q = roundTiesToEven(clamp(Float(accumulator) × multiplier)) + zeroPoint`, the clamp being to
/// [`minimum` − zeroPoint, `maximum` − zeroPoint]. One IEEE multiplication and one rounding: no compiler can contract
/// anything, so every CPU gives the same bits.
public struct Requantization: Equatable, Sendable {
  /// Per output channel: scale of the accumulator / scale of the output, rounded once to f32.
  public var multipliers: [Float]
  public var zeroPoint: Int32
  /// The smallest and largest s8 result, narrower than [−128, 127] where a ReLU is fused.
  public var minimum: Int32
  public var maximum: Int32

  /// - Parameters:
  ///   - accumulator: scale of the accumulator, one per channel (`input scale × weight scale`).
  ///   - output: the output tensor's quantization, per tensor.
  ///
  /// With scales in `Quantization.scales` the multipliers are normal floats in [2^−120, 2^120].
  public init(accumulator scales: [Float], output: Quantization, activation: FusedActivation = .none) {
    let outputScale = output.scales[0]
    multipliers = scales.map { $0 / outputScale }
    zeroPoint = output.zeroPoint
    (minimum, maximum) = activation.quantizedBounds(in: output)
  }

  /// The s8 result for an accumulator of output channel `channel`.
  public func callAsFunction(_ accumulator: Int32, channel: Int) -> Int8 {
    let lower = Float(minimum - zeroPoint)
    let upper = Float(maximum - zeroPoint)
    let scaled = Float(accumulator) * multipliers[channel]
    return Int8(Int32(min(max(scaled, lower), upper).rounded(.toNearestOrEven)) + zeroPoint)
  }
}

extension FusedActivation {
  /// The s8 interval that stands for `bounds` in a tensor quantized like `output`.
  public func quantizedBounds(in output: Quantization) -> (minimum: Int32, maximum: Int32) {
    let bounds = bounds
    return (Int32(output.quantize(bounds.lowerBound)), Int32(output.quantize(bounds.upperBound)))
  }
}

extension Quantization {
  /// The nearest s8 to a real number, by the tensor's one scale: the value is multiplied with the reciprocal of the
  /// scale (rounded once to f32), clamped, rounded to even. NaN becomes −128.
  public func quantize(_ value: Float) -> Int8 {
    let inverse = 1 / scales[0]
    let lower = Float(-128 - zeroPoint)
    let upper = Float(127 - zeroPoint)
    let scaled = value * inverse
    // Written so that NaN, which compares false with everything, takes the lower bound as SIMD maximum does.
    let clamped = scaled > lower ? min(scaled, upper) : lower
    return Int8(Int32(clamped.rounded(.toNearestOrEven)) + zeroPoint)
  }

  /// The real number that an s8 stands for.
  public func dequantize(_ value: Int8) -> Float { Float(Int32(value) - zeroPoint) * scales[0] }

  /// The asymmetric s8 quantization of activations in [`minimum`, `maximum`], widened to contain 0, which is always
  /// represented exactly. A range without extent gets scale 1.
  ///
  /// Total: NaN counts as 0, and what lies beyond ±`largestMagnitude` as that, so that the scale is in `Quantization.scales`
  /// whatever a network computes.
  public init(minimum: Float, maximum: Float) {
    let (scale, zeroPoint) = Quantization.parameters(minimum: minimum, maximum: maximum)
    self.init(scale: scale, zeroPoint: zeroPoint)
  }

  /// Scale and zero point of `Quantization(minimum:maximum:)`, for those who must not allocate.
  public static func parameters(minimum: Float, maximum: Float) -> (scale: Float, zeroPoint: Int32) {
    // Written so that NaN, which compares false with everything, becomes 0.
    let low = minimum < 0 ? max(minimum, -Quantization.largestMagnitude) : 0
    let high = maximum > 0 ? min(maximum, Quantization.largestMagnitude) : 0
    let scale = high / 255 - low / 255
    guard scale > Quantization.scales.lowerBound else {
      return (high == low ? 1 : Quantization.scales.lowerBound, 0)
    }
    let zeroPoint = (-128 - low / scale).rounded(.toNearestOrEven)
    return (scale, Int32(min(max(zeroPoint, -128), 127)))
  }

  /// The largest magnitude that an activation's range may have: two of them, divided by 255, are below 2^40.
  public static let largestMagnitude: Float = 0x1p46

  /// The quantization that a dynamic operator gives its f32 input: that of the smallest and largest of all its
  /// elements, NaN ignored.
  public init(rangeOf values: [Float]) {
    var minimum: Float = 0
    var maximum: Float = 0
    for value in values {
      if value < minimum { minimum = value }
      if value > maximum { maximum = value }
    }
    self.init(minimum: minimum, maximum: maximum)
  }
}

/// The last step of a dynamic operator (f32 input, s8 weights): `clamp(Float(accumulator) × scale + bias)`, two IEEE
/// operations that are never contracted into one; `scale` is input scale × weight scale of the channel, rounded to f32.
public func dynamicResult(_ accumulator: Int32, scale: Float, bias: Float, activation: FusedActivation) -> Float {
  let product = Float(accumulator) * scale
  return activation.clamp(product + bias)
}

extension FusedActivation {
  /// `value` limited to `bounds`; NaN becomes the lower bound where there is one and stays NaN otherwise.
  public func clamp(_ value: Float) -> Float {
    switch self {
    case .none: value
    case .relu: value > 0 ? value : 0
    case .relu6: value > 0 ? min(value, 6) : 0
    }
  }
}

/// Sum of two s8 tensors with scales of their own, in integers:
/// `q = clamp(((a − za)·ma + (b − zb)·mb + 2^(shift − 1)) >> shift) + zo)`, arithmetic shift.
///
/// `ma` and `mb` are scale ratios in fixed point of at most 21 bits, so that no intermediate leaves s32:
/// 2 · 255 · 2^21 + 2^30 < 2^31.
public struct QuantizedAdd: Equatable, Sendable {
  public let zeroPointA: Int32
  public let zeroPointB: Int32
  /// Input scale / output scale in units of 2^−shift, in [0, 2^21].
  public let multiplierA: Int32
  public let multiplierB: Int32
  /// In [2, 31].
  public let shift: Int32
  public let zeroPoint: Int32
  public let minimum: Int32
  public let maximum: Int32

  /// A scale ratio counts as at most `largestRatio`: beyond it every step of an input saturates the output anyway.
  public init(_ a: Quantization, _ b: Quantization, output: Quantization, activation: FusedActivation = .none) {
    let ratioA = min(Double(a.scales[0]) / Double(output.scales[0]), QuantizedAdd.largestRatio)
    let ratioB = min(Double(b.scales[0]) / Double(output.scales[0]), QuantizedAdd.largestRatio)
    let exponent = Int32(max(ratioA, ratioB).exponent)
    let shift = min(31, 20 - exponent)
    let one = Double(sign: .plus, exponent: Int(shift), significand: 1)
    self.shift = shift
    multiplierA = Int32((ratioA * one).rounded(.toNearestOrEven))
    multiplierB = Int32((ratioB * one).rounded(.toNearestOrEven))
    zeroPointA = a.zeroPoint
    zeroPointB = b.zeroPoint
    zeroPoint = output.zeroPoint
    (minimum, maximum) = activation.quantizedBounds(in: output)
  }

  public static let largestRatio = 0x1p18

  public func callAsFunction(_ a: Int8, _ b: Int8) -> Int8 {
    let sum = (Int32(a) - zeroPointA) * multiplierA + (Int32(b) - zeroPointB) * multiplierB
    let rounded = (sum + (1 << (shift - 1))) >> shift
    return Int8(min(max(rounded + zeroPoint, minimum), maximum))
  }
}

/// Product of two s8 values with quantizations of their own: `(a − za)·(b − zb)`, an integer of magnitude at most 255²
/// and so exact in f32, goes through `Requantization`'s formula with the one multiplier `sa·sb / so`.
public struct QuantizedMultiply: Equatable, Sendable {
  public let zeroPointA: Int32
  public let zeroPointB: Int32
  public let requantization: Requantization

  public init(_ a: Quantization, _ b: Quantization, output: Quantization) {
    zeroPointA = a.zeroPoint
    zeroPointB = b.zeroPoint
    requantization = Requantization(accumulator: [a.scales[0] * b.scales[0]], output: output)
  }

  public func callAsFunction(_ a: Int8, _ b: Int8) -> Int8 {
    requantization((Int32(a) - zeroPointA) * (Int32(b) - zeroPointB), channel: 0)
  }
}

/// Mean of `count` s8 values of one quantization, which the output shares: the sum of `q − zeroPoint` goes through
/// `Requantization`'s formula with the multiplier 1/count, rounded once to f32.
///
/// - Precondition: `count` is in [1, `Limits.quantizedMean`], so that 255 · count < 2^31. No clamp is needed: the
///   relative error of the two f32 roundings is far too small to carry a mean past its largest element's integer.
public func quantizedMean(sum: Int32, count: Int32, quantization: Quantization) -> Int8 {
  let scaled = Float(sum - count * quantization.zeroPoint) * (1 / Float(count))
  return Int8(Int32(scaled.rounded(.toNearestOrEven)) + quantization.zeroPoint)
}

/// Scales of a linear operator's accumulators, one per output channel: input scale × weight scale, rounded to f32.
public func accumulatorScales(_ input: Quantization, weights: Quantization, channels: Int) -> [Float] {
  let perChannel = weights.scales.count == 1 ? [Float](repeating: weights.scales[0], count: channels) : weights.scales
  return perChannel.map { input.scales[0] * $0 }
}

/// Softmax of one row of s8 values: `table[largest − x] / Σ table[largest − x]`.
///
/// The sum is taken in 64 bits, where 2^32 entries of any table fit, converted to f32, and divides each entry
/// converted to f32: three correctly rounded operations.
public func tableSoftmax(_ row: ArraySlice<Int8>, table: [Int32]) -> [Float] {
  var largest = Int8.min
  for element in row where element > largest { largest = element }
  let entries = row.map { table[Int(largest) - Int($0)] }
  var sum: Int64 = 0
  for entry in entries { sum += Int64(entry) }
  return entries.map { Float($0) / Float(sum) }
}

/// The table of `tableSoftmax` for logits of scale `scale`: entry d is `round(2^23 · e^(−d·scale))`, d in 0…255.
public func softmaxTable(scale: Float) -> [Int32] {
  (0..<256).map { Int32((0x1p23 * exponential(-Double($0) * Double(scale))).rounded(.toNearestOrEven)) }
}

/// The table of an element-wise function from one quantization to another: entry q + 128 is the s8 nearest to
/// `function` of the real number that q stands for.
public func lookupTable(from input: Quantization, to output: Quantization, _ function: (Float) -> Float) -> [Int8] {
  (-128...127).map { output.quantize(function(input.dequantize(Int8($0)))) }
}

/// The row of an embedding's table that an element of its input names: a fraction is cut off, and what is no number in
/// 0 ..< `rows` is row 0.
public func embeddingRow(_ number: Float, of rows: Int) -> Int { number >= 0 && number < Float(rows) ? Int(number) : 0 }

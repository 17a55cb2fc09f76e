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
  public init(minimum: Float, maximum: Float) {
    let low = min(minimum, 0)
    let high = max(maximum, 0)
    let scale = high / 255 - low / 255
    guard scale > Quantization.smallestScale else {
      self.init(scale: high == low ? 1 : Quantization.smallestScale, zeroPoint: 0)
      return
    }
    let zeroPoint = (-128 - low / scale).rounded(.toNearestOrEven)
    self.init(scale: scale, zeroPoint: Int32(min(max(zeroPoint, -128), 127)))
  }

  /// Below this a scale's reciprocal and products with other scales could leave the normal floats.
  public static let smallestScale: Float = 0x1p-40
}

/// Sum of two s8 tensors with scales of their own, in integers:
/// `q = clamp(((a − za)·ma + (b − zb)·mb + 2^(shift − 1)) >> shift) + zo)`, arithmetic shift.
///
/// `ma` and `mb` are scale ratios in fixed point of at most 21 bits, so that no intermediate leaves s32.
public struct QuantizedAdd: Equatable, Sendable {
  public let zeroPointA: Int32
  public let zeroPointB: Int32
  public let multiplierA: Int32
  public let multiplierB: Int32
  /// In [1, 31].
  public let shift: Int32
  public let zeroPoint: Int32
  public let minimum: Int32
  public let maximum: Int32

  /// Nil when an input's scale is more than 2^19 times the output's: nothing of the sum would be left.
  public init?(_ a: Quantization, _ b: Quantization, output: Quantization, activation: FusedActivation = .none) {
    let ratioA = Double(a.scales[0]) / Double(output.scales[0])
    let ratioB = Double(b.scales[0]) / Double(output.scales[0])
    let exponent = Int32(max(ratioA, ratioB).exponent)
    guard exponent < 19 else { return nil }
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

  public func callAsFunction(_ a: Int8, _ b: Int8) -> Int8 {
    let sum = (Int32(a) - zeroPointA) * multiplierA + (Int32(b) - zeroPointB) * multiplierB
    let rounded = (sum + (1 << (shift - 1))) >> shift
    return Int8(min(max(rounded + zeroPoint, minimum), maximum))
  }
}

/// Mean of `count` s8 values of one quantization, which the output shares: the sum of `q − zeroPoint` goes through
/// `Requantization`'s formula with the multiplier 1/count, rounded once to f32.
public func quantizedMean(sum: Int32, count: Int32, quantization: Quantization) -> Int8 {
  let scaled = Float(sum - count * quantization.zeroPoint) * (1 / Float(count))
  return Int8(Int32(scaled.rounded(.toNearestOrEven)) + quantization.zeroPoint)
}

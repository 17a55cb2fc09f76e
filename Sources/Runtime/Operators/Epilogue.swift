import Format
import Kernels
import Quantize

extension qs8_addition {
  /// `QuantizedAdd` as the kernels take it.
  init(_ sum: QuantizedAdd) {
    self.init(
      zero_point_a: sum.zeroPointA, zero_point_b: sum.zeroPointB, multiplier_a: sum.multiplierA,
      multiplier_b: sum.multiplierB, shift: sum.shift, zero_point: sum.zeroPoint, minimum: sum.minimum,
      maximum: sum.maximum)
  }
}

/// `Requantization` as the kernels take it.
struct PackedRequantization {
  private let multipliers: AlignedMemory
  private let template: qs8_requantization

  /// - Parameter multipliers: one per column, in the order and with the padding that the kernel wants.
  init(_ requantization: Requantization, multipliers: AlignedMemory) {
    self.multipliers = multipliers
    template = qs8_requantization(
      multipliers: UnsafePointer(multipliers.base.assumingMemoryBound(to: Float.self)),
      minimum: Float(requantization.minimum - requantization.zeroPoint),
      maximum: Float(requantization.maximum - requantization.zeroPoint), zero_point: requantization.zeroPoint)
  }

  /// The same for a tile that begins at column `column`.
  func from(column: Int) -> qs8_requantization {
    var result = template
    result.multipliers += column
    return result
  }
}

/// The last step of a dynamic operator, `clamp(Float(acc) × (input scale × weight scale) + bias)`, as the kernels take
/// it. The input scale comes with each run.
struct PackedDequantization {
  private let scales: AlignedMemory
  private let multipliers: AlignedMemory
  private let bias: AlignedMemory
  private let bounds: ClosedRange<Float>

  /// - Parameters:
  ///   - scales: of the weights, one per column, padded.
  ///   - bias: likewise.
  init(scales: AlignedMemory, bias: AlignedMemory, activation: FusedActivation) throws(RuntimeError) {
    self.scales = scales
    self.bias = bias
    multipliers = try AlignedMemory(count: scales.bytes.count)
    bounds = activation.bounds
  }

  /// Computes the multipliers of this run.
  func prepare(inputScale: Float) {
    let count = scales.bytes.count / MemoryLayout<Float>.stride
    let source = scales.base.assumingMemoryBound(to: Float.self)
    let target = multipliers.base.assumingMemoryBound(to: Float.self)
    for index in 0..<count { target[index] = inputScale * source[index] }
  }

  /// The arguments for a tile that begins at column `column`.
  func from(column: Int, inputZeroPoint: Int32) -> qs8_dequantization {
    qs8_dequantization(
      multipliers: UnsafePointer(multipliers.base.assumingMemoryBound(to: Float.self) + column),
      bias: UnsafePointer(bias.base.assumingMemoryBound(to: Float.self) + column), minimum: bounds.lowerBound,
      maximum: bounds.upperBound, input_zero_point: inputZeroPoint)
  }
}

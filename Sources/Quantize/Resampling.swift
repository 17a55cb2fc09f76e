import Format

/// Where one output line (or column) of a bilinear resize lies between two input lines: at `lower` plus
/// `numerator` / `denominator` of the way to `upper`. Exact.
public struct ResizeCoordinate: Equatable, Sendable {
  public let lower: Int
  /// The next line, or the last one again.
  public let upper: Int
  /// 0 ..< `denominator`.
  public let numerator: Int64
  /// Twice the number of outputs.
  public let denominator: Int64

  /// (output + 1/2)·inputs / outputs − 1/2, at least 0, as a fraction of 2·outputs.
  public init(output: Int, of outputs: Int, inputs: Int) {
    denominator = 2 * Int64(outputs)
    let position = max(0, (2 * Int64(output) + 1) * Int64(inputs) - Int64(outputs))
    lower = Int(position / denominator)
    upper = min(lower + 1, inputs - 1)
    numerator = position % denominator
  }

  /// The share of `upper`, in 1/2048, to the nearest, halves up: 0 … 2048.
  public var fixedShare: Int32 { Int32((numerator * 4096 + denominator) / (2 * denominator)) }

  /// The share of `upper`, rounded once.
  public var share: Float { Float(Double(numerator) / Double(denominator)) }
}

/// The input line (or column) that output `output` of a nearest resize is: ⌊output·inputs / outputs⌋.
public func nearestCoordinate(output: Int, of outputs: Int, inputs: Int) -> Int {
  Int(Int64(output) * Int64(inputs) / Int64(outputs))
}

/// The s8 between four neighbours, `shares` being those of the right and the lower ones in 1/2048. The sum is exact, and as
/// the weights add up to 2^22, the zero point goes through it unchanged.
public func quantizedBilinear(
  _ corners: (topLeft: Int8, topRight: Int8, bottomLeft: Int8, bottomRight: Int8),
  shares: (horizontal: Int32, vertical: Int32)
) -> Int8 {
  let (right, down) = shares
  let top = Int32(corners.topLeft) * (2048 - right) + Int32(corners.topRight) * right
  let bottom = Int32(corners.bottomLeft) * (2048 - right) + Int32(corners.bottomRight) * right
  return Int8((top * (2048 - down) + bottom * down + (1 << 21)) >> 22)
}

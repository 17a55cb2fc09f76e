// Sigmoid and tanh of a recurrent layer with s8 weights, to the bit (docs/quantization.md, "Recurrent layers"): the next
// step's h is quantized, so that a difference in the last bit could grow. Every operation is one IEEE f32 operation, none
// contracted; Kernels/elementwise/exponential.h computes the same on vectors.

/// The numbers that a recurrent cell computes with: Double for the definition of f32 models, Float to the bit.
protocol GateNumber: BinaryFloatingPoint {
  static func sigmoid(_ x: Self) -> Self
  static func hyperbolicTangent(_ x: Self) -> Self
}

extension Double: GateNumber {
  static func sigmoid(_ x: Double) -> Double { logistic(x) }
  static func hyperbolicTangent(_ x: Double) -> Double { Quantize.hyperbolicTangent(x) }
}

extension Float: GateNumber {
  /// e^x for −87 ≤ x ≤ 88, beyond that (and for NaN) the nearer end's; relative error below 2^-22.
  ///
  /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, and e^x = 2^n · e^r.
  private static func gateExponential(_ number: Float) -> Float {
    let x = number > -87 ? Swift.min(number, 88) : -87
    let n = (x * 0x1.715476p0).rounded(.toNearestOrEven)
    // The first product is exact.
    var r = n * -0x1.62e4p-1 + x
    r = n * -0x1.7f7d1cp-20 + r
    var p: Float = 0x1.6d4328p-10
    p = p * r + 0x1.120b74p-7
    p = p * r + 0x1.5554eap-5
    p = p * r + 0x1.5554dcp-3
    p = p * r + 0.5
    p = p * (r * r) + r
    return (p + 1) * Float(sign: .plus, exponent: Int(n), significand: 1)
  }

  static func sigmoid(_ x: Float) -> Float {
    let e = gateExponential(0 - abs(x))
    return (x < 0 ? e : 1) / (1 + e)
  }

  static func hyperbolicTangent(_ x: Float) -> Float {
    let magnitude = abs(x)
    guard magnitude < 0.63 else {
      let e = gateExponential(magnitude * -2)
      let result = (1 - e) / (1 + e)
      return x.sign == .minus ? -result : result
    }
    // Near 0 that difference cancels: (tanh x / x − 1) / x² as a polynomial in x².
    let square = x * x
    var p: Float = -0.0060537
    p = p * square + 0.02096819
    p = p * square + -0.05384499
    p = p * square + 0.13332733
    p = p * square + -0.33333329
    let result = (p * square) * magnitude + magnitude
    return x.sign == .minus ? -result : result
  }
}

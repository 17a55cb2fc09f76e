// Elementary functions in plain IEEE operations. The C library's differ from one device to the next in the last bit;
// tables and reference results may not.

/// e^x, within 1 ulp: x = k·ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor series of e^r.
public func exponential(_ x: Double) -> Double {
  guard x == x else { return x }
  if x > 709.8 { return .infinity }
  if x < -745.2 { return 0 }
  let k = (x * 1.4426950408889634).rounded()
  // ln 2 in two parts, the first short enough for k times it to be exact.
  let r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
  let power = 1 + exponentialMinusOne(reduced: r)
  // Two steps, because 2^1024 and 2^−1075 are no doubles while their products with e^r are.
  let half = Int(k) / 2
  return power * Double(sign: .plus, exponent: half, significand: 1)
    * Double(sign: .plus, exponent: Int(k) - half, significand: 1)
}

/// e^r − 1 for |r| ≤ 0.7 by its series: r(1 + r/2(1 + r/3(…))).
private func exponentialMinusOne(reduced r: Double) -> Double {
  var nested = 1.0
  for divisor in stride(from: 18.0, through: 2, by: -1) { nested = 1 + r / divisor * nested }
  return r * nested
}

/// 1 / (1 + e^−x).
func logistic(_ x: Double) -> Double { 1 / (1 + exponential(-x)) }

/// (e^2x − 1) / (e^2x + 1), without cancellation near 0.
func hyperbolicTangent(_ x: Double) -> Double {
  if abs(x) < 0.35 {
    let difference = exponentialMinusOne(reduced: 2 * x)
    return difference / (difference + 2)
  }
  return 1 - 2 / (exponential(2 * x) + 1)
}

/// x / 2 · (1 + tanh u) with u = √(2/π)·(x + 0.044715·x³), without the cancellation: (1 + tanh u) / 2 is the logistic of 2u.
func gaussianErrorLinearUnit(_ x: Double) -> Double {
  x * logistic(1.5957691216057308 * x * (1 + 0.044715 * x * x))
}

/// log₁₀ x of a positive finite number: the exponent apart, and 2·artanh((m − 1)/(m + 1)) of the significand m in
/// [√½, √2).
func commonLogarithm(_ x: Double) -> Double {
  var exponent = Double(x.exponent)
  var significand = x.significand
  if significand > 1.4142135623730951 {
    significand /= 2
    exponent += 1
  }
  let ratio = (significand - 1) / (significand + 1)
  let square = ratio * ratio
  var series = 0.0
  for power in stride(from: 25.0, through: 1, by: -2) { series = series * square + 1 / power }
  return exponent * 0.30102999566398120 + 2 * ratio * series * 0.43429448190325183
}

/// ln x of a positive finite number.
public func naturalLogarithm(_ x: Double) -> Double { commonLogarithm(x) * 2.302585092994046 }

import Foundation
import Format

extension Activation {
  func value(_ x: Double) -> Double {
    switch self {
    case .relu: max(x, 0)
    case .relu6: min(max(x, 0), 6)
    case .sigmoid: logistic(x)
    case .tanh: Foundation.tanh(x)
    case .hardSigmoid: min(max(x + 3, 0), 6) / 6
    case .hardSwish: x * min(max(x + 3, 0), 6) / 6
    case .gelu: x / 2 * (1 + Foundation.tanh(geluArgument(x)))
    case .silu: x * logistic(x)
    case .leakyReLU(let slope): x > 0 ? x : Double(slope) * x
    case .threshold: x > 0 ? 1 : 0
    }
  }

  /// The derivative where the function's value is `v`, or its argument for functions with `slopeNeedsInput`; at a kink
  /// the smaller one of both sides.
  func slope(at v: Double) -> Double {
    switch self {
    case .relu: return v > 0 ? 1 : 0
    case .relu6: return v > 0 && v < 6 ? 1 : 0
    case .sigmoid: return v * (1 - v)
    case .tanh: return 1 - v * v
    case .hardSigmoid: return v > 0 && v < 1 ? 1.0 / 6 : 0
    case .hardSwish: return v <= -3 ? 0 : v < 3 ? (2 * v + 3) / 6 : 1
    case .gelu:
      let t = Foundation.tanh(geluArgument(v))
      return (1 + t) / 2 + v / 2 * (1 - t * t) * (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * v * v)
    case .silu: return logistic(v) * (1 + v * (1 - logistic(v)))
    case .leakyReLU(let slope): return v > 0 ? 1 : Double(slope)
    case .threshold: return 0
    }
  }
}

func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

private func geluArgument(_ x: Double) -> Double { (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x) }

import Foundation
import Terminal

/// A mark on an axis.
struct Tick: Equatable {
  let value: Double
  /// Empty for the small marks between labelled ones.
  let label: String
}

enum Ticks {
  /// Round values over `range`, 1, 2 or 5 times a power of ten apart, the first at or below its lower bound, the last
  /// at or above its upper bound.
  ///
  /// - Parameters:
  ///   - count: about how many; what is chosen has at most one and a half times as many, and at least two.
  ///   - minimumStep: 1 where there is nothing between whole numbers.
  static func linear(_ range: ClosedRange<Double>, count: Int, minimumStep: Double = 0) -> [Tick] {
    let step = max(roundStep((range.upperBound - range.lowerBound) / Double(count)), minimumStep)
    let first = Int((range.lowerBound / step + 1e-9).rounded(.down))
    let last = Int((range.upperBound / step - 1e-9).rounded(.up))
    return (first...max(last, first + 1)).map { index in
      let value = Double(index) * step
      return Tick(value: value, label: label(value, step: step))
    }
  }

  /// Powers of ten, or 1, 2 and 5 times them if `range` spans few; the values between them without labels.
  ///
  /// - Parameter range: above 0.
  static func logarithmic(_ range: ClosedRange<Double>, count: Int) -> [Tick] {
    let (low, high) = (log10(range.lowerBound), log10(range.upperBound))
    let first = Int((low + 1e-9).rounded(.down))
    let last = Int((high - 1e-9).rounded(.up))
    let stride = max(1, (last - first + count - 1) / count)
    let labelled: Set<Int> = high - low > 2.5 ? [1] : high - low > 1.2 ? [1, 3] : [1, 2, 5]
    var ticks: [Tick] = []
    for exponent in first...last {
      for digit in stride == 1 ? Array(1...9) : [1] {
        let value = Double(digit) * power(exponent)
        guard value >= range.lowerBound * (1 - 1e-9) && value <= range.upperBound * (1 + 1e-9) else { continue }
        let isLabelled = labelled.contains(digit) && (exponent - first).isMultiple(of: stride)
        guard isLabelled || stride < 6 else { continue }  // marks too near to be seen apart
        ticks.append(Tick(value: value, label: isLabelled ? label(digit, exponent: exponent) : ""))
      }
    }
    return ticks
  }

  /// The least of 1, 2, 5, 10 × 10^k that is not below `step`, or the next lower one if that is near.
  private static func roundStep(_ step: Double) -> Double {
    guard step > 0, step.isFinite else { return 1 }
    let unit = power(Int(log10(step).rounded(.down)))
    switch step / unit {
    case ..<1.4: return unit
    case ..<2.8: return 2 * unit
    case ..<7: return 5 * unit
    default: return 10 * unit
    }
  }

  private static func power(_ exponent: Int) -> Double { pow(10, Double(exponent)) }

  /// The number as an axis shows it, with as many digits as `step` asks for: "0.25", "12,000", "3 M", "2×10⁻⁵".
  static func label(_ value: Double, step: Double) -> String {
    if value.magnitude < step / 2 { return "0" }
    if value.magnitude >= 1e15 || step < 1e-4 {
      let exponent = Int(log10(value.magnitude * (1 + 1e-12)).rounded(.down))
      let digits = trimmed(fixed(value / power(exponent), decimals: 2))
      return minus((digits == "1" ? "" : digits + "×") + "10" + superscript(exponent))
    }
    if step >= 1e6 { return minus(trimmed(fixed(value / 1e6, decimals: 1))) + " M" }
    let decimals = max(0, Int((-log10(step) - 1e-9).rounded(.up)))
    return minus(grouped(fixed(value, decimals: decimals)))
  }

  private static func label(_ digit: Int, exponent: Int) -> String {
    if (-3...4).contains(exponent) {
      let text = fixed(Double(digit) * power(exponent), decimals: max(0, -exponent))
      return grouped(text)
    }
    return (digit == 1 ? "" : "\(digit)×") + "10" + superscript(exponent)
  }

  /// With commas between thousands, from five digits on.
  private static func grouped(_ text: String) -> String {
    let whole = text.prefix { $0 != "." }
    let digits = whole.drop { $0 == "-" }
    guard digits.count > 4 else { return text }
    var result = String(whole.prefix(whole.count - digits.count))
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index).isMultiple(of: 3) { result += "," }
      result.append(digit)
    }
    return result + text.dropFirst(whole.count)
  }

  private static func minus(_ text: String) -> String { text.hasPrefix("-") ? "−" + text.dropFirst() : text }

  private static func trimmed(_ text: String) -> String {
    var text = text
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }

  private static func superscript(_ exponent: Int) -> String {
    let digits: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
    return String(String(exponent).map { $0.wholeNumberValue.map { digits[$0] } ?? "⁻" })
  }
}

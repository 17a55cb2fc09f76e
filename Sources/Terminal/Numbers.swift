// Numbers as text, without Foundation: `String(format:)` does not exist on the device.

/// `value` with exactly `decimals` digits behind the point, rounded half away from zero: `fixed(2.345, decimals: 2)` is
/// "2.35". Values too large for that (2^63 in units of the last digit) come in Swift's own notation.
///
/// - Parameter decimals: 0 to 15.
public func fixed(_ value: Double, decimals: Int) -> String {
  precondition((0...15).contains(decimals), "decimals outside 0...15")
  guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
  var unit: UInt64 = 1
  for _ in 0..<decimals { unit *= 10 }
  let scaled = (value.magnitude * Double(unit)).rounded(.toNearestOrAwayFromZero)
  guard scaled < 0x1p63 else { return "\(value)" }
  let digits = UInt64(scaled)
  let sign = value < 0 && digits != 0 ? "-" : ""
  guard decimals > 0 else { return sign + String(digits) }
  let fraction = String(digits % unit)
  return sign + String(digits / unit) + "." + String(repeating: "0", count: decimals - fraction.utf8.count) + fraction
}

/// A share in [0, 1] as a percentage: "93.4 %".
public func percent(_ share: Double, decimals: Int = 1) -> String { fixed(share * 100, decimals: decimals) + " %" }

/// A duration in milliseconds: "1.234 ms".
public func milliseconds(_ nanoseconds: UInt64, decimals: Int = 3) -> String {
  fixed(Double(nanoseconds) / 1e6, decimals: decimals) + " ms"
}

/// A size with a decimal unit, three or four digits: "812 B", "61.7 KB", "4.29 MB".
public func byteSize(_ bytes: Int) -> String {
  guard bytes >= 1000 else { return "\(bytes) B" }
  return scaled(Double(bytes), units: ["KB", "MB", "GB", "TB"])
}

/// A count with a unit prefix: "950", "41.9 K", "568.7 M".
public func shortCount(_ count: Int) -> String {
  guard count >= 1000 else { return "\(count)" }
  return scaled(Double(count), units: ["K", "M", "G", "T"])
}

private func scaled(_ count: Double, units: [String]) -> String {
  var value = count / 1000
  var unit = 0
  // 999.95 would print as 1000.0.
  while value >= 999.95 && unit + 1 < units.count {
    value /= 1000
    unit += 1
  }
  return fixed(value, decimals: value < 9.995 ? 2 : 1) + " " + units[unit]
}

/// The number that `text` writes in decimal: digits, an optional fraction, an optional exponent, an optional sign.
///
/// Correctly rounded for up to 15 digits and powers of ten up to 22, as everything that people type is; beyond that the
/// last bit may be off. `Double(String)` does not exist on the device.
public func parseDecimal(_ text: String) -> Double? {
  var bytes = Array(text.utf8)[...]
  var negative = false
  if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
    negative = sign == UInt8(ascii: "-")
    bytes.removeFirst()
  }
  var digits = 0
  var mantissa = 0.0
  var exponent = 0
  var seenPoint = false
  scan: while let byte = bytes.first {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      mantissa = mantissa * 10 + Double(byte - UInt8(ascii: "0"))
      digits += 1
      if seenPoint { exponent -= 1 }
    case UInt8(ascii: "."):
      guard !seenPoint else { return nil }
      seenPoint = true
    default:
      break scan
    }
    bytes.removeFirst()
  }
  guard digits > 0 else { return nil }
  if let mark = bytes.first {
    guard mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E"),
      let written = Int(String(decoding: bytes.dropFirst(), as: UTF8.self)), (-400...400).contains(written)
    else { return nil }
    exponent += written
  }
  var power = 1.0
  for _ in 0..<min(exponent.magnitude, 400) { power *= 10 }
  let magnitude = exponent < 0 ? mantissa / power : mantissa * power
  guard magnitude.isFinite else { return nil }
  return negative ? -magnitude : magnitude
}

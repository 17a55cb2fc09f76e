/// Keeps the smallest and largest value it has seen.
public struct MinMaxObserver: Equatable, Sendable {
  private(set) var minimum = Float.infinity
  private(set) var maximum = -Float.infinity
  /// Whether any value was infinite or no number.
  private(set) var sawNonFinite = false

  public init() {}

  public mutating func observe(_ values: UnsafeBufferPointer<Float>) {
    for value in values {
      if value.isFinite {
        minimum = min(minimum, value)
        maximum = max(maximum, value)
      } else {
        sawNonFinite = true
      }
    }
  }

  /// The closed range of all values; nil before the first.
  public var range: ClosedRange<Float>? { minimum <= maximum ? minimum...maximum : nil }
}

/// Cuts off rare extremes: a range that leaves at most a given share of the values outside on either side.
///
/// Memory is bounded: a histogram of `binCount` bins of one width, a power of two, around 0. When a value falls outside,
/// the width doubles and pairs of bins merge. A value's bin is ⌊value / width⌋ at every width, so the histogram, and
/// with it the range, depends on the values alone and not on their order.
///
/// The ends are interpolated inside their bins: each is off the exact percentile by at most one bin, which is between
/// 1/2048 and 1/1024 of the largest magnitude.
public struct PercentileObserver: Equatable, Sendable {
  /// Per cent of the values that stay inside on either side, in (50, 100].
  public let percentile: Double

  private var extremes = MinMaxObserver()
  /// Bin i holds the values in [(i − binCount/2)·width, (i + 1 − binCount/2)·width).
  /// Empty until there is a value.
  private var bins: [UInt64] = []
  private var total: UInt64 = 0
  /// log₂ of the bins' width. At the start smaller than any value of interest.
  private var exponent = -60

  static let binCount = 4096

  /// - Precondition: `percentile` is in (50, 100].
  public init(percentile: Double) {
    precondition(percentile > 50 && percentile <= 100, "a percentile to keep is more than 50, at most 100")
    self.percentile = percentile
  }

  var sawNonFinite: Bool { extremes.sawNonFinite }

  public mutating func observe(_ values: UnsafeBufferPointer<Float>) {
    extremes.observe(values)
    guard let range = extremes.range else { return }
    if bins.isEmpty { bins = [UInt64](repeating: 0, count: PercentileObserver.binCount) }
    widen(toHold: range)
    let inverse = Double(sign: .plus, exponent: -exponent, significand: 1)
    for value in values where value.isFinite {
      bins[Int((Double(value) * inverse).rounded(.down)) + PercentileObserver.binCount / 2] += 1
      total += 1
    }
  }

  /// Doubles the width until both ends of `range` have a bin.
  private mutating func widen(toHold range: ClosedRange<Float>) {
    let half = PercentileObserver.binCount / 2
    var doublings = 0
    func limit() -> Double { Double(sign: .plus, exponent: exponent + doublings, significand: Double(half)) }
    while Double(range.upperBound) >= limit() || Double(range.lowerBound) < -limit() { doublings += 1 }
    guard doublings > 0 else { return }
    exponent += doublings
    guard total > 0 else { return }
    var merged = [UInt64](repeating: 0, count: bins.count)
    for (bin, count) in bins.enumerated() where count > 0 {
      // An arithmetic shift is the floor of a division; 63 of them reach every end there is.
      merged[((bin - half) >> min(doublings, Int.bitWidth - 1)) + half] += count
    }
    bins = merged
  }

  /// The range between the two percentiles, inside the smallest and largest value; nil before the first value.
  public var range: ClosedRange<Float>? {
    guard let all = extremes.range else { return nil }
    let outside = Double(total) * (1 - percentile / 100)
    let lower = max(Float(quantile(outside)), all.lowerBound)
    let upper = min(Float(quantile(Double(total) - outside)), all.upperBound)
    return lower <= upper ? lower...upper : all
  }

  /// The value that `rank` of all values are below, 0 ≤ `rank` ≤ `total`.
  private func quantile(_ rank: Double) -> Double {
    let width = Double(sign: .plus, exponent: exponent, significand: 1)
    let first = -Double(bins.count / 2)
    var below = 0.0
    var end = first
    for (bin, count) in bins.enumerated() where count > 0 {
      let share = (rank - below) / Double(count)
      if share <= 1 { return (first + Double(bin) + share) * width }
      below += Double(count)
      end = first + Double(bin) + 1
    }
    return end * width
  }
}

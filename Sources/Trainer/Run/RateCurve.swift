import Foundation

/// The loss of steps whose learning rate rises exponentially (Smith 2015, "Cyclical learning rates for training neural
/// networks"): flat where the rate is too small to learn in a few steps, falling where it is good, rising where it is too
/// large.
public struct RateCurve: Sendable {
  /// Rising by the same factor from step to step.
  public let rates: [Double]
  /// The mean loss of each step's examples, before the step.
  public private(set) var losses: [Double] = []
  /// The lowest mean of successive losses so far.
  private var lowestMean = Double.infinity

  /// Successive losses whose mean tells an explosion from the noise of one step.
  private static let window = 5
  /// The loss has exploded when it is so many times the lowest before.
  private static let explosion = 4.0

  /// - Parameters:
  ///   - range: the first and the last rate, above 0.
  ///   - steps: at least 2.
  public init(_ range: ClosedRange<Double>, steps: Int) {
    precondition(range.lowerBound > 0 && range.upperBound > range.lowerBound && steps >= 2, "no ramp of rates")
    let factor = pow(range.upperBound / range.lowerBound, 1 / Double(steps - 1))
    rates = (0..<steps).map { range.lowerBound * pow(factor, Double($0)) }
  }

  /// The rate of the next step; nil after the last.
  public var nextRate: Double? { losses.count < rates.count ? rates[losses.count] : nil }

  /// Adds what the step with `nextRate` gave.
  ///
  /// - Returns: whether the loss has exploded: higher rates tell nothing more.
  public mutating func add(loss: Double) -> Bool {
    losses.append(loss)
    let last = losses.suffix(RateCurve.window)
    let mean = last.reduce(0, +) / Double(last.count)
    if last.count == RateCurve.window { lowestMean = min(lowestMean, mean) }
    // Written so that NaN explodes, too.
    return !(mean <= RateCurve.explosion * lowestMean)
  }

  /// Each loss as the mean of those around it, a twenty-fifth of the ramp.
  public var smoothed: [Double] {
    let reach = max(rates.count / 50, 1)
    return losses.indices.map { step in
      let around = losses[max(step - reach, 0)...min(step + reach, losses.count - 1)]
      return around.reduce(0, +) / Double(around.count)
    }
  }

  /// What a reader of the curve wants to know.
  public struct Valley: Equatable, Sendable {
    /// The lowest smoothed loss, and the rate that it has there.
    public let loss: Double
    public let rate: Double
    /// The highest rate at which the smoothed loss is still within a tenth of the lowest: the far side of the valley.
    public let highestRate: Double

    /// A third of the highest rate: room for what a long training needs.
    public var suggestion: Double { highestRate / 3 }
  }

  /// Nil if the smoothed loss nowhere falls below nine tenths of where it began.
  public var valley: Valley? {
    let smoothed = smoothed
    let finite = smoothed.indices.filter { smoothed[$0].isFinite }
    guard let lowest = finite.min(by: { smoothed[$0] < smoothed[$1] }), smoothed[lowest] < 0.9 * smoothed[0] else {
      return nil
    }
    let side = smoothed[lowest...].prefix { $0 <= 1.1 * smoothed[lowest] }
    return Valley(loss: smoothed[lowest], rate: rates[lowest], highestRate: rates[side.endIndex - 1])
  }
}

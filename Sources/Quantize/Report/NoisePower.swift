/// The power of a signal and of the error in another version of it, added up over any number of values.
public struct NoisePower: Equatable, Sendable {
  public private(set) var signal = 0.0
  public private(set) var noise = 0.0

  public init() {}

  /// Takes in values and what stands for them.
  public mutating func add(_ exact: [Float], _ approximate: [Float]) {
    for (exact, approximate) in zip(exact, approximate) {
      let error = Double(exact) - Double(approximate)
      signal += Double(exact) * Double(exact)
      noise += error * error
    }
  }

  /// The signal-to-quantization-noise ratio, 10·log₁₀(signal / noise), in dB: infinite without noise, and −infinite for
  /// noise without a signal.
  public var decibels: Double {
    if noise == 0 { return .infinity }
    if signal == 0 { return -.infinity }
    return 10 * (commonLogarithm(signal) - commonLogarithm(noise))
  }
}

/// Random numbers from a seed, the same on every machine (SplitMix64: Steele, Lea, Flood 2014). Tests take their seeds as arguments, so that a
/// failure names the one to replay.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  public mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }

  public mutating func bool() -> Bool { .random(using: &self) }

  /// One of `choices`, which is not empty.
  public mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[int(0...choices.count - 1)] }

  public mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in .random(in: range, using: &self) }
  }

  public mutating func bytes(_ count: Int, in range: ClosedRange<Int8> = -128...127) -> [Int8] {
    (0..<count).map { _ in .random(in: range, using: &self) }
  }

  /// About normal: the sum of twelve uniform numbers, as trained weights and activations are distributed.
  public mutating func normals(_ count: Int, deviation: Float) -> [Float] {
    (0..<count).map { _ in floats(12, in: -0.5...0.5).reduce(0, +) * deviation }
  }
}

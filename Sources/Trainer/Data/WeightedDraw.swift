/// Draws of numbered things by their weights, always the same for one seed.
public struct WeightedDraw: Sendable {
  private var stream: RandomStream

  public init(seed: UInt64) { stream = RandomStream(seed: seed, .textSample) }

  /// A number in 0..<weights.count, each as often as its weight (at least 0) has a share in their sum.
  public mutating func index(weights: [Float]) -> Int {
    var rest = weights.reduce(0, +) * Float(stream.next(below: 1 << 24)) / Float(1 << 24)
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.count - 1
  }
}

/// Random numbers one after another: the blocks of `Philox` with counters (block, index, number, purpose). What is
/// drawn is a function of the seed and the place it is drawn for, never of what was drawn before.
struct RandomStream {
  /// What numbers are for; weights and dropout use 0 in its place.
  enum Purpose: UInt32 {
    /// `number` is the epoch, from 1.
    case trainingOrder = 1
    /// `number` is the epoch, from 1; `index` the image.
    case augmentation
    case validationSplit
    /// `number` is the class.
    case testSplit
    case sample
    /// `number` is the epoch, from 1; `index` the class.
    case balancedSampling
    /// Which texts are tested with.
    case sequenceSplit
    /// `number` tells sets apart.
    case sequenceExamples
  }

  private let philox: Philox
  private let index: UInt32
  private let number: UInt32
  private let purpose: Purpose
  private var block: UInt32 = 0
  /// Words of the current block that are still to be given out.
  private var words = SIMD4<UInt32>()
  private var left = 0

  init(seed: UInt64, _ purpose: Purpose, number: Int = 0, index: Int = 0) {
    philox = Philox(key: seed)
    self.purpose = purpose
    self.number = UInt32(truncatingIfNeeded: number)
    self.index = UInt32(truncatingIfNeeded: index)
  }

  mutating func next() -> UInt32 {
    if left == 0 {
      words = philox(block, index, number, purpose.rawValue)
      block += 1
      left = 4
    }
    left -= 1
    return words[3 - left]
  }

  /// A uniform number in 0 ..< `bound`: the high half of a 64-bit product, drawn again where that would be biased
  /// (Lemire, "Fast random integer generation in an interval", 2019).
  ///
  /// - Precondition: `bound` is in 1 ..< 2^32.
  mutating func next(below bound: Int) -> Int {
    let bound = UInt32(bound)
    let threshold = (0 &- bound) % bound
    while true {
      let product = next().multipliedFullWidth(by: bound)
      if product.low >= threshold { return Int(product.high) }
    }
  }

  /// The numbers 0 ..< `count` in random order: Fisher–Yates from the end.
  mutating func permutation(of count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, next(below: last + 1)) }
    return order
  }
}

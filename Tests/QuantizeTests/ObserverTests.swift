import TestSupport
import Testing

@testable import Quantize

@Suite struct ObserverTests {
  private func percentileRange(_ values: [Float], _ percentile: Double, chunk: Int = .max) -> ClosedRange<Float>? {
    var observer = PercentileObserver(percentile: percentile)
    var start = 0
    while start < values.count {
      let end = min(values.count, start &+ min(chunk, values.count))
      values.withUnsafeBufferPointer { observer.observe(UnsafeBufferPointer(rebasing: $0[start..<end])) }
      start = end
    }
    return observer.range
  }

  @Test func minMaxKeepsTheExtremes() {
    var observer = MinMaxObserver()
    #expect(observer.range == nil)
    ([3, -1, 2] as [Float]).withUnsafeBufferPointer { observer.observe($0) }
    ([7] as [Float]).withUnsafeBufferPointer { observer.observe($0) }
    #expect(observer.range == -1...7)
    #expect(!observer.sawNonFinite)
    ([.nan, .infinity] as [Float]).withUnsafeBufferPointer { observer.observe($0) }
    #expect(observer.range == -1...7)
    #expect(observer.sawNonFinite)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>, [99.99, 99.9, 99, 75])
  func percentilesAreWithinABinOfTheExactOnes(seed: UInt64, percentile: Double) throws {
    var random = SeededGenerator(seed: seed)
    let magnitude = Float(sign: .plus, exponent: random.int(-30...20), significand: 1)
    let values = random.normals(20_000, deviation: magnitude)
    let sorted = values.sorted()
    let range = try #require(percentileRange(values, percentile))
    let outside = Double(values.count) * (1 - percentile / 100)
    let largest = max(-sorted.first!, sorted.last!)
    // The exact percentile lies between two neighbours of the sorted values.
    let bin = largest / 1024
    let below = Int(outside.rounded(.down))
    #expect(range.lowerBound >= sorted[max(below - 1, 0)] - bin && range.lowerBound <= sorted[below] + bin)
    let above = values.count - 1 - below
    #expect(
      range.upperBound <= sorted[min(above + 1, values.count - 1)] + bin && range.upperBound >= sorted[above] - bin)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func theOrderOfValuesDoesNotMatter(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    // Growing magnitudes: the bins double on the way in one order and at once in the other.
    let values = (0..<3000).map { index in
      Float.random(in: -1...1, using: &random) * Float(sign: .plus, exponent: index / 100 - 10, significand: 1)
    }
    let forwards = percentileRange(values, 99, chunk: 100)
    #expect(percentileRange(values.reversed(), 99, chunk: 7) == forwards)
    #expect(percentileRange(values.shuffled(using: &random), 99) == forwards)
  }

  @Test func aHundredPerCentIsMinMax() {
    #expect(percentileRange([3, -1, 2, 0.001], 100) == -1...3)
    #expect(percentileRange([5], 99) == 5...5)
    #expect(percentileRange([0, 0, 0], 99.9) == 0...0)
    #expect(percentileRange([], 99) == nil)
  }

  @Test func outliersAreCut() throws {
    var values = [Float](repeating: 0.5, count: 100_000)
    values[77] = 1000
    let range = try #require(percentileRange(values, 99.99))
    #expect(range.upperBound < 2)
    #expect(range.lowerBound >= 0)
  }

  @Test func extremeMagnitudesHaveABin() {
    #expect(
      percentileRange([.greatestFiniteMagnitude, -.greatestFiniteMagnitude], 100)?.upperBound
        == .greatestFiniteMagnitude)
    #expect(
      percentileRange([.leastNonzeroMagnitude, -.leastNonzeroMagnitude], 100)?.upperBound == .leastNonzeroMagnitude)
    // Each at the edge of its bin: a power of two is the first value that needs the next width.
    for exponent in -50...50 {
      let edge = Float(sign: .plus, exponent: exponent, significand: 1)
      #expect(percentileRange([edge, -edge, 0], 100, chunk: 1) == -edge...edge)
    }
  }
}

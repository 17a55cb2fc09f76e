import Testing

@testable import Trainer

@Suite struct PlotAxisTests {
  @Test(arguments: [
    (0.0...1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    (0.0...2.4, ["0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
    (-1.5...1.5, ["−1.5", "−1.0", "−0.5", "0", "0.5", "1.0", "1.5"]),
    (0.0...60_000.0, ["0", "10,000", "20,000", "30,000", "40,000", "50,000", "60,000"]),
    (0.0...5_000.0, ["0", "1000", "2000", "3000", "4000", "5000"]),
    (0.91...0.935, ["0.910", "0.915", "0.920", "0.925", "0.930", "0.935"]),
    (0.0...4e6, ["0", "1 M", "2 M", "3 M", "4 M"]),
    (0.0...4e-6, ["0", "10⁻⁶", "2×10⁻⁶", "3×10⁻⁶", "4×10⁻⁶"]),
  ]) func linearTicks(range: ClosedRange<Double>, labels: [String]) {
    #expect(Ticks.linear(range, count: 5).map { $0.label } == labels)
  }

  @Test func linearTicksCoverAnyRange() {
    var noise = Noise(seed: 11)
    for _ in 0..<2000 {
      let low = noise.next() * pow10(Int(noise.next() * 9))
      let range = low...(low + noise.next().magnitude * pow10(Int(noise.next() * 9)) + low.magnitude * 1e-9 + 1e-300)
      let ticks = Ticks.linear(range, count: 5)
      let step = ticks[1].value - ticks[0].value
      #expect(ticks[0].value <= range.lowerBound + step * 1e-6, "\(range)")
      #expect(ticks[ticks.count - 1].value >= range.upperBound - step * 1e-6, "\(range)")
      #expect((2...10).contains(ticks.count), "\(range): \(ticks.count)")
    }
  }

  @Test(arguments: [
    (1e-6...10.0, ["10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1", "10"]),
    (0.2...0.7, ["0.2", "0.5"]),
    (1.0...50.0, ["1", "3", "10", "30"]),
    (1e-12...1e12, ["10⁻¹²", "10⁻⁸", "10⁻⁴", "1", "10,000", "10⁸", "10¹²"]),
  ]) func logarithmicTicks(range: ClosedRange<Double>, labels: [String]) {
    #expect(Ticks.logarithmic(range, count: 7).map { $0.label }.filter { !$0.isEmpty } == labels)
  }

  @Test func axisPlacesValues() {
    let linear = Axis("x", values: [0, 10])
    #expect(linear.position(0) == 0 && linear.position(10) == 1 && linear.position(2.5) == 0.25)
    #expect(linear.position(.nan) == nil && linear.position(.infinity) == nil)
    let logarithmic = Axis("x", scale: .logarithmic, values: [0, -3, .nan, 0.01, 100])
    #expect(logarithmic.range == 0.01...100)
    #expect(abs((logarithmic.position(1) ?? 0) - 0.5) < 1e-12)
    #expect(logarithmic.position(0) == nil && logarithmic.position(-1) == nil)
  }

  @Test(arguments: [Axis.Scale.linear, .logarithmic]) func axisHasWidthWhateverIsGiven(scale: Axis.Scale) {
    for values in [[], [.nan], [3], [0], [5, 5, 5], [.infinity, 2], [1e300, -1e300], [1e-300, 1e300]] as [[Double]] {
      let axis = Axis("x", scale: scale, values: values)
      #expect(axis.range.lowerBound < axis.range.upperBound, "\(values)")
      #expect(!axis.ticks.isEmpty && axis.ticks.count < 40, "\(values): \(axis.ticks.count)")
    }
  }

  @Test func numbersInFewDigits() {
    #expect(
      [0, 0.03125, 0.5, 3.14159, 93.4, 512.25, 12345.6].map { shortNumber($0) } == [
        "0.0000", "0.0313", "0.5000", "3.142", "93.40", "512.3", "12346",
      ])
    #expect(
      [0.0004, 0.04, 4, 40, 400].map { shortNumber($0, digits: 3) } == ["4×10⁻⁴", "0.040", "4.00", "40.0", "400"])
    #expect(shortNumber(-0.000_000_413) == "−4.13×10⁻⁷")
  }

  @Test func summaryKeepsExtremesAndMean() {
    let points = (0..<1000).map { Point(x: Double($0), y: $0 == 500 ? 9 : Double($0 % 2)) } + [Point(x: 3, y: .nan)]
    let intervals = points.summarized(into: 10, over: Axis("x", values: [0, 1000], isTight: true))
    #expect(intervals.count == 10)
    #expect(intervals[0] == Interval(x: 49.5, mean: 0.5, low: 0, high: 1))
    #expect(intervals[5].high == 9)
    #expect([Point]().summarized(into: 4, over: Axis("x", values: [])).isEmpty)
  }

  private func pow10(_ exponent: Int) -> Double {
    (0..<exponent.magnitude).reduce(1.0) { value, _ in exponent < 0 ? value / 10 : value * 10 }
  }
}

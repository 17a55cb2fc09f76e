import Foundation
import Testing

@testable import Trainer

@Suite struct RateCurveTests {
  /// Flat at 2.3, falling by ln(rate / 0.001) / 5 from 0.001 on, rising steeply from 0.1 on, with some noise.
  private func curve(seed: UInt64, noise amplitude: Double = 0.05) -> (curve: RateCurve, end: Int?) {
    var noise = Noise(seed: seed)
    var curve = RateCurve(1e-6...10, steps: 200)
    while let rate = curve.nextRate {
      let fall = 0.3 * max(log(min(rate, 0.1) / 0.001), 0)
      let rise = rate > 0.1 ? 8 * log(rate / 0.1) * log(rate / 0.1) : 0
      if curve.add(loss: 2.3 - fall + rise + amplitude * noise.next()) { return (curve, curve.losses.count) }
    }
    return (curve, nil)
  }

  @Test func ratesRiseByOneFactor() {
    let rates = RateCurve(1e-4...1, steps: 5).rates
    for (rate, expected) in zip(rates, [1e-4, 1e-3, 1e-2, 1e-1, 1]) { #expect(abs(rate / expected - 1) < 1e-12) }
  }

  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func valleyIsFoundThroughNoise(seed: UInt64) throws {
    let (curve, end) = curve(seed: seed)
    let valley = try #require(curve.valley)
    #expect((0.04...0.2).contains(valley.rate), "\(valley.rate)")
    #expect(abs(valley.loss - 0.92) < 0.25)
    #expect((valley.rate...0.3).contains(valley.highestRate), "\(valley.highestRate)")
    #expect(valley.suggestion == valley.highestRate / 3)
    // It stops soon after the explosion, not at the end of the ramp.
    let stopped = try #require(end)
    #expect((0.15...2).contains(curve.rates[stopped - 1]))
  }

  @Test func noiseAloneIsNoExplosionAndNoSuggestion() {
    var noise = Noise(seed: 9)
    var curve = RateCurve(1e-6...1, steps: 300)
    while curve.nextRate != nil {
      let hasExploded = curve.add(loss: 2.3 + 0.4 * noise.next())
      #expect(!hasExploded)
    }
    #expect(curve.valley == nil)
  }

  @Test func whatIsNoNumberEndsTheRamp() {
    for loss in [Double.nan, .infinity] {
      var curve = RateCurve(1e-3...1, steps: 50)
      var ends = (0..<10).map { _ in curve.add(loss: 1) }
      ends.append(curve.add(loss: loss))
      #expect(ends == [Bool](repeating: false, count: 10) + [true])
      #expect(curve.valley == nil)
    }
  }

  @Test func pageIsWellFormed() throws {
    for curve in [curve(seed: 1).curve, RateCurve(1e-3...1, steps: 10)] {
      let html = RateReport(title: "Rates <1>", summary: "Summary.", curve: curve, command: "edgetrain lr-find").html
      let page = try ParsedXML(String(html.dropFirst("<!DOCTYPE html>\n".count)))
      #expect(page.elements["svg"] == 2)  // the drawing and its clipped part
      #expect(page.text.contains("suggestion: ") == (curve.valley != nil))
    }
  }
}

import Foundation
import Testing

@testable import Quantize

/// Against the C library, which is within an ulp or two of the truth.
@Suite struct ElementaryFunctionTests {
  private func close(_ value: Double, _ expected: Double, ulps: Double = 4) -> Bool {
    abs(value - expected) <= ulps * expected.ulp
  }

  /// The arguments where a function is not close to the expected one.
  private func misses(
    _ arguments: [Double], ulps: Double = 4, _ function: (Double) -> Double, _ expected: (Double) -> Double
  ) -> [Double] {
    arguments.filter { !close(function($0), expected($0), ulps: ulps) }
  }

  @Test func exponentials() {
    let steps = (-7000...7000).map { Double($0) }
    #expect(misses(steps.map { $0 / 10 }, exponential, exp) == [])
    #expect(misses(steps.map { $0 * 1e-5 }, exponential, exp) == [])
    #expect(exponential(0) == 1)
    #expect(exponential(710) == .infinity)
    #expect(exponential(-746) == 0)
    #expect(exponential(-740) > 0)
    #expect(exponential(.infinity) == .infinity)
    #expect(exponential(-.infinity) == 0)
    #expect(exponential(.nan).isNaN)
  }

  @Test func sigmoidsAndTangents() {
    let arguments = (-4000...4000).map { Double($0) / 100 + 1e-7 }
    #expect(misses(arguments, ulps: 8, logistic) { 1 / (1 + exp(-$0)) } == [])
    #expect(misses(arguments, ulps: 8, hyperbolicTangent, tanh) == [])
    #expect(close(hyperbolicTangent(1e-12), 1e-12))
    #expect(hyperbolicTangent(0) == 0)
    #expect(hyperbolicTangent(1000) == 1)
    #expect(hyperbolicTangent(-1000) == -1)
  }

  @Test func logarithms() {
    let arguments = (-300...300).flatMap { exponent in
      [1.0, 1.4142135, 1.5, 1.999, 7.3].map { $0 * pow(10, Double(exponent)) }
    }
    #expect(arguments.filter { abs(commonLogarithm($0) - log10($0)) > 1e-12 } == [])
    #expect(commonLogarithm(1) == 0)
  }
}

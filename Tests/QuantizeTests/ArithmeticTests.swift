import Format
import Testing

@testable import Quantize

/// Quantizations of activations from narrow to wide, one-sided and two-sided.
private let activationQuantizations = [
  Quantization(minimum: 0, maximum: 6), Quantization(minimum: -1, maximum: 1),
  Quantization(minimum: -7.3, maximum: 0.2),
  Quantization(minimum: 0, maximum: 1e-3), Quantization(minimum: -250, maximum: 3000),
]

@Suite struct QuantizationRangeTests {
  @Test func zeroIsAlwaysExact() {
    for quantization in activationQuantizations {
      #expect(quantization.dequantize(quantization.quantize(0)) == 0)
    }
  }

  @Test func everyIntegerSurvivesTheRoundTrip() {
    for quantization in activationQuantizations {
      for value in Int8.min...Int8.max {
        #expect(quantization.quantize(quantization.dequantize(value)) == value)
      }
    }
  }

  @Test func quantizingErrsByAtMostHalfAStepInsideTheRange() {
    for quantization in activationQuantizations {
      let scale = Double(quantization.scales[0])
      let low = Double(quantization.dequantize(-128))
      let high = Double(quantization.dequantize(127))
      for step in 0...4096 {
        let value = Float(low + (high - low) * Double(step) / 4096)
        let error = abs(Double(quantization.dequantize(quantization.quantize(value))) - Double(value))
        // Half a step, and the f32 rounding of a quotient of up to 255.
        #expect(error <= scale * 0.50004)
      }
    }
  }

  @Test func tiesGoToEven() {
    let quantization = Quantization(scale: 0.5, zeroPoint: 0)
    #expect(quantization.quantize(0.25) == 0)
    #expect(quantization.quantize(0.75) == 2)
    #expect(quantization.quantize(-0.25) == 0)
    #expect(quantization.quantize(-0.75) == -2)
  }

  @Test func whatIsNoNumberOrTooLargeSaturates() {
    let quantization = Quantization(minimum: -1, maximum: 1)
    #expect(quantization.quantize(.nan) == -128)
    #expect(quantization.quantize(.infinity) == 127)
    #expect(quantization.quantize(-.infinity) == -128)
    #expect(quantization.quantize(.greatestFiniteMagnitude) == 127)
  }

  @Test func everyRangeGivesAScaleInBounds() {
    let ends: [Float] = [
      0, -0.0, .leastNonzeroMagnitude, 1e-30, 1e-12, 1, 1e20, .greatestFiniteMagnitude, .infinity, .nan,
    ]
    for low in ends.map({ -$0 }) + ends {
      for high in ends {
        let quantization = Quantization(minimum: low, maximum: high)
        #expect(Quantization.scales.contains(quantization.scales[0]), "\(low)...\(high)")
        #expect((-128...127).contains(quantization.zeroPoint))
      }
    }
    #expect(Quantization(minimum: 0, maximum: 0).scales == [1])
  }

  @Test func theRangeIsCovered() {
    let quantization = Quantization(minimum: -1, maximum: 3)
    let scale = quantization.scales[0]
    #expect(abs(quantization.dequantize(-128) - -1) <= scale / 2)
    #expect(abs(quantization.dequantize(127) - 3) <= scale / 2)
  }

  @Test func dynamicRangesIgnoreWhatIsNoNumber() {
    #expect(Quantization(rangeOf: [.nan, -1, 2, .nan]) == Quantization(minimum: -1, maximum: 2))
    #expect(Quantization(rangeOf: [5, 7]) == Quantization(minimum: 0, maximum: 7))
  }
}

@Suite struct RequantizationTests {
  /// Accumulators at every edge: powers of two and their neighbours, of both signs.
  private var accumulators: [Int32] {
    var result: [Int32] = [0, .min, .max]
    for bit in 0..<31 {
      for delta: Int32 in -1...1 {
        let value = (Int32(1) << bit) &+ delta
        result += [value, 0 &- value]
      }
    }
    return result
  }

  /// Scale ratios from the smallest possible to the largest.
  private let ratios: [Float] = [0x1p-120, 0x1p-40, 0.000123, 0.0078125, 0.37, 1, 2.5, 0x1p40, 0x1p120]

  @Test func equalsTheFormulaComputedInDouble() {
    for ratio in ratios {
      for output in activationQuantizations {
        let requantize = Requantization(
          accumulator: [ratio * 0x1p-6], output: Quantization(scale: 0x1p-6, zeroPoint: output.zeroPoint))
        for accumulator in accumulators {
          // Float(Double) rounds once, and a product of two floats is exact in Double: the same IEEE product.
          let product = Float(Double(Float(Double(accumulator))) * Double(ratio))
          let rounded = Double(product).rounded(.toNearestOrEven) + Double(output.zeroPoint)
          #expect(requantize(accumulator, channel: 0) == Int8(min(max(rounded, -128), 127)))
        }
      }
    }
  }

  @Test func isMonotonic() {
    let sorted = accumulators.sorted()
    for ratio in ratios {
      let requantize = Requantization(accumulator: [ratio], output: Quantization(scale: 1, zeroPoint: 3))
      for (smaller, larger) in zip(sorted, sorted.dropFirst()) {
        #expect(requantize(smaller, channel: 0) <= requantize(larger, channel: 0))
      }
    }
  }

  @Test func tiesGoToEven() {
    let requantize = Requantization(accumulator: [0.5], output: Quantization(scale: 1, zeroPoint: 10))
    let expected: [(Int32, Int8)] = [(1, 10), (3, 12), (5, 12), (7, 14), (-1, 10), (-3, 8), (-5, 8)]
    for (accumulator, result) in expected { #expect(requantize(accumulator, channel: 0) == result) }
  }

  @Test func fusedActivationsNarrowTheResult() {
    let output = Quantization(scale: 0.05, zeroPoint: -20)
    let relu = Requantization(accumulator: [0.01], output: output, activation: .relu)
    let relu6 = Requantization(accumulator: [0.01], output: output, activation: .relu6)
    #expect(relu(-1000, channel: 0) == -20)
    #expect(relu(100_000, channel: 0) == 127)
    #expect(relu6(100_000, channel: 0) == 100)
    #expect(relu6(.min, channel: 0) == -20)
  }
}

@Suite struct QuantizedAddTests {
  private let triples: [(Quantization, Quantization, Quantization)] = [
    (
      Quantization(minimum: -1, maximum: 1), Quantization(minimum: -1, maximum: 1),
      Quantization(minimum: -2, maximum: 2)
    ),
    (
      Quantization(minimum: 0, maximum: 6), Quantization(minimum: -3, maximum: 3), Quantization(minimum: -3, maximum: 9)
    ),
    (
      Quantization(minimum: 0, maximum: 1e-4), Quantization(minimum: -90, maximum: 30),
      Quantization(minimum: -90, maximum: 30)
    ),
    (
      Quantization(minimum: -5, maximum: 5), Quantization(minimum: 0, maximum: 2),
      Quantization(minimum: 0, maximum: 0.5)
    ),
  ]

  @Test func allPairsAreWithinOneStepOfTheRealSum() {
    for (a, b, output) in triples {
      let add = QuantizedAdd(a, b, output: output)
      var worst = 0.0
      for x in Int8.min...Int8.max {
        for y in Int8.min...Int8.max {
          let real =
            Double(Int32(x) - a.zeroPoint) * Double(a.scales[0]) + Double(Int32(y) - b.zeroPoint) * Double(b.scales[0])
          let exact = min(max(real / Double(output.scales[0]) + Double(output.zeroPoint), -128), 127)
          worst = max(worst, abs(Double(add(x, y)) - exact))
        }
      }
      #expect(worst <= 0.501)
    }
  }

  @Test func isMonotonicAndCommutes() {
    for (a, b, output) in triples {
      let add = QuantizedAdd(a, b, output: output)
      let swapped = QuantizedAdd(b, a, output: output)
      var broken = 0
      for x in Int8.min...Int8.max {
        for y in Int8.min...Int8.max {
          let sum = add(x, y)
          if sum != swapped(y, x) { broken += 1 }
          if x > Int8.min && add(x - 1, y) > sum { broken += 1 }
          if y > Int8.min && add(x, y - 1) > sum { broken += 1 }
        }
      }
      #expect(broken == 0)
    }
  }

  @Test func aZeroOperandAndEqualScalesGiveTheOther() {
    let quantization = Quantization(minimum: -1, maximum: 2)
    let add = QuantizedAdd(quantization, quantization, output: quantization)
    for x in Int8.min...Int8.max { #expect(add(x, Int8(quantization.zeroPoint)) == x) }
  }

  @Test func noRatioOverflows() {
    let edges: [Float] = [0x1p-40, 0x1p-20, 1, 0x1.fffffep0, 0x1p20, 0x1p40]
    let points: [Int32] = [-128, 0, 127]
    for (scaleA, scaleB, scaleOutput) in edges.flatMap({ a in edges.flatMap { b in edges.map { (a, b, $0) } } }) {
      for zeroPoint in points {
        let a = Quantization(scale: scaleA, zeroPoint: zeroPoint)
        let b = Quantization(scale: scaleB, zeroPoint: zeroPoint)
        let add = QuantizedAdd(a, b, output: Quantization(scale: scaleOutput, zeroPoint: -zeroPoint.signum() * 100))
        #expect((2...31).contains(add.shift))
        // Traps if anything leaves s32.
        #expect(add(-128, -128) <= add(127, 127))
      }
    }
  }
}

@Suite struct QuantizedMultiplyTests {
  private let triples = [
    (
      Quantization(minimum: -1, maximum: 1), Quantization(scale: 0x1p-8, zeroPoint: -128),
      Quantization(minimum: -0.9, maximum: 0.9)
    ),
    (
      Quantization(minimum: 0, maximum: 6), Quantization(minimum: -3, maximum: 5),
      Quantization(minimum: -18, maximum: 30)
    ),
    (
      Quantization(minimum: -20, maximum: 0), Quantization(minimum: 0, maximum: 1e-4),
      Quantization(minimum: -0.001, maximum: 0)
    ),
  ]

  @Test func allPairsAreWithinHalfAStepOfTheRealProduct() {
    for (a, b, output) in triples {
      let multiply = QuantizedMultiply(a, b, output: output)
      let swapped = QuantizedMultiply(b, a, output: output)
      var worst = 0.0
      var broken = 0
      for x in Int8.min...Int8.max {
        for y in Int8.min...Int8.max {
          let real =
            Double(Int32(x) - a.zeroPoint) * Double(a.scales[0]) * Double(Int32(y) - b.zeroPoint) * Double(b.scales[0])
          let exact = min(max(real / Double(output.scales[0]) + Double(output.zeroPoint), -128), 127)
          worst = max(worst, abs(Double(multiply(x, y)) - exact))
          if multiply(x, y) != swapped(y, x) { broken += 1 }
        }
      }
      #expect(worst <= 0.5001)
      #expect(broken == 0)
    }
  }

  @Test func zeroTimesAnythingIsZero() {
    for (a, b, output) in triples {
      let multiply = QuantizedMultiply(a, b, output: output)
      for x in Int8.min...Int8.max { #expect(multiply(x, Int8(b.zeroPoint)) == Int8(output.zeroPoint)) }
    }
  }

  @Test func scalesAtTheLimitsSaturate() {
    let (small, large) = (Quantization(scale: 0x1p-40, zeroPoint: -128), Quantization(scale: 0x1p40, zeroPoint: -128))
    #expect(QuantizedMultiply(large, large, output: small)(127, 127) == 127)
    #expect(QuantizedMultiply(small, small, output: large)(127, 127) == -128)
  }
}

@Suite struct QuantizedMeanTests {
  @Test func theMeanOfEqualValuesIsThatValue() {
    for count: Int32 in [1, 2, 3, 7, 49, 255, 12_345, Int32(Limits.quantizedMean)] {
      for value: Int32 in [-128, -1, 0, 1, 126, 127] {
        for zeroPoint: Int32 in [-128, -5, 0, 127] {
          let quantization = Quantization(scale: 0.1, zeroPoint: zeroPoint)
          #expect(quantizedMean(sum: value * count, count: count, quantization: quantization) == Int8(value))
        }
      }
    }
  }

  @Test func isTheNearestIntegerToTheMeanWithTiesToEven() {
    for zeroPoint: Int32 in [-128, 0, 3] {
      let quantization = Quantization(scale: 1, zeroPoint: zeroPoint)
      for count: Int32 in [2, 4, 8, 64] {
        for sum in (-128 * count)...(127 * count) {
          // Powers of two: the mean is exact in Double.
          let exact = Double(sum - count * zeroPoint) / Double(count)
          let expected = Int8(exact.rounded(.toNearestOrEven) + Double(zeroPoint))
          #expect(quantizedMean(sum: sum, count: count, quantization: quantization) == expected)
        }
      }
    }
  }
}

@Suite struct DynamicResultTests {
  @Test func twoRoundingsAndNoContraction() {
    // A fused multiply-add would keep the low bits of the product that the first rounding drops.
    let accumulator: Int32 = 0xFFFFFF
    let scale: Float = 0x1.000002p0
    let product = Float(accumulator) * scale
    #expect(dynamicResult(accumulator, scale: scale, bias: -product, activation: .none) == 0)
    #expect((-product).addingProduct(Float(accumulator), scale) != 0)
  }

  @Test func clampsLikeTheFloatOperators() {
    #expect(dynamicResult(-5, scale: 1, bias: 1, activation: .relu) == 0)
    #expect(dynamicResult(50, scale: 1, bias: 1, activation: .relu6) == 6)
    #expect(dynamicResult(50, scale: 1, bias: .nan, activation: .relu) == 0)
  }
}

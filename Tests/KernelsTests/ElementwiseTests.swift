import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct ElementwiseTests {
  /// Around powers of two and every remainder of a vector's width.
  private static let counts = Array(1...70) + [127, 128, 129, 255, 256, 257, 1009]

  /// Runs `check` for every count and both placements of the buffers, and reports the first that fails.
  private func forEachCount(
    _ kernel: KernelUnderTest,
    _ check: (Int, GuardedBuffer<Float>.Side, GuardedBuffer<Int8>.Side, inout SeededGenerator) -> Bool
  ) {
    for count in ElementwiseTests.counts {
      for (floats, bytes) in zip(GuardedBuffer<Float>.sides, GuardedBuffer<Int8>.sides) {
        let seed = UInt64(count)
        var generator = SeededGenerator(seed: seed)
        guard check(count, floats, bytes, &generator) else {
          Issue.record("\(kernel.testDescription): count \(count), flush to the \(floats), seed \(seed)")
          return
        }
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_add)) func f32Add(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, side, _, generator in
      let a = GuardedBuffer(generator.floats(count), flushTo: side)
      let b = GuardedBuffer(generator.floats(count), flushTo: side)
      let expected = zip(a.elements, b.elements).map { max(-0.5, min(0.75, $0 + $1)) }
      kernel.function.f32_add(count, a.base, b.base, a.base, -0.5, 0.75)
      return Array(a.elements) == expected
    }
  }

  @Test(arguments: KernelUnderTest.all(.qs8_add)) func qs8Add(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, _, side, generator in
      let a = GuardedBuffer(generator.bytes(count), flushTo: side)
      let b = GuardedBuffer(generator.bytes(count), flushTo: side)
      var addition = qs8_addition.random(using: &generator)
      let expected = zip(a.elements, b.elements).map { Reference.add($0, $1, addition) }
      kernel.function.qs8_add(count, a.base, b.base, a.base, &addition)
      return Array(a.elements) == expected
    }
  }

  /// All 65,536 pairs of operands, with parameters as a network has them.
  @Test(arguments: KernelUnderTest.all(.qs8_add)) func qs8AddOfAllPairs(_ kernel: KernelUnderTest) {
    let all = (-128...127).map { Int8($0) }
    let a = all.flatMap { [Int8](repeating: $0, count: 256) }
    let b = all.flatMap { _ in all }
    var output = [Int8](repeating: 0, count: 65_536)
    for seed in 0..<UInt64(4) {
      var generator = SeededGenerator(seed: seed)
      var addition = qs8_addition.random(using: &generator)
      addition.shift = 20
      kernel.function.qs8_add(65_536, a, b, &output, &addition)
      #expect(zip(zip(a, b), output).allSatisfy { Reference.add($0.0, $0.1, addition) == $1 }, "seed \(seed)")
    }
  }

  /// Rows of `count` elements, all times the same `count` factors; the first operand is overwritten.
  @Test(arguments: KernelUnderTest.all(.f32_multiply), [1, 2, 7]) func f32Multiply(_ kernel: KernelUnderTest, rows: Int)
  {
    forEachCount(kernel) { count, side, _, generator in
      let a = GuardedBuffer(generator.floats(rows * count), flushTo: side)
      let b = GuardedBuffer(generator.floats(count), flushTo: side)
      let expected = a.elements.indices.map { a.elements[$0] * b.elements[$0 % count] }
      kernel.function.f32_multiply(rows, count, a.base, b.base, a.base)
      return Array(a.elements) == expected
    }
  }

  @Test(arguments: KernelUnderTest.all(.qs8_multiply), [1, 2, 7]) func qs8Multiply(_ kernel: KernelUnderTest, rows: Int)
  {
    forEachCount(kernel) { count, _, side, generator in
      let a = GuardedBuffer(generator.bytes(rows * count), flushTo: side)
      let b = GuardedBuffer(generator.bytes(count), flushTo: side)
      var m = qs8_multiplication.random(using: &generator)
      let expected = a.elements.indices.map { Reference.multiply(a.elements[$0], b.elements[$0 % count], m) }
      kernel.function.qs8_multiply(rows, count, a.base, b.base, a.base, &m)
      return Array(a.elements) == expected
    }
  }

  /// All 65,536 pairs of operands; the largest and smallest multipliers that the format admits among the parameters.
  @Test(arguments: KernelUnderTest.all(.qs8_multiply)) func qs8MultiplyOfAllPairs(_ kernel: KernelUnderTest) {
    let all = (-128...127).map { Int8($0) }
    let a = all.flatMap { [Int8](repeating: $0, count: 256) }
    var output = [Int8](repeating: 0, count: 65_536)
    for seed in 0..<UInt64(6) {
      var generator = SeededGenerator(seed: seed)
      var m = qs8_multiplication.random(using: &generator)
      if seed < 2 { m.multiplier = seed == 0 ? 0x1p-120 : 0x1p120 }
      kernel.function.qs8_multiply(256, 256, a, all, &output, &m)
      #expect(output.indices.allSatisfy { Reference.multiply(a[$0], all[$0 % 256], m) == output[$0] }, "seed \(seed)")
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_clamp)) func clampKeepsNaN(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, side, _, generator in
      let x = GuardedBuffer(generator.floats(count, in: -10...10), flushTo: side)
      x.elements[count / 2] = .nan
      let expected = x.elements.map { $0.isNaN ? $0 : max(0, min(6, $0)) }
      kernel.function.f32_clamp(count, x.base, x.base, 0, 6)
      return zip(x.elements, expected).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
    }
  }

  /// Largest error of a map against `reference` in double, relative to the result, over a range and its ends.
  private func largestRelativeError(
    _ kernel: KernelUnderTest, over range: ClosedRange<Float>, _ reference: (Double) -> Double
  ) -> Double {
    var generator = SeededGenerator(seed: 3)
    let x = generator.floats(200_000, in: range) + [range.lowerBound, range.upperBound, 0, -0.0, 1e-30, -1e-30]
    var y = x
    kernel.function.f32_map(x.count, x, &y)
    var largest = 0.0
    for (x, y) in zip(x, y) {
      let expected = reference(Double(x))
      let error = expected == 0 ? abs(Double(y)) : abs(Double(y) / expected - 1)
      largest = max(largest, error.isNaN ? .infinity : error)
    }
    return largest
  }

  @Test(arguments: KernelUnderTest.all(.f32_sigmoid)) func sigmoidIsWithinItsBound(_ kernel: KernelUnderTest) {
    #expect(largestRelativeError(kernel, over: -80...80) { 1 / (1 + exp(-$0)) } <= 0x1p-22)
    #expect(largestRelativeError(kernel, over: -1...1) { 1 / (1 + exp(-$0)) } <= 0x1p-22)
    for x: Float in [-.infinity, -1000, 1000, .infinity] {
      var y: Float = 0
      kernel.function.f32_map(1, [x], &y)
      #expect(abs(y - (x > 0 ? 1 : 0)) < 1e-37)
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_tanh)) func tanhIsWithinItsBound(_ kernel: KernelUnderTest) {
    #expect(largestRelativeError(kernel, over: -20...20) { tanh($0) } <= 0x1p-21)
    #expect(largestRelativeError(kernel, over: -1...1) { tanh($0) } <= 0x1p-21)
    for x: Float in [-.infinity, -1000, 1000, .infinity] {
      var y: Float = 0
      kernel.function.f32_map(1, [x], &y)
      #expect(y == (x > 0 ? 1 : -1))
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_hard_sigmoid)) func hardSigmoidIsWithinItsBound(_ kernel: KernelUnderTest) {
    func hardSigmoid(_ x: Double) -> Double { min(max(x + 3, 0), 6) / 6 }
    #expect(largestRelativeError(kernel, over: -2.99...8, hardSigmoid) <= 0x1p-22)
    for x: Float in [-.infinity, -1000, -3, 3, 1000, .infinity] {
      var y: Float = 0
      kernel.function.f32_map(1, [x], &y)
      #expect(y == (x > 0 ? 1 : 0))
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_hard_swish)) func hardSwishIsWithinItsBound(_ kernel: KernelUnderTest) {
    #expect(largestRelativeError(kernel, over: -2.99...8) { $0 * min(max($0 + 3, 0), 6) / 6 } <= 0x1p-21)
    for x: Float in [-1e30, -1000, -3, 3, 1000, 1e30] {
      var y: Float = 0
      kernel.function.f32_map(1, [x], &y)
      #expect(y == (x > 0 ? x : 0))
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_silu)) func siluIsWithinItsBound(_ kernel: KernelUnderTest) {
    #expect(largestRelativeError(kernel, over: -80...80) { $0 / (1 + exp(-$0)) } <= 0x1p-21)
    #expect(largestRelativeError(kernel, over: -1...1) { $0 / (1 + exp(-$0)) } <= 0x1p-21)
  }

  /// The bound grows with the exponent 2u, which is 22 at −6.
  @Test(arguments: KernelUnderTest.all(.f32_gelu)) func geluIsWithinItsBound(_ kernel: KernelUnderTest) {
    func exponent(_ x: Double) -> Double { 2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x) }
    func gelu(_ x: Double) -> Double { x / (1 + exp(-exponent(x))) }
    for range: ClosedRange<Float> in [-1...1, -3 ... -1, -6 ... -3, 1...80] {
      let largest = max(-exponent(Double(range.lowerBound)), 0)
      #expect(largestRelativeError(kernel, over: range, gelu) <= 0x1p-22 * (2 + largest), "\(range)")
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_leaky_relu)) func leakyReLU(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, side, _, generator in
      let x = GuardedBuffer(generator.floats(count, in: -10...10), flushTo: side)
      let slope = Float.random(in: 0...1, using: &generator)
      let expected = x.elements.map { $0 > 0 ? $0 : slope * $0 }
      kernel.function.f32_leaky_relu(count, x.base, x.base, slope)
      return Array(x.elements) == expected
    }
  }

  @Test(
    arguments: [.f32_sigmoid, .f32_tanh, .f32_hard_sigmoid, .f32_hard_swish, .f32_gelu, .f32_silu]
      .flatMap { KernelUnderTest.all($0) })
  func mapsStayInsideTheirBuffers(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, side, _, generator in
      let x = GuardedBuffer(generator.floats(count, in: -9...9), flushTo: side)
      let y = GuardedBuffer([Float](repeating: 0, count: count), flushTo: side)
      kernel.function.f32_map(count, x.base, y.base)
      // Each element by itself gives the same bits as in a vector.
      return (0..<count).allSatisfy { i in
        var alone: Float = 0
        kernel.function.f32_map(1, x.base + i, &alone)
        return alone == y.elements[i]
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_softmax)) func softmaxIsWithinItsBound(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, side, _, generator in
      let scale = Float.random(in: 0.1...40, using: &generator)
      let x = GuardedBuffer(generator.floats(count, in: -scale...scale), flushTo: side)
      let y = GuardedBuffer([Float](repeating: 0, count: count), flushTo: side)
      kernel.function.f32_map(count, x.base, y.base)
      let most = Double(x.elements.max()!)
      let terms = x.elements.map { exp(Double($0) - most) }
      let sum = terms.reduce(0, +)
      // Two exponentials, a reciprocal, a product, `count` additions; the argument of exp is rounded too.
      let bound = Double(count + 16) * 0x1p-24 + 2 * Double(scale) * 0x1p-23
      return zip(y.elements, terms).allSatisfy { abs(Double($0) - $1 / sum) <= bound * ($1 / sum) + 1e-30 }
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_range)) func rangeHoldsZeroAndPassesOverNaN(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, side, _, generator in
      let sign = Float(Int.random(in: -1...1, using: &generator))
      let x = GuardedBuffer(generator.floats(count).map { $0 + sign }, flushTo: side)
      if count > 2 { x.elements[Int.random(in: 0..<count, using: &generator)] = .nan }
      let numbers = x.elements.filter { !$0.isNaN } + [0]
      var (minimum, maximum): (Float, Float) = (.nan, .nan)
      kernel.function.f32_range(count, x.base, &minimum, &maximum)
      return minimum == numbers.min() && maximum == numbers.max()
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_quantize)) func quantize(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, floatSide, byteSide, generator in
      let zeroPoint = Int32.random(in: -128...127, using: &generator)
      let inverse = Float.random(in: 1...20, using: &generator)
      // Halves too, which must go to the even neighbour, and what is no number or too large for any integer.
      var values = generator.floats(count, in: -40...40)
      for i in values.indices where i % 3 == 0 { values[i] = (values[i] * inverse).rounded() / inverse + 0.5 / inverse }
      let strange: [Float] = [.nan, .infinity, -.infinity, 3e38, -3e38]
      values[count / 2] = strange[count % strange.count]
      let x = GuardedBuffer(values, flushTo: floatSide)
      let q = GuardedBuffer([Int8](repeating: 0, count: count), flushTo: byteSide)
      kernel.function.f32_quantize(count, x.base, q.base, inverse, zeroPoint)
      return zip(values, q.elements).allSatisfy { value, result in
        let scaled = value * inverse
        let clamped = scaled > Float(-128 - zeroPoint) ? min(scaled, Float(127 - zeroPoint)) : Float(-128 - zeroPoint)
        return result == Int8(Int32(clamped.rounded(.toNearestOrEven)) + zeroPoint)
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.s8_dequantize)) func dequantize(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, floatSide, byteSide, generator in
      let zeroPoint = Int32.random(in: -128...127, using: &generator)
      let scale = Float.random(in: 0.001...2, using: &generator)
      let q = GuardedBuffer(generator.bytes(count), flushTo: byteSide)
      let x = GuardedBuffer([Float](repeating: 0, count: count), flushTo: floatSide)
      kernel.function.s8_dequantize(count, q.base, x.base, scale, zeroPoint)
      return zip(q.elements, x.elements).allSatisfy { Float(Int32($0) - zeroPoint) * scale == $1 }
    }
  }

  @Test(arguments: KernelUnderTest.all(.s8_lookup)) func lookup(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, _, side, generator in
      let table = GuardedBuffer(generator.bytes(256), flushTo: side)
      let x = GuardedBuffer(generator.bytes(count), flushTo: side)
      let expected = x.elements.map { table.elements[Int($0) + 128] }
      kernel.function.s8_lookup(count, x.base, table.base, x.base)
      return Array(x.elements) == expected
    }
  }

  @Test(arguments: KernelUnderTest.all(.s8_lookup_softmax)) func lookupSoftmax(_ kernel: KernelUnderTest) {
    forEachCount(kernel) { count, floatSide, byteSide, generator in
      let table = (0..<256).map { _ in Int32.random(in: 0...(1 << 23), using: &generator) }
      let x = GuardedBuffer(generator.bytes(count), flushTo: byteSide)
      let y = GuardedBuffer([Float](repeating: 0, count: count), flushTo: floatSide)
      kernel.function.s8_lookup_softmax(count, x.base, table, y.base)
      let most = Int(x.elements.max()!)
      let entries = x.elements.map { table[most - Int($0)] }
      let sum = entries.reduce(Int64(0)) { $0 + Int64($1) }
      return zip(entries, y.elements).allSatisfy { Float($0) / Float(sum) == $1 }
    }
  }
}

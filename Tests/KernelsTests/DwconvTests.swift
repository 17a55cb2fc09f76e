import Kernels
import TestSupport
import Testing

@Suite struct DwconvTests {
  /// Runs `check` on every shape and reports the first that fails.
  private func forEachShape(
    _ kernel: KernelUnderTest, _ check: (WindowShape, inout SeededGenerator) -> Bool
  ) {
    for (number, shape) in WindowShape.all(block: kernel.nr, taps: kernel.taps).enumerated() {
      let seed = UInt64(number)
      var generator = SeededGenerator(seed: seed)
      guard check(shape, &generator) else {
        Issue.record("\(kernel.testDescription): \(shape), seed \(seed)")
        return
      }
    }
  }

  /// Index of the weight of a tap in column-major order in weights [height][width][channels].
  private func weightIndex<T>(_ windows: Windows<T>, tap: Int, channel: Int) -> Int {
    (tap % windows.height * windows.width + tap / windows.height) * windows.channels + channel
  }

  private func packedBuffer(_ kernel: KernelUnderTest, _ shape: WindowShape) -> GuardedBuffer<UInt8> {
    let size = dwconv_packed_size(kernel.pointer, shape.channels, shape.height, shape.width)
    return GuardedBuffer([UInt8](repeating: 0xFF, count: size), alignment: 64)
  }

  @Test(arguments: KernelUnderTest.all(.f32_dwconv)) func f32EqualsTheSumsInDouble(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Float>(shape, padding: 0, using: &generator) { pixels.floats($0) }
      let weights = generator.floats(windows.taps * shape.channels)
      let bias = Bool.random(using: &generator) ? generator.floats(shape.channels) : nil
      let (minimum, maximum): (Float, Float) =
        Bool.random(using: &generator) ? (-0.5, 0.75) : (-.infinity, .infinity)
      let packed = packedBuffer(kernel, shape)
      f32_dwconv_pack(kernel.pointer, shape.channels, shape.height, shape.width, weights, bias, packed.raw)
      let output = OutputRectangle<Float>(
        rows: shape.pixels, columns: shape.channels, gap: .random(in: 0...9, using: &generator), untouched: -77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = f32_dwconv_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, weights: packed.raw, output: output.buffer.base,
          output_stride: output.stride, minimum: minimum, maximum: maximum)
        kernel.function.f32_dwconv(&arguments)
      }
      guard output.gapsAreUntouched else { return false }
      for pixel in 0..<shape.pixels {
        for c in 0..<shape.channels {
          var sum = Double(bias?[c] ?? 0)
          var magnitude = abs(sum)
          for (tap, x) in windows.window(pixel, c).enumerated() {
            let term = Double(x ?? 0) * Double(weights[weightIndex(windows, tap: tap, channel: c)])
            sum += term
            magnitude += abs(term)
          }
          let expected = max(min(sum, Double(maximum)), Double(minimum))
          let bound = Reference.sumBound(terms: windows.taps + 1, magnitude: magnitude)
          guard abs(Double(output[pixel, c]) - expected) <= bound else { return false }
        }
      }
      return true
    }
  }

  /// What a channel's window sums to, exactly.
  private func exactSum(
    _ windows: Windows<Int8>, _ weights: [Int8], pixel: Int, channel: Int, zeroPoint: Int32
  ) -> Int64 {
    var sum: Int64 = 0
    for (tap, x) in windows.window(pixel, channel).enumerated() {
      guard let x else { continue }
      sum += (Int64(x) - Int64(zeroPoint)) * Int64(weights[weightIndex(windows, tap: tap, channel: channel)])
    }
    return sum
  }

  @Test(arguments: KernelUnderTest.all(.qs8_dwconv)) func qs8EqualsTheExactSums(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      let inputZeroPoint = Int32.random(in: -128...127, using: &generator)
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Int8>(shape, padding: Int8(inputZeroPoint), using: &generator) { pixels.bytes($0) }
      // Every third case has only the extremes, where narrower intermediates would overflow.
      let extreme = Int.random(in: 0..<3, using: &generator) == 0
      let weights =
        extreme
        ? (0..<(windows.taps * shape.channels)).map { _ in Bool.random(using: &generator) ? Int8(127) : -127 }
        : generator.bytes(windows.taps * shape.channels, in: -127...127)
      let bias = (0..<shape.channels).map { _ in Int32.random(in: -20_000...20_000, using: &generator) }
      let useBias = Bool.random(using: &generator)
      let padded = (shape.channels + kernel.nr - 1) / kernel.nr * kernel.nr
      let spread = Float(60 / (5600 * Double(windows.taps).squareRoot()))
      let multipliers = GuardedBuffer(generator.floats(padded, in: spread / 4...spread))
      let zeroPoint = Int32.random(in: -128...127, using: &generator)
      let minimum = Bool.random(using: &generator) ? zeroPoint : -128
      let packed = packedBuffer(kernel, shape)
      qs8_dwconv_pack(
        kernel.pointer, shape.channels, shape.height, shape.width, weights, useBias ? bias : nil, inputZeroPoint,
        packed.raw)
      let output = OutputRectangle<Int8>(
        rows: shape.pixels, columns: shape.channels, gap: .random(in: 0...9, using: &generator), untouched: 77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = qs8_dwconv_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, weights: packed.raw, output: output.buffer.base,
          output_stride: output.stride,
          requantization: qs8_requantization(
            multipliers: multipliers.base, minimum: Float(minimum - zeroPoint), maximum: Float(127 - zeroPoint),
            zero_point: zeroPoint))
        kernel.function.qs8_dwconv(&arguments)
      }
      guard output.gapsAreUntouched else { return false }
      for pixel in 0..<shape.pixels {
        for c in 0..<shape.channels {
          let sum = exactSum(windows, weights, pixel: pixel, channel: c, zeroPoint: inputZeroPoint)
          let expected = Reference.requantize(
            sum + Int64(useBias ? bias[c] : 0), multipliers.elements[c], minimum: minimum, maximum: 127,
            zeroPoint: zeroPoint)
          guard output[pixel, c] == expected else { return false }
        }
      }
      return true
    }
  }

  @Test(arguments: KernelUnderTest.all(.qs8_f32_dwconv)) func dynamicEqualsTheExactSums(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      let inputZeroPoint = Int32.random(in: -128...127, using: &generator)
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Int8>(shape, padding: Int8(inputZeroPoint), using: &generator) { pixels.bytes($0) }
      let weights = generator.bytes(windows.taps * shape.channels, in: -127...127)
      let padded = (shape.channels + kernel.nr - 1) / kernel.nr * kernel.nr
      let multipliers = GuardedBuffer(generator.floats(padded, in: 1e-5...1e-3))
      let bias = GuardedBuffer(generator.floats(padded))
      let (minimum, maximum): (Float, Float) = Bool.random(using: &generator) ? (0, 6) : (-.infinity, .infinity)
      let packed = packedBuffer(kernel, shape)
      qs8_f32_dwconv_pack(kernel.pointer, shape.channels, shape.height, shape.width, weights, packed.raw)
      let output = OutputRectangle<Float>(
        rows: shape.pixels, columns: shape.channels, gap: .random(in: 0...9, using: &generator), untouched: -77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = qs8_f32_dwconv_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, weights: packed.raw, output: output.buffer.base,
          output_stride: output.stride,
          dequantization: qs8_dequantization(
            multipliers: multipliers.base, bias: bias.base, minimum: minimum, maximum: maximum,
            input_zero_point: inputZeroPoint))
        kernel.function.qs8_f32_dwconv(&arguments)
      }
      guard output.gapsAreUntouched else { return false }
      for pixel in 0..<shape.pixels {
        for c in 0..<shape.channels {
          let sum = exactSum(windows, weights, pixel: pixel, channel: c, zeroPoint: inputZeroPoint)
          let expected = Float(Int32(sum)) * multipliers.elements[c] + bias.elements[c]
          guard output[pixel, c] == max(min(expected, maximum), minimum) else { return false }
        }
      }
      return true
    }
  }

  @Test func repeatingChannelsServesDepthMultipliers() {
    var output = [Int8](repeating: 0, count: 6)
    kernels_repeat(3, 1, 2, [1, 2, 3] as [Int8], &output)
    #expect(output == [1, 1, 2, 2, 3, 3])
    var floats = [Float](repeating: 0, count: 6)
    kernels_repeat(2, 4, 3, [1.5, -2] as [Float], &floats)
    #expect(floats == [1.5, 1.5, 1.5, -2, -2, -2])
  }
}

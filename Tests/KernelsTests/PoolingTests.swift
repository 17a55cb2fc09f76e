import Kernels
import TestSupport
import Testing

@Suite struct PoolingTests {
  private func forEachShape(
    _ kernel: KernelUnderTest, _ check: (WindowShape, inout SeededGenerator) -> Bool
  ) {
    for (number, shape) in WindowShape.all(block: 16, taps: 0).enumerated() {
      let seed = UInt64(number)
      var generator = SeededGenerator(seed: seed)
      guard check(shape, &generator) else {
        Issue.record("\(kernel.testDescription): \(shape), seed \(seed)")
        return
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_maxpool)) func f32Maximum(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Float>(shape, padding: -2, using: &generator) { pixels.floats($0) }
      let output = OutputRectangle<Float>(
        rows: shape.pixels, columns: shape.channels, gap: 3, untouched: -77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = f32_maxpool_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, output: output.buffer.base,
          output_stride: output.stride)
        kernel.function.f32_maxpool(&arguments)
      }
      return output.gapsAreUntouched
        && (0..<shape.pixels).allSatisfy { pixel in
          (0..<shape.channels).allSatisfy { c in
            output[pixel, c] == windows.window(pixel, c).map { $0 ?? -2 }.max()
          }
        }
    }
  }

  @Test(arguments: KernelUnderTest.all(.s8_maxpool)) func s8Maximum(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Int8>(shape, padding: -128, using: &generator) { pixels.bytes($0) }
      let output = OutputRectangle<Int8>(
        rows: shape.pixels, columns: shape.channels, gap: 3, untouched: 77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = s8_maxpool_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, output: output.buffer.base,
          output_stride: output.stride)
        kernel.function.s8_maxpool(&arguments)
      }
      return output.gapsAreUntouched
        && (0..<shape.pixels).allSatisfy { pixel in
          (0..<shape.channels).allSatisfy { c in
            output[pixel, c] == windows.window(pixel, c).map { $0 ?? -128 }.max()
          }
        }
    }
  }

  /// 1 / number of taps of each window that lie inside the picture, 1 where none does.
  private func reciprocals<T>(_ windows: Windows<T>) -> [Float] {
    (0..<windows.pixels).map { pixel in 1 / Float(max(1, windows.window(pixel, 0).count { $0 != nil })) }
  }

  @Test(arguments: KernelUnderTest.all(.f32_avgpool)) func f32Mean(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Float>(shape, padding: 0, using: &generator) { pixels.floats($0) }
      let output = OutputRectangle<Float>(
        rows: shape.pixels, columns: shape.channels, gap: 3, untouched: -77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      let multipliers = GuardedBuffer(reciprocals(windows))
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = f32_avgpool_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, multipliers: multipliers.base,
          output: output.buffer.base, output_stride: output.stride)
        kernel.function.f32_avgpool(&arguments)
      }
      return output.gapsAreUntouched
        && (0..<shape.pixels).allSatisfy { pixel in
          (0..<shape.channels).allSatisfy { c in
            let inside = windows.window(pixel, c).compactMap { $0.map(Double.init) }
            let count = Double(max(1, inside.count))
            let magnitude = inside.reduce(0) { $0 + abs($1) } / count
            return abs(Double(output[pixel, c]) - inside.reduce(0, +) / count)
              <= Reference.sumBound(terms: windows.taps + 2, magnitude: magnitude)
          }
        }
    }
  }

  private func quantizedMean(_ elements: [Int8], _ zeroPoint: Int32) -> Int8 {
    let sum = elements.reduce(Int32(0)) { $0 + Int32($1) - zeroPoint }
    let mean = Float(sum) * (1 / Float(max(1, elements.count)))
    return Int8(Int32(mean.rounded(.toNearestOrEven)) + zeroPoint)
  }

  @Test(arguments: KernelUnderTest.all(.qs8_avgpool)) func qs8Mean(_ kernel: KernelUnderTest) {
    forEachShape(kernel) { shape, generator in
      let zeroPoint = Int32.random(in: -128...127, using: &generator)
      var pixels = SeededGenerator(seed: generator.next())
      let windows = Windows<Int8>(shape, padding: Int8(zeroPoint), using: &generator) { pixels.bytes($0) }
      let output = OutputRectangle<Int8>(
        rows: shape.pixels, columns: shape.channels, gap: 3, untouched: 77,
        flushTo: Bool.random(using: &generator) ? .end : .start)
      let multipliers = GuardedBuffer(reciprocals(windows))
      windows.pointers.withUnsafeBufferPointer { pointers in
        var arguments = qs8_avgpool_arguments(
          pixels: shape.pixels, channels: shape.channels, taps: windows.taps, inputs: nonnull(pointers),
          input_step: windows.step, input_offset: windows.offset, multipliers: multipliers.base,
          zero_point: zeroPoint, output: output.buffer.base, output_stride: output.stride)
        kernel.function.qs8_avgpool(&arguments)
      }
      return output.gapsAreUntouched
        && (0..<shape.pixels).allSatisfy { pixel in
          (0..<shape.channels).allSatisfy { c in
            output[pixel, c] == quantizedMean(windows.window(pixel, c).compactMap { $0 }, zeroPoint)
          }
        }
    }
  }

  private static let meanShapes: [(pixels: Int, channels: Int)] = [
    (1, 1), (1, 17), (2, 7), (3, 8), (4, 9), (49, 16), (49, 33), (64, 31), (49, 1280), (169, 100), (1000, 3),
  ]

  @Test(arguments: KernelUnderTest.all(.f32_mean)) func f32MeanOfAllPixels(_ kernel: KernelUnderTest) {
    var generator = SeededGenerator(seed: 1)
    for (pixels, channels) in PoolingTests.meanShapes {
      let stride = channels + 2
      let input = GuardedBuffer(generator.floats((pixels - 1) * stride + channels))
      let output = GuardedBuffer([Float](repeating: 0, count: channels))
      kernel.function.f32_mean(pixels, channels, input.base, stride, output.base)
      for c in 0..<channels {
        let column = (0..<pixels).map { Double(input.elements[$0 * stride + c]) }
        let magnitude = column.reduce(0) { $0 + abs($1) } / Double(pixels)
        let difference = abs(Double(output.elements[c]) - column.reduce(0, +) / Double(pixels))
        #expect(
          difference <= Reference.sumBound(terms: pixels + 2, magnitude: magnitude),
          "\(kernel.testDescription): pixels \(pixels), channels \(channels), channel \(c)")
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.qs8_mean)) func qs8MeanOfAllPixels(_ kernel: KernelUnderTest) {
    var generator = SeededGenerator(seed: 1)
    for (pixels, channels) in PoolingTests.meanShapes {
      let stride = channels + 2
      let zeroPoint = Int32.random(in: -128...127, using: &generator)
      let input = GuardedBuffer(generator.bytes((pixels - 1) * stride + channels))
      let output = GuardedBuffer([Int8](repeating: 0, count: channels))
      kernel.function.qs8_mean(pixels, channels, input.base, stride, zeroPoint, output.base)
      for c in 0..<channels {
        let expected = quantizedMean((0..<pixels).map { input.elements[$0 * stride + c] }, zeroPoint)
        #expect(
          output.elements[c] == expected,
          "\(kernel.testDescription): pixels \(pixels), channels \(channels), channel \(c)")
      }
    }
  }
}

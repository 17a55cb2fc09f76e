import Kernels
import TestSupport
import Testing

/// Winograd's F(4×4, 3×3) in double, by its matrices.
private enum Winograd {
  static let p = 0.5.squareRoot()
  static let q = 2.0.squareRoot()
  static let input: [[Double]] = [
    [1, 0, -2.5, 0, 1, 0], [0, -q, -2, p, 1, 0], [0, q, -2, -p, 1, 0], [0, -p, -0.5, q, 1, 0],
    [0, p, -0.5, -q, 1, 0], [0, 1, 0, -2.5, 0, 1],
  ]
  static let weights: [[Double]] = [
    [1, 0, 0], [-2 / 3, -2 * p / 3, -1 / 3], [-2 / 3, 2 * p / 3, -1 / 3], [1 / 6, q / 6, 1 / 3],
    [1 / 6, -q / 6, 1 / 3], [0, 0, 1],
  ]
  static let output: [[Double]] = [
    [1, 1, 1, 1, 1, 0], [0, p, -p, q, -q, 0], [0, 0.5, 0.5, 2, 2, 0], [0, p / 2, -p / 2, 2 * q, -2 * q, 1],
  ]

  /// `matrix` × `square` × transposed `matrix`; `square` line by line.
  static func transform(_ square: [Double], by matrix: [[Double]]) -> [Double] {
    let side = matrix[0].count
    var result: [Double] = []
    for y in matrix {
      for x in matrix {
        var sum = 0.0
        for i in 0..<side { for j in 0..<side { sum += y[i] * square[i * side + j] * x[j] } }
        result.append(sum)
      }
    }
    return result
  }

  /// The same with all terms taken absolutely, of which rounding errors are multiples.
  static func magnitude(_ square: [Double], by matrix: [[Double]]) -> [Double] {
    transform(square.map { abs($0) }, by: matrix.map { $0.map { abs($0) } })
  }

  /// Most terms of a sum, and roundings of its coefficients.
  static let terms = 25
}

@Suite struct WinogradTests {
  @Test func theMatricesMakeAConvolution() {
    var generator = SeededGenerator(seed: 1)
    let patch = generator.floats(36).map { Double($0) }
    let window = generator.floats(9).map { Double($0) }
    let inputs = Winograd.transform(patch, by: Winograd.input)
    let weights = Winograd.transform(window, by: Winograd.weights)
    let outputs = Winograd.transform(zip(inputs, weights).map { $0 * $1 }, by: Winograd.output)
    for place in 0..<16 {
      let (y, x) = (place / 4, place % 4)
      let expected = (0..<9).reduce(0) { $0 + patch[(y + $1 / 3) * 6 + x + $1 % 3] * window[$1] }
      #expect(abs(outputs[place] - expected) < 1e-13)
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_winograd_input)) func inputs(_ kernel: KernelUnderTest) {
    for channels in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 71] {
      var generator = SeededGenerator(seed: UInt64(channels))
      let patch = GuardedBuffer(generator.floats(36 * channels), flushTo: channels % 2 == 0 ? .end : .start)
      let output = OutputRectangle<Float>(
        rows: 36, columns: channels, gap: channels % 5, untouched: -77, flushTo: channels % 3 == 0 ? .end : .start)
      let pointers = (0..<36).map { UnsafePointer<Float>?(patch.base + $0 * channels) }
      pointers.withUnsafeBufferPointer { pointers in
        var arguments = f32_winograd_input_arguments(
          channels: channels, inputs: nonnull(pointers), output: output.buffer.base, output_stride: output.stride)
        kernel.function.f32_winograd_input(&arguments)
      }
      #expect(output.gapsAreUntouched, "\(channels) channels")
      for channel in 0..<channels {
        let square = (0..<36).map { Double(patch.elements[$0 * channels + channel]) }
        let expected = Winograd.transform(square, by: Winograd.input)
        let magnitude = Winograd.magnitude(square, by: Winograd.input)
        let isClose = (0..<36).allSatisfy { place in
          abs(Double(output[place, channel]) - expected[place])
            <= Reference.sumBound(terms: Winograd.terms, magnitude: magnitude[place])
        }
        #expect(isClose, "channel \(channel) of \(channels)")
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_winograd_output)) func outputs(_ kernel: KernelUnderTest) {
    for (number, channels) in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 71].enumerated() {
      for size in 0..<16 {
        var generator = SeededGenerator(seed: UInt64(number * 16 + size))
        let isClose = checkOutput(kernel, channels, lines: size / 4 + 1, pixels: size % 4 + 1, &generator)
        #expect(isClose, "\(channels) channels of \(size / 4 + 1) x \(size % 4 + 1), seed \(number * 16 + size)")
      }
    }
  }

  private func checkOutput(
    _ kernel: KernelUnderTest, _ channels: Int, lines: Int, pixels: Int, _ generator: inout SeededGenerator
  ) -> Bool {
    let stride = channels + Int.random(in: 0...5, using: &generator)
    let products = GuardedBuffer(generator.floats(35 * stride + channels), flushTo: .end)
    let bias = GuardedBuffer(generator.floats(channels))
    let useResidual = Bool.random(using: &generator)
    let (minimum, maximum): (Float, Float) = Bool.random(using: &generator) ? (-0.5, 2) : (-.infinity, .infinity)
    // Lines lie one behind the other, with a gap behind each pixel.
    let gap = Int.random(in: 0...5, using: &generator)
    let output = OutputRectangle<Float>(
      rows: lines * pixels, columns: channels, gap: gap, untouched: -77,
      flushTo: Bool.random(using: &generator) ? .end : .start)
    let residual = GuardedBuffer(generator.floats(output.buffer.elements.count))
    var arguments = f32_winograd_output_arguments(
      channels: channels, input: products.base, input_stride: stride, bias: bias.base, output: output.buffer.base,
      lines: lines, pixels: pixels, line_stride: pixels * output.stride, pixel_stride: output.stride,
      residual: useResidual ? UnsafePointer(residual.base) : nil, minimum: minimum, maximum: maximum)
    kernel.function.f32_winograd_output(&arguments)
    guard output.gapsAreUntouched else { return false }
    for channel in 0..<channels {
      let square = (0..<36).map { Double(products.elements[$0 * stride + channel]) }
      let sums = Winograd.transform(square, by: Winograd.output)
      let magnitudes = Winograd.magnitude(square, by: Winograd.output)
      for pixel in 0..<(lines * pixels) {
        let place = pixel / pixels * 4 + pixel % pixels
        let added = useResidual ? Double(residual.elements[pixel * output.stride + channel]) : 0
        let exact = sums[place] + Double(bias.elements[channel]) + added
        let expected = max(min(exact, Double(maximum)), Double(minimum))
        let bound = Reference.sumBound(
          terms: Winograd.terms + 2, magnitude: magnitudes[place] + abs(Double(bias.elements[channel])) + abs(added))
        guard abs(Double(output[pixel, channel]) - expected) <= bound else { return false }
      }
    }
    return true
  }

  @Test(arguments: KernelUnderTest.all(.f32_igemm)) func weightsLieAsTheProductReadsThem(_ kernel: KernelUnderTest) {
    for (columns, depth) in [(1, 1), (3, 5), (kernel.nr, 4), (kernel.nr + 1, 7), (2 * kernel.nr + 5, 18)] {
      var generator = SeededGenerator(seed: UInt64(columns))
      let weights = generator.floats(columns * 9 * depth)
      let size = igemm_packed_size(kernel.pointer, columns, 1, depth)
      let packed = GuardedBuffer([Float](repeating: .nan, count: 36 * size / 4), alignment: 64)
      f32_winograd_pack(kernel.pointer, columns, depth, weights, packed.raw)
      let panel = igemm_panel_size(kernel.pointer, 1, depth) / 4
      for column in 0..<(size / 4 / panel * kernel.nr) {
        let head = column / kernel.nr * panel + column % kernel.nr
        #expect((0..<36).allSatisfy { packed.elements[$0 * size / 4 + head] == 0 })
        for k in 0..<depth {
          let window = (0..<9).map { column < columns ? Double(weights[(column * 9 + $0) * depth + k]) : 0 }
          let expected = Winograd.transform(window, by: Winograd.weights)
          let magnitude = Winograd.magnitude(window, by: Winograd.weights)
          let isClose = (0..<36).allSatisfy { place in
            abs(Double(packed.elements[place * size / 4 + head + (k + 1) * kernel.nr]) - expected[place])
              <= Reference.sumBound(terms: Winograd.terms, magnitude: magnitude[place])
          }
          #expect(isClose, "column \(column) of \(columns), input \(k) of \(depth)")
        }
      }
    }
  }
}

import Kernels
import TestSupport
import Testing

/// Winograd's F(4×4, 3×3) in whole numbers, by its matrices (winograd/qs8_winograd.h).
private enum Winograd {
  static let input: [[Int]] = [
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
  ]
  static let weights: [[Int]] = [[1, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 1]]
  static let output: [[Int]] = [
    [6, -4, -4, 1, 1, 0], [0, -2, 2, 1, -1, 0], [0, -1, -1, 1, 1, 0], [0, -1, 1, 2, -2, 6],
  ]
  /// What a line of `output` makes too much of.
  static let factors = [24, 12, 6, 6]

  /// `matrix` × `square` × transposed `matrix`; `square` line by line.
  static func transform(_ square: [Int], by matrix: [[Int]]) -> [Int] {
    let side = matrix[0].count
    var result: [Int] = []
    for y in matrix {
      for x in matrix {
        var sum = 0
        for i in 0..<side { for j in 0..<side { sum += y[i] * square[i * side + j] * x[j] } }
        result.append(sum)
      }
    }
    return result
  }

  /// Output `place` of 16 of a patch, as the window's sum.
  static func convolution(_ patch: [Int], _ window: [Int], place: Int) -> Int {
    (0..<9).reduce(0) { $0 + patch[(place / 4 + $1 / 3) * 6 + place % 4 + $1 % 3] * window[$1] }
  }
}

private let channelCounts = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 71]

@Suite struct IntegerWinogradTests {
  @Test func theMatricesMakeAConvolution() {
    var generator = SeededGenerator(seed: 1)
    let patch = generator.bytes(36).map { Int($0) }
    let window = generator.bytes(9).map { Int($0) }
    let inputs = Winograd.transform(patch, by: Winograd.input)
    let weights = Winograd.transform(window, by: Winograd.weights)
    let outputs = Winograd.transform(zip(inputs, weights).map { $0 * $1 }, by: Winograd.output)
    for place in 0..<16 {
      let factor = Winograd.factors[place / 4] * Winograd.factors[place % 4]
      #expect(outputs[place] == factor * Winograd.convolution(patch, window, place: place))
    }
  }

  /// Every byte in every place, also those that make the largest words.
  @Test(arguments: KernelUnderTest.all(.qs8_winograd_input)) func inputs(_ kernel: KernelUnderTest) {
    for (number, channels) in channelCounts.enumerated() {
      var generator = SeededGenerator(seed: UInt64(number))
      let zeroPoint = generator.pick([-128, -1, 0, 5, 127])
      var elements = generator.bytes(36 * channels)
      // One channel of extremes only: as a line of the transform has signs, and against them.
      for place in 0..<36 {
        let sign = Winograd.input[1][place / 6] * Winograd.input[1][place % 6]
        elements[place * channels + channels / 2] = (sign > 0) == (number % 2 == 0) ? 127 : -128
      }
      let patch = GuardedBuffer(elements, flushTo: channels % 2 == 0 ? .end : .start)
      let output = OutputRectangle<Int16>(
        rows: 36, columns: channels, gap: channels % 5, untouched: -777, flushTo: channels % 3 == 0 ? .end : .start)
      let pointers = (0..<36).map { UnsafePointer<Int8>?(patch.base + $0 * channels) }
      pointers.withUnsafeBufferPointer { pointers in
        var arguments = qs8_winograd_input_arguments(
          channels: channels, inputs: nonnull(pointers), zero_point: Int32(zeroPoint), output: output.buffer.base,
          output_stride: output.stride)
        kernel.function.qs8_winograd_input(&arguments)
      }
      #expect(output.gapsAreUntouched, "\(channels) channels")
      for channel in 0..<channels {
        let square = (0..<36).map { Int(patch.elements[$0 * channels + channel]) - zeroPoint }
        let expected = Winograd.transform(square, by: Winograd.input)
        #expect(
          (0..<36).allSatisfy { Int(output[$0, channel]) == expected[$0] },
          "channel \(channel) of \(channels), zero point \(zeroPoint), seed \(number)")
      }
    }
  }

  /// All of s16, and sums that wrap.
  @Test(arguments: KernelUnderTest.all(.s16_gemm)) func products(_ kernel: KernelUnderTest) {
    var number: UInt64 = 0
    for rows in 1...kernel.mr {
      for columns in [1, kernel.nr - 1, kernel.nr, 3 * kernel.nr + 2] where columns > 0 {
        for depth in [1, 2, 3, 8, 33] {
          number += 1
          var generator = SeededGenerator(seed: number)
          #expect(
            checkProduct(kernel, rows, columns, depth, &generator),
            "\(rows) rows, \(columns) columns, depth \(depth), seed \(number)")
        }
      }
    }
  }

  private func checkProduct(
    _ kernel: KernelUnderTest, _ rows: Int, _ columns: Int, _ depth: Int, _ generator: inout SeededGenerator
  ) -> Bool {
    let (nr, kr) = (kernel.nr, Int(kernel.descriptor.kr))
    let padded = (depth + kr - 1) / kr * kr
    let words: ClosedRange<Int16> = generator.bool() ? .min ... .max : .min ... .min
    // A row is read up to a multiple of kr: what lies behind its end is the next one's, and must not count.
    let stride = depth + generator.int(0...3)
    let inputs = GuardedBuffer(
      (0..<((rows - 1) * stride + padded)).map { _ in Int16.random(in: words, using: &generator) },
      flushTo: generator.bool() ? .end : .start)
    let panels = (columns + nr - 1) / nr
    let packed = GuardedBuffer(
      [Int16](repeating: 0, count: s16_gemm_packed_size(kernel.pointer, columns, depth) / 2), alignment: 64)
    var weights = [Int16](repeating: 0, count: columns * depth)
    for column in 0..<columns {
      for k in 0..<depth {
        let weight = Int16.random(in: words, using: &generator)
        weights[column * depth + k] = weight
        packed.elements[column / nr * nr * padded + k / kr * nr * kr + column % nr * kr + k % kr] = weight
      }
    }
    let output = OutputRectangle<Int32>(
      rows: rows, columns: panels * nr, gap: generator.int(0...5), untouched: -77,
      flushTo: generator.bool() ? .end : .start)
    var arguments = s16_gemm_arguments(
      rows: rows, columns: columns, depth: depth, inputs: inputs.base, input_stride: stride, weights: packed.raw,
      output: output.buffer.base, output_stride: output.stride)
    kernel.function.s16_gemm(&arguments)
    guard output.gapsAreUntouched else { return false }
    return (0..<rows).allSatisfy { row in
      (0..<columns).allSatisfy { column in
        let sum = (0..<depth).reduce(0) {
          $0 + Int(inputs.elements[row * stride + $1]) * Int(weights[column * depth + $1])
        }
        return output[row, column] == Int32(truncatingIfNeeded: sum)
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.s16_gemm)) func weightsLieAsTheProductReadsThem(_ kernel: KernelUnderTest) {
    for (columns, depth) in [(1, 1), (3, 5), (kernel.nr, 4), (kernel.nr + 1, 7), (2 * kernel.nr + 5, 18)] {
      var generator = SeededGenerator(seed: UInt64(columns))
      let weights = generator.bytes(columns * 9 * depth, in: columns == 3 ? -127 ... -127 : -127...127)
      let (nr, kr) = (kernel.nr, Int(kernel.descriptor.kr))
      // What the packing has room for.
      #expect(nr <= 64 && 8 % kr == 0)
      let size = s16_gemm_packed_size(kernel.pointer, columns, depth) / 2
      let panel = s16_gemm_panel_size(kernel.pointer, depth) / 2
      let packed = GuardedBuffer([Int16](repeating: -7777, count: 36 * size), alignment: 64)
      qs8_winograd_pack(kernel.pointer, columns, depth, weights, packed.raw)
      for column in 0..<(size / panel * nr) {
        for k in 0..<(panel / nr) {
          let isThere = column < columns && k < depth
          let window = (0..<9).map { isThere ? Int(weights[(column * 9 + $0) * depth + k]) : 0 }
          let expected = Winograd.transform(window, by: Winograd.weights)
          let at = column / nr * panel + k / kr * nr * kr + column % nr * kr + k % kr
          #expect(
            (0..<36).allSatisfy { Int(packed.elements[$0 * size + at]) == expected[$0] },
            "column \(column) of \(columns), input \(k) of \(depth)")
        }
      }
    }
  }

  /// Outputs of any products, modulo 2^32.
  @Test(arguments: KernelUnderTest.all(.qs8_winograd_output)) func outputs(_ kernel: KernelUnderTest) {
    for (number, channels) in channelCounts.enumerated() {
      for size in 0..<16 {
        let seed = UInt64(number * 16 + size)
        var generator = SeededGenerator(seed: seed)
        let isEqual = checkOutput(kernel, channels, lines: size / 4 + 1, pixels: size % 4 + 1, &generator)
        #expect(isEqual, "\(channels) channels of \(size / 4 + 1) x \(size % 4 + 1), seed \(seed)")
      }
    }
  }

  private func checkOutput(
    _ kernel: KernelUnderTest, _ channels: Int, lines: Int, pixels: Int, _ generator: inout SeededGenerator
  ) -> Bool {
    let nr = Int(kernels_best(kernel.descriptor.isa, .s16_gemm).pointee.nr)
    let padded = (channels + nr - 1) / nr * nr
    let stride = padded + generator.int(0...5)
    func words(_ count: Int) -> [Int32] { (0..<count).map { _ in .random(in: .min ... .max, using: &generator) } }
    let products = GuardedBuffer(words(35 * stride + padded))
    let bias = GuardedBuffer((0..<padded).map { _ in Int32.random(in: -(1 << 30)...(1 << 30), using: &generator) })
    let multipliers = GuardedBuffer(generator.floats(padded, in: 1e-7...4e-6))
    let zeroPoint = Int32.random(in: -128...127, using: &generator)
    let minimum = generator.bool() ? zeroPoint : -128
    let addition = qs8_addition.random(using: &generator)
    let output = OutputRectangle<Int8>(
      rows: lines * pixels, columns: channels, gap: generator.int(0...5), untouched: 77,
      flushTo: generator.bool() ? .end : .start)
    let residual = generator.bool() ? GuardedBuffer(generator.bytes(lines * pixels * channels)) : nil
    // A sum takes the place of its residual.
    if let residual { output.fill(residual.elements) }
    var arguments = qs8_winograd_output_arguments(
      channels: channels, input: products.base, input_stride: stride, bias: bias.base, output: output.buffer.base,
      lines: lines, pixels: pixels, line_stride: pixels * output.stride, pixel_stride: output.stride,
      residual: residual == nil ? nil : UnsafePointer(output.buffer.base), addition: addition,
      requantization: qs8_requantization(
        multipliers: multipliers.base, minimum: Float(minimum - zeroPoint), maximum: Float(127 - zeroPoint),
        zero_point: zeroPoint))
    kernel.function.qs8_winograd_output(&arguments)
    guard output.gapsAreUntouched else { return false }
    for channel in 0..<channels {
      let square = (0..<36).map { Int(products.elements[$0 * stride + channel]) }
      let sums = Winograd.transform(square, by: Winograd.output)
      for pixel in 0..<(lines * pixels) {
        let (y, x) = (pixel / pixels, pixel % pixels)
        // 9 · 2^e times the sum: 9 has an inverse modulo 2^32.
        let power = (Winograd.factors[y] / 3 * (Winograd.factors[x] / 3)).trailingZeroBitCount
        let times64 = Int32(truncatingIfNeeded: sums[y * 4 + x]) &* 954_437_177
        let sum = (times64 >> Int32(power)) &+ bias.elements[channel]
        var expected = Reference.requantize(
          Int64(sum), multipliers.elements[channel], minimum: minimum, maximum: 127, zeroPoint: zeroPoint)
        if let residual { expected = Reference.add(expected, residual.elements[pixel * channels + channel], addition) }
        guard output[pixel, channel] == expected else { return false }
      }
    }
    return true
  }

  /// The largest and smallest sums that are allowed come out whole, with all that overflows on the way.
  @Test(arguments: KernelUnderTest.all(.s16_gemm)) func theLargestSumsAreExact(_ product: KernelUnderTest) {
    let tier = product.descriptor.isa
    let depth = 115
    for (x, zeroPoint) in [(Int8(127), Int32(-128)), (-128, 127)] {
      for w: Int8 in [127, -127] {
        let weights = [Int8](repeating: w, count: 9 * depth)
        #expect(qs8_winograd_is_exact(1, depth, weights, zeroPoint))
        let sums = convolve(product, tier, x: x, zeroPoint: zeroPoint, weights, depth)
        let expected = (Int(x) - Int(zeroPoint)) * Int(w) * 9 * depth
        #expect(sums == [Int](repeating: expected, count: 16), "\(x) by \(w)")
      }
    }
  }

  /// The 16 sums of a patch of equal inputs by one column of weights, by the three kernels of a tier; told by outputs that
  /// scale each of them to −128 … 127, a bias taking what is expected off.
  private func convolve(
    _ product: KernelUnderTest, _ tier: kernels_isa, x: Int8, zeroPoint: Int32, _ weights: [Int8], _ depth: Int
  ) -> [Int] {
    let (nr, kr) = (product.nr, Int(product.descriptor.kr))
    let stride = (depth + kr - 1) / kr * kr
    let patch = GuardedBuffer([Int8](repeating: x, count: depth))
    let transformed = GuardedBuffer([Int16](repeating: 0, count: 36 * stride))
    let pointers = [UnsafePointer<Int8>?](repeating: UnsafePointer(patch.base), count: 36)
    pointers.withUnsafeBufferPointer { pointers in
      var arguments = qs8_winograd_input_arguments(
        channels: depth, inputs: nonnull(pointers), zero_point: zeroPoint, output: transformed.base,
        output_stride: stride)
      kernels_best(tier, .qs8_winograd_input).pointee.function.qs8_winograd_input(&arguments)
    }
    let size = s16_gemm_packed_size(product.pointer, 1, depth)
    let packed = GuardedBuffer([UInt8](repeating: 0, count: 36 * size), alignment: 64)
    qs8_winograd_pack(product.pointer, 1, depth, weights, packed.raw)
    let products = GuardedBuffer([Int32](repeating: 0, count: 36 * nr))
    for place in 0..<36 {
      var arguments = s16_gemm_arguments(
        rows: 1, columns: 1, depth: depth, inputs: transformed.base + place * stride, input_stride: stride,
        weights: packed.raw + place * size, output: products.base + place * nr, output_stride: nr)
      product.function.s16_gemm(&arguments)
    }
    let expected = (Int(x) - Int(zeroPoint)) * weights.reduce(0) { $0 + Int($1) }
    let bias = GuardedBuffer([Int32](repeating: Int32(-expected), count: nr))
    let ones = GuardedBuffer([Float](repeating: 1, count: nr))
    let output = GuardedBuffer([Int8](repeating: 77, count: 16))
    var arguments = qs8_winograd_output_arguments(
      channels: 1, input: products.base, input_stride: nr, bias: bias.base, output: output.base, lines: 4, pixels: 4,
      line_stride: 4, pixel_stride: 1, residual: nil, addition: qs8_addition(),
      requantization: qs8_requantization(multipliers: ones.base, minimum: -128, maximum: 127, zero_point: 0))
    kernels_best(tier, .qs8_winograd_output).pointee.function.qs8_winograd_output(&arguments)
    return output.elements.map { expected + Int($0) }
  }

  /// Exact up to 2^25, by the weights that are there and the inputs that can be.
  @Test func whatIsTooLargeIsTold() {
    func isExact(_ depth: Int, _ zeroPoint: Int32, columns: Int = 1, _ weight: (Int) -> Int8) -> Bool {
      var weights = [Int8](repeating: 1, count: columns * 9 * depth)
      for index in 0..<(9 * depth) { weights[(columns - 1) * 9 * depth + index] = weight(index) }
      return qs8_winograd_is_exact(columns, depth, weights, zeroPoint)
    }
    // 9 · 127 · 255 · 115 < 2^25 < 9 · 127 · 255 · 116
    for (sign, zeroPoint) in [(Int8(1), Int32(-128)), (1, 127), (-1, -128), (-1, 127)] {
      #expect(isExact(115, zeroPoint) { _ in 127 * sign } && !isExact(116, zeroPoint) { _ in 127 * sign })
      #expect(!isExact(116, zeroPoint, columns: 3) { _ in 127 * sign })
    }
    // Weights of both signs: the positive and the negative inputs' sums count by themselves.
    #expect(isExact(230, -128) { $0 % 2 == 0 ? 127 : -127 } && !isExact(232, -128) { $0 % 2 == 0 ? 127 : -127 })
    #expect(isExact(229, 0) { _ in 127 } && !isExact(231, 0) { _ in 127 })
    #expect(isExact(3000, -128) { _ in 1 })
  }
}

import Kernels
import TestSupport
import Testing

/// One product: inputs and weights of every tap, in memory that ends at guard pages.
private struct Product<Input: BitwiseCopyable> {
  let rows: Int
  let columns: Int
  let taps: Int
  let depth: Int
  /// [taps][rows], nil where the tap lies in the padding.
  let inputs: [[[Input]?]]
  /// [taps][mr]
  let pointers: [UnsafePointer<Input>?]
  private let buffers: [GuardedBuffer<Input>]

  /// - Parameter padding: the element that padding consists of.
  init(
    _ shape: Shape, mr: Int, padding: Input, using generator: inout SeededGenerator, row: (Int) -> [Input]
  ) {
    (rows, columns, taps, depth) = (shape.rows, shape.columns, shape.taps, shape.depth)
    // All rows in one buffer, one after the other in an order of chance: each is the last, before the guard page, in
    // some of the cases.
    var order = Array(0..<(taps * rows))
    order.shuffle(using: &generator)
    var contents: [Input] = []
    var values = [[[Input]?]](repeating: [[Input]?](repeating: nil, count: rows), count: taps)
    var places = [[Int?]](repeating: [Int?](repeating: nil, count: rows), count: taps)
    for place in order {
      let (tap, r) = (place / rows, place % rows)
      if taps > 1 && Int.random(in: 0..<4, using: &generator) == 0 { continue }
      let elements = row(depth)
      values[tap][r] = elements
      places[tap][r] = contents.count
      contents += elements
    }
    let data = GuardedBuffer(
      contents.isEmpty ? [padding] : contents, flushTo: Bool.random(using: &generator) ? .end : .start)
    let zeros = GuardedBuffer([Input](repeating: padding, count: depth))
    var pointers = [UnsafePointer<Input>?](repeating: nil, count: taps * mr)
    for tap in 0..<taps {
      for r in 0..<rows { pointers[tap * mr + r] = UnsafePointer(places[tap][r].map { data.base + $0 } ?? zeros.base) }
    }
    inputs = values
    self.pointers = pointers
    buffers = [data, zeros]
  }

  struct Shape: CustomStringConvertible {
    var rows: Int
    var columns: Int
    var taps: Int
    var depth: Int
    var description: String { "rows \(rows), columns \(columns), taps \(taps), depth \(depth)" }
  }
}

/// Shapes around the tile's edges for every number of rows, then skinny and deep ones.
private func shapes<Input>(_ kernel: KernelUnderTest) -> [Product<Input>.Shape] {
  let nr = kernel.nr
  var result: [Product<Input>.Shape] = []
  let depths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 37, 64, 65]
  var next = 0
  for rows in 1...kernel.mr {
    for columns in [1, nr * 3 / 4, nr - 1, nr, nr + 1, nr + nr / 2 + 1, 2 * nr + 3, 4 * nr, 9 * nr - 1]
    where columns > 0 {
      for taps in [1, 2, 9] {
        result.append(.init(rows: rows, columns: columns, taps: taps, depth: depths[next % depths.count]))
        next += 1
      }
    }
  }
  for rows in [1, 2, kernel.mr] {
    for (columns, taps, depth) in [
      (1, 1, 1), (1, 1, 1009), (3, 1, 511), (10, 1, 84), (257, 1, 2), (31, 25, 1), (6, 25, 3),
    ] {
      result.append(.init(rows: rows, columns: columns, taps: taps, depth: depth))
    }
  }
  return result
}

@Suite struct F32IgemmTests {
  @Test(arguments: KernelUnderTest.all(.f32_igemm)) func equalsTheSumsInDouble(_ kernel: KernelUnderTest) {
    for (number, shape) in (shapes(kernel) as [Product<Float>.Shape]).enumerated() {
      let seed = UInt64(number)
      var generator = SeededGenerator(seed: seed)
      guard check(kernel, shape, &generator) else {
        Issue.record("\(kernel.testDescription): \(shape), seed \(seed)")
        return
      }
    }
  }

  private func check(
    _ kernel: KernelUnderTest, _ shape: Product<Float>.Shape, _ generator: inout SeededGenerator
  ) -> Bool {
    let (rows, columns, taps, depth) = (shape.rows, shape.columns, shape.taps, shape.depth)
    var rowGenerator = SeededGenerator(seed: generator.next())
    let product = Product<Float>(shape, mr: kernel.mr, padding: 0, using: &generator) { rowGenerator.floats($0) }
    let weights = generator.floats(columns * taps * depth)
    let bias = Bool.random(using: &generator) ? generator.floats(columns) : nil
    let residual = Bool.random(using: &generator) ? GuardedBuffer(generator.floats(rows * columns)) : nil
    let (minimum, maximum): (Float, Float) =
      Bool.random(using: &generator) ? (-0.5, 0.75) : (-.infinity, .infinity)
    let packed = GuardedBuffer(
      [UInt8](repeating: 0xFF, count: igemm_packed_size(kernel.pointer, columns, taps, depth)), alignment: 64)
    f32_igemm_pack(kernel.pointer, columns, taps, depth, weights, bias, packed.raw)
    let output = OutputRectangle<Float>(
      rows: rows, columns: columns, gap: .random(in: 0...9, using: &generator), untouched: -77,
      flushTo: Bool.random(using: &generator) ? .end : .start)
    // A sum may take the place of its residual.
    let inPlace = residual != nil && Bool.random(using: &generator)
    if let residual, inPlace { output.fill(residual.elements) }
    product.pointers.withUnsafeBufferPointer { pointers in
      var arguments = f32_igemm_arguments(
        rows: rows, columns: columns, taps: taps, depth: depth, inputs: nonnull(pointers), weights: packed.raw,
        output: output.buffer.base, output_stride: output.stride,
        residual: inPlace ? UnsafePointer(output.buffer.base) : residual.map { UnsafePointer($0.base) },
        residual_stride: inPlace ? output.stride : columns,
        minimum: minimum, maximum: maximum)
      kernel.function.f32_igemm(&arguments)
    }
    guard output.gapsAreUntouched else { return false }
    for r in 0..<rows {
      for c in 0..<columns {
        var sum = Double(bias?[c] ?? 0)
        var magnitude = abs(sum)
        for tap in 0..<taps {
          guard let x = product.inputs[tap][r] else { continue }
          for k in 0..<depth {
            let term = Double(x[k]) * Double(weights[(c * taps + tap) * depth + k])
            sum += term
            magnitude += abs(term)
          }
        }
        let added = Double(residual?.elements[r * columns + c] ?? 0)
        let expected = max(min(sum + added, Double(maximum)), Double(minimum))
        let bound = Reference.sumBound(terms: taps * depth + 2, magnitude: magnitude + abs(added))
        guard abs(Double(output[r, c]) - expected) <= bound else { return false }
      }
    }
    return true
  }

  /// A row's result does not depend on the rows computed with it: what lets threads share a layer as they like.
  @Test(arguments: KernelUnderTest.all(.f32_igemm), [false, true])
  func rowsAreIndependentOfTheTile(_ kernel: KernelUnderTest, isThin: Bool) {
    var generator = SeededGenerator(seed: 5)
    let (columns, depth) = (isThin ? kernel.nr * 3 / 4 : 9 * kernel.nr + 3, 57)
    let rows = GuardedBuffer(generator.floats(kernel.mr * depth))
    let weights = generator.floats(columns * depth)
    let packed = GuardedBuffer(
      [UInt8](repeating: 0, count: igemm_packed_size(kernel.pointer, columns, 1, depth)), alignment: 64)
    f32_igemm_pack(kernel.pointer, columns, 1, depth, weights, nil, packed.raw)
    func product(_ count: Int, from first: Int) -> [Float] {
      var output = [Float](repeating: 0, count: count * columns)
      let pointers = (0..<kernel.mr).map { UnsafePointer<Float>?(rows.base + min(first + $0, kernel.mr - 1) * depth) }
      pointers.withUnsafeBufferPointer { pointers in
        output.withUnsafeMutableBufferPointer { output in
          var arguments = f32_igemm_arguments(
            rows: count, columns: columns, taps: 1, depth: depth, inputs: nonnull(pointers), weights: packed.raw,
            output: output.baseAddress!, output_stride: columns, residual: nil, residual_stride: 0,
            minimum: -.infinity, maximum: .infinity)
          kernel.function.f32_igemm(&arguments)
        }
      }
      return output
    }
    let whole = product(kernel.mr, from: 0)
    for count in 1...kernel.mr {
      for first in 0...(kernel.mr - count) {
        #expect(product(count, from: first) == Array(whole[(first * columns)..<((first + count) * columns)]))
      }
    }
  }
}

/// A pointer array as C's `const T *_Nonnull const *_Nonnull`; entries that no kernel reads may be null.
func nonnull<T>(_ pointers: UnsafeBufferPointer<UnsafePointer<T>?>) -> UnsafePointer<UnsafePointer<T>> {
  UnsafeRawPointer(pointers.baseAddress!).assumingMemoryBound(to: UnsafePointer<T>.self)
}

@Suite struct QS8IgemmTests {
  @Test(arguments: KernelUnderTest.all(.qs8_igemm)) func equalsTheExactSums(_ kernel: KernelUnderTest) {
    for (number, shape) in (shapes(kernel) as [Product<Int8>.Shape]).enumerated() {
      let seed = UInt64(number)
      var generator = SeededGenerator(seed: seed)
      guard checkStatic(kernel, shape, &generator) else {
        Issue.record("\(kernel.testDescription): \(shape), seed \(seed)")
        return
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.qs8_f32_igemm)) func dynamicEqualsTheExactSums(_ kernel: KernelUnderTest) {
    for (number, shape) in (shapes(kernel) as [Product<Int8>.Shape]).enumerated() {
      let seed = UInt64(number)
      var generator = SeededGenerator(seed: seed)
      guard checkDynamic(kernel, shape, &generator) else {
        Issue.record("\(kernel.testDescription): \(shape), seed \(seed)")
        return
      }
    }
  }

  private func checkStatic(
    _ kernel: KernelUnderTest, _ shape: Product<Int8>.Shape, _ generator: inout SeededGenerator
  ) -> Bool {
    let (rows, columns, taps, depth) = (shape.rows, shape.columns, shape.taps, shape.depth)
    let inputZeroPoint = Int32.random(in: -128...127, using: &generator)
    var rowGenerator = SeededGenerator(seed: generator.next())
    let product = Product<Int8>(shape, mr: kernel.mr, padding: Int8(inputZeroPoint), using: &generator) {
      rowGenerator.bytes($0)
    }
    let weights = generator.bytes(columns * taps * depth, in: -127...127)
    let bias = (0..<columns).map { _ in Int32.random(in: -20_000...20_000, using: &generator) }
    let useBias = Bool.random(using: &generator)
    let padded = (columns + kernel.nr - 1) / kernel.nr * kernel.nr
    let spread = Float(60 / (5600 * Double(taps * depth).squareRoot()))
    let multipliers = GuardedBuffer(generator.floats(padded, in: spread / 4...spread))
    let zeroPoint = Int32.random(in: -128...127, using: &generator)
    let minimum = Bool.random(using: &generator) ? zeroPoint : -128
    let residual = Bool.random(using: &generator) ? GuardedBuffer(generator.bytes(rows * columns)) : nil
    let addition = qs8_addition.random(using: &generator)
    let packed = GuardedBuffer(
      [UInt8](repeating: 0xFF, count: igemm_packed_size(kernel.pointer, columns, taps, depth)), alignment: 64)
    qs8_igemm_pack(
      kernel.pointer, columns, taps, depth, weights, useBias ? bias : nil, inputZeroPoint, packed.raw)
    let output = OutputRectangle<Int8>(
      rows: rows, columns: columns, gap: .random(in: 0...9, using: &generator), untouched: 77,
      flushTo: Bool.random(using: &generator) ? .end : .start)
    // A sum may take the place of its residual.
    let inPlace = residual != nil && Bool.random(using: &generator)
    if let residual, inPlace { output.fill(residual.elements) }
    product.pointers.withUnsafeBufferPointer { pointers in
      var arguments = qs8_igemm_arguments(
        rows: rows, columns: columns, taps: taps, depth: depth, inputs: nonnull(pointers), weights: packed.raw,
        output: output.buffer.base, output_stride: output.stride,
        residual: inPlace ? UnsafePointer(output.buffer.base) : residual.map { UnsafePointer($0.base) },
        residual_stride: inPlace ? output.stride : columns,
        addition: addition,
        requantization: qs8_requantization(
          multipliers: multipliers.base, minimum: Float(minimum - zeroPoint), maximum: Float(127 - zeroPoint),
          zero_point: zeroPoint))
      kernel.function.qs8_igemm(&arguments)
    }
    guard output.gapsAreUntouched else { return false }
    for r in 0..<rows {
      for c in 0..<columns {
        let sum = exactSum(product, weights, row: r, column: c, zeroPoint: inputZeroPoint)
        var expected = Reference.requantize(
          sum + Int64(useBias ? bias[c] : 0), multipliers.elements[c], minimum: minimum, maximum: 127,
          zeroPoint: zeroPoint)
        if let residual { expected = Reference.add(expected, residual.elements[r * columns + c], addition) }
        guard output[r, c] == expected else { return false }
      }
    }
    return true
  }

  private func checkDynamic(
    _ kernel: KernelUnderTest, _ shape: Product<Int8>.Shape, _ generator: inout SeededGenerator
  ) -> Bool {
    let (rows, columns, taps, depth) = (shape.rows, shape.columns, shape.taps, shape.depth)
    let inputZeroPoint = Int32.random(in: -128...127, using: &generator)
    var rowGenerator = SeededGenerator(seed: generator.next())
    let product = Product<Int8>(shape, mr: kernel.mr, padding: Int8(inputZeroPoint), using: &generator) {
      rowGenerator.bytes($0)
    }
    let weights = generator.bytes(columns * taps * depth, in: -127...127)
    let padded = (columns + kernel.nr - 1) / kernel.nr * kernel.nr
    let multipliers = GuardedBuffer(generator.floats(padded, in: 1e-5...1e-3))
    let bias = GuardedBuffer(generator.floats(padded))
    let residual = Bool.random(using: &generator) ? GuardedBuffer(generator.floats(rows * columns)) : nil
    let (minimum, maximum): (Float, Float) = Bool.random(using: &generator) ? (0, 6) : (-.infinity, .infinity)
    let packed = GuardedBuffer(
      [UInt8](repeating: 0xFF, count: igemm_packed_size(kernel.pointer, columns, taps, depth)), alignment: 64)
    qs8_f32_igemm_pack(kernel.pointer, columns, taps, depth, weights, packed.raw)
    let output = OutputRectangle<Float>(
      rows: rows, columns: columns, gap: .random(in: 0...9, using: &generator), untouched: -77,
      flushTo: Bool.random(using: &generator) ? .end : .start)
    // A sum may take the place of its residual.
    let inPlace = residual != nil && Bool.random(using: &generator)
    if let residual, inPlace { output.fill(residual.elements) }
    product.pointers.withUnsafeBufferPointer { pointers in
      var arguments = qs8_f32_igemm_arguments(
        rows: rows, columns: columns, taps: taps, depth: depth, inputs: nonnull(pointers), weights: packed.raw,
        output: output.buffer.base, output_stride: output.stride,
        residual: inPlace ? UnsafePointer(output.buffer.base) : residual.map { UnsafePointer($0.base) },
        residual_stride: inPlace ? output.stride : columns,
        dequantization: qs8_dequantization(
          multipliers: multipliers.base, bias: bias.base, minimum: minimum, maximum: maximum,
          input_zero_point: inputZeroPoint))
      kernel.function.qs8_f32_igemm(&arguments)
    }
    guard output.gapsAreUntouched else { return false }
    for r in 0..<rows {
      for c in 0..<columns {
        let sum = Float(Int32(exactSum(product, weights, row: r, column: c, zeroPoint: inputZeroPoint)))
        var expected = sum * multipliers.elements[c] + bias.elements[c]
        if let residual { expected += residual.elements[r * columns + c] }
        guard output[r, c] == max(min(expected, maximum), minimum) else { return false }
      }
    }
    return true
  }

  private func exactSum(
    _ product: Product<Int8>, _ weights: [Int8], row: Int, column: Int, zeroPoint: Int32
  ) -> Int64 {
    var sum: Int64 = 0
    for tap in 0..<product.taps {
      guard let x = product.inputs[tap][row] else { continue }
      for k in 0..<product.depth {
        let w = weights[(column * product.taps + tap) * product.depth + k]
        sum += (Int64(x[k]) - Int64(zeroPoint)) * Int64(w)
      }
    }
    return sum
  }

  /// The largest sums that the format admits, and those that make 16-bit intermediates saturate or wrap.
  @Test(arguments: KernelUnderTest.all(.qs8_f32_igemm)) func extremesDoNotOverflow(_ kernel: KernelUnderTest) {
    let depth = 32_768
    for (x, zeroPoint) in [(Int8(-128), Int32(127)), (127, -128), (-128, 0), (127, 0)] {
      for w: Int8 in [-127, 127] {
        let columns = kernel.nr + 1
        let packed = GuardedBuffer(
          [UInt8](repeating: 0, count: igemm_packed_size(kernel.pointer, columns, 1, depth)), alignment: 64)
        qs8_f32_igemm_pack(
          kernel.pointer, columns, 1, depth, [Int8](repeating: w, count: columns * depth), packed.raw)
        let row = GuardedBuffer([Int8](repeating: x, count: depth))
        let padded = 2 * kernel.nr
        let (ones, zeros) = ([Float](repeating: 1, count: padded), [Float](repeating: 0, count: padded))
        var output = [Float](repeating: 0, count: kernel.mr * columns)
        let pointers = [UnsafePointer<Int8>?](repeating: UnsafePointer(row.base), count: kernel.mr)
        pointers.withUnsafeBufferPointer { pointers in
          ones.withUnsafeBufferPointer { ones in
            zeros.withUnsafeBufferPointer { zeros in
              output.withUnsafeMutableBufferPointer { output in
                var arguments = qs8_f32_igemm_arguments(
                  rows: kernel.mr, columns: columns, taps: 1, depth: depth, inputs: nonnull(pointers),
                  weights: packed.raw, output: output.baseAddress!, output_stride: columns, residual: nil,
                  residual_stride: 0,
                  dequantization: qs8_dequantization(
                    multipliers: ones.baseAddress!, bias: zeros.baseAddress!, minimum: -.infinity,
                    maximum: .infinity, input_zero_point: zeroPoint))
                kernel.function.qs8_f32_igemm(&arguments)
              }
            }
          }
        }
        let expected = Float((Int(x) - Int(zeroPoint)) * Int(w) * depth)
        #expect(
          output.allSatisfy { $0 == expected }, "\(kernel.testDescription): x \(x), w \(w), zero point \(zeroPoint)")
      }
    }
  }
}

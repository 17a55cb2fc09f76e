import Foundation
import Kernels
import TestSupport
import Testing

/// The cells of recurrent layers and bilinear resizing, each against its formula in double or in integers.
@Suite struct SequenceTests {
  private static let counts = Array(1...35) + [63, 64, 65, 130]

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// The new h and c of one unit: `a` and `b` have a number per gate.
  private typealias Cell = (_ a: [Double], _ b: [Double], _ h: Double, _ c: Double) -> (h: Double, c: Double)

  /// Runs a cell on operands between guard pages, gates further apart than their units, and compares.
  private func check(_ kernel: KernelUnderTest, gates: Int, _ cell: Cell) {
    for units in SequenceTests.counts {
      for side in GuardedBuffer<Float>.sides {
        var random = SeededGenerator(seed: UInt64(units))
        let stride = units + Int.random(in: 0...5, using: &random)
        let a = GuardedBuffer(random.floats((gates - 1) * stride + units, in: -6...6), flushTo: side)
        let b = GuardedBuffer(random.floats((gates - 1) * stride + units, in: -2...2), flushTo: side)
        let h = GuardedBuffer(random.floats(units), flushTo: side)
        let c = GuardedBuffer(random.floats(units, in: -2...2), flushTo: side)
        let output = GuardedBuffer(random.floats(units), flushTo: side)
        let expected = (0..<units).map { unit in
          func values(_ part: GuardedBuffer<Float>) -> [Double] {
            (0..<gates).map { Double(part.elements[$0 * stride + unit]) }
          }
          return cell(values(a), values(b), Double(h.elements[unit]), Double(c.elements[unit]))
        }
        var arguments = f32_cell_arguments(
          units: units, input_part: a.base, recurrent_part: b.base, gate_stride: stride, previous: h.base,
          cell_state: c.base, output: output.base)
        kernel.function.f32_cell(&arguments)
        let worst = (0..<units).map { unit in
          max(
            abs(Double(output.elements[unit]) - expected[unit].h), abs(Double(c.elements[unit]) - expected[unit].c))
        }.max()!
        #expect(worst < 2e-6, "units \(units), flush to the \(side), seed \(units)")
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_rnn_cell)) func rnn(_ kernel: KernelUnderTest) {
    check(kernel, gates: 1) { a, b, _, c in (tanh(a[0] + b[0]), c) }
  }

  @Test(arguments: KernelUnderTest.all(.f32_lstm_cell)) func lstm(_ kernel: KernelUnderTest) {
    check(kernel, gates: 4) { a, b, _, c in
      let gate = zip(a, b).map { $0 + $1 }
      let new = Self.sigmoid(gate[1]) * c + Self.sigmoid(gate[0]) * tanh(gate[2])
      return (Self.sigmoid(gate[3]) * tanh(new), new)
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_gru_cell)) func gru(_ kernel: KernelUnderTest) {
    check(kernel, gates: 3) { a, b, h, c in
      let n = tanh(a[2] + Self.sigmoid(a[0] + b[0]) * b[2])
      let z = Self.sigmoid(a[1] + b[1])
      return ((1 - z) * n + z * h, c)
    }
  }

  @Test(arguments: KernelUnderTest.all(.f32_bilinear)) func bilinear(_ kernel: KernelUnderTest) {
    for channels in SequenceTests.counts {
      for side in GuardedBuffer<Float>.sides {
        var random = SeededGenerator(seed: UInt64(channels))
        let (pixels, columns) = (Int.random(in: 1...5, using: &random), 3)
        let top = GuardedBuffer(random.floats(columns * channels), flushTo: side)
        let bottom = GuardedBuffer(random.floats(columns * channels), flushTo: side)
        let left = (0..<pixels).map { _ in Int.random(in: 0..<columns, using: &random) * channels }
        let right = (0..<pixels).map { _ in Int.random(in: 0..<columns, using: &random) * channels }
        let across = random.floats(pixels, in: 0...1)
        let output = GuardedBuffer(random.floats(pixels * channels), flushTo: side)
        let down = random.floats(1, in: 0...1)[0]
        let places = GuardedBuffer(left + right)
        let shares = GuardedBuffer(across)
        var arguments = f32_bilinear_arguments(
          pixels: pixels, channels: channels, top: top.base, bottom: bottom.base, left: places.base,
          right: places.base + pixels, across: shares.base, down: down, output: output.base)
        kernel.function.f32_bilinear(&arguments)
        func between(_ a: Float, _ b: Float, _ share: Float) -> Float { a + (b - a) * share }
        func pixel(_ p: Int, _ c: Int) -> Float {
          let upper = between(top.elements[left[p] + c], top.elements[right[p] + c], across[p])
          let lower = between(bottom.elements[left[p] + c], bottom.elements[right[p] + c], across[p])
          return between(upper, lower, down)
        }
        let expected: [Float] = (0..<pixels).flatMap { p in (0..<channels).map { c in pixel(p, c) } }
        #expect(Array(output.elements) == expected, "channels \(channels), flush to the \(side), seed \(channels)")
      }
    }
  }

  @Test(arguments: KernelUnderTest.all(.qs8_bilinear)) func quantizedBilinear(_ kernel: KernelUnderTest) {
    for channels in SequenceTests.counts {
      for side in GuardedBuffer<Int8>.sides {
        var random = SeededGenerator(seed: UInt64(channels))
        let (pixels, columns) = (Int.random(in: 1...5, using: &random), 3)
        let top = GuardedBuffer(random.bytes(columns * channels), flushTo: side)
        let bottom = GuardedBuffer(random.bytes(columns * channels), flushTo: side)
        let left = (0..<pixels).map { _ in Int.random(in: 0..<columns, using: &random) * channels }
        let right = (0..<pixels).map { _ in Int.random(in: 0..<columns, using: &random) * channels }
        let across = (0..<pixels).map { _ in Int32.random(in: 0...2048, using: &random) }
        let output = GuardedBuffer(random.bytes(pixels * channels), flushTo: side)
        let down = Int32.random(in: 0...2048, using: &random)
        let places = GuardedBuffer(left + right)
        let shares = GuardedBuffer(across)
        var arguments = qs8_bilinear_arguments(
          pixels: pixels, channels: channels, top: top.base, bottom: bottom.base, left: places.base,
          right: places.base + pixels, across: shares.base, down: down, output: output.base)
        kernel.function.qs8_bilinear(&arguments)
        // Exact in double; halves are rounded up.
        func pixel(_ p: Int, _ c: Int) -> Int8 {
          func line(_ x: GuardedBuffer<Int8>) -> Double {
            let share = Double(across[p]) / 2048
            return Double(x.elements[left[p] + c]) * (1 - share) + Double(x.elements[right[p] + c]) * share
          }
          let share = Double(down) / 2048
          let value: Double = line(top) * (1 - share) + line(bottom) * share
          return Int8((value + 0.5).rounded(.down))
        }
        let expected: [Int8] = (0..<pixels).flatMap { p in (0..<channels).map { c in pixel(p, c) } }
        #expect(Array(output.elements) == expected, "channels \(channels), flush to the \(side), seed \(channels)")
      }
    }
  }
}

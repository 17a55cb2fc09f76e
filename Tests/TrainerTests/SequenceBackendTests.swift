import Format
import Testing

@testable import Trainer

/// The operations on sequences; the definitions themselves are checked by `GradientTests` and, against PyTorch, by
/// `GoldenLossesTests`.
extension BackendTests {
  /// Sizes around a panel of packed weights and a tile of rows, and more images than one piece.
  static let recurrentSizes: [(count: Int, steps: Int, inputs: Int, units: Int)] = [
    (1, 1, 1, 1), (2, 3, 5, 7), (7, 4, 16, 64), (17, 5, 28, 65), (33, 2, 70, 16), (40, 3, 3, 130),
  ]

  @Test(arguments: Recurrent.Cell.allCases, recurrentSizes)
  func recurrent(_ cell: Recurrent.Cell, size: (count: Int, steps: Int, inputs: Int, units: Int)) throws {
    let (count, units) = (size.count, size.units)
    for (isReversed, hasState) in [(false, false), (true, true), (false, true)] {
      let geometry = RecurrentGeometry(
        cell: cell, steps: size.steps, inputs: size.inputs, units: units, isReversed: isReversed)
      let (images, outputs) = (count * size.steps * size.inputs, count * size.steps * units)
      let sizes = [
        images, geometry.gateRows * size.inputs, geometry.gateRows * units, geometry.biasCount, count * units,
        count * units, outputs, count * units, count * units,
      ]
      var random = TestRandom(seed: UInt64(count * units))
      let arguments = sizes.enumerated().map { index, size in
        random.uniform(count: size).map { index == 1 || index == 2 ? $0 / 4 : $0 }
      }
      let results = [outputs, sizes[4], sizes[5], images, sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]]
      try compare(arguments, results: results, "\(geometry), \(count) sequences, state \(hasState)") {
        backend, a, results in
        func state(_ hidden: DeviceSlice, _ cellState: DeviceSlice) -> RecurrentState? {
          hasState ? RecurrentState(hidden: hidden, cell: cell == .lstm ? cellState : nil) : nil
        }
        let weights = RecurrentWeights(input: a[1], recurrent: a[2], bias: a[3])
        let saved = try backend.reals(count * geometry.savedCount)
        backend.recurrentForward(
          geometry, count: count, input: a[0], weights: weights, initial: state(a[4], a[5]), output: results[0],
          final: state(results[1], results[2]), saved: saved)
        backend.recurrentBackward(
          geometry, count: count, weights: weights, saved: saved, outputGradient: hasState && isReversed ? nil : a[6],
          finalGradient: state(a[7], a[8]),
          weightGradient: RecurrentWeights(input: results[4], recurrent: results[5], bias: results[6]),
          inputGradient: results[3], initialGradient: state(results[7], results[8]))
      }
    }
  }

  /// The final state may take the initial one's place: so training carries it from step to step.
  @Test(arguments: Recurrent.Cell.allCases) func stateInPlace(_ cell: Recurrent.Cell) throws {
    let geometry = RecurrentGeometry(cell: cell, steps: 3, inputs: 2, units: 5)
    var random = TestRandom(seed: 1)
    let arguments = [6 * 4, geometry.gateRows * 2, geometry.gateRows * 5, geometry.biasCount, 20, 20].map {
      random.uniform(count: $0)
    }
    func run(inPlace: Bool) throws -> [[Float]] {
      try compare(arguments, results: [60, 20, 20], "in place: \(inPlace)") { backend, a, results in
        let final = RecurrentState(hidden: results[1], cell: results[2])
        if inPlace {
          backend.copy(a[4], to: results[1])
          backend.copy(a[5], to: results[2])
        }
        backend.recurrentForward(
          geometry, count: 4, input: a[0], weights: RecurrentWeights(input: a[1], recurrent: a[2], bias: a[3]),
          initial: inPlace ? final : RecurrentState(hidden: a[4], cell: a[5]), output: results[0], final: final,
          saved: try backend.reals(4 * geometry.savedCount))
        if cell != .lstm { backend.copy(a[5], to: results[2]) }
      }
    }
    #expect(try run(inPlace: true) == run(inPlace: false))
  }

  /// A sequence run backwards is the sequence turned around, run forwards and turned around again.
  @Test(arguments: Recurrent.Cell.allCases) func reversal(_ cell: Recurrent.Cell) throws {
    let (steps, inputs, units) = (5, 3, 4)
    var random = TestRandom(seed: 2)
    let geometry = RecurrentGeometry(cell: cell, steps: steps, inputs: inputs, units: units)
    let x = random.uniform(count: steps * inputs)
    let rest = [geometry.gateRows * inputs, geometry.gateRows * units, geometry.biasCount].map {
      random.uniform(count: $0)
    }
    func turned(_ values: [Float], width: Int) -> [Float] {
      (0..<steps).reversed().flatMap { values[($0 * width)..<(($0 + 1) * width)] }
    }
    func run(_ x: [Float], isReversed: Bool) throws -> [Float] {
      var geometry = geometry
      geometry.isReversed = isReversed
      return try compare([x] + rest, results: [steps * units], "reversed: \(isReversed)") { backend, a, results in
        backend.recurrentForward(
          geometry, count: 1, input: a[0], weights: RecurrentWeights(input: a[1], recurrent: a[2], bias: a[3]),
          initial: nil, output: results[0], final: nil, saved: try backend.reals(geometry.savedCount))
      }[0]
    }
    #expect(
      try run(x, isReversed: true) == turned(run(turned(x, width: inputs), isReversed: false), width: units))
  }

  @Test(arguments: [(1, 1, 1), (5, 3, 4), (100, 32, 700), (3000, 40, 33)])
  func embedding(sizes: (vocabulary: Int, width: Int, rows: Int)) throws {
    let geometry = EmbeddingGeometry(vocabulary: sizes.vocabulary, width: sizes.width)
    var random = TestRandom(seed: UInt64(sizes.rows))
    // Some out of range on either side.
    let tokens = (0..<sizes.rows).map { _ in Float(random.integer(below: sizes.vocabulary + 2) - 1) }
    let (weights, outputs) = (sizes.vocabulary * sizes.width, sizes.rows * sizes.width)
    let table = random.uniform(count: weights)
    let results = try compare(
      [tokens, table, random.uniform(count: outputs)], results: [outputs, weights], "\(geometry)"
    ) { backend, a, results in
      backend.embeddingForward(geometry, rows: sizes.rows, tokens: a[0], weights: a[1], output: results[0])
      backend.embeddingBackward(
        geometry, rows: sizes.rows, tokens: a[0], outputGradient: a[2], weightGradient: results[1])
    }
    let last = tokens.last!
    let row = last >= 0 && last < Float(sizes.vocabulary) ? Int(last) : 0
    #expect(Array(results[0].suffix(sizes.width)) == Array(table[(row * sizes.width)..<((row + 1) * sizes.width)]))
  }
}

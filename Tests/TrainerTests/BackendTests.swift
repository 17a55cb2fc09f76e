import Format
import Testing

@testable import Trainer

/// Every operation of all backends against the naive one, on random sizes. A failure tells the case's seed.
@Suite struct BackendTests {
  // MARK: Comparing

  /// Runs `body` on all backends with copies of `arguments` and with results of the given sizes, and compares these.
  /// Results start as 5 and are followed by elements that must stay so. Gives the naive results.
  @discardableResult func compare(
    _ arguments: [[Float]], results sizes: [Int], tolerance: Float = 2e-5, _ what: String,
    _ body: (any Backend, [DeviceSlice], [DeviceSlice]) throws -> Void
  ) throws -> [[Float]] {
    let guardCount = 40
    func run(_ backend: any Backend) throws -> (results: [[Float]], guards: [Float]) {
      let slices = try arguments.map { try backend.filled($0) }
      let results = try sizes.map { size in
        try backend.filled([Float](repeating: 5, count: size + guardCount))
      }
      try body(backend, slices, zip(results, sizes).map { $0[0..<$1] })
      let values = try zip(results, sizes).map { try backend.values(of: $0[0..<$1]) }
      return (values, try results.flatMap { try backend.values(of: $0[($0.count - guardCount)..<$0.count]) })
    }
    let expected = try run(NaiveBackend())
    func check(_ backend: any Backend, _ name: String) throws {
      let found = try run(backend)
      #expect(found.guards.allSatisfy { $0 == 5 }, "\(name), \(what): wrote past a result")
      for (index, (found, expected)) in zip(found.results, expected.results).enumerated() {
        let scale = max(expected.map(abs).max() ?? 1, 1)
        let worst = zip(found, expected).map { abs($0 - $1) }.enumerated().max { $0.element < $1.element }!
        let isClose = zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * scale }
        #expect(
          isClose,
          "\(name), \(what): result \(index)[\(worst.offset)] is \(found[worst.offset]), expected \(expected[worst.offset])"
        )
      }
    }
    try check(CPUBackend(threads: 2), "cpu")
    for shared in OpenCLTestDevice.backends { try shared.use { try check($0, shared.name) } }
    return expected.results
  }

  // MARK: Element by element, losses, weights

  @Test(arguments: [1, 15, 16, 17, 1000, 70_001]) func elementwise(count: Int) throws {
    var random = TestRandom(seed: UInt64(count))
    let arguments = (0..<2).map { _ in random.uniform(count: count).map { $0 * 8 } }
    for activation in Activation.allCases {
      try compare(arguments, results: [count, count], "\(activation)") { backend, a, results in
        backend.activationForward(activation, input: a[0], output: results[0])
        backend.activationBackward(
          activation, values: activation.slopeNeedsInput ? a[0] : results[0], outputGradient: a[1],
          inputGradient: results[1])
      }
    }
    try compare(arguments, results: [count, count, count, 1], "add, copy, dropout") { backend, a, results in
      backend.add(a[0], a[1], output: results[0])
      backend.copy(a[0], to: results[1])
      backend.dropout(
        DropoutMask(rate: 0.3, seed: 0x1234_5678_9ABC_DEF0, stream: 3, step: 7), input: a[0], output: results[2])
      backend.sumOfSquares(a[0], result: results[3])
    }
  }

  /// A part of a batch drops what the whole batch drops there, wherever it begins.
  @Test(arguments: [1, 4, 6, 4099]) func dropoutOfAPart(first: Int) throws {
    var random = TestRandom(seed: 11)
    let values = random.uniform(count: 9000)
    func check(_ backend: some Backend) throws {
      var mask = DropoutMask(rate: 0.4, seed: 3, stream: 1, step: 2)
      let (whole, part) = (try backend.filled(values), try backend.filled(Array(values[first...])))
      backend.dropout(mask, input: whole, output: whole)
      mask.first = first
      backend.dropout(mask, input: part, output: part)
      #expect(try backend.values(of: part) == Array(backend.values(of: whole)[first...]), "\(backend.name)")
    }
    try check(NaiveBackend())
    try check(CPUBackend(threads: 2))
    for backend in OpenCLTestDevice.backends { try backend.use { try check($0) } }
  }

  @Test(arguments: [(1, 1), (1, 37), (9, 16), (49, 72), (3000, 17)], [1, 6])
  func multiply(sizes: (pixels: Int, channels: Int), count: Int) throws {
    let geometry = MultiplyGeometry(pixels: sizes.pixels, channels: sizes.channels)
    var random = TestRandom(seed: UInt64(geometry.count))
    let (elements, factors) = (count * geometry.count, count * geometry.channels)
    let arguments = [elements, factors, elements].map { random.uniform(count: $0) }
    try compare(arguments, results: [elements, elements, factors, elements], "\(geometry), \(count) images") {
      backend, a, results in
      backend.multiplyForward(geometry, count: count, a: a[0], b: a[1], output: results[0])
      backend.multiplyBackward(
        geometry, count: count, a: a[0], b: a[1], outputGradient: a[2], aGradient: results[1], bGradient: results[2])
      // In place.
      backend.copy(a[2], to: results[3])
      backend.multiplyBackward(
        geometry, count: count, a: a[0], b: a[1], outputGradient: results[3], aGradient: results[3], bGradient: nil)
    }
  }

  @Test func activationsFarOut() throws {
    let x: [Float] = [-1e30, -200, -90, -88, -20, -1e-3, -0.0, 1e-20, 1e-3, 0.34, 0.36, 20, 88, 90, 200, 1e30]
    for activation in Activation.allCases {
      try compare([x], results: [x.count], tolerance: 1e-6, "\(activation)") { backend, a, results in
        backend.activationForward(activation, input: a[0], output: results[0])
      }
    }
  }

  @Test func copyRows() throws {
    var random = TestRandom(seed: 1)
    try compare([random.uniform(count: 70)], results: [110], "copyRows") { backend, a, results in
      backend.copy(a[0], to: results[0][0..<70])
      backend.copyRows(
        rows: 10, columns: 5, source: a[0][2..<70], sourceStride: 7, destination: results[0][3..<110],
        destinationStride: 11)
      backend.copy(a[0][0..<40], to: results[0][70..<110])
    }
  }

  @Test(arguments: Loss.allCases, [1, 2, 10, 300]) func losses(_ loss: Loss, outputs: Int) throws {
    let count = 37
    var random = TestRandom(seed: UInt64(outputs))
    let arguments = [
      random.uniform(count: count * outputs).map { $0 * 10 },
      random.uniform(count: count * outputs).map { ($0 + 1) / 2 },
      random.uniform(count: count).map { $0 + 1.5 },
    ]
    try compare(arguments, results: [count, count, count * outputs, count * outputs], "\(loss)") {
      backend, a, results in
      backend.loss(
        loss, count: count, outputs: outputs, values: a[0], targets: a[1], weights: outputs == 2 ? nil : a[2],
        losses: results[0], hits: results[1], gradient: results[2])
      backend.softmax(rows: count, columns: outputs, input: a[0], output: results[3])
    }
  }

  /// Outputs so large that their exponentials overflow.
  @Test(arguments: Loss.allCases) func lossesFarOut(_ loss: Loss) throws {
    let arguments: [[Float]] = [[1000, -1000, 0, -1000, 1000, 0], [1, 0, 0, 1, 0, 0]]
    let results = try compare(arguments, results: [2, 2, 6], "\(loss)") { backend, a, results in
      backend.loss(
        loss, count: 2, outputs: 3, values: a[0], targets: a[1], weights: nil, losses: results[0], hits: results[1],
        gradient: results[2])
    }
    let allFinite = results.joined().allSatisfy { $0.isFinite }
    #expect(allFinite)
    #expect(results[1] == [1, 0])
  }

  @Test(arguments: [1, 2, 7], [0, 0.1]) func oneHot(classes: Int, smoothing: Float) throws {
    let labels: [Int32] = [0, 1, 1, 0, Int32(max(classes, 2) - 1)]
    try compare([], results: [labels.count * classes], "\(classes) classes") { backend, _, results in
      let slice = DeviceSlice(try backend.allocate(.int32, count: labels.count), count: labels.count)
      labels.withUnsafeBufferPointer { backend.upload($0, to: slice) }
      backend.oneHot(
        labels: slice, count: labels.count, classes: classes, smoothing: smoothing, targets: results[0])
    }
  }

  @Test(arguments: [1, 17, 70_001]) func clippingAndAverage(count: Int) throws {
    var random = TestRandom(seed: UInt64(count))
    let arguments = (0..<2).map { _ in random.uniform(count: count).map { $0 * 8 } }
    try compare(arguments, results: [count, count, count, count, 1], "\(count)") { backend, a, results in
      for result in results[0..<4] { backend.copy(a[0], to: result) }
      backend.sumOfSquares(a[0], result: results[4])
      backend.clipNorm(results[0], sumOfSquares: results[4], limit: 0.5)
      backend.clipNorm(results[1], sumOfSquares: results[4], limit: 1e6)
      backend.clipValues(results[2], limit: 3)
      backend.moveAverage(results[3], towards: a[1], share: 0.125)
    }
  }

  static let optimizers: [Optimizer] = [
    .sgd, .momentum(0.9), .nesterov(0.8), .adaGrad(), .rmsProp(), .adam(), .adamW(weightDecay: 0.1),
  ]

  @Test(arguments: optimizers, [1000, 0, 123]) func update(_ optimizer: Optimizer, regularized: Int) throws {
    let count = 1000
    var random = TestRandom(seed: 9)
    try compare(
      (0..<2).map { _ in random.uniform(count: count) } + [[Float](repeating: 0, count: count)],
      results: [count] + optimizer.slots.map { _ in count },
      "\(optimizer)"
    ) { backend, a, results in
      backend.copy(a[0], to: results[0])
      for slot in results.dropFirst() { backend.copy(a[2], to: slot) }
      for step in 1...3 {
        backend.update(
          OptimizerStep(optimizer: optimizer, rate: 0.05, step: step, penalty: 0.02, weightDecay: 0.3),
          regularized: regularized,
          weights: results[0], gradient: a[1], slots: Array(results.dropFirst()))
      }
    }
  }
}

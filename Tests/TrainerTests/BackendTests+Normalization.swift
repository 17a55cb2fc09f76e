import Format
import Testing

@testable import Trainer

/// Pooling and batch normalization.
extension BackendTests {
  @Test(arguments: 0..<60) func pools(seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    let window = Extent(height: 1 + random.integer(below: 4), width: 1 + random.integer(below: 4))
    let geometry = try PoolGeometry(
      "pool",
      input: ImageShape(
        height: 5 + random.integer(below: 5), width: 4 + random.integer(below: 6),
        channels: 1 + random.integer(below: 40)
      ), window: window, stride: Extent(height: 1 + random.integer(below: 3), width: 1 + random.integer(below: 3)),
      padding: Padding(
        top: random.integer(below: window.height), left: random.integer(below: window.width),
        bottom: random.integer(below: window.height), right: random.integer(below: window.width)))
    let count = 1 + random.integer(below: 20)
    let (inputs, outputs) = (count * geometry.input.count, count * geometry.output.count)
    let arguments = [random.uniform(count: inputs), random.uniform(count: outputs)]
    try compare(arguments, results: [outputs, inputs], "average \(geometry)") { backend, a, results in
      backend.averagePoolForward(geometry, count: count, input: a[0], output: results[0])
      backend.averagePoolBackward(geometry, count: count, outputGradient: a[1], inputGradient: results[1])
    }
    try compare(arguments, results: [outputs, inputs], "max \(geometry)") { backend, a, results in
      let indices = DeviceSlice(try backend.allocate(.int32, count: outputs), count: outputs)
      backend.maxPoolForward(geometry, count: count, input: a[0], output: results[0], indices: indices)
      backend.maxPoolBackward(
        geometry, count: count, indices: indices, outputGradient: a[1], inputGradient: results[1])
    }
  }

  @Test func maxPoolTakesTheFirstOfEquals() throws {
    let geometry = try PoolGeometry(
      "pool", input: ImageShape(height: 2, width: 2, channels: 17), window: Extent(2), stride: Extent(2))
    let arguments = [[Float](repeating: 1, count: 68), [Float](repeating: 1, count: 17)]
    let results = try compare(arguments, results: [17, 68], "equal") { backend, a, results in
      let indices = DeviceSlice(try backend.allocate(.int32, count: 17), count: 17)
      backend.maxPoolForward(geometry, count: 1, input: a[0], output: results[0], indices: indices)
      backend.maxPoolBackward(geometry, count: 1, indices: indices, outputGradient: a[1], inputGradient: results[1])
    }
    #expect(results[1] == [Float](repeating: 1, count: 17) + [Float](repeating: 0, count: 51))
  }

  @Test(arguments: [(1, 1), (3, 20), (16, 300), (33, 7), (300, 9)], [1, 6]) func batchNorm(
    sizes: (channels: Int, pixels: Int), count: Int
  ) throws {
    let (channels, pixels) = sizes
    var random = TestRandom(seed: UInt64(channels))
    let geometry = BatchNormGeometry(channels: channels, pixels: pixels, epsilon: 1e-3, momentum: 0.1)
    let elements = channels * pixels * count
    // Far from 0, where a naive E(x²) − E(x)² would lose all digits.
    let x = random.uniform(count: elements).map { 30 + $0 }
    let running = random.uniform(count: 2 * channels).map { $0 + 1.5 }
    let arguments = [
      x, random.uniform(count: channels), random.uniform(count: channels), random.uniform(count: elements),
    ]
    try compare(
      arguments, results: [elements, channels, channels, elements, elements], tolerance: 2e-4,
      "batch norm of \(channels) channels, \(pixels) pixels, \(count) images"
    ) { backend, a, results in
      let statistics = try backend.reals(2 * channels)
      let saved = try backend.reals(2 * channels)
      running.withUnsafeBufferPointer { backend.upload($0, to: statistics) }
      backend.batchNormForward(
        geometry, count: count, input: a[0], scale: a[1], shift: a[2], running: statistics, saved: saved,
        output: results[0])
      backend.batchNormBackward(
        geometry, count: count, input: a[0], scale: a[1], saved: saved, outputGradient: a[3],
        scaleGradient: results[1], shiftGradient: results[2], inputGradient: results[3])
      backend.batchNormInference(
        geometry, count: count, input: a[0], scale: a[1], shift: a[2], running: statistics, output: results[4])
    }
  }

  static let fusedFunctions: [Activation?] = [nil, .relu, .relu6, .leakyReLU(slope: 0.3), .tanh]

  /// With the function and the sum behind it, the input's gradient in place of the output's where nothing is added.
  @Test(
    arguments: [(1, 5, 3), (3, 20, 1), (16, 196, 5), (24, 49, 4), (56, 15, 3), (130, 9, 2)],
    Array(fusedFunctions.enumerated())
  ) func batchNormInOnePass(
    sizes: (channels: Int, pixels: Int, count: Int), function: (offset: Int, element: Activation?)
  ) throws {
    let (channels, pixels, count) = sizes
    var random = TestRandom(seed: UInt64(10 * channels + function.offset))
    let geometry = BatchNormGeometry(channels: channels, pixels: pixels, epsilon: 1e-3, momentum: 0.1)
    let elements = geometry.valueCount(count)
    let arguments = [
      random.uniform(count: elements), random.uniform(count: channels).map { $0 * 4 },
      random.uniform(count: channels).map { $0 * 3 }, random.uniform(count: elements), random.uniform(count: elements),
    ]
    let running = random.uniform(count: 2 * channels).map { $0 + 1.5 }
    for hasResidual in [false, true] {
      try compare(
        arguments, results: [elements, elements, channels, channels, elements, elements], tolerance: 1e-4,
        "\(geometry), \(count) images, \(String(describing: function.element)), residual \(hasResidual)"
      ) { backend, a, results in
        let (statistics, saved) = (try backend.filled(running), try backend.reals(2 * channels))
        let residual = hasResidual ? a[4] : nil
        backend.batchNormForward(
          geometry, count: count, input: a[0], scale: a[1], shift: a[2], running: statistics, saved: saved,
          residual: residual, activation: function.element, output: results[0])
        backend.copy(a[3], to: results[1])
        backend.batchNormBackward(
          geometry, count: count, input: a[0], scale: a[1], shift: a[2], saved: saved, output: results[0],
          hasResidual: hasResidual, activation: function.element, outputGradient: results[1],
          scaleGradient: results[2], shiftGradient: results[3],
          inputGradient: hasResidual ? results[4] : results[1])
        backend.batchNormInference(
          geometry, count: count, input: a[0], scale: a[1], shift: a[2], running: statistics, residual: residual,
          activation: function.element, output: results[5])
      }
    }
  }
}

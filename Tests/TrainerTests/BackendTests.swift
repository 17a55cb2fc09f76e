import Format
import Testing

@testable import Trainer

/// Every operation of all backends against the naive one, on random sizes. A failure tells the case's seed.
@Suite struct BackendTests {
  // MARK: Linear operations

  @Test(arguments: 0..<150) func convolution(seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    let geometry = try randomConvolution(&random, depthwise: false)
    try compareConvolution(&random, geometry)
  }

  /// Enough channels and pixels for Winograd's tiles: whole ones and parts, several blocks of tiles and of channels.
  @Test(arguments: [
    (ImageShape(height: 28, width: 28, channels: 16), 16, Padding(all: 1)),
    (ImageShape(height: 7, width: 9, channels: 56), 40, Padding(all: 1)),
    (ImageShape(height: 12, width: 5, channels: 17), 33, Padding(top: 0, left: 2, bottom: 1, right: 0)),
    (ImageShape(height: 14, width: 14, channels: 64), 128, Padding(all: 1)),
    (ImageShape(height: 16, width: 16, channels: 130), 20, Padding()),
    (ImageShape(height: 8, width: 8, channels: 24), 16, Padding(all: 3)),
  ]) func winogradConvolution(input: ImageShape, outputs: Int, padding: Padding) throws {
    var random = TestRandom(seed: UInt64(input.count))
    try compareConvolution(
      &random,
      ConvolutionGeometry(
        "convolution", input: input, outputChannels: outputs, kernel: Extent(3), padding: padding))
  }

  /// Few channels and short rows of windows, which have kernels of their own on CPUs; images that are small and too large for
  /// these; lines that do not fill tiles, outputs that do not fill vectors, images of a pixel.
  @Test(arguments: [
    (ImageShape(height: 28, width: 28, channels: 1), 6, Extent(5), Extent(1), Padding(all: 2)),
    (ImageShape(height: 14, width: 14, channels: 6), 16, Extent(5), Extent(1), Padding()),
    (ImageShape(height: 9, width: 13, channels: 3), 40, Extent(height: 3, width: 2), Extent(1), Padding(all: 1)),
    (ImageShape(height: 5, width: 4, channels: 2), 1, Extent(height: 5, width: 4), Extent(1), Padding()),
    (
      ImageShape(height: 120, width: 130, channels: 2), 3, Extent(3), Extent(2),
      Padding(top: 0, left: 1, bottom: 2, right: 0)
    ),
  ]) func narrowConvolution(
    input: ImageShape, outputs: Int, kernel: Extent, stride: Extent, padding: Padding
  ) throws {
    var random = TestRandom(seed: UInt64(input.count))
    try compareConvolution(
      &random,
      ConvolutionGeometry(
        "convolution", input: input, outputChannels: outputs, kernel: kernel, stride: stride, padding: padding))
  }

  /// Strides, whose phases see different taps or none, in images small and too large to be scattered into.
  @Test(arguments: [
    (
      ImageShape(height: 16, width: 16, channels: 16), 32, Extent(3), Extent(2),
      Padding(top: 0, left: 0, bottom: 1, right: 1)
    ),
    (ImageShape(height: 15, width: 12, channels: 18), 20, Extent(1), Extent(2), Padding()),
    (
      ImageShape(height: 11, width: 9, channels: 5), 7, Extent(height: 2, width: 4), Extent(height: 3, width: 2),
      Padding(all: 1)
    ),
    (ImageShape(height: 40, width: 42, channels: 20), 17, Extent(3), Extent(2), Padding(all: 1)),
    (
      ImageShape(height: 41, width: 40, channels: 33), 8, Extent(height: 1, width: 3), Extent(height: 2, width: 3),
      Padding(top: 0, left: 2, bottom: 0, right: 1)
    ),
    (ImageShape(height: 40, width: 40, channels: 32), 16, Extent(7), Extent(4), Padding(all: 3)),
  ]) func stridedConvolution(
    input: ImageShape, outputs: Int, kernel: Extent, stride: Extent, padding: Padding
  ) throws {
    var random = TestRandom(seed: UInt64(input.count))
    for groups in [1, 2] where outputs % groups == 0 && input.channels % groups == 0 {
      try compareConvolution(
        &random,
        ConvolutionGeometry(
          "convolution", input: input, outputChannels: outputs, kernel: kernel, stride: stride, padding: padding,
          groups: groups))
    }
  }

  /// The input's gradient is added to what another reader of the input has made: by tiles, patches, products of pixels.
  @Test(arguments: [
    (ImageShape(height: 14, width: 13, channels: 32), 24, 3, 1),
    (ImageShape(height: 9, width: 12, channels: 16), 32, 3, 2),
    (ImageShape(height: 6, width: 5, channels: 20), 9, 1, 1), (ImageShape(height: 8, width: 7, channels: 3), 5, 5, 1),
  ]) func convolutionAddsToAGradient(input: ImageShape, outputs: Int, kernel: Int, stride: Int) throws {
    var random = TestRandom(seed: UInt64(input.count))
    let geometry = try ConvolutionGeometry(
      "convolution", input: input, outputChannels: outputs, kernel: Extent(kernel), stride: Extent(stride),
      padding: Padding(all: kernel / 2))
    let count = 5
    let sizes = [count * input.count, geometry.weightCount, count * geometry.output.count, count * input.count]
    try compare(
      sizes.map { random.uniform(count: $0) }, results: [geometry.weightCount, outputs, count * input.count],
      "\(geometry)"
    ) { backend, a, results in
      backend.convolutionBackward(
        geometry, count: count, input: a[0], weights: a[1], output: a[2], activation: nil, outputGradient: a[2],
        weightGradient: results[0], biasGradient: results[1], inputGradient: results[2], addend: a[3])
    }
  }

  private func compareConvolution(_ random: inout TestRandom, _ geometry: ConvolutionGeometry) throws {
    try compareLinear(
      &random, from: geometry.input, to: geometry.output, weights: geometry.weightCount, "\(geometry)"
    ) { backend, count, a, activation, y in
      backend.convolutionForward(
        geometry, count: count, input: a[0], weights: a[1], bias: a[2], activation: activation, output: y)
    } backward: { backend, count, a, activation, y, results in
      backend.convolutionBackward(
        geometry, count: count, input: a[0], weights: a[1], output: y, activation: activation, outputGradient: a[3],
        weightGradient: results[0], biasGradient: results[1], inputGradient: results[2])
    }
  }

  @Test(arguments: 0..<80) func depthwise(seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    let geometry = try randomConvolution(&random, depthwise: true)
    try compareLinear(
      &random, from: geometry.input, to: geometry.output, weights: geometry.weightCount, "\(geometry)"
    ) { backend, count, a, activation, y in
      backend.depthwiseForward(
        geometry, count: count, input: a[0], weights: a[1], bias: a[2], activation: activation, output: y)
    } backward: { backend, count, a, activation, y, results in
      backend.depthwiseBackward(
        geometry, count: count, input: a[0], weights: a[1], output: y, activation: activation, outputGradient: a[3],
        weightGradient: results[0], biasGradient: results[1], inputGradient: results[2])
    }
  }

  /// A random convolution, run backwards; its input must be as large as its windows reach.
  @Test(arguments: 0..<80) func transposedConvolution(seed: Int) throws {
    var random = TestRandom(seed: UInt64(seed))
    func pick(_ values: [Int]) -> Int { values[random.integer(below: values.count)] }
    let kernel = Extent(height: pick([1, 2, 3, 5]), width: pick([1, 2, 3, 5]))
    let stride = Extent(height: pick([1, 1, 2, 3]), width: pick([1, 2, 2]))
    let padding = Padding(
      top: pick([0, 0, kernel.height - 1]), left: pick([0, 1, 2]) % kernel.width,
      bottom: pick([0, 1, 3]) % kernel.height,
      right: pick([0, 1]) % kernel.width)
    let small = ImageShape(height: 4 + pick([0, 1, 3]), width: 5 + pick([0, 2]), channels: pick([1, 2, 5, 16, 18]))
    let large = ImageShape(
      height: (small.height - 1) * stride.height + kernel.height - padding.top - padding.bottom,
      width: (small.width - 1) * stride.width + kernel.width - padding.left - padding.right,
      channels: pick([1, 3, 8, 17]))
    let geometry = try ConvolutionGeometry(
      "conv", input: large, outputChannels: small.channels, kernel: kernel, stride: stride, padding: padding)
    try #require(geometry.output == small)
    try compareLinear(&random, from: small, to: large, weights: geometry.weightCount, "\(geometry)") {
      backend, count, a, activation, y in
      backend.transposedConvolutionForward(
        geometry, count: count, input: a[0], weights: a[1], bias: a[2], activation: activation, output: y)
    } backward: { backend, count, a, activation, y, results in
      backend.transposedConvolutionBackward(
        geometry, count: count, input: a[0], weights: a[1], output: y, activation: activation, outputGradient: a[3],
        weightGradient: results[0], biasGradient: results[1], inputGradient: results[2])
    }
  }

  @Test(arguments: [(1, 1), (7, 3), (16, 16), (33, 65), (300, 130), (784, 256)])
  func dense(inputs: Int, outputs: Int) throws {
    var random = TestRandom(seed: UInt64(inputs))
    let dense = DenseGeometry(inputs: inputs, outputs: outputs)
    let shape = try ConvolutionGeometry(
      "dense", input: ImageShape(height: 1, width: 1, channels: inputs), outputChannels: outputs, kernel: Extent(1))
    try compareLinear(
      &random, from: shape.input, to: shape.output, weights: inputs * outputs, "\(dense)"
    ) { backend, count, a, activation, y in
      backend.denseForward(
        dense, count: count, input: a[0], weights: a[1], bias: a[2], activation: activation, output: y)
    } backward: { backend, count, a, activation, y, results in
      backend.denseBackward(
        dense, count: count, input: a[0], weights: a[1], output: y, activation: activation, outputGradient: a[3],
        weightGradient: results[0], biasGradient: results[1], inputGradient: results[2])
    }
  }

  /// Forward, then backward from the naive output, so that both start from the same numbers.
  private func compareLinear(
    _ random: inout TestRandom, from input: ImageShape, to outputShape: ImageShape, weights: Int, _ what: String,
    forward: (any Backend, Int, [DeviceSlice], Activation?, DeviceSlice) -> Void,
    backward: (any Backend, Int, [DeviceSlice], Activation?, DeviceSlice, [DeviceSlice]) -> Void
  ) throws {
    let count = [1, 2, 5, 17][random.integer(below: 4)]
    let functions: [Activation?] = [nil] + Activation.allCases.filter { !$0.slopeNeedsInput }
    let activation = functions[random.integer(below: functions.count)]
    let (outputs, images) = (outputShape.channels, count * input.count)
    let sizes = [images, weights, outputs, count * outputShape.count]
    let arguments = sizes.map { random.uniform(count: $0) }
    let output = try compare(arguments, results: [sizes[3]], "\(what), \(count) images") { backend, a, results in
      forward(backend, count, a, activation, results[0])
    }
    try compare(arguments + output, results: [weights, outputs, images], "\(what), \(count) images") {
      backend, a, results in
      backward(backend, count, a, activation, a[4], results)
    }
  }

  private func randomConvolution(_ random: inout TestRandom, depthwise: Bool) throws -> ConvolutionGeometry {
    func pick(_ values: [Int]) -> Int { values[random.integer(below: values.count)] }
    let channels = pick([1, 2, 3, 5, 8, 16, 18])
    let groups = depthwise ? channels : pick([1, 1, 1, 2, 3].filter { channels % $0 == 0 })
    let outputs = depthwise ? channels * pick([1, 1, 2, 3]) : groups * pick([1, 2, 6, 10, 16, 17, 32, 40])
    let kernel = Extent(height: pick([1, 2, 3, 5]), width: pick([1, 2, 3, 5]))
    let dilation = Extent(height: pick([1, 1, 2]), width: pick([1, 1, 1, 3]))
    return try ConvolutionGeometry(
      "conv", input: ImageShape(height: 9 + pick([0, 1, 4]), width: 13 + pick([0, 1, 6]), channels: channels),
      outputChannels: outputs, kernel: kernel, stride: Extent(height: pick([1, 1, 2, 3]), width: pick([1, 1, 2])),
      dilation: dilation,
      padding: Padding(
        top: pick([0, 1, 4]), left: pick([0, 1, 2]), bottom: pick([0, 1, 3]), right: pick([0, 2, 3])),
      groups: groups)
  }

  // MARK: Pooling and normalization

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

  /// Where a window is all 0, Winograd's tiles, too, give exactly what the bias makes: on this a ReLU's slope depends.
  @Test(arguments: [Padding(all: 1), Padding(), Padding(top: 0, left: 2, bottom: 1, right: 0)])
  func winogradOfZeros(padding: Padding) throws {
    var random = TestRandom(seed: 5)
    let geometry = try ConvolutionGeometry(
      "convolution", input: ImageShape(height: 28, width: 26, channels: 32), outputChannels: 48, kernel: Extent(3),
      padding: padding)
    let (shape, count) = (geometry.input, 3)
    var image = [Float](repeating: 0, count: count * shape.count)
    // Here and there a pixel of which one channel is not 0.
    for _ in 0..<40 { image[random.integer(below: image.count)] = random.uniform(count: 1)[0] }
    let weights = random.uniform(count: geometry.weightCount)
    let backend = CPUBackend(threads: 2)
    for bias in [[Float](repeating: 0, count: 48), random.uniform(count: 48)] {
      let output = try backend.reals(count * geometry.output.count)
      backend.convolutionForward(
        geometry, count: count, input: try backend.filled(image), weights: try backend.filled(weights),
        bias: try backend.filled(bias), activation: nil, output: output)
      let values = try backend.values(of: output)
      var (zeroWindows, others) = (0, 0)
      for place in 0..<(count * geometry.output.height * geometry.output.width) {
        let (n, rest) = place.quotientAndRemainder(dividingBy: geometry.output.height * geometry.output.width)
        let (y, x) = (rest / geometry.output.width - padding.top, rest % geometry.output.width - padding.left)
        let isZero = (0..<9).allSatisfy { tap in
          let (row, column) = (y + tap / 3, x + tap % 3)
          guard row >= 0, row < shape.height, column >= 0, column < shape.width else { return true }
          let start = ((n * shape.height + row) * shape.width + column) * shape.channels
          return image[start..<(start + shape.channels)].allSatisfy { $0 == 0 }
        }
        guard isZero else {
          others += 1
          continue
        }
        zeroWindows += 1
        try #require(Array(values[(place * 48)..<(place * 48 + 48)]) == bias, "pixel \(place)")
      }
      #expect(zeroWindows > 500 && others > 200)
    }
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

  @Test(arguments: optimizers, [true, false]) func update(_ optimizer: Optimizer, regularized: Bool) throws {
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
}

import Format
import Testing

@testable import Trainer

/// Convolutions of every kind, and dense layers.
extension BackendTests {
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

  /// The last ones: more elements, or more rows, than OpenCL on CPUs takes at a time.
  @Test(arguments: [
    (1, 1, 1), (7, 3, 5), (16, 16, 17), (33, 65, 2), (300, 130, 5), (784, 256, 17), (64, 10, 64), (1100, 37, 7),
    (70, 50, 300),
  ])
  func dense(inputs: Int, outputs: Int, count: Int) throws {
    var random = TestRandom(seed: UInt64(inputs))
    let dense = DenseGeometry(inputs: inputs, outputs: outputs)
    let shape = try ConvolutionGeometry(
      "dense", input: ImageShape(height: 1, width: 1, channels: inputs), outputChannels: outputs, kernel: Extent(1))
    try compareLinear(
      &random, from: shape.input, to: shape.output, weights: inputs * outputs, count: count, "\(dense), \(count)"
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
    _ random: inout TestRandom, from input: ImageShape, to outputShape: ImageShape, weights: Int,
    count: Int? = nil, _ what: String,
    forward: (any Backend, Int, [DeviceSlice], Activation?, DeviceSlice) -> Void,
    backward: (any Backend, Int, [DeviceSlice], Activation?, DeviceSlice, [DeviceSlice]) -> Void
  ) throws {
    let count = count ?? [1, 2, 5, 17][random.integer(below: 4)]
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
}

import Format
import TestSupport
import Testing

@testable import Quantize

/// Runs one operator on its own: activations are graph inputs, everything else is constant.
private func run(_ op: Op, _ inputs: [(Tensor, TensorValue)], output: Tensor, shape: [Int]? = nil) throws -> TensorValue
{
  var graph = Graph()
  var activations: [TensorValue] = []
  var indices: [TensorIndex] = []
  for (position, (record, value)) in inputs.enumerated() {
    var tensor = record
    let isActivation =
      switch op {
      case .add, .multiply, .concat: true
      default: position == 0
      }
    if !isActivation { tensor.constant = value.constant }
    let index = graph.add(tensor)
    indices.append(index)
    if isActivation {
      graph.inputs.append(index)
      activations.append(value)
    }
  }
  var output = output
  output.shape = try shape ?? Graph.outputShape(of: op, inputs: indices.map { graph.tensors[$0] })
  graph.outputs = [graph.add(op, name: "node", inputs: indices, output: output)]
  return try ReferenceInterpreter(graph).run(activations)[0]
}

private func f32(_ shape: [Int], _ values: [Float]) -> (Tensor, TensorValue) {
  (Tensor(name: "f", type: .f32, shape: shape), .f32(values))
}

private func s8(_ shape: [Int], _ values: [Int8], _ quantization: Quantization) -> (Tensor, TensorValue) {
  (Tensor(name: "q", type: .s8, shape: shape, quantization: quantization), .s8(values))
}

private func s32(_ values: [Int32]) -> (Tensor, TensorValue) {
  (Tensor(name: "b", type: .s32, shape: [values.count]), .s32(values))
}

private let f32Output = Tensor(name: "y", type: .f32, shape: [])

private func s8Output(_ quantization: Quantization) -> Tensor {
  Tensor(name: "y", type: .s8, shape: [], quantization: quantization)
}

@Suite struct ReferenceFloatTests {
  @Test func aConvolutionByHand() throws {
    // One 3×3 picture, a 2×2 window, padding of one column at the left.
    let x = f32([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9])
    let weights = f32([1, 2, 2, 1], [1, 10, 100, 1000])
    let op = Conv2D(strideWidth: 2, padding: Padding(top: 0, left: 1, bottom: 0, right: 0))
    let y = try run(.conv2D(op), [x, weights, f32([1], [0.5])], output: f32Output)
    #expect(y == .f32([4010.5, 6532.5, 7040.5, 9865.5]))
  }

  @Test func depthwiseKeepsChannelsApart() throws {
    let x = f32([1, 1, 2, 2], [1, 2, 3, 4])
    // Multiplier 2: outputs 0 and 1 see channel 0, outputs 2 and 3 channel 1.
    let weights = f32([1, 2, 4], [1, 10, 100, 1000, 2, 20, 200, 2000])
    let y = try run(.depthwiseConv2D(DepthwiseConv2D()), [x, weights], output: f32Output)
    #expect(y == .f32([7, 70, 1000, 10_000]))
  }

  @Test func sumsAreRoundedOnce() throws {
    // In f32 the small terms would vanish one by one behind the large ones.
    let x = f32([1, 5], [1, 1, 1, 1, 1])
    let weights = f32([1, 5], [0x1p24, 1, 1, 1, -0x1p24])
    #expect(try run(.dense(Dense()), [x, weights], output: f32Output) == .f32([3]))
  }

  @Test func fusedActivations() throws {
    let x = f32([1, 1], [1])
    let weights = f32([3, 1], [-2, 3, 9])
    #expect(try run(.dense(Dense(activation: .relu)), [x, weights], output: f32Output) == .f32([0, 3, 9]))
    #expect(try run(.dense(Dense(activation: .relu6)), [x, weights], output: f32Output) == .f32([0, 3, 6]))
    let sum = try run(.add(Add(activation: .relu)), [f32([1, 2], [1, 2]), f32([1, 2], [-3, 3])], output: f32Output)
    #expect(sum == .f32([0, 5]))
  }

  @Test func poolsLeaveThePaddingOut() throws {
    let x = f32([1, 2, 2, 1], [-1, -2, -3, -5])
    let pool = Pool2D(
      windowHeight: 2, windowWidth: 2, strideHeight: 1, strideWidth: 1,
      padding: Padding(top: 1, left: 1, bottom: 0, right: 0))
    #expect(try run(.maxPool2D(pool), [x], output: f32Output) == .f32([-1, -1, -1, -1]))
    #expect(try run(.averagePool2D(pool), [x], output: f32Output) == .f32([-1, -1.5, -2, -2.75]))
    #expect(try run(.globalAveragePool, [x], output: f32Output) == .f32([-2.75]))
  }

  @Test func concatenations() throws {
    let a = f32([2, 1, 2], [1, 2, 3, 4])
    let b = f32([2, 2, 2], [5, 6, 7, 8, 9, 10, 11, 12])
    #expect(
      try run(.concat(Concat(axis: 1)), [a, b], output: f32Output) == .f32([1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12]))
    #expect(try run(.concat(Concat(axis: 2)), [a, a], output: f32Output) == .f32([1, 2, 1, 2, 3, 4, 3, 4]))
    #expect(try run(.reshape, [a], output: f32Output, shape: [4, 1]) == .f32([1, 2, 3, 4]))
  }

  @Test func productsWithOneFactorPerImageAndChannel() throws {
    let x = f32([2, 1, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])
    let factors = f32([2, 1, 1, 2], [1, 10, 100, 1000])
    #expect(try run(.multiply, [x, factors], output: f32Output) == .f32([1, 20, 3, 40, 500, 6000, 700, 8000]))
    #expect(try run(.multiply, [x, x], output: f32Output) == .f32([1, 4, 9, 16, 25, 36, 49, 64]))
  }

  /// Values of the papers' formulas, by hand or by another program.
  @Test func activationsByHand() {
    let expected: [(Activation, [Float])] = [
      (.hardSigmoid, [0, 0, 1 / 3, 0.5, 2 / 3, 1, 1]),
      (.hardSwish, [0, 0, -1 / 3, 0, 2 / 3, 3, 4]),
      (.threshold, [0, 0, 0, 0, 1, 1, 1]),
      (.leakyReLU(slope: 0.25), [-1, -0.75, -0.25, 0, 1, 3, 4]),
      (.silu, [-0.07194484, -0.14227763, -0.26894143, 0, 0.7310586, 2.8577223, 3.9280553]),
      (.gelu, [-7.0229986e-05, -0.0036373920, -0.15880801, 0, 0.84119199, 2.9963627, 3.9999297]),
    ]
    for (function, values) in expected {
      for (x, y) in zip([-4, -3, -1, 0, 1, 3, 4] as [Float], values) {
        #expect(abs(function(x) - y) <= 2e-6 * max(abs(y), 0.01), "\(function) of \(x) is \(function(x))")
      }
    }
  }

  @Test func softmaxOfRows() throws {
    let x = f32([2, 2], [0, 0, 1000, 1000 - 0.6931472])
    guard case .f32(let y) = try run(.softmax, [x], output: f32Output) else { throw TestError.outputIsNoFloat }
    #expect(y[0] == 0.5 && y[1] == 0.5)
    #expect(abs(y[2] - 2 / 3) < 1e-5 && abs(y[3] - 1 / 3) < 1e-5)
  }

  @Test func batchNorms() throws {
    let parameters = [f32([2], [2, 1]), f32([2], [0.5, 0]), f32([2], [1, -1]), f32([2], [3, 0])]
    let op = BatchNorm(epsilon: 1)
    let y = try run(.batchNorm(op), [f32([1, 2], [5, 2])] + parameters, output: f32Output)
    #expect(y == .f32([4.5, 3]))
  }

  @Test func wrongInputsAreToldApart() throws {
    var net = NetworkBuilder(seed: 1)
    let x = net.input([1, 4])
    net.output(try net.dense(x, 2))
    let interpreter = try ReferenceInterpreter(net.graph)
    #expect(throws: QuantizeError.wrongInput(what: "input count", expected: "1", found: "0")) {
      try interpreter.run([])
    }
    #expect(throws: QuantizeError.wrongInput(what: "input0", expected: "4 elements of f32", found: "3 of f32")) {
      try interpreter.run([.f32([1, 2, 3])])
    }
    #expect(throws: QuantizeError.wrongInput(what: "input0", expected: "4 elements of f32", found: "4 of s8")) {
      try interpreter.run([.s8([1, 2, 3, 4])])
    }
    var broken = net.graph
    broken.nodes[0].inputs[0] = 99
    #expect(throws: QuantizeError.self) { try ReferenceInterpreter(broken) }
  }
}

@Suite struct ReferenceInt8Tests {
  private let x = Quantization(scale: 0.05, zeroPoint: -20)
  private let y = Quantization(scale: 0.1, zeroPoint: 10)

  private func bytes(_ random: inout SeededGenerator, _ count: Int, _ range: ClosedRange<Int8> = -128...127) -> [Int8] {
    (0..<count).map { _ in .random(in: range, using: &random) }
  }

  /// A random int8 convolution's parts.
  private struct Case {
    var x: [Int8]
    var weights: [Int8]
    var bias: [Int32]
    var scales: [Float]
    let height: Int, width: Int, channels: Int, outputs: Int, kernel: Int
  }

  private func randomCase(_ seed: UInt64, channels: Int, outputs: Int, weightChannels: Int) -> Case {
    var random = SeededGenerator(seed: seed)
    let (height, width, kernel) = (random.int(3...7), random.int(3...7), random.int(1...3))
    return Case(
      x: bytes(&random, height * width * channels),
      weights: bytes(&random, outputs * kernel * kernel * weightChannels, -127...127),
      bias: (0..<outputs).map { _ in .random(in: -5000...5000, using: &random) },
      scales: random.floats(outputs, in: 0.0005...0.003), height: height, width: width, channels: channels,
      outputs: outputs, kernel: kernel)
  }

  private func convolve(_ c: Case, _ op: Conv2D) throws -> TensorValue {
    try run(
      .conv2D(op),
      [
        s8([1, c.height, c.width, c.channels], c.x, x),
        s8(
          [c.outputs, c.kernel, c.kernel, c.channels / op.groups], c.weights, Quantization(scales: c.scales, axis: 0)),
        s32(c.bias),
      ], output: s8Output(y))
  }

  /// Convolution computed another way: the picture with its padding written out, products in Double, where they are
  /// exact, and the real-valued formula.
  @Test(arguments: 1...30 as ClosedRange<UInt64>) func convolutionEqualsTheRealFormula(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed &+ 1000)
    let c = randomCase(seed, channels: 2, outputs: 3, weightChannels: 2)
    let padding = Padding(
      top: random.int(0...3), left: random.int(0...3), bottom: random.int(0...3), right: random.int(0...3))
    let op = Conv2D(strideHeight: random.int(1...2), strideWidth: random.int(1...3), padding: padding)
    guard case .s8(let result) = try convolve(c, op) else { throw TestError.outputIsNoFloat }

    let (height, width) = (c.height + padding.top + padding.bottom, c.width + padding.left + padding.right)
    var padded = [Double](repeating: 0, count: height * width * 2)
    for row in 0..<c.height {
      for i in 0..<(c.width * 2) {
        padded[((row + padding.top) * width + padding.left) * 2 + i] = Double(c.x[row * c.width * 2 + i]) + 20
      }
    }
    var expected: [Int8] = []
    for oy in stride(from: 0, through: height - c.kernel, by: op.strideHeight) {
      for ox in stride(from: 0, through: width - c.kernel, by: op.strideWidth) {
        for o in 0..<3 {
          var sum = Double(c.bias[o])
          for i in 0..<(c.kernel * c.kernel * 2) {
            let (ky, kx, channel) = (i / 2 / c.kernel, i / 2 % c.kernel, i % 2)
            sum +=
              padded[((oy + ky) * width + ox + kx) * 2 + channel] * Double(c.weights[o * c.kernel * c.kernel * 2 + i])
          }
          let multiplier = (Float(0.05) * c.scales[o]) / Float(0.1)
          let scaled = (Float(sum) * multiplier).rounded(.toNearestOrEven)
          expected.append(Int8(min(max(scaled + 10, -128), 127)))
        }
      }
    }
    #expect(result == expected)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func groupsAreConvolutionsSideBySide(seed: UInt64) throws {
    let c = randomCase(seed, channels: 4, outputs: 6, weightChannels: 2)
    guard case .s8(let whole) = try convolve(c, Conv2D(padding: Padding(all: 1), groups: 2)) else {
      throw TestError.outputIsNoFloat
    }
    for group in 0..<2 {
      var part = c
      part.x = c.x.indices.filter { $0 % 4 / 2 == group }.map { c.x[$0] }
      part.weights = Array(c.weights[(group * c.weights.count / 2)..<((group + 1) * c.weights.count / 2)])
      part.bias = Array(c.bias[(group * 3)..<(group * 3 + 3)])
      part.scales = Array(c.scales[(group * 3)..<(group * 3 + 3)])
      let half = Case(
        x: part.x, weights: part.weights, bias: part.bias, scales: part.scales, height: c.height, width: c.width,
        channels: 2, outputs: 3, kernel: c.kernel)
      let expected = whole.indices.filter { $0 % 6 / 3 == group }.map { whole[$0] }
      #expect(try convolve(half, Conv2D(padding: Padding(all: 1))) == .s8(expected))
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func depthwiseIsAConvolutionInGroups(seed: UInt64) throws {
    let (channels, multiplier) = (3, 2)
    let c = randomCase(seed, channels: channels, outputs: channels * multiplier, weightChannels: 1)
    let op = Conv2D(
      strideWidth: 2, dilationHeight: 2, padding: Padding(top: 2, left: 1, bottom: 2, right: 0), groups: channels,
      activation: .relu6)
    let expected = try convolve(c, op)
    let taps = c.kernel * c.kernel
    let weights = (0..<taps).flatMap { tap in (0..<c.outputs).map { c.weights[$0 * taps + tap] } }
    let depthwise = DepthwiseConv2D(
      strideHeight: op.strideHeight, strideWidth: op.strideWidth, dilationHeight: op.dilationHeight,
      dilationWidth: op.dilationWidth, padding: op.padding, activation: op.activation)
    let result = try run(
      .depthwiseConv2D(depthwise),
      [
        s8([1, c.height, c.width, channels], c.x, x),
        s8([c.kernel, c.kernel, c.outputs], weights, Quantization(scales: c.scales, axis: 2)), s32(c.bias),
      ], output: s8Output(y))
    #expect(result == expected)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func aDilatedWindowIsALargerOneWithHoles(seed: UInt64) throws {
    let c = randomCase(seed, channels: 2, outputs: 2, weightChannels: 2)
    let large = 2 * c.kernel - 1
    var weights = [Int8](repeating: 0, count: 2 * large * large * 2)
    for (index, weight) in c.weights.enumerated() {
      let (o, ky, kx, channel) = (
        index / (2 * c.kernel * c.kernel), index / (2 * c.kernel) % c.kernel, index / 2 % c.kernel, index % 2
      )
      weights[((o * large + 2 * ky) * large + 2 * kx) * 2 + channel] = weight
    }
    let holed = Case(
      x: c.x, weights: weights, bias: c.bias, scales: c.scales, height: c.height, width: c.width, channels: 2,
      outputs: 2, kernel: large)
    let padding = Padding(all: 2)
    let dilated = try convolve(c, Conv2D(dilationHeight: 2, dilationWidth: 2, padding: padding))
    #expect(try convolve(holed, Conv2D(padding: padding)) == dilated)
  }

  @Test func theLongestSumsOfTheLargestValuesFit() throws {
    let length = Limits.quantizedProducts
    for (zeroPoint, value) in [(127, -128), (-128, 127)] as [(Int32, Int8)] {
      for weight: Int8 in [-127, 127] {
        let product = (Int32(value) - zeroPoint) * Int32(weight)
        let bias: Int32 = product < 0 ? -Limits.bias : Limits.bias
        // Traps if anything leaves s32.
        let result = try run(
          .dense(Dense()),
          [
            s8([1, length], [Int8](repeating: value, count: length), Quantization(scale: 1, zeroPoint: zeroPoint)),
            s8([1, length], [Int8](repeating: weight, count: length), Quantization(scales: [1], axis: 0)), s32([bias]),
          ], output: s8Output(Quantization(scale: 0x1p24, zeroPoint: 0)))
        let expected = (Double(product) * Double(length) + Double(bias)) / 0x1p24
        #expect(result == .s8([Int8(min(max(expected.rounded(.toNearestOrEven), -128), 127))]))
      }
    }
  }

  @Test func poolsAndMeansKeepTheQuantization() throws {
    let values = s8([1, 2, 2, 1], [-128, 127, 5, 6], x)
    let pool = Pool2D(
      windowHeight: 2, windowWidth: 2, strideHeight: 1, strideWidth: 1,
      padding: Padding(top: 1, left: 0, bottom: 0, right: 0))
    #expect(try run(.maxPool2D(pool), [values], output: s8Output(x)) == .s8([127, 127]))
    // Means −0.5 and 2.5 are ties in units of q − zeroPoint: 19.5 and 22.5 go to 20 and 22.
    #expect(try run(.averagePool2D(pool), [values], output: s8Output(x)) == .s8([0, 2]))
    #expect(try run(.globalAveragePool, [values], output: s8Output(x)) == .s8([2]))
  }

  @Test func tablesMapEveryValue() throws {
    let all = (-128...127).map { Int8($0) }
    let table = all.map { ~$0 }
    let inputs = [s8([1, 256], all, x), s8([256], table, y)]
    #expect(try run(.lookup, inputs, output: s8Output(y)) == .s8(table))
  }

  @Test func quantizeAndDequantizeAreInverse() throws {
    let all = (-128...127).map { Int8($0) }
    let real = try run(.dequantize, [s8([1, 256], all, x)], output: f32Output)
    guard case .f32(let values) = real else { throw TestError.outputIsNoFloat }
    #expect(values == all.map { Float(Int32($0) + 20) * 0.05 })
    #expect(try run(.quantize, [f32([1, 256], values)], output: s8Output(x)) == .s8(all))
  }

  @Test func tableSoftmaxIsCloseToSoftmax() throws {
    var random = SeededGenerator(seed: 5)
    for scale in [0.01, 0.1, 0.25] as [Float] {
      let row = bytes(&random, 40)
      let logits = Quantization(scale: scale, zeroPoint: 3)
      let table = (Tensor(name: "t", type: .s32, shape: [256]), TensorValue.s32(softmaxTable(scale: scale)))
      guard case .f32(let result) = try run(.lookupSoftmax, [s8([2, 20], row, logits), table], output: f32Output),
        case .f32(let expected) = try run(
          .softmax, [f32([2, 20], row.map { logits.dequantize($0) })], output: f32Output)
      else { throw TestError.outputIsNoFloat }
      for (got, want) in zip(result, expected) { #expect(abs(got - want) < 1e-6) }
      #expect(abs(result[..<20].reduce(0, +) - 1) < 1e-6)
    }
  }

  @Test(arguments: [0x1p-40, 0.001, 0.1, 1, 1000, 0x1p40] as [Float])
  func softmaxTablesFallAndBeginWithOne(scale: Float) {
    let table = softmaxTable(scale: scale)
    #expect(table[0] == 1 << 23)
    #expect(zip(table, table.dropFirst()).allSatisfy { $0 >= $1 && $1 >= 0 })
  }

  @Test(arguments: Activation.allCases) func lookupTablesAreTheNearestValues(function: Activation) {
    let input = Quantization(minimum: -8, maximum: 7)
    let output = Quantization(minimum: -1, maximum: 7)
    let table = lookupTable(from: input, to: output) { function($0) }
    for value in Int8.min...Int8.max {
      let exact = function(input.dequantize(value))
      let nearest = min(max(exact, output.dequantize(-128)), output.dequantize(127))
      #expect(abs(output.dequantize(table[Int(value) + 128]) - nearest) <= output.scales[0] * 0.50004)
    }
    // All others rise.
    let falls: Set<Activation> = [.hardSwish, .gelu, .silu]
    #expect(falls.contains(function) || zip(table, table.dropFirst()).allSatisfy { $0 <= $1 })
  }
}

import Format
import TestSupport
import Testing

@testable import Quantize

private func ops(_ model: Model) -> [String] { model.graph.nodes.map { $0.op.name } }

private func quantization(_ name: String, in model: Model) -> Quantization? {
  model.graph.tensors.first { $0.name == name }?.quantization
}

private let halving = Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2)

@Suite struct StaticRewriteTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func aClassifierIsInt8FromInputToProbabilities(seed: UInt64) throws {
    var net = NetworkBuilder(seed: seed)
    var x = net.input([1, 12, 12, 1])
    x = try net.conv(x, 6, (5, 5), Conv2D(padding: Padding(all: 2)))
    x = try net.apply(.activation(.relu), x)
    x = try net.apply(.maxPool2D(halving), x)
    x = try net.flatten(try net.conv(x, 16, (3, 3), Conv2D(activation: .relu)))
    x = try net.dense(try net.dense(x, 32, Dense(activation: .relu)), 10)
    net.output(try net.apply(.softmax, x))

    let samples = net.samples(8)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    #expect(
      ops(int8) == ["quantize", "conv2d", "max_pool2d", "conv2d", "reshape", "dense", "dense", "lookup_softmax"])
    #expect(try outputSQNR(net.model, int8, samples) > 20)
    #expect(int8.selfTest?.tolerance == 0)
  }

  @Test func aResidualBlockWithBatchNormIsInt8Throughout() throws {
    var net = NetworkBuilder(seed: 2)
    let x = net.input([1, 8, 8, 3])
    let stem = try net.apply(
      .activation(.relu), try net.batchNorm(try net.conv(x, 8, (3, 3), Conv2D(padding: Padding(all: 1)))))
    let branch = try net.batchNorm(try net.conv(stem, 8, (3, 3), Conv2D(padding: Padding(all: 1))))
    let sum = try net.apply(.activation(.relu), try net.apply(.add(Add()), branch, stem))
    net.output(try net.dense(try net.flatten(try net.apply(.globalAveragePool, sum)), 4))

    let samples = net.samples(6)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    #expect(
      ops(int8) == ["quantize", "conv2d", "conv2d", "add", "global_average_pool", "reshape", "dense", "dequantize"])
    #expect(try outputSQNR(net.model, int8, samples) > 25)
  }

  @Test func poolsAndReshapesShareTheirInputsQuantization() throws {
    var net = NetworkBuilder(seed: 3)
    let conv = try net.conv(net.input([1, 8, 8, 1]), 4, (3, 3), Conv2D())
    let flat = try net.flatten(try net.apply(.averagePool2D(halving), conv))
    net.output(try net.dense(flat, 3))
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, net.samples(4)))
    let shared = try #require(quantization(net.graph.tensors[conv].name, in: int8))
    #expect(quantization(net.graph.tensors[flat].name, in: int8) == shared)
  }

  @Test func whatOnlyAMaxPoolReadsTakesTheRangeOfItsResult() throws {
    var net = NetworkBuilder(seed: 4)
    let conv = try net.conv(net.input([1, 8, 8, 1]), 4, (3, 3), Conv2D())
    let pooled = try net.apply(.maxPool2D(halving), conv)
    net.output(try net.dense(try net.flatten(pooled), 3))
    let (before, after) = (net.graph.tensors[conv].name, net.graph.tensors[pooled].name)
    var ranges = try calibrated(net.graph, net.samples(4))
    ranges.removeAll { $0.tensor == before || $0.tensor == after }
    ranges.append(CalibrationRange(tensor: before, minimum: -100, maximum: 5))
    ranges.append(CalibrationRange(tensor: after, minimum: -1, maximum: 5))
    let int8 = try net.model.quantized(ranges: ranges)
    #expect(quantization(before, in: int8) == Quantization(minimum: -1, maximum: 5))
    #expect(quantization(after, in: int8) == Quantization(minimum: -1, maximum: 5))
  }

  @Test func concatUnifiesInputsOfItsOwnAndRescalesOthers() throws {
    var net = NetworkBuilder(seed: 5)
    let x = try net.conv(net.input([1, 6, 6, 2]), 4, (3, 3), Conv2D(activation: .relu))
    let own = try net.conv(x, 2, (1, 1), Conv2D())
    let joined = try net.apply(.concat(Concat(axis: 3)), x, own)
    net.output(try net.conv(joined, 2, (1, 1), Conv2D()))
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    #expect(ops(int8) == ["quantize", "conv2d", "conv2d", "lookup", "concat", "conv2d", "dequantize"])
    let shared = quantization(net.graph.tensors[joined].name, in: int8)
    #expect(quantization(net.graph.tensors[own].name, in: int8) == shared)
    #expect(quantization(net.graph.tensors[x].name, in: int8) != shared)
    #expect(try outputSQNR(net.model, int8, samples) > 25)
  }

  @Test func functionsBecomeTablesWithFixedScales() throws {
    var net = NetworkBuilder(seed: 6)
    let x = try net.conv(net.input([1, 4, 4, 1]), 3, (3, 3), Conv2D())
    let sigmoid = try net.apply(.activation(.sigmoid), x)
    let tanh = try net.apply(.activation(.tanh), x)
    let sum = try net.apply(.add(Add()), sigmoid, tanh)
    let relu6 = try net.apply(.activation(.relu6), try net.apply(.maxPool2D(halving), sum))
    net.output(relu6)
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    #expect(ops(int8) == ["quantize", "conv2d", "lookup", "lookup", "add", "max_pool2d", "lookup", "dequantize"])
    #expect(quantization(net.graph.tensors[sigmoid].name, in: int8) == Quantization(scale: 1 / 256, zeroPoint: -128))
    #expect(quantization(net.graph.tensors[tanh].name, in: int8) == Quantization(scale: 1 / 128, zeroPoint: 0))
    #expect(try outputSQNR(net.model, int8, samples) > 25)
  }

  @Test func squeezeAndExcitationIsInt8Throughout() throws {
    var net = NetworkBuilder(seed: 8)
    let x = try net.conv(net.input([1, 6, 6, 2]), 8, (3, 3), Conv2D(activation: .relu))
    let squeezed = try net.dense(net.flatten(try net.apply(.globalAveragePool, x)), 4, Dense(activation: .relu))
    let factors = try net.apply(.activation(.hardSigmoid), try net.dense(squeezed, 8))
    net.output(try net.apply(.multiply, x, try net.apply(.reshape, [factors], shape: [1, 1, 1, 8])))
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    #expect(
      ops(int8) == [
        "quantize", "conv2d", "global_average_pool", "reshape", "dense", "dense", "lookup", "reshape", "multiply",
        "dequantize",
      ])
    #expect(
      quantization(net.graph.tensors[factors].name, in: int8) == Quantization(scale: 1 / 255, zeroPoint: -128))
    #expect(try outputSQNR(net.model, int8, samples) > 25)
  }

  @Test func whatHasNoInt8FormStaysFloat() throws {
    var net = NetworkBuilder(seed: 7)
    let pooled = try net.apply(.maxPool2D(halving), net.input([1, 8, 8, 2]))
    let norm = try net.batchNorm(pooled)
    // Reads float only, so it stays there: no rounding on the way to the next batch-norm.
    let again = try net.batchNorm(try net.apply(.maxPool2D(halving), norm))
    net.output(try net.dense(try net.flatten(again), 3))
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    #expect(
      ops(int8) == [
        "quantize", "max_pool2d", "dequantize", "batch_norm", "max_pool2d", "batch_norm", "reshape", "quantize",
        "dense",
        "dequantize",
      ])
    #expect(try outputSQNR(net.model, int8, samples) > 25)
    #expect(try #require(int8.selfTest).tolerance > 0)
  }

  @Test func sumsTooLongForS32StayFloat() throws {
    var net = NetworkBuilder(seed: 8)
    let x = net.input([1, 182, 182, 1])
    let hidden = try net.dense(try net.flatten(x), 2, Dense(activation: .relu))
    net.output(try net.dense(hidden, 2))
    #expect(net.shape(x).reduce(1, *) > Limits.quantizedProducts)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, net.samples(2)))
    #expect(ops(int8).suffix(4) == ["dense", "quantize", "dense", "dequantize"])
    let dynamic = try net.model.dynamicallyQuantized()
    #expect(
      dynamic.graph.nodes.filter { $0.inputs.count > 1 }.map { dynamic.graph.tensors[$0.inputs[1]].type } == [
        .f32, .s8,
      ])
  }

  @Test func aGraphOutputThatOthersReadHasBothForms() throws {
    var net = NetworkBuilder(seed: 9)
    let hidden = try net.dense(net.input([1, 5]), 4)
    net.output(hidden)
    net.output(try net.dense(hidden, 3))
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, net.samples(4)))
    try int8.verify()
    let name = net.graph.tensors[hidden].name
    #expect(int8.graph.outputs.map { int8.graph.tensors[$0].name }.first == name)
    #expect(quantization(name + ".s8", in: int8) != nil)
    #expect(ops(int8) == ["quantize", "dense", "dense", "dequantize", "dequantize"])
  }
}

@Suite struct WeightTests {
  private func dense(weights: [Float], bias: [Float]) -> Model {
    var graph = Graph()
    let x = graph.add(Tensor(name: "x", type: .f32, shape: [1, weights.count / bias.count]))
    let w = graph.add(
      Tensor(name: "w", type: .f32, shape: [bias.count, weights.count / bias.count], constant: Constant(weights)))
    let b = graph.add(Tensor(name: "b", type: .f32, shape: [bias.count], constant: Constant(bias)))
    graph.inputs = [x]
    let y = Tensor(name: "y", type: .f32, shape: [1, bias.count])
    graph.outputs = [graph.add(.dense(Dense()), name: "dense", inputs: [x, w, b], output: y)]
    return Model(graph: graph)
  }

  private let ranges = [
    CalibrationRange(tensor: "x", minimum: -1, maximum: 1), CalibrationRange(tensor: "y", minimum: -10, maximum: 10),
  ]

  @Test func everyChannelHasItsOwnScaleAndReaches127() throws {
    let int8 = try dense(weights: [0.1, -0.05, 20, 10], bias: [0, 0]).quantized(ranges: ranges).graph
    let weights = int8.tensors[int8.nodes[1].inputs[1]]
    #expect(weights.quantization == Quantization(scales: [0.1 / 127, 20.0 / 127], axis: 0))
    #expect(weights.constant?.elements(as: Int8.self) == [127, -64, 127, 64])
  }

  @Test func depthwiseChannelsAreTheLastDimension() {
    let tensor = Tensor(name: "w", type: .f32, shape: [1, 2, 2], constant: Constant([1, 10, -2, 5] as [Float]))
    let quantized = QuantizedWeights(tensor, axis: 2)
    #expect(quantized.quantization == Quantization(scales: [2.0 / 127, 10.0 / 127], axis: 2))
    #expect(quantized.values == [64, 127, -127, 64])
  }

  @Test func aScaleIsLiftedWhereABiasWouldNotFit() throws {
    // 10^6 in units of 2/255 · 1e-9/127 is far beyond 2^30.
    let int8 = try dense(weights: [1e-9, 1e-9], bias: [1e6]).quantized(ranges: ranges).graph
    let bias = try #require(int8.tensors[int8.nodes[1].inputs[2]].constant?.elements(as: Int32.self)[0])
    #expect(bias <= Limits.bias && bias > Limits.bias - (1 << 12))
  }

  @Test func theLargestBiasWithTheSmallestInputScaleIsStillAValidModel() throws {
    let tiny = CalibrationRange(tensor: "x", minimum: 0, maximum: 1e-30)
    let model = dense(weights: [1], bias: [0x1p29])
    let int8 = try model.quantized(ranges: [tiny, ranges[1]])
    try int8.verify()
    #expect(int8.graph.nodes.count == 3)
  }

  @Test func channelsOfZerosKeepTheirBias() throws {
    let model = dense(weights: [0, 0, 0, 0], bias: [0.123, 0])
    let ranges = [self.ranges[0], CalibrationRange(tensor: "y", minimum: 0, maximum: 0.255)]
    let int8 = try model.quantized(ranges: ranges)
    guard case .f32(let y) = try ReferenceInterpreter(int8.graph).run([.f32([1, 1])])[0] else {
      throw TestError.outputIsNoFloat
    }
    #expect(abs(y[0] - 0.123) < 1e-6)
    #expect(y[1] == 0)
  }

  @Test func weightsAndBiasesBeyondAllScalesStayFloat() throws {
    #expect(throws: QuantizeError.nothingToQuantize) { try dense(weights: [1e30], bias: [0]).quantized(ranges: ranges) }
    #expect(throws: QuantizeError.nothingToQuantize) { try dense(weights: [1], bias: [1e30]).quantized(ranges: ranges) }
    #expect(throws: QuantizeError.nothingToQuantize) { try dense(weights: [1e30], bias: [0]).dynamicallyQuantized() }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func roundingErrsByAtMostHalfAStep(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let weights = random.normals(5 * 30, deviation: 0.3)
    let quantized = QuantizedWeights(
      Tensor(name: "w", type: .f32, shape: [5, 30], constant: Constant(weights)), axis: 0)
    for (index, weight) in weights.enumerated() {
      let scale = quantized.quantization.scales[index / 30]
      #expect(abs(Float(quantized.values[index]) * scale - weight) <= scale * 0.50002)
    }
  }
}

@Suite struct QuantizeErrorTests {
  private func classifier() throws -> (NetworkBuilder, [CalibrationRange]) {
    var net = NetworkBuilder(seed: 11)
    net.output(try net.dense(net.input([1, 4]), 2))
    return (net, try calibrated(net.graph, net.samples(2)))
  }

  @Test func missingAndInvalidRanges() throws {
    let (net, ranges) = try classifier()
    #expect(throws: QuantizeError.missingRange(tensor: "input0")) { try net.model.quantized(ranges: [ranges[1]]) }
    var broken = ranges
    broken[1].maximum = .infinity
    let error = QuantizeError.invalidRange(tensor: "dense0", minimum: ranges[1].minimum, maximum: .infinity)
    #expect(throws: error) { try net.model.quantized(ranges: broken) }
    broken[1] = CalibrationRange(tensor: "dense0", minimum: 2, maximum: 1)
    #expect(throws: QuantizeError.self) { try net.model.quantized(ranges: broken) }
  }

  @Test func quantizingTwice() throws {
    let (net, ranges) = try classifier()
    let int8 = try net.model.quantized(ranges: ranges)
    #expect(throws: QuantizeError.self) { try int8.quantized(ranges: ranges) }
    #expect(throws: QuantizeError.self) { try int8.dynamicallyQuantized() }
    #expect(throws: QuantizeError.self) { try net.model.dynamicallyQuantized().quantized(ranges: ranges) }
  }

  @Test func nothingToQuantize() throws {
    var net = NetworkBuilder(seed: 12)
    net.output(try net.apply(.softmax, net.input([1, 4])))
    #expect(throws: QuantizeError.nothingToQuantize) { try net.model.quantized(ranges: []) }
    #expect(throws: QuantizeError.nothingToQuantize) { try net.model.dynamicallyQuantized() }
  }

  @Test func brokenGraphs() throws {
    let (net, ranges) = try classifier()
    var model = net.model
    model.graph.outputs = []
    #expect(throws: QuantizeError.self) { try model.quantized(ranges: ranges) }
  }

  @Test func notFiniteActivations() throws {
    let (net, _) = try classifier()
    var calibrator = Calibrator(graph: net.graph.simplified(), observer: .minMax)
    calibrator.observe(try ReferenceInterpreter(net.graph).values([.f32([1, .nan, 0, 0])]))
    #expect(throws: QuantizeError.notFiniteActivation(tensor: "input0")) { try calibrator.ranges() }
  }

  @Test func everyErrorSaysWhatWasExpected() {
    let errors: [QuantizeError] = [
      .alreadyQuantized(tensor: "a"), .missingRange(tensor: "a"), .invalidRange(tensor: "a", minimum: 1, maximum: 0),
      .notFiniteActivation(tensor: "a"), .nothingToQuantize, .wrongInput(what: "a", expected: "b", found: "c"),
      .invalidGraph(.invalid(what: "a", expected: "b", found: "c")),
    ]
    for error in errors { #expect(error.description.contains(": expected ") && error.description.contains(", found ")) }
  }
}

@Suite struct MetadataTests {
  @Test func isKeptButForTheRangesThatWereUsed() throws {
    var net = NetworkBuilder(seed: 13)
    net.output(try net.dense(net.input([1, 4]), 2))
    let ranges = try calibrated(net.graph, net.samples(2))
    var model = net.model
    model.metadata.labels = ["a", "b"]
    model.metadata.provenance = Provenance(tool: "t", data: "d", seed: 7, floatAccuracy: 0.5)
    model.metadata.calibration = ranges
    model.selfTest = SelfTest(
      inputs: [Constant([1, 2, 3, 4] as [Float])], outputs: [Constant([0, 0] as [Float])], tolerance: 1)
    for int8 in [try model.quantized(ranges: ranges), try model.dynamicallyQuantized()] {
      #expect(int8.metadata.labels == ["a", "b"])
      #expect(int8.metadata.provenance == model.metadata.provenance)
      #expect(int8.metadata.calibration.isEmpty)
      let selfTest = try #require(int8.selfTest)
      #expect(selfTest.inputs[0].elements(as: Float.self) == [1, 2, 3, 4])
      #expect(selfTest.tolerance == 0)
      try int8.verify()
    }
    let without = try model.quantized(ranges: ranges, options: QuantizationOptions(selfTest: false))
    #expect(without.selfTest == nil)
  }

  @Test func dynamicModelsHaveAQuarterOfTheBytes() throws {
    var net = NetworkBuilder(seed: 14)
    net.output(try net.dense(net.input([1, 400]), 100))
    let dynamic = try net.model.dynamicallyQuantized()
    let bytes = dynamic.graph.tensors.reduce(0) { $0 + ($1.constant?.bytes.count ?? 0) }
    #expect(bytes == 400 * 100 + 100 * 4)
  }
}

import Format
import Quantize

/// Random numbers from a seed, the same on every machine (SplitMix64). Tests take their seeds as arguments, so that a
/// failure names the one to replay.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }

  mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in .random(in: range, using: &self) }
  }

  /// About normal: the sum of twelve uniform numbers, as trained weights and activations are distributed.
  mutating func normals(_ count: Int, deviation: Float) -> [Float] {
    (0..<count).map { _ in floats(12, in: -0.5...0.5).reduce(0, +) * deviation }
  }
}

/// A float network that grows layer by layer, with random weights of a size that keeps activations near 1.
struct NetworkBuilder {
  private(set) var graph = Graph()
  var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  var model: Model { Model(graph: graph, metadata: Metadata(name: "random")) }

  func shape(_ tensor: TensorIndex) -> [Int] { graph.tensors[tensor].shape }

  mutating func input(_ shape: [Int]) -> TensorIndex {
    let index = graph.add(Tensor(name: "input\(graph.inputs.count)", type: .f32, shape: shape))
    graph.inputs.append(index)
    return index
  }

  mutating func output(_ tensor: TensorIndex) { graph.outputs.append(tensor) }

  mutating func constant(_ shape: [Int], _ values: [Float]) -> TensorIndex {
    graph.add(Tensor(name: "c\(graph.tensors.count)", type: .f32, shape: shape, constant: Constant(values)))
  }

  mutating func apply(_ op: Op, _ inputs: TensorIndex..., shape: [Int]? = nil) throws -> TensorIndex {
    let inferred = try Graph.outputShape(of: op, inputs: inputs.map { graph.tensors[$0] })
    let name = "\(op.name)\(graph.nodes.count)"
    return graph.add(op, name: name, inputs: inputs, output: Tensor(name: name, type: .f32, shape: shape ?? inferred))
  }

  private mutating func parameters(_ shape: [Int], fanIn: Int, channels: Int) -> (TensorIndex, TensorIndex) {
    let deviation = (2 / Float(fanIn)).squareRoot()
    let weights = constant(shape, random.normals(shape.reduce(1, *), deviation: deviation))
    return (weights, constant([channels], random.normals(channels, deviation: 0.2)))
  }

  mutating func conv(_ x: TensorIndex, _ outputs: Int, _ window: (Int, Int), _ op: Conv2D) throws -> TensorIndex {
    let groupChannels = shape(x)[3] / op.groups
    let (weights, bias) = parameters(
      [outputs, window.0, window.1, groupChannels], fanIn: window.0 * window.1 * groupChannels, channels: outputs)
    return try apply(.conv2D(op), x, weights, bias)
  }

  mutating func depthwise(
    _ x: TensorIndex, multiplier: Int, _ window: (Int, Int), _ op: DepthwiseConv2D
  ) throws -> TensorIndex {
    let outputs = shape(x)[3] * multiplier
    let (weights, bias) = parameters(
      [window.0, window.1, outputs], fanIn: window.0 * window.1, channels: outputs)
    return try apply(.depthwiseConv2D(op), x, weights, bias)
  }

  mutating func dense(_ x: TensorIndex, _ outputs: Int, _ op: Dense = Dense()) throws -> TensorIndex {
    let (weights, bias) = parameters([outputs, shape(x)[1]], fanIn: shape(x)[1], channels: outputs)
    return try apply(.dense(op), x, weights, bias)
  }

  mutating func flatten(_ x: TensorIndex) throws -> TensorIndex {
    try apply(.reshape, x)
  }

  mutating func batchNorm(_ x: TensorIndex) throws -> TensorIndex {
    let channels = shape(x).last!
    let gamma = constant([channels], random.floats(channels, in: 0.5...1.5))
    let beta = constant([channels], random.normals(channels, deviation: 0.2))
    let mean = constant([channels], random.normals(channels, deviation: 0.2))
    let variance = constant([channels], random.floats(channels, in: 0.5...1.5))
    return try apply(.batchNorm(BatchNorm()), x, gamma, beta, mean, variance)
  }

  /// `count` random inputs for the whole graph.
  mutating func samples(_ count: Int) -> [[TensorValue]] {
    (0..<count).map { _ in
      graph.inputs.map { .f32(random.normals(graph.tensors[$0].count, deviation: 1)) }
    }
  }
}

/// Ranges of `graph`'s activations over `samples`, by the reference interpreter.
func calibrated(_ graph: Graph, _ samples: [[TensorValue]], _ kind: ObserverKind = .minMax) throws -> [CalibrationRange]
{
  let float = graph.simplified()
  let interpreter = try ReferenceInterpreter(float)
  var calibrator = Calibrator(graph: float, observer: kind)
  for sample in samples { calibrator.observe(try interpreter.values(sample)) }
  return try calibrator.ranges()
}

/// 10·log₁₀(signal power / noise power) of all outputs of `model` against those of `float`, in dB.
func outputSQNR(_ float: Model, _ model: Model, _ samples: [[TensorValue]]) throws -> Double {
  let exact = try ReferenceInterpreter(float.graph)
  let other = try ReferenceInterpreter(model.graph)
  var noise = NoisePower()
  for sample in samples {
    for (expected, got) in zip(try exact.run(sample), try other.run(sample)) {
      guard case (.f32(let expected), .f32(let got)) = (expected, got) else { throw TestError.outputIsNoFloat }
      noise.add(expected, got)
    }
  }
  return noise.decibels
}

enum TestError: Error { case outputIsNoFloat }

import Format
import Quantize

/// A float network that grows layer by layer, with random weights of a size that keeps activations near 1.
public struct NetworkBuilder {
  public private(set) var graph = Graph()
  public var random: SeededGenerator

  public init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  public var model: Model { Model(graph: graph, metadata: Metadata(name: "random")) }

  public func shape(_ tensor: TensorIndex) -> [Int] { graph.tensors[tensor].shape }

  public mutating func input(_ shape: [Int]) -> TensorIndex {
    let index = graph.add(Tensor(name: "input\(graph.inputs.count)", type: .f32, shape: shape))
    graph.inputs.append(index)
    return index
  }

  public mutating func output(_ tensor: TensorIndex) { graph.outputs.append(tensor) }

  public mutating func constant(_ shape: [Int], _ values: [Float]) -> TensorIndex {
    graph.add(Tensor(name: "c\(graph.tensors.count)", type: .f32, shape: shape, constant: Constant(values)))
  }

  public mutating func apply(_ op: Op, _ inputs: [TensorIndex], shape: [Int]? = nil) throws -> TensorIndex {
    let inferred = try Graph.outputShape(of: op, inputs: inputs.map { graph.tensors[$0] })
    let name = "\(op.name)\(graph.nodes.count)"
    return graph.add(op, name: name, inputs: inputs, output: Tensor(name: name, type: .f32, shape: shape ?? inferred))
  }

  /// Weights and, three times out of four, a bias.
  private mutating func parameters(_ shape: [Int], fanIn: Int, channels: Int) -> [TensorIndex] {
    let deviation = (2 / Float(fanIn)).squareRoot()
    let weights = constant(shape, random.normals(shape.reduce(1, *), deviation: deviation))
    guard random.int(0...3) > 0 else { return [weights] }
    return [weights, constant([channels], random.normals(channels, deviation: 0.2))]
  }

  public mutating func conv(
    _ x: TensorIndex, _ outputs: Int, _ window: (Int, Int), _ op: Conv2D = Conv2D()
  ) throws -> TensorIndex {
    let groupChannels = shape(x)[3] / op.groups
    let parameters = parameters(
      [outputs, window.0, window.1, groupChannels], fanIn: window.0 * window.1 * groupChannels, channels: outputs)
    return try apply(.conv2D(op), [x] + parameters)
  }

  public mutating func depthwise(
    _ x: TensorIndex, multiplier: Int = 1, _ window: (Int, Int), _ op: DepthwiseConv2D = DepthwiseConv2D()
  ) throws -> TensorIndex {
    let outputs = shape(x)[3] * multiplier
    let parameters = parameters([window.0, window.1, outputs], fanIn: window.0 * window.1, channels: outputs)
    return try apply(.depthwiseConv2D(op), [x] + parameters)
  }

  public mutating func dense(_ x: TensorIndex, _ outputs: Int, _ op: Dense = Dense()) throws -> TensorIndex {
    let parameters = parameters([outputs, shape(x)[1]], fanIn: shape(x)[1], channels: outputs)
    return try apply(.dense(op), [x] + parameters)
  }

  /// Sub-pixel convolution's inverse: [N, H, W, C] → a larger picture of `outputs` channels.
  public mutating func transposedConv(
    _ x: TensorIndex, _ outputs: Int, _ window: (Int, Int), _ op: TransposedConv2D
  ) throws -> TensorIndex {
    let channels = shape(x)[3]
    let parameters = parameters(
      [outputs, window.0, window.1, channels], fanIn: window.0 * window.1 * channels, channels: outputs)
    return try apply(.transposedConv2D(op), [x] + parameters)
  }

  /// Rows of a random table for the numbers in `x`.
  public mutating func embedding(_ x: TensorIndex, rows: Int, _ width: Int) throws -> TensorIndex {
    let table = constant([rows, width], random.normals(rows * width, deviation: 1))
    return try apply(.embedding, [x, table])
  }

  /// A recurrent layer of `units` units, its outputs y and, of an LSTM, c.
  ///
  /// - Parameter states: h and c to begin with, as many as wanted.
  public mutating func recurrent(
    _ x: TensorIndex, _ units: Int, _ op: Recurrent, states: [TensorIndex] = []
  ) throws -> [TensorIndex] {
    let (gates, features) = (op.cell.gates * units, shape(x)[3])
    let inputs =
      [
        x, constant([gates, features], random.normals(gates * features, deviation: 1 / Float(features).squareRoot())),
        constant([gates, units], random.normals(gates * units, deviation: 1 / Float(units).squareRoot())),
        constant([op.cell.biases * units], random.normals(op.cell.biases * units, deviation: 0.3)),
      ] + states
    let shapes = try Graph.outputShapes(of: .recurrent(op), inputs: inputs.map { graph.tensors[$0] })
    let name = "\(op.cell.name)\(graph.nodes.count)"
    let outputs = shapes.enumerated().map { place, shape in
      graph.add(Tensor(name: place == 0 ? name : name + ".c", type: .f32, shape: shape))
    }
    graph.nodes.append(Node(name: name, op: .recurrent(op), inputs: inputs, outputs: outputs))
    return outputs
  }

  /// Makes `output`, a graph output, what graph input `input` is in the next run.
  public mutating func state(_ input: TensorIndex, becomes output: TensorIndex) {
    graph.states.append(State(input: input, output: output))
  }

  public mutating func batchNorm(_ x: TensorIndex) throws -> TensorIndex {
    let channels = shape(x).last!
    let gamma = constant([channels], random.floats(channels, in: 0.5...1.5))
    let beta = constant([channels], random.normals(channels, deviation: 0.2))
    let mean = constant([channels], random.normals(channels, deviation: 0.2))
    let variance = constant([channels], random.floats(channels, in: 0.5...1.5))
    return try apply(.batchNorm(BatchNorm()), [x, gamma, beta, mean, variance])
  }

  /// `count` random inputs for the whole graph.
  public mutating func samples(_ count: Int) -> [[TensorValue]] {
    (0..<count).map { _ in
      graph.inputs.map { .f32(random.normals(graph.tensors[$0].count, deviation: 1)) }
    }
  }

  /// The network as static int8, calibrated on a few random inputs.
  public mutating func int8() throws -> Model {
    let float = graph.simplified()
    let interpreter = try ReferenceInterpreter(float)
    var calibrator = Calibrator(graph: float, observer: .minMax)
    for sample in samples(3) { calibrator.observe(try interpreter.values(sample)) }
    return try model.quantized(ranges: try calibrator.ranges())
  }
}

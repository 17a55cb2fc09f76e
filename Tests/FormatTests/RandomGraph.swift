import TestSupport

@testable import Format

extension Graph {
  /// A valid float graph of about `length` random operators, the same for the same seed.
  static func random(seed: UInt64, length: Int = 12) -> Graph {
    var builder = RandomGraphBuilder(seed: seed)
    for _ in 0..<length { builder.addOperator() }
    return builder.finished()
  }
}

private struct RandomGraphBuilder {
  var random: SeededGenerator
  var graph = Graph()
  /// Activations so far, images [N, H, W, C] all.
  var images: [TensorIndex] = []

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    let shape = [random.int(1...2), random.int(1...7), random.int(1...7), random.int(1...6)]
    images = [graph.add(.floats("input", shape))]
    graph.inputs = images
  }

  mutating func addOperator() {
    // Mostly the newest activation, so that chains form; sometimes an older one, so that they fork.
    let x = random.int(0...3) == 0 ? images.randomElement(using: &random)! : images[images.count - 1]
    let channels = graph.tensors[x].shape[3]
    switch random.int(0...10) {
    case 0, 1: addConvolution(x, channels)
    case 2: addDepthwise(x, channels)
    case 3, 4:
      let parameters = ["gamma", "beta", "mean"].map { addConstant($0, [channels], in: -1...1) }
      add(.batchNorm(BatchNorm(epsilon: 0.01)), [x] + parameters + [addConstant("variance", [channels], in: 0...2)])
    case 5: add(.activation(.relu), [x])
    case 6: add(.activation(Activation.allCases.randomElement(using: &random)!), [x])
    case 7:
      let shape = graph.tensors[x].shape
      let same = images.filter { graph.tensors[$0].shape == shape }
      add(.add(Add(activation: fused())), [x, same.randomElement(using: &random)!])
    case 8:
      let shape = graph.tensors[x].shape
      let factors = images.filter { [shape, [shape[0], 1, 1, shape[3]]].contains(graph.tensors[$0].shape) }
      add(.multiply, [x, factors.randomElement(using: &random)!])
    case 9: add(.concat(Concat(axis: random.int(1...3))), [x, x])
    default:
      let side = random.int(1...3)
      let pool = Pool2D(
        windowHeight: side, windowWidth: 1, strideHeight: random.int(1...2), strideWidth: random.int(1...2),
        padding: Padding(top: side - 1, left: 0, bottom: side - 1, right: 0))
      add(random.bool() ? .maxPool2D(pool) : .averagePool2D(pool), [x])
    }
  }

  private mutating func addConvolution(_ x: TensorIndex, _ channels: Int) {
    let groups = channels % 2 == 0 && random.bool() ? 2 : 1
    let outputs = groups * random.int(1...3)
    let (height, width) = (random.int(1...3), random.int(1...3))
    let conv = Conv2D(
      strideHeight: random.int(1...2), strideWidth: random.int(1...2), dilationHeight: random.int(1...2),
      dilationWidth: random.int(1...2), padding: padding(), groups: groups, activation: fused())
    let weights = addConstant("weights", [outputs, height, width, channels / groups], in: -1...1)
    add(.conv2D(conv), [x, weights] + bias(outputs))
  }

  private mutating func addDepthwise(_ x: TensorIndex, _ channels: Int) {
    let outputs = channels * random.int(1...2)
    let conv = DepthwiseConv2D(
      strideHeight: random.int(1...2), strideWidth: random.int(1...2), padding: padding(), activation: fused())
    add(.depthwiseConv2D(conv), [x, addConstant("weights", [3, 2, outputs], in: -1...1)] + bias(outputs))
  }

  private mutating func fused() -> FusedActivation {
    random.int(0...3) == 0 ? FusedActivation.allCases.randomElement(using: &random)! : .none
  }

  /// At least 2 in all before and after each dimension, so that every window of this file fits every image.
  private mutating func padding() -> Padding {
    Padding(top: random.int(2...4), left: random.int(2...3), bottom: random.int(2...3), right: random.int(2...4))
  }

  private mutating func bias(_ channels: Int) -> [TensorIndex] {
    random.bool() ? [addConstant("bias", [channels], in: -1...1)] : []
  }

  private mutating func addConstant(_ name: String, _ shape: [Int], in range: ClosedRange<Float>) -> TensorIndex {
    graph.add(.floats("\(name) \(graph.tensors.count)", shape, random.floats(shape.reduce(1, *), in: range)))
  }

  private mutating func add(_ op: Op, _ inputs: [TensorIndex]) {
    let tensors = inputs.map { graph.tensors[$0] }
    guard let shape = try? Graph.outputShape(of: op, inputs: tensors), shape.reduce(1, *) < 20_000 else { return }
    let number = graph.nodes.count
    images.append(graph.add(op, name: "node \(number)", inputs: inputs, output: .floats("tensor \(number)", shape)))
  }

  /// Ends in a classifier; sometimes a tensor from the middle is an output too.
  mutating func finished() -> Graph {
    let x = images[images.count - 1]
    let shape = graph.tensors[x].shape
    let mean = graph.add(
      .globalAveragePool, name: "mean", inputs: [x], output: .floats("mean", [shape[0], 1, 1, shape[3]]))
    let flat = graph.add(.reshape, name: "flat", inputs: [mean], output: .floats("flat", [shape[0], shape[3]]))
    let weights = addConstant("dense weights", [5, shape[3]], in: -1...1)
    let dense = graph.add(
      .dense(Dense()), name: "dense", inputs: [flat, weights] + bias(5), output: .floats("logits", [shape[0], 5]))
    graph.outputs = [graph.add(.softmax, name: "softmax", inputs: [dense], output: .floats("y", [shape[0], 5]))]
    if random.bool(), let middle = images.dropFirst().randomElement(using: &random) { graph.outputs.append(middle) }
    return graph
  }
}

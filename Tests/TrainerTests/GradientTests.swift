import Testing

@testable import Trainer

/// Every layer and loss: the gradients of all weights and inputs on the naive backend against central differences, both in
/// double precision.
///
/// Kinks (ReLU and leaky ReLU at 0, ReLU6 at 0 and 6, the hard functions at −3 and 3, equal maxima in a window): random real inputs are at a kink with probability 0, and
/// the step of 1e-6 is so small that crossing one is unlikely; the seeds were taken so that none is crossed.
@Suite struct GradientTests {
  static let networks: [(name: String, text: String)] = [
    ("dense", "input 1x1x5\n dense 4\n dense 3"),
    ("dense without bias", "input 1x1x5\n dense 4 nobias tanh\n dense 3 nobias"),
    ("relu", "input 1x1x5\n dense 6 relu\n dense 3"),
    ("relu6", "input 1x1x5\n dense 12 init normal 4 relu6\n dense 3"),
    ("sigmoid", "input 1x1x5\n dense 6 sigmoid\n dense 3"),
    ("activation layers", "input 1x1x5\n dense 6\n tanh\n dense 6\n relu\n dense 6\n sigmoid\n dense 3"),
    ("hard sigmoid", "input 1x1x5\n dense 12 init normal 4 hardsigmoid\n dense 3"),
    ("hard swish", "input 1x1x5\n dense 12 init normal 4 hardswish\n dense 3"),
    ("gelu", "input 1x1x5\n dense 6 gelu\n dense 3"),
    ("silu", "input 1x1x5\n dense 6\n silu\n dense 3"),
    ("leaky relu", "input 1x1x5\n dense 6 leakyrelu\n dense 6 leakyrelu 0.3\n dense 3"),
    ("conv hard swish", "input 5x4x2\n conv 3x2x3 hardswish\n depthwise 2x2 silu\n batchnorm gelu\n dense 3"),
    ("add hard swish", "input 3x3x2\n a: conv 3x3x2 pad same gelu\n conv 3x3x2 pad same\n add a hardswish\n dense 3"),
    ("conv", "input 5x4x2\n conv 3x2x3\n conv 2x2x2 tanh\n dense 3"),
    ("conv stride, padding", "input 6x5x2\n conv 1x1x2\n conv 3x3x4 stride 2x1 pad 1 0 2 1 relu\n dense 3"),
    ("conv dilation", "input 7x6x1\n conv 1x1x2\n conv 3x2x2 dilation 2x3 pad 1\n dense 3"),
    ("conv groups", "input 4x4x4\n conv 1x1x4\n conv 3x3x6 groups 2 pad same\n dense 3"),
    ("depthwise", "input 5x5x3\n conv 1x1x3\n depthwise 3x3 pad same stride 2 relu\n dense 3"),
    ("depthwise multiplier", "input 5x5x2\n conv 1x1x2\n depthwise 2x3x3 dilation 2 pad 0 1 2 0\n dense 3"),
    ("transposed conv", "input 3x4x2\n conv 1x1x3\n transposedconv 3x2x2 stride 2x1 pad 1 0 0 1 tanh\n dense 3"),
    ("transposed conv same", "input 3x2x2\n conv 1x1x2\n transposedconv 3x3x3 stride 2 pad same nobias relu\n dense 3"),
    ("transposed conv of the input", "input 3x2x2\n transposedconv 2x2x3 stride 3 gelu\n dense 3"),
    ("dilated groups", "input 7x6x4\n conv 1x1x4\n conv 3x2x6 dilation 2 groups 2 stride 2 pad 1 tanh\n dense 3"),
    ("max pool", "input 6x5x2\n conv 1x1x3\n maxpool 3x2 stride 2x1 pad 1 0 2 1\n dense 3"),
    ("average pool", "input 6x5x2\n conv 1x1x3\n avgpool 3x2 stride 2x1 pad 1 0 2 1\n dense 3"),
    ("global pool", "input 4x3x2\n conv 1x1x3\n globalavgpool\n dense 3"),
    ("batch norm", "input 3x3x2\n conv 2x2x3\n batchnorm\n dense 3"),
    ("batch norm first", "input 3x3x2\n batchnorm tanh\n dense 3"),
    (
      "batch norm, sum and function",
      "input 3x4x2\n a: conv 3x3x3 pad same\n batchnorm relu\n conv 3x3x3 pad same\n batchnorm\n add a relu\n dense 3"
    ),
    (
      "sum of two batch norms",
      "input 4x3x2\n a: conv 1x1x3\n b: batchnorm\n conv 3x3x3 pad same from a\n batchnorm\n add b leakyrelu 0.2\n dense 3"
    ),
    (
      "batch norm before the shortcut",
      "input 3x3x2\n a: conv 1x1x2\n b: batchnorm\n conv 1x1x2 tanh from a\n add b hardswish\n dense 3"
    ),
    ("batch norm and the input", "input 3x3x2\n conv 3x3x2 pad same\n batchnorm\n add input\n dense 3"),
    ("batch norm of vectors", "input 1x1x4\n dense 5\n batchnorm relu\n dense 3"),
    ("dropout", "input 1x1x6\n dense 8 tanh\n dropout 0.4\n dense 3"),
    ("add", "input 3x3x2\n a: conv 3x3x2 pad same relu\n conv 3x3x2 pad same\n add a relu\n dense 3"),
    (
      "add both branches",
      "input 3x3x2\n a: conv 1x1x2\n b: conv 1x1x2 tanh from a\n c: conv 1x1x2 from a\n add b c\n dense 3"
    ),
    ("add to the input", "input 1x1x3\n dense 3 tanh\n add input\n dense 3"),
    ("multiply", "input 3x3x2\n a: conv 3x3x2 pad same tanh\n conv 3x3x2 pad same\n multiply a\n dense 3"),
    (
      "multiply by channel",
      "input 3x4x2\n x: conv 1x1x4 tanh\n globalavgpool\n dense 2 relu\n dense 4 sigmoid\n multiply x\n conv 2x2x2\n dense 3"
    ),
    (
      "multiply the input", "input 1x1x3\n a: dense 3 tanh\n b: multiply input a\n dense 3 from b"
    ),
    ("concat", "input 3x3x2\n a: conv 1x1x3\n b: conv 3x3x2 pad same\n concat a b\n conv 2x2x2\n dense 3"),
    (
      "fork of three",
      "input 1x1x3\n a: dense 4 tanh\n b: dense 4 relu from a\n c: dense 4 from a\n d: add b c\n add d a\n dense 3"
    ),
  ]

  /// Inputs of networks with an embedding are tokens in 0..<6.
  static let sequences: [(name: String, text: String)] = [
    ("dense per step", "input 4x1x3\n dense 4 tanh\n dense 3"),
    ("rnn", "input 5x1x3\n rnn 4\n dense 3"),
    ("lstm", "input 5x1x3\n lstm 4\n dense 3"),
    ("gru", "input 5x1x3\n gru 4\n dense 3"),
    ("rows of an image", "input 4x3x2\n sequence\n lstm 3\n last\n dense 3"),
    ("first step", "input 4x1x2\n gru 3 reverse\n first\n dense 3"),
    ("two layers", "input 4x1x2\n lstm 3\n dropout 0.3\n lstm 2 reverse\n dense 3"),
    ("bidirectional", "input 4x1x2\n gru 3 bidirectional\n rnn 3 bidirectional\n dense 3"),
    ("embedding", "input 4x1x1\n embedding 6 3\n lstm 3\n dense 3"),
    (
      "encoder and decoder",
      "input 4x1x1\n embedding 6 3\n e: lstm 4\n target: input 3x1x1\n embedding 6 2\n lstm 4 state from e\n dense 3"
    ),
    (
      "two decoders, output read too",
      "input 3x1x2\n e: gru 4 reverse\n f: gru 4 state from e from input\n g: gru 4 state from e from e\n concat f g\n dense 3"
    ),
    (
      "two LSTM decoders",
      "input 3x1x2\n e: lstm 4\n f: lstm 4 state from e from input\n g: lstm 4 state from e from f\n dense 3"
    ),
    (
      "state from numbers",
      "input 4x4x1\n conv 3x3x2 tanh\n flatten\n s: dense 3 tanh\n t: input 4x1x1\n embedding 6 2\n"
        + " lstm 3 state from s\n dense 3"
    ),
  ]

  @Test(arguments: sequences) func sequence(_ network: (name: String, text: String)) throws {
    try checkGradients(describe(network.text), seed: 4)
  }

  @Test(arguments: networks) func layer(_ network: (name: String, text: String)) throws {
    try checkGradients(describe(network.text + "\ntrain\n loss softmax-cross-entropy"), seed: 3)
  }

  /// Whatever reads whatever, and with a part of it frozen.
  @Test(arguments: 0..<60) func randomGraph(seed: Int) throws {
    let functions = ["linear", "linear", "tanh", "sigmoid", "silu"]
    let (text, names) = randomNetwork(seed: seed, input: "3x2", channels: 2, functions: functions, layers: 6)
    let freeze = seed % 3 == 0 ? names[seed / 3 % (names.count - 1)] : nil
    try checkGradients(describe(text), seed: UInt64(seed), freeze: freeze)
  }

  /// Hinge and perceptron have kinks, where a margin or an output is 0: random outputs are not there.
  ///
  /// Softmax over one output is constant, so that one starts at two.
  static let losses: [(Loss, Int)] = [
    (.softmaxCrossEntropy, 2), (.softmaxCrossEntropy, 4), (.sigmoidCrossEntropy, 1), (.sigmoidCrossEntropy, 3),
    (.meanSquaredError, 1), (.meanSquaredError, 3), (.hinge, 1), (.hinge, 4), (.perceptron, 1), (.perceptron, 3),
  ]

  @Test(arguments: losses) func loss(_ loss: Loss, outputs: Int) throws {
    try checkGradients(
      describe("input 1x1x4\n dense 4 tanh\n dense \(outputs)\ntrain\n loss \(loss.rawValue)"), seed: 5)
  }

  @Test func weightedClasses() throws {
    try checkGradients(
      describe("input 1x1x4\n dense 4 tanh\n dense 3\ntrain\n loss softmax-cross-entropy smoothing 0.2"), seed: 5,
      classWeights: [0.5, 2, 1.25])
  }

  /// Compares all gradients of a step with `count` of `batch` images, whose targets are numbers in 0..<1, or classes where
  /// these have weights.
  private func checkGradients(
    _ description: NetworkDescription, seed: UInt64, classWeights: [Float]? = nil, freeze: String? = nil
  ) throws {
    let (batch, count) = (4, 3)
    let network = try Network(description, backend: NaiveBackend(), batch: batch, seed: seed, freeze: freeze)
    var random = TestRandom(seed: seed)
    let targets = random.uniform(count: count * network.outputCount).map { ($0 + 1) / 2 }
    let hasTokens = description.layers.contains { if case .embedding = $0.kind { true } else { false } }
    let inputs = (0..<(count * network.inputCount)).map { _ in
      hasTokens ? Float(random.integer(below: 6)) : random.uniform()
    }
    network.classWeights = classWeights
    let weights = Doubles(network.weights)
    // Biases and batch-norm's shifts start at 0: move them off, so that they are tested at a common place.
    for index in 0..<network.weights.count { weights[index] += 0.1 * Double(random.uniform()) }

    func objective() throws -> Double {
      // Each time, for a forward pass may use the memory of inputs that no backward pass reads.
      if classWeights == nil {
        try network.load(inputs: inputs, targets: targets, count: count)
      } else {
        try network.load(inputs: inputs, labels: [2, 0, 1], count: count, isTraining: true)
      }
      network.forward(count: count, training: true)
      network.computeLoss(count: count)
      let losses = network.exactLosses(count: count * network.labelCount)
      return losses.reduce(0, +) / Double(losses.count)
    }
    _ = try objective()
    network.backward(count: count)
    let gradient = Doubles(network.gradient)
    let exact = (0..<network.gradient.count).map { gradient[$0] }
    #expect(exact.contains { abs($0) > 1e-3 })
    let frozen = network.list.layers.prefix(network.list.frozenCount).flatMap(\.parameters)
    for parameter in network.parameters where !frozen.contains(where: { $0 === parameter }) {
      let start = parameter.weights.offset
      for index in start..<(start + parameter.count) {
        let step = 1e-6
        let value = weights[index]
        weights[index] = value + step
        let above = try objective()
        weights[index] = value - step
        let below = try objective()
        weights[index] = value
        let difference = (above - below) / (2 * step)
        #expect(
          abs(difference - exact[index]) <= 1e-7 + 1e-6 * abs(difference),
          "\(parameter.name)[\(index - start)]: difference \(difference), gradient \(exact[index])\n\(description.text)"
        )
      }
    }
  }
}

extension Network {
  /// The losses of the last `computeLoss` in double precision; naive backend only.
  func exactLosses(count: Int) -> [Double] {
    let losses = Doubles(lossValues)
    return (0..<count).map { losses[$0] }
  }
}

import Foundation
import Format
import Quantize
import Testing

@testable import Trainer

@Suite struct NetworkTests {
  static let files = ["logistic", "convnetjs_cifar", "mlp", "lenet5", "fashion_cnn", "resnet_small"]

  /// Small networks that together have every layer.
  static let small = [
    "input 6x6x1\n flatten\n dense 12 relu\n dropout 0.3\n dense 8 tanh\n dense 4\n softmax",
    "input 8x7x2\n conv 3x3x6 pad 1 relu\n maxpool 2\n depthwise 3x3 pad same\n batchnorm relu6\n conv 3x3x40 pad same\n"
      + " avgpool 2 stride 1\n dense 4 sigmoid\n dense 4",
    "input 6x6x3\n s: conv 3x3x8 pad same nobias\n b: batchnorm relu\n conv 3x3x8 pad same\n add b relu\n"
      + " c: conv 1x1x4\n d: conv 3x3x4 pad same groups 2 from c\n concat c d\n globalavgpool\n dropout 0.2\n dense 4",
    "input 6x6x2\n x: conv 3x3x8 pad same relu\n globalavgpool\n dense 2 relu\n dense 8 hardsigmoid\n multiply x\n"
      + " conv 1x1x5 hardswish\n depthwise 3x3\n batchnorm gelu\n dense 7 silu\n dense 6 leakyrelu 0.2\n dense 4",
  ]

  static func network(
    file name: String, backend: any Backend = CPUBackend(threads: 2), batch: Int
  ) throws -> Network {
    let text = try String(contentsOf: networksFolder.appendingPathComponent(name + ".net"), encoding: .utf8)
    let description = try NetworkDescription(parsing: text, file: name + ".net")
    return try Network(description, backend: backend, batch: batch, seed: 1)
  }

  /// All weights, slots and losses after `steps` steps, the last of each three with a part of a batch.
  private static func train(_ network: Network, steps: Int) throws -> (TrainingState, [Double]) {
    var losses: [Double] = []
    for step in network.step..<(network.step + steps) {
      let count = step % 3 == 2 ? network.batch - 3 : network.batch
      let examples = Examples(network, count: count, seed: UInt64(step))
      losses.append(
        try network.trainStep(inputs: examples.inputs, labels: examples.labels, count: count, rate: 0.01).loss)
    }
    return (try network.state(), losses)
  }

  // MARK: Training

  @Test(arguments: files) func lossFalls(file: String) throws {
    let network = try NetworkTests.network(file: file, batch: 16)
    let examples = Examples(network, count: 16, seed: 2)
    var losses: [Double] = []
    for _ in 0..<20 {
      losses.append(
        try network.trainStep(inputs: examples.inputs, labels: examples.labels, count: 16, rate: 0.005).loss)
    }
    #expect(losses.last! < 0.7 * losses.first!)
  }

  /// The network that the course trains first: what one neuron cannot, a hidden layer can.
  @Test(arguments: Loss.allCases) func learnsXor(_ loss: Loss) throws {
    let outputs = loss == .softmaxCrossEntropy ? 2 : 1
    let network = try Network(
      describe("input 1x1x2\ndense 8 tanh\ndense \(outputs)\ntrain\noptimizer adam\nloss \(loss.rawValue)"),
      backend: CPUBackend(threads: 1), batch: 4, seed: 3)
    var result = StepResult(loss: 0, correct: 0, labels: 0)
    for _ in 0..<300 {
      result = try network.trainStep(inputs: [0, 0, 0, 1, 1, 0, 1, 1], labels: [0, 1, 1, 0], count: 4, rate: 0.05)
    }
    #expect(result.correct == 4)
    #expect(result.loss < 0.05)
    let predictions = try network.predict(inputs: [0, 0, 0, 1, 1, 0, 1, 1], count: 4)
    let threshold: Float = [.hinge, .perceptron].contains(loss) ? 0 : 0.5
    let ones = (0..<4).map { predictions[$0 * outputs + outputs - 1] > threshold }
    #expect(ones == [false, true, true, false])
  }

  /// Both backends do the same mathematics: losses agree step by step.
  @Test(arguments: small) func cpuFollowsNaive(text: String) throws {
    let backends: [any Backend] = [NaiveBackend(), CPUBackend(threads: 2)]
    let runs = try backends.map {
      try NetworkTests.train(Network(describe(text), backend: $0, batch: 8, seed: 4), steps: 10).1
    }
    for (naive, cpu) in zip(runs[0], runs[1]) { #expect(abs(naive - cpu) < 1e-4 * naive) }
  }

  /// Whatever reads whatever: the gradients of all backends are the naive one's, also with a part of the network frozen.
  @Test(arguments: 0..<24) func gradientsOfRandomGraphs(seed: Int) throws {
    let functions = ["linear", "relu", "relu6", "leakyrelu 0.3", "tanh"]
    let (text, names) = randomNetwork(seed: seed, input: "12x11", channels: 16, functions: functions, layers: 7)
    let freeze = seed % 4 == 0 ? names[seed / 4 % (names.count - 1)] : nil
    func gradients(_ backend: any Backend) throws -> [(name: String, values: [Float])] {
      let network = try Network(describe(text), backend: backend, batch: 5, seed: 7, freeze: freeze)
      let examples = Examples(network, count: 4, seed: UInt64(seed))
      try network.load(inputs: examples.inputs, labels: examples.labels, count: 4, isTraining: true)
      network.forward(count: 4, training: true)
      network.computeLoss(count: 4)
      network.backward(count: 4)
      return try network.parameters.map { ($0.name, try backend.values(of: $0.gradient)) }
    }
    let expected = try gradients(NaiveBackend())
    let largest = expected.flatMap(\.values).reduce(0) { max($0, abs($1)) }
    #expect(largest > 1e-3)
    func check(_ backend: any Backend) throws {
      for (found, expected) in zip(try gradients(backend), expected) {
        let own = expected.values.reduce(0) { max($0, abs($1)) }
        let difference = zip(found.values, expected.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(
          difference <= 2e-3 * own + 1e-5 * largest,
          "\(backend.name), \(found.name), frozen to \(freeze ?? "")\n\(text)")
      }
    }
    try check(CPUBackend(threads: 2))
    for shared in OpenCLTestDevice.backends { try shared.use { try check($0) } }
  }

  // MARK: Determinism and resuming

  @Test(arguments: small) func sameBitsForAnyThreadCount(text: String) throws {
    let states = try [1, 2, 3].map {
      try NetworkTests.train(Network(describe(text), backend: CPUBackend(threads: $0), batch: 32, seed: 4), steps: 6)
    }
    #expect(states[0] == states[1])
    #expect(states[0] == states[2])
  }

  @Test(arguments: ["lenet5", "resnet_small"]) func sameBitsForAnyThreadCount(file: String) throws {
    let states = try [1, 2, 3].map {
      try NetworkTests.train(NetworkTests.network(file: file, backend: CPUBackend(threads: $0), batch: 32), steps: 4)
    }
    #expect(states[0] == states[1])
    #expect(states[0] == states[2])
  }

  @Test func anotherSeedGivesOtherBits() throws {
    let states = try [4, 5].map {
      try NetworkTests.train(
        Network(describe(NetworkTests.small[0]), backend: CPUBackend(threads: 1), batch: 8, seed: $0), steps: 1)
    }
    #expect(states[0].1 != states[1].1)
  }

  @Test(arguments: small, ["nesterov 0.9", "adam"]) func resumeIsBitIdentical(text: String, optimizer: String) throws {
    let description = try describe(text + "\ntrain\n optimizer \(optimizer)\n l2 1e-3")
    let through = try Network(description, backend: CPUBackend(threads: 2), batch: 8, seed: 4)
    _ = try NetworkTests.train(through, steps: 5)
    let half = try through.state()
    let expected = try NetworkTests.train(through, steps: 5)
    let resumed = try Network(description, backend: CPUBackend(threads: 1), batch: 8, seed: 99)
    try resumed.restore(half)
    #expect(try NetworkTests.train(resumed, steps: 5) == expected)
  }

  @Test func restoreRefusesAnotherNetworksState() throws {
    let network = try Network(describe("input 1x1x3\ndense 4\ndense 2"), backend: CPUBackend(), batch: 1, seed: 1)
    let before = try network.state()
    var missing = before
    missing.tensors.removeAll { $0.name == "dense2.bias" }
    #expect(
      throws: TrainerError.invalid(
        what: "training state", expected: "the tensor dense2.bias", found: "none of this name")
    ) { try network.restore(missing) }
    var other = before
    other.tensors[1].shape = [2, 2]
    #expect(throws: TrainerError.self) { try network.restore(other) }
    #expect(try network.state() == before)
  }

  // MARK: The objective

  /// J(Θ) as the course has it, computed from the formula: sigmoid cross-entropy summed over the outputs, and λ/2m times
  /// the squares of all weights, the biases left out. The step's gradient is that of J by central differences.
  @Test func objectiveOfTheCourse() throws {
    let lambda = 0.7
    let description = try describe(
      """
      input 1x1x3
      dense 4 sigmoid
      dense 2 sigmoid
      train
        optimizer sgd
        loss sigmoid-cross-entropy
        l2 \(lambda) per-example
      """)
    let network = try Network(description, backend: NaiveBackend(), batch: 5, seed: 1)
    var random = TestRandom(seed: 8)
    let x = random.uniform(count: 15)
    let y: [Float] = (0..<10).map { _ in random.uniform() < 0 ? 0 : 1 }
    let weights = Doubles(network.weights)
    // Between parameters lie gaps, which stay 0.
    let places = network.parameters.flatMap { $0.weights.offset..<($0.weights.offset + $0.count) }
    for index in places { weights[index] += 0.1 * Double(random.uniform()) }

    /// J from the formula alone.
    func objective() -> Double {
      func layer(_ name: String, _ inputs: [Double]) -> [Double] {
        let theta = Doubles(network.parameters.first { $0.name == name + ".weights" }!.weights)
        let bias = network.parameters.first { $0.name == name + ".bias" }!
        return (0..<bias.count).map { o in
          let sum = inputs.indices.reduce(Doubles(bias.weights)[o]) { $0 + theta[o * inputs.count + $1] * inputs[$1] }
          return 1 / (1 + exp(-sum))
        }
      }
      var sum = 0.0
      for i in 0..<5 {
        let h = layer("dense2", layer("dense1", (0..<3).map { Double(x[i * 3 + $0]) }))
        for k in 0..<2 {
          let t = Double(y[i * 2 + k])
          sum -= t * log(h[k]) + (1 - t) * log(1 - h[k])
        }
      }
      var squares = 0.0
      for parameter in network.parameters where parameter.name.hasSuffix("weights") {
        for index in 0..<parameter.count { squares += pow(Doubles(parameter.weights)[index], 2) }
      }
      return sum / 5 + lambda / 10 * squares
    }

    let expected = objective()
    var differences: [Double] = []
    for index in places {
      let value = weights[index]
      weights[index] = value + 1e-6
      let above = objective()
      weights[index] = value - 1e-6
      differences.append((above - objective()) / 2e-6)
      weights[index] = value
    }
    let before = places.map { weights[$0] }
    let result = try network.trainStep(inputs: x, targets: y, count: 5, rate: 0.5)
    // Results come back in single precision.
    #expect(abs(result.loss + result.penalty - expected) < 1e-5)
    for (number, index) in places.enumerated() {
      #expect(abs((before[number] - weights[index]) / 0.5 - differences[number]) < 1e-6, "weight \(index)")
    }
  }

  // MARK: Predicting and exporting

  /// Predictions in parts of a batch are those of whole batches, and evaluation sees the same network.
  @Test(arguments: small) func predictsInAnyParts(text: String) throws {
    let network = try Network(describe(text), backend: CPUBackend(threads: 2), batch: 4, seed: 4)
    _ = try NetworkTests.train(network, steps: 3)
    let examples = Examples(network, count: 11, seed: 1)
    let all = try network.predict(inputs: examples.inputs, count: 11)
    for index in 0..<11 {
      let image = Array(examples.inputs[(index * network.inputCount)..<((index + 1) * network.inputCount)])
      let one = try network.predict(inputs: image, count: 1)
      for k in 0..<4 { #expect(abs(one[k] - all[index * 4 + k]) < 1e-6) }
    }
    let result = try network.evaluate(inputs: examples.inputs, labels: examples.labels, count: 4)
    let loss = (0..<4).reduce(0.0) { $0 - log(Double(all[$1 * 4 + Int(examples.labels[$1])])) } / 4
    #expect(abs(result.loss - loss) < 1e-5)
  }

  @Test(arguments: small + ["input 1x1x3\n dense 2 tanh\n dense 3 sigmoid\ntrain\n loss sigmoid-cross-entropy"])
  func exportedGraphPredicts(text: String) throws {
    let network = try Network(describe(text), backend: CPUBackend(threads: 1), batch: 8, seed: 4)
    // Batch-norm gets statistics of its own, and its scale and shift move.
    _ = try NetworkTests.train(network, steps: 10)
    let graph = try network.exportGraph()
    try graph.verify()
    #expect(!graph.nodes.contains { if case .batchNorm = $0.op { true } else { false } })
    let interpreter = try ReferenceInterpreter(graph)
    let examples = Examples(network, count: 3, seed: 5)
    for index in 0..<3 {
      let image = Array(examples.inputs[(index * network.inputCount)..<((index + 1) * network.inputCount)])
      let expected = try network.predict(inputs: image, count: 1)
      let outputs = try interpreter.run([.f32(image)])
      guard case .f32(let found) = outputs[0] else {
        Issue.record("the output is not f32")
        continue
      }
      for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-5) }
    }
  }

  /// Layers whose export needs version 1.2, and heads.
  @Test(arguments: [
    "input 3x4x2\n conv 1x1x3\n transposedconv 3x2x2 stride 2x1 pad 1 0 0 1 relu\n dense 3",
    "input 3x3x2\n transposedconv 4x4x3 stride 2 pad same sigmoid\n maxpool 2\n dense 2",
    "input 1x1x3\n dense 4 tanh\n dense 3 threshold\ntrain\n loss perceptron",
    "input 1x1x3\n dense 4 tanh\n dense 3\ntrain\n loss hinge", "input 1x1x3\n dense 4 threshold\n dense 3",
  ])
  func exportedGraphPredictsToo(text: String) throws { try exportedGraphPredicts(text: text) }

  /// `pad same` multiplies the size by the stride, whatever the window.
  @Test(arguments: [(2, 1), (3, 2), (4, 2), (5, 3), (3, 3)]) func transposedSame(window: Int, stride: Int) throws {
    let network = try Network(
      describe("input 3x5x1\ntransposedconv \(window)x\(window)x2 stride \(stride) pad same\ndense 2"),
      backend: NaiveBackend(), batch: 1, seed: 1)
    #expect(network.list.layers[0].outputs[0].shape == ImageShape(height: 3 * stride, width: 5 * stride, channels: 2))
  }

  @Test(arguments: files) func filesExport(file: String) throws {
    let graph = try NetworkTests.network(file: file, batch: 1).exportGraph()
    try graph.verify()
    #expect(graph.tensors[graph.outputs[0]].shape == [1, 10])
  }

  // MARK: Wrong calls

  @Test func wrongCalls() throws {
    let network = try Network(describe("input 1x1x3\ndense 2"), backend: CPUBackend(threads: 1), batch: 2, seed: 1)
    func error(_ inputs: Int, _ labels: [Int32], _ count: Int) -> String? {
      #expect(throws: TrainerError.self) {
        try network.trainStep(inputs: [Float](repeating: 0, count: inputs), labels: labels, count: count, rate: 1)
      }?.description
    }
    #expect(error(3, [0, 0], 2) == "inputs: expected at least 6 elements, found 3")
    #expect(error(6, [0], 2) == "labels: expected at least 2 elements, found 1")
    #expect(error(9, [0, 0, 0], 3) == "images in a step: expected 1...2, found 3")
    #expect(error(0, [], 0) == "images in a step: expected 1...2, found 0")
    #expect(error(6, [0, 2], 2) == "label: expected 0...1, found 2")
    #expect(error(6, [-1, 0], 2) == "label: expected 0...1, found -1")
  }

  @Test func weightsThatAreNoNumbersDoNotExport() throws {
    let network = try Network(describe("input 1x1x3\ndense 2"), backend: CPUBackend(threads: 1), batch: 2, seed: 1)
    var state = try network.state()
    state.tensors[0].values[1] = .nan
    try network.restore(state)
    #expect(throws: TrainerError.self) { try network.exportGraph() }
  }
}

import Format
import Quantize
import Testing

@testable import Trainer

/// What is exported computes what was trained: whole, step by step with states, and as encoder and decoder.
@Suite struct SequenceExportTests {
  /// Networks that keep their length.
  static let whole = [
    "input 5x3x2\n sequence\n lstm 6\n last\n dense 4",
    "input 7x1x1\n embedding 9 5\n gru 6 bidirectional\n dropout 0.2\n rnn 5 reverse\n dense 4 relu\n dense 3",
    "input 6x1x1\n embedding 9 5\n gru 6\n last\n dense 4",
    "input 6x1x1\n embedding 9 5\n e: lstm 6\n lstm 6 reverse state from e from e\n first\n dense 4",
  ]

  @Test(arguments: whole) func wholeSequence(text: String) throws {
    let network = try Network(describe(text), backend: CPUBackend(threads: 1), batch: 1, seed: 3)
    let exported = try network.export()
    #expect(exported.main.states.isEmpty)
    var random = TestRandom(seed: 1)
    let input = (0..<network.inputCount).map { _ in Float(random.integer(below: 9)) }
    let output = try ReferenceInterpreter(exported.main).run([.f32(input)])
    expectClose(output[0].floats, try network.predict(inputs: input, count: 1))
  }

  static let stepwise = [
    "input 7x1x1\n embedding 9 5\n lstm 6 carry\n dense 9",
    "input 7x1x1\n embedding 9 5\n a: gru 6\n rnn 6\n b: batchnorm\n add a b\n concat a\n dense 3\n softmax",
    "input 5x1x4\n lstm 6\n lstm 5\n dense 3 tanh\n dense 4",
  ]

  /// One graph of one step gives, run over a sequence, what the network gives for it at once.
  @Test(arguments: stepwise) func stepByStep(text: String) throws {
    let network = try Network(describe(text), backend: CPUBackend(threads: 1), batch: 1, seed: 3)
    let exported = try network.export()
    let steps = network.labelCount
    let features = network.inputCount / steps
    #expect(exported.main.tensors[exported.main.inputs[0]].shape == [1, 1, 1, features])
    #expect(!exported.main.states.isEmpty)
    var random = TestRandom(seed: 1)
    let input = (0..<network.inputCount).map { _ in Float(random.integer(below: 9)) }
    var machine = StepMachine(exported.main)
    var found: [Float] = []
    for step in 0..<steps {
      found += try machine.step(Array(input[(step * features)..<((step + 1) * features)]))
    }
    expectClose(found, try network.predict(inputs: input, count: 1))
  }

  /// Frozen layers are not computed in one pass with others: the graph of one step is made of the same layers all the same.
  @Test(arguments: ["b", "a", nil]) func stepByStepWithFrozenLayers(freeze: String?) throws {
    let text = "input 7x1x1\n embedding 9 5\n a: gru 6\n rnn 6\n b: batchnorm\n add a b relu\n dense 3\n softmax"
    let network = try Network(describe(text), backend: CPUBackend(threads: 1), batch: 1, seed: 3, freeze: freeze)
    var machine = StepMachine(try network.export().main)
    var random = TestRandom(seed: 1)
    let input = (0..<7).map { _ in Float(random.integer(below: 9)) }
    var found: [Float] = []
    for token in input { found += try machine.step([token]) }
    expectClose(found, try network.predict(inputs: input, count: 1))
  }

  static let decoders = [
    "input 5x1x1\n embedding 9 4\n e: gru 6\n a: input 4x1x1\n embedding 8 3\n gru 6 state from e\n dense 8",
    "input 5x1x1\n embedding 9 4\n e: lstm 6 reverse\n a: input 4x1x1\n embedding 8 3\n lstm 6 state from e\n lstm 5\n dense 8",
    "input 4x4x1\n conv 3x3x2 relu\n flatten\n s: dense 6 tanh\n a: input 4x1x1\n embedding 8 3\n lstm 6 state from s\n dense 8",
    "input 5x1x1\n embedding 9 4\n e: lstm 6\n a: input 4x1x1\n x: embedding 8 3\n f: lstm 6 state from e\n lstm 6 state from e from x\n concat f\n dense 8",
  ]

  @Test(arguments: decoders) func encoderAndDecoder(text: String) throws {
    let network = try Network(describe(text), backend: CPUBackend(threads: 1), batch: 1, seed: 3)
    let exported = try network.export()
    let decoder = try #require(exported.decoder)
    #expect(exported.main.states.isEmpty)
    let sourceCount = network.inputCount - 4
    var random = TestRandom(seed: 1)
    let input = (0..<network.inputCount).map { _ in Float(random.integer(below: 8)) }
    let handed = try ReferenceInterpreter(exported.main).run([.f32(Array(input[..<sourceCount]))])
    var machine = StepMachine(decoder)
    for link in exported.links { machine.inputs[link.input] = handed[link.output] }
    var found: [Float] = []
    for token in input[sourceCount...] { found += try machine.step([token]) }
    expectClose(found, try network.predict(inputs: input, count: 1))
    // All that a model file asks for.
    var model = Model(graph: exported.main)
    model.decoder = Decoder(
      graph: decoder, links: exported.links, startToken: 1, endToken: 1, maximumLength: 4)
    let read = try Model(storage: Storage(copying: model.encoded()))
    #expect(read.decoder?.links == exported.links)
  }

  static let impossible = [
    // The decoder would have to know the whole answer.
    "input 5x1x1\n embedding 9 4\n e: gru 6\n a: input 4x1x1\n embedding 8 3\n gru 6 reverse state from e\n dense 8",
    "input 5x1x1\n embedding 9 4\n e: gru 6\n a: input 4x1x1\n embedding 8 3\n f: gru 6 state from e\n last\n s: dense 4\n x: dense 6 from f\n gru 4 state from s from x\n dense 8",
    "input 5x1x1\n embedding 9 4\n e: gru 6\n a: input 4x1x1\n embedding 8 3\n gru 6 state from e\n last\n dense 8",
  ]

  @Test(arguments: impossible) func decodersThatLookAhead(text: String) throws {
    let network = try Network(describe(text), backend: CPUBackend(threads: 1), batch: 1, seed: 3)
    #expect(throws: TrainerError.self) { try network.export() }
  }

  private func expectClose(_ found: [Float], _ expected: [Float]) {
    #expect(found.count == expected.count)
    let isClose = zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-5 }
    #expect(isClose, "\(found), expected \(expected)")
  }
}

/// Runs a graph of one step again and again, and hands its states on.
private struct StepMachine {
  let graph: Graph
  /// Values of all inputs; those of states move.
  var inputs: [TensorValue]

  init(_ graph: Graph) {
    self.graph = graph
    inputs = graph.inputs.map { .f32([Float](repeating: 0, count: graph.tensors[$0].count)) }
  }

  /// The first output after a step with this first input.
  mutating func step(_ input: [Float]) throws -> [Float] {
    inputs[0] = .f32(input)
    let outputs = try ReferenceInterpreter(graph).run(inputs)
    for state in graph.states {
      let (from, to) = (graph.outputs.firstIndex(of: state.output)!, graph.inputs.firstIndex(of: state.input)!)
      inputs[to] = outputs[from]
    }
    return outputs[0].floats
  }
}

extension TensorValue {
  fileprivate var floats: [Float] {
    guard case .f32(let values) = self else { return [] }
    return values
  }
}

import Foundation
import Testing

@testable import Trainer

/// What networks over sequences do beside the layers' mathematics: labels that do not count, states that are carried.
@Suite struct SequenceNetworkTests {
  static let tagger = "input 4x1x1\n embedding 6 5\n lstm 7\n dense 3\ntrain\n batch 2\n optimizer momentum 0.9"

  /// A label of −1 leaves no trace: the same step without it, whatever its input is.
  @Test func ignoredLabelsDoNotCount() throws {
    func step(_ tokens: [Float], _ labels: [Int32]) throws -> (StepResult, TrainingState) {
      let network = try Network(describe(Self.tagger), backend: CPUBackend(threads: 2), batch: 2, seed: 1)
      let result = try network.trainStep(inputs: tokens, labels: labels, count: 2, rate: 0.1)
      return (result, try network.state())
    }
    let (one, first) = try step([1, 2, 3, 4, 5, 1, 2, 3], [0, 1, -1, -1, 2, -1, -1, -1])
    let (other, second) = try step([1, 2, 0, 0, 5, 5, 5, 5], [0, 1, -1, -1, 2, -1, -1, -1])
    #expect(one == other)
    #expect(first == second)
    #expect(one.labels == 3)
  }

  /// The loss is the mean over the labels that count.
  @Test func lossIsTheMeanOverCountedSteps() throws {
    let network = try Network(describe(Self.tagger), backend: NaiveBackend(), batch: 2, seed: 1)
    let tokens: [Float] = [1, 2, 3, 4, 5, 1, 2, 3]
    let probabilities = try network.predict(inputs: tokens, count: 2)
    let labels: [Int32] = [0, 1, -1, 2, -1, -1, -1, 0]
    var (sum, correct) = (0.0, 0)
    for (step, label) in labels.enumerated() where label >= 0 {
      let row = probabilities[(step * 3)..<(step * 3 + 3)]
      sum -= log(Double(row[row.startIndex + Int(label)]))
      correct += row.max() == row[row.startIndex + Int(label)] ? 1 : 0
    }
    let result = try network.evaluate(inputs: tokens, labels: labels, count: 2)
    #expect(abs(result.loss - sum / 4) < 1e-5)
    #expect(result.correct == correct)
    #expect(result.labels == 4)
  }

  /// With `carry`, two halves of a text one after the other are the whole.
  @Test(arguments: ["rnn", "lstm", "gru"]) func carriedStateContinuesTheText(cell: String) throws {
    func network(steps: Int, carry: String) throws -> Network {
      try Network(
        describe("input \(steps)x1x1\n embedding 9 4\n \(cell) 5\(carry)\n dense 9"), backend: CPUBackend(threads: 1),
        batch: 1, seed: 7)
    }
    let whole = try network(steps: 6, carry: "").predict(inputs: [1, 2, 3, 4, 5, 6], count: 1)
    let parts = try network(steps: 3, carry: " carry")
    let halves = try parts.predict(inputs: [1, 2, 3], count: 1) + parts.predict(inputs: [4, 5, 6], count: 1)
    #expect(zip(whole, halves).allSatisfy { abs($0 - $1) < 1e-6 })
    let third = try parts.predict(inputs: [1, 2, 3], count: 1)
    #expect(third != Array(halves[..<27]))
    parts.resetCarriedStates()
    #expect(try parts.predict(inputs: [1, 2, 3], count: 1) == Array(halves[..<27]))
  }

  /// A carried state is part of the training state: a resumed run takes the same steps.
  @Test(arguments: [1, 2]) func resumesWithCarriedState(threads: Int) throws {
    let text =
      "input 5x1x1\n embedding 9 4\n lstm 6 carry\n gru 6 carry\n dense 9\ntrain\n batch 3\n optimizer adam"
    func network() throws -> Network {
      try Network(describe(text), backend: CPUBackend(threads: threads), batch: 3, seed: 2)
    }
    var random = TestRandom(seed: 3)
    let batches = (0..<4).map { _ in (0..<15).map { _ in Float(random.integer(below: 9)) } }
    func step(_ network: Network, _ batch: [Float]) throws {
      _ = try network.trainStep(inputs: batch, labels: batch.map { Int32(8 - $0) }, count: 3, rate: 0.01)
    }
    let whole = try network()
    for batch in batches { try step(whole, batch) }
    let first = try network()
    for batch in batches.prefix(2) { try step(first, batch) }
    let second = try network()
    try second.restore(first.state())
    for batch in batches.suffix(2) { try step(second, batch) }
    #expect(try second.state() == whole.state())
  }

  @Test func sameBitsForAnyNumberOfThreads() throws {
    let text = """
      input 6x1x1\n embedding 30 17\n e: lstm 70\n t: input 5x1x1\n embedding 30 12\n lstm 70 state from e
      gru 33 bidirectional\n dense 9\ntrain\n batch 48\n optimizer momentum 0.9
      """
    var states: [TrainingState] = []
    for threads in [1, 2, 3] {
      let network = try Network(describe(text), backend: CPUBackend(threads: threads), batch: 48, seed: 2)
      var random = TestRandom(seed: 3)
      for _ in 0..<2 {
        let inputs = (0..<(48 * 11)).map { _ in Float(random.integer(below: 30)) }
        let labels = (0..<(48 * 5)).map { _ in Int32(random.integer(below: 9)) }
        _ = try network.trainStep(inputs: inputs, labels: labels, count: 48, rate: 0.1)
      }
      states.append(try network.state())
    }
    #expect(states[0] == states[1])
    #expect(states[0] == states[2])
  }

  static let wrong = [
    ("input 4x3x1\n lstm 5\n dense 2", "a sequence"),
    ("input 4x1x2\n embedding 5 3\n dense 2", "an input of tokens"),
    ("input 4x1x1\n embedding 5 3\n e: gru 4\n lstm 4 state from e\n dense 2", "the state of a lstm 4"),
    ("input 4x1x1\n embedding 5 3\n e: gru 5\n gru 4 state from e\n dense 2", "the state of a gru 4"),
    ("input 4x1x1\n embedding 5 3\n e: gru 4 bidirectional\n gru 4 state from e\n dense 2", "of one direction"),
    ("input 4x1x1\n embedding 5 3\n gru 4 bidirectional carry\n dense 2", "forward direction"),
    ("input 4x1x1\n embedding 5 3\n e: gru 4\n gru 4 carry state from e\n dense 2", "no 'carry'"),
    ("input 4x4x1\n last\n dense 2", "a sequence"),
    ("input 4x1x2\n x: lstm 5 bidirectional\n x.forward: lstm 5\n dense 2", "found a second x.forward.inputWeights"),
  ]

  @Test(arguments: wrong) func whatCannotBeIsTold(text: String, expected: String) {
    let error = #expect(throws: TrainerError.self) { try describe(text) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }
}

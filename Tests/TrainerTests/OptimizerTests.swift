import Foundation
import Testing

@testable import Trainer

/// Two steps of every optimizer on J(a, b) = ½·(a² + 10·b²) from (1, 1), against numbers worked out by hand from the
/// papers' rules: gradients are (a, 10·b), the rate is 0.1.
@Suite struct OptimizerTests {
  static let cases: [(Optimizer, [(Double, Double)])] = [
    // (1 − 0.1·1, 1 − 0.1·10), then (0.9 − 0.09, 0)
    (.sgd, [(0.9, 0), (0.81, 0)]),
    // v = (1, 10); then v = 0.5·v + (0.9, 0) = (1.4, 5)
    (.momentum(0.5), [(0.9, 0), (0.76, -0.5)]),
    // v = (1, 10), w −= 0.1·(g + 0.5·v) = 0.1·(1.5, 15); then g = (0.85, −5), v = (1.35, 0), w −= 0.1·(1.525, −5)
    (.nesterov(0.5), [(0.85, -0.5), (0.6975, 0)]),
    // s = g², w −= 0.1·sign g; then g = (0.9, 9), s = (1.81, 181): w −= 0.1·0.9/√1.81 each
    (.adaGrad(epsilon: 0), [(0.9, 0.9), (0.9 - 0.09 / 1.81.squareRoot(), 0.9 - 0.09 / 1.81.squareRoot())]),
    // s = 0.75·g², w −= 0.1/√0.75; then with a' = 1 − 0.1/√0.75: s = 0.25·0.75 + 0.75·a'²
    (
      .rmsProp(decay: 0.25, epsilon: 0),
      {
        let a = 1 - 0.1 / 0.75.squareRoot()
        let b = a - 0.1 * a / (0.1875 + 0.75 * a * a).squareRoot()
        return [(a, a), (b, b)]
      }()
    ),
    // Without the biases of both means the first step is 0.1·sign g, at any size of the gradient. Then m = 0.5·0.5·1 +
    // 0.5·0.9 = 0.7, m̂ = 0.7/0.75; s = 0.75·0.25 + 0.25·0.81 = 0.39, ŝ = 0.39/(1 − 0.75²)
    (
      .adam(beta1: 0.5, beta2: 0.75, epsilon: 0),
      {
        let a = 0.9 - 0.1 * (0.7 / 0.75) / (0.39 / 0.4375).squareRoot()
        return [(0.9, 0.9), (a, a)]
      }()
    ),
    // w −= 0.1·0.5·w first: 0.95 − 0.1.
    (.adamW(beta1: 0.5, beta2: 0.75, epsilon: 0, weightDecay: 0.5), [(0.85, 0.85)]),
  ]

  @Test(arguments: cases) func quadratic(_ optimizer: Optimizer, path: [(Double, Double)]) throws {
    for backend in [NaiveBackend(), CPUBackend(threads: 1)] as [any Backend] {
      let weights = try backend.filled([1, 1])
      let slots = try optimizer.slots.map { _ in try backend.reals(2) }
      for (index, expected) in path.enumerated() {
        let w = try backend.values(of: weights)
        let gradient = try backend.filled([w[0], 10 * w[1]])
        backend.update(
          OptimizerStep(optimizer: optimizer, rate: 0.1, step: index + 1), regularized: 2, weights: weights,
          gradient: gradient, slots: slots)
        let found = try backend.values(of: weights)
        #expect(abs(Double(found[0]) - expected.0) < 1e-6, "\(backend.name), step \(index + 1)")
        #expect(abs(Double(found[1]) - expected.1) < 1e-6, "\(backend.name), step \(index + 1)")
      }
    }
  }

  /// Decoupled weight decay takes 0.1·λ of regularized weights and nothing else: with a gradient of 0 no optimizer moves.
  @Test(arguments: cases.map(\.0)) func weightDecay(_ optimizer: Optimizer) throws {
    if case .adamW = optimizer { return }
    for backend in [NaiveBackend(), CPUBackend(threads: 1)] as [any Backend] {
      for (regularized, expected) in [(true, [1.9, -2.85]), (false, [2, -3])] as [(Bool, [Float])] {
        let weights = try backend.filled([2, -3])
        // Zero gradients with ε = 0 would be 0/0.
        let gradient = try backend.filled([1e-20, 1e-20])
        let plain = try backend.filled([2, -3])
        let slots = try (0..<2).map { _ in try optimizer.slots.map { _ in try backend.reals(2) } }
        for (slice, slots, decay) in [(weights, slots[0], Float(0.5)), (plain, slots[1], 0)] {
          backend.update(
            OptimizerStep(optimizer: optimizer, rate: 0.1, step: 1, weightDecay: decay),
            regularized: regularized ? 2 : 0,
            weights: slice, gradient: gradient, slots: slots)
        }
        let (found, without) = (try backend.values(of: weights), try backend.values(of: plain))
        for (index, start) in ([2, -3] as [Float]).enumerated() {
          let moved = without[index] - start
          #expect(abs(found[index] - moved - expected[index]) < 1e-6, "\(backend.name), \(regularized)")
        }
      }
    }
  }

  /// The penalty adds c·w to the gradient of regularized weights only.
  @Test func penalty() throws {
    for backend in [NaiveBackend(), CPUBackend(threads: 1)] as [any Backend] {
      for (regularized, expected) in [(true, 2 - 0.1 * (3 + 0.25 * 2)), (false, 2 - 0.1 * 3)] {
        let weights = try backend.filled([2])
        let gradient = try backend.filled([3])
        backend.update(
          OptimizerStep(optimizer: .sgd, rate: 0.1, step: 1, penalty: 0.25), regularized: regularized ? 1 : 0,
          weights: weights, gradient: gradient, slots: [])
        #expect(abs(Double(try backend.values(of: weights)[0]) - expected) < 1e-6)
      }
    }
  }
}

/// What comes before and after an optimizer's step, on one weight worked out by hand.
@Suite struct StepTests {
  /// One dense layer of two weights, 2 = w · (1, 2) at the target 10, mean squared error: the gradient is
  /// 2 · (2 − 10) · (1, 2) = (−16, −32).
  private func network(_ recipe: String, _ backend: any Backend) throws -> Network {
    let network = try Network(
      describe(
        "input 1x1x2\n d: dense 1 nobias\ntrain\n loss mean-squared-error\n optimizer sgd\n" + recipe),
      backend: backend, batch: 1, seed: 1)
    var state = try network.state()
    for index in state.tensors.indices { state.tensors[index].values = [0, 1] }
    try network.restore(state)
    return network
  }

  private func step(_ network: Network) throws -> [Float] {
    _ = try network.trainStep(inputs: [1, 2], targets: [10], count: 1, rate: 0.01)
    return try #require(try network.state().tensors.first { $0.name == "d.weights" }).values
  }

  private static func expect(_ found: [Float], _ expected: [Float]) {
    #expect(found.count == expected.count)
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-5, "\(found), not \(expected)") }
  }

  static var backends: [any Backend] { [NaiveBackend(), CPUBackend(threads: 1)] }

  @Test func clipping() throws {
    let norm = Float(16 * 5.0.squareRoot())
    for backend in StepTests.backends {
      StepTests.expect(try step(network("", backend)), [0.16, 1.32])
      StepTests.expect(
        try step(network("clip norm 4", backend)), [0.01 * 4 * 16 / norm, 1 + 0.01 * 4 * 32 / norm])
      StepTests.expect(try step(network("clip norm 100", backend)), [0.16, 1.32])
      StepTests.expect(try step(network("clip value 20", backend)), [0.16, 1.2])
      // The penalty's gradient, 1 · (0, 1), comes after.
      StepTests.expect(try step(network("clip value 20\n l2 1", backend)), [0.16, 1.19])
    }
  }

  /// With one image, a1 = 2/11 and a2 = 3/12 of the old average stay: d = min(decay, (1 + t) / (10 + t)).
  @Test func averages() throws {
    for backend in StepTests.backends {
      let network = try network("ema 0.2", backend)
      var average: [Float] = [0, 1]
      for (t, kept) in [(1, Float(2) / 11), (2, 0.2)] {
        let weights = try step(network)
        average = zip(average, weights).map { kept * $0 + (1 - kept) * $1 }
        let found = try #require(try network.state().tensors.first { $0.name == "d.weights/average" }).values
        StepTests.expect(found, average)
        let prediction = average[0] + 2 * average[1]
        StepTests.expect(try network.predict(inputs: [1, 2], count: 1), [prediction])
        let loss = try network.evaluate(inputs: [1, 2], labels: [1], count: 1).loss
        StepTests.expect([Float(loss)], [(prediction - 1) * (prediction - 1)])
        let exported = try network.exportGraph().tensors.first { $0.name == "d.weights" }
        StepTests.expect(try #require(exported?.constant).elements(as: Float.self), average)
        #expect(network.step == t)
      }
    }
  }
}

@Suite struct ScheduleTests {
  @Test func constant() {
    #expect(Schedule().rate(base: 0.1, step: 12345, stepsPerEpoch: 10, epochs: 3) == 0.1)
  }

  @Test func step() {
    let schedule = Schedule(.step(factor: 0.5, every: 2))
    let rates = [0, 19, 20, 39, 40].map { schedule.rate(base: 0.8, step: $0, stepsPerEpoch: 10, epochs: 9) }
    #expect(rates == [0.8, 0.8, 0.4, 0.4, 0.2])
  }

  @Test func cosine() {
    let schedule = Schedule(.cosine(floor: 0.1))
    let rates = [0, 20, 30, 40, 50].map { schedule.rate(base: 1, step: $0, stepsPerEpoch: 10, epochs: 4) }
    // 0.1 + 0.9 · ½ (1 + cos), the angles being 0, 90°, 135°, 180°.
    let expected: [Float] = [1, 0.55, 0.231802, 0.1]
    for (rate, expected) in zip(rates, expected) { #expect(abs(rate - expected) < 1e-6) }
    #expect(rates[4] == rates[3])
  }

  /// Losses of ten epochs with patience 1: 3 and 1 lower it, each two epochs in a row that do not halve the rate.
  @Test func plateau() {
    var plateau = Plateau()
    let schedule = Schedule(.plateau(factor: 0.5, patience: 1))
    var rates: [Float] = []
    for loss in [3, 3, 4, 1, 1, 0.99995, 1, 1, 0.5, 0.6] as [Double] {
      plateau.observe(loss: loss, patience: 1)
      rates.append(schedule.rate(base: 8, step: 0, stepsPerEpoch: 1, epochs: 10, reductions: plateau.reductions))
    }
    #expect(rates == [8, 8, 4, 4, 4, 2, 2, 1, 1, 1])
  }

  /// PyTorch 2's OneCycleLR(max_lr=1, total_steps=20): 0.04 at the start, 1 at step 5, 4e-6 at the end.
  @Test func oneCycle() {
    let schedule = Schedule(.oneCycle())
    let rates = (0..<20).map { schedule.rate(base: 1, step: $0, stepsPerEpoch: 5, epochs: 4) }
    let expected: [Int: Float] = [0: 0.04, 1: 0.131672, 4: 0.908328, 5: 1, 12: 0.5, 19: 4e-6]
    for (step, rate) in expected { #expect(abs(rates[step] - rate) < 2e-3 * rate, "step \(step): \(rates[step])") }
    for step in 1..<20 { #expect(step <= 5 ? rates[step] > rates[step - 1] : rates[step] < rates[step - 1]) }
    // Nothing before the peak, nothing behind it.
    #expect(Schedule(.oneCycle(rise: 0)).rate(base: 1, step: 0, stepsPerEpoch: 5, epochs: 4) > 0.99)
    #expect(Schedule(.oneCycle(rise: 1)).rate(base: 1, step: 19, stepsPerEpoch: 5, epochs: 4) == 1)
    #expect(Schedule(.oneCycle()).rate(base: 1, step: 0, stepsPerEpoch: 1, epochs: 1).isFinite)
  }

  @Test func warmUpRisesLinearlyThenCosineStartsAtItsTop() {
    let schedule = Schedule(.cosine(), warmUp: 2)
    let rates = (0..<60).map { schedule.rate(base: 1, step: $0, stepsPerEpoch: 10, epochs: 6) }
    for step in 0..<20 { #expect(abs(rates[step] - Float(step + 1) / 20) < 1e-6) }
    #expect(rates[20] == 1)
    for step in 21..<60 { #expect(rates[step] < rates[step - 1]) }
    #expect(abs(rates[40] - 0.5) < 1e-6)
  }
}

import Format
import Kernels
import Quantize
import TestSupport
import Testing

@testable import Quantize
@testable import Runtime

/// Streams: a network that sees one step in each run and keeps its state between them.
@Suite struct StateTests {
  /// Embedding, two recurrent layers and a layer on top; of `steps` steps, or of one with states. The same weights for the
  /// same seed.
  private func network(_ cells: [Recurrent.Cell], steps: Int, seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let tokens = net.input([1, steps, 1, 1])
    var x = try net.embedding(tokens, rows: 7, 9)
    var carried: [(input: TensorIndex, output: TensorIndex)] = []
    for cell in cells {
      let states = steps > 1 ? [] : (0..<cell.states).map { _ in net.input([1, 1, 1, 21]) }
      let outputs = try net.recurrent(x, 21, Recurrent(cell: cell), states: states)
      carried += zip(states, outputs).map { (input: $0, output: $1) }
      x = outputs[0]
    }
    net.output(try net.conv(x, 7, (1, 1)))
    for (input, output) in carried {
      net.output(output)
      net.state(input, becomes: output)
    }
    return net
  }

  private static let cells: [[Recurrent.Cell]] = [[.rnn], [.lstm], [.gru], [.gru, .lstm]]

  @Test(arguments: StateTests.cells, [false, true])
  func aStreamIsTheWholeSequence(cells: [Recurrent.Cell], isDynamic: Bool) throws {
    let steps = 13
    var (whole, step) = try (network(cells, steps: steps, seed: 4).model, network(cells, steps: 1, seed: 4).model)
    if isDynamic {
      // The last layer quantizes all steps together; the recurrent ones each by itself.
      whole = try whole.dynamicallyQuantized().withFloatHead(of: whole)
      step = try step.dynamicallyQuantized().withFloatHead(of: step)
    }
    let tokens = (0..<steps).map { Float($0 * 5 % 8) }
    for options in allOptions() {
      let expected = try Session(whole, options: options).results([.f32(tokens)])
      let stream = try Session(step, options: options)
      for _ in 0..<2 {
        stream.resetStates()
        var found: [Float] = []
        for token in tokens {
          try stream.setInput(0, [token])
          stream.run()
          guard case .f32(let values) = stream.outputs[0] else { return }
          found += values
        }
        #expect([.f32(found)] == expected, "\(options.testDescription)")
      }
    }
  }

  /// A state that is shown to the outside, as it came in and as it goes out.
  @Test func whatIsShownDoesNotChangeAfterTheRun() throws {
    var net = NetworkBuilder(seed: 1)
    let x = net.input([1, 1, 1, 4])
    let h = net.input([1, 1, 1, 4])
    let sum = try net.apply(.add(Add()), [x, h])
    net.output(sum)
    net.output(try net.apply(.reshape, [h], shape: [4]))
    net.output(try net.apply(.slice(Slice(axis: 3, start: 1, count: 2)), [h]))
    net.state(h, becomes: sum)
    let session = try Session(net.model)
    for run in 0..<3 {
      try session.setInput(0, [1, 2, 3, 4] as [Float])
      session.run()
      let before = Float(run)
      #expect(
        session.outputs == [
          .f32([1, 2, 3, 4].map { $0 * (before + 1) }), .f32([1, 2, 3, 4].map { $0 * before }),
          .f32([2, 3].map { $0 * before }),
        ])
    }
  }

  @Test func aSelfTestLeavesZeroStates() throws {
    var net = try network([.lstm], steps: 1, seed: 2)
    var model = net.model
    let inputs = net.samples(1)[0]
    model.selfTest = SelfTest(
      inputs: inputs.map { $0.constant },
      outputs: try ReferenceInterpreter(model.graph).run(inputs).map { $0.constant },
      tolerance: 1e-4)
    let session = try Session(model)
    #expect(try session.selfTest().passed)
    let fresh = try Session(model)
    for session in [session, fresh] { try session.setInput(0, [3] as [Float]) }
    session.run()
    fresh.run()
    #expect(session.outputs == fresh.outputs)
  }
}

extension Model {
  /// This model with the last convolution's weights as they are in `float`.
  fileprivate func withFloatHead(of float: Model) -> Model {
    var result = self
    let index = graph.nodes.lastIndex { if case .conv2D = $0.op { true } else { false } }!
    let other = float.graph.nodes.last { if case .conv2D = $0.op { true } else { false } }!
    result.graph.tensors[graph.nodes[index].inputs[1]] = float.graph.tensors[other.inputs[1]]
    return result
  }
}

/// The gate functions of s8 recurrent layers: kernels and definition have the same bits, everywhere.
@Suite struct GateTests {
  @Test(arguments: ISA.supported) func kernelsGiveTheDefinitionsBits(isa: ISA) {
    var random = SeededGenerator(seed: 6)
    var values = random.floats(20_000, in: -20...20) + random.floats(20_000, in: -0.7...0.7)
    values += random.floats(2_000, in: -200...200) + [0, -0, 0.63, -0.63, 87, -87, 88.5, -88.5, 1e30, -1e30]
    values += [0x1p-149, -0x1p-130, .infinity, -.infinity]
    var output = values
    kernels_best(isa.tier, .f32_sigmoid).pointee.function.f32_map(values.count, values, &output)
    #expect(zip(values, output).allSatisfy { Float.sigmoid($0).bitPattern == $1.bitPattern })
    kernels_best(isa.tier, .f32_tanh).pointee.function.f32_map(values.count, values, &output)
    #expect(zip(values, output).allSatisfy { Float.hyperbolicTangent($0).bitPattern == $1.bitPattern })
  }
}

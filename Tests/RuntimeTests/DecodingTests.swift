import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

@Suite struct DecodingTests {
  /// A random encoder–decoder: numbers → h of a decoder of `tokens` tokens, with a constant context beside it.
  static func model(seed: UInt64, tokens: Int, length: Int) throws -> Model {
    var main = NetworkBuilder(seed: seed)
    let x = main.input([1, 1, 1, 4])
    main.output(try main.conv(x, 6, (1, 1)))
    main.output(try main.conv(x, 3, (1, 1)))
    var second = NetworkBuilder(seed: seed &+ 1000)
    let token = second.input([1, 1, 1, 1])
    let context = second.input([1, 1, 1, 3])
    let (h, c) = (second.input([1, 1, 1, 6]), second.input([1, 1, 1, 6]))
    let embedded = try second.apply(.concat(Concat(axis: 3)), [second.embedding(token, rows: tokens, 5), context])
    let outputs = try second.recurrent(embedded, 6, Recurrent(cell: .lstm), states: [h, c])
    let flat = try second.apply(.reshape, [outputs[0]])
    second.output(try second.apply(.softmax, [second.dense(flat, tokens)]))
    for (state, output) in zip([h, c], outputs) {
      second.output(output)
      second.state(state, becomes: output)
    }
    var model = main.model
    // c begins with zero.
    model.decoder = Decoder(
      graph: second.graph, links: [.init(output: 0, input: 2), .init(output: 1, input: 1)], startToken: 0,
      endToken: tokens - 1, maximumLength: length)
    return model
  }

  /// ln p of all answers, by the reference interpreter, and the best by `Answer.score`.
  private func exhaustive(_ model: Model, _ input: [TensorValue]) throws -> (best: Answer, greedy: [Int]) {
    let decoder = model.decoder!
    let handed = try ReferenceInterpreter(model.graph).run(input)
    let interpreter = try ReferenceInterpreter(decoder.graph)
    var all: [Answer] = []
    var greedy: [Int] = []
    func visit(_ tokens: [Int], _ sum: Double, _ states: [TensorValue], isGreedy: Bool) throws {
      let token = Float(tokens.last ?? decoder.startToken)
      let outputs = try interpreter.run([.f32([token]), handed[1]] + states)
      guard case .f32(let probabilities) = outputs[0] else { return }
      let likeliest = probabilities.indices.max { probabilities[$0] < probabilities[$1] }
      if isGreedy { greedy = tokens }
      for (next, p) in probabilities.enumerated() {
        let total = sum + naturalLogarithm(Double(p))
        let isEnd = next == decoder.endToken
        let longer = tokens + (isEnd ? [] : [next])
        let follows = isGreedy && next == likeliest
        if isEnd || longer.count == decoder.maximumLength {
          all.append(Answer(tokens: longer, score: total / Double(tokens.count + 1)))
          if follows { greedy = longer }
        } else {
          try visit(longer, total, Array(outputs[1...]), isGreedy: follows)
        }
      }
    }
    try visit([], 0, [handed[0], .f32([Float](repeating: 0, count: 6))], isGreedy: true)
    return (all.max { $0.score < $1.score }!, greedy)
  }

  /// With room for every beginning a beam search is exhaustive; with room for one it is greedy.
  @Test(arguments: 0..<12 as Range<UInt64>) func searchesFindWhatTheyLookFor(seed: UInt64) throws {
    let model = try DecodingTests.model(seed: seed, tokens: 3, length: 4)
    var random = SeededGenerator(seed: seed)
    let answerer = try Answerer(model, options: SessionOptions(threads: 1))
    for _ in 0..<3 {
      let input = random.normals(4, deviation: 1)
      try answerer.encoder.setInput(0, input)
      let expected = try exhaustive(model, [.f32(input)])
      let found = answerer.answer(beam: 81)
      #expect(found.tokens == expected.best.tokens)
      #expect(abs(found.score - expected.best.score) < 1e-4)
      #expect(answerer.answer().tokens == expected.greedy)
      #expect(found.score >= answerer.answer().score - 1e-6)
    }
  }

  @Test func numbersThatAreNoProbabilitiesBecomeThem() throws {
    var net = NetworkBuilder(seed: 3)
    let logits = try net.dense(net.input([1, 5]), 7)
    net.output(logits)
    var other = net
    let session = try Session(net.model)
    other = NetworkBuilder(seed: 3)
    other.output(try other.apply(.softmax, [other.dense(other.input([1, 5]), 7)]))
    let softmax = try Session(other.model)
    let input = net.samples(1)[0]
    for session in [session, softmax] { _ = try session.results(input) }
    let (a, b) = (TokenProbabilities(session).logarithms(), TokenProbabilities(softmax).logarithms())
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 } && a.count == 7)
    #expect(!net.graph.endsWithSoftmax && other.graph.endsWithSoftmax)
  }

  /// The share of each token is its probability, and temperature makes the likely ones likelier.
  @Test func tokensAreDrawnByTheirProbabilities() {
    let logarithms = [0.5, 0.2, 0.3].map { naturalLogarithm($0) }
    func shares(_ temperature: Double) -> [Double] {
      var sampler = TokenSampler(seed: 9, temperature: temperature)
      var counts = [0.0, 0, 0]
      for _ in 0..<20_000 { counts[sampler.token(logarithms)] += 1 / 20_000 }
      return counts
    }
    #expect(zip(shares(1), [0.5, 0.2, 0.3]).allSatisfy { abs($0 - $1) < 0.015 })
    let sharp = [0.25, 0.04, 0.09].map { $0 / 0.38 }
    #expect(zip(shares(0.5), sharp).allSatisfy { abs($0 - $1) < 0.015 })
    #expect(shares(0) == [shares(0)[0], 0, 0])
    var (a, b) = (TokenSampler(seed: 4, temperature: 1), TokenSampler(seed: 4, temperature: 1))
    #expect((0..<50).allSatisfy { _ in a.token(logarithms) == b.token(logarithms) })
  }

  /// Decoder and all, quantized: to the bit what the reference interpreter says, by the self-test that the rewrite makes.
  @Test(arguments: [false, true]) func quantizedDecodersPassTheirSelfTest(isDynamic: Bool) throws {
    let model = try DecodingTests.model(seed: 5, tokens: 4, length: 5)
    let int8: Model
    if isDynamic {
      int8 = try model.dynamicallyQuantized()
    } else {
      var ranges: [CalibrationRange] = []
      for (graph, prefix) in [(model.graph, ""), (model.decoder!.graph, Metadata.decoderPrefix)] {
        let float = graph.simplified()
        var calibrator = Calibrator(graph: float, observer: .minMax)
        var net = NetworkBuilder(seed: 1)
        for input in float.inputs { _ = net.input(float.tensors[input].shape) }
        for sample in net.samples(4) { calibrator.observe(try ReferenceInterpreter(float).values(sample)) }
        ranges += try calibrator.ranges().map {
          CalibrationRange(tensor: prefix + $0.tensor, minimum: $0.minimum, maximum: $0.maximum)
        }
      }
      int8 = try model.quantized(ranges: ranges)
    }
    try int8.verify()
    let read = try Model(storage: Storage(copying: int8.encoded()))
    #expect(read.decoder!.graph.tensors.contains { $0.type == .s8 })
    for options in allOptions() {
      let answerer = try Answerer(read, options: options)
      #expect(try answerer.encoder.selfTest().differingBytes == 0)
      let result = try answerer.decoder.selfTest()
      #expect(result.passed && (isDynamic || result.differingBytes == 0), "\(options.testDescription)")
    }
  }

  /// How likely a given answer is, token by token: of the answer that a search has found, its score.
  @Test(arguments: 0..<6 as Range<UInt64>) func answersAreWeighed(seed: UInt64) throws {
    let model = try DecodingTests.model(seed: seed, tokens: 4, length: 5)
    let (end, longest) = (model.decoder!.endToken, model.decoder!.maximumLength)
    var random = SeededGenerator(seed: seed)
    let answerer = try Answerer(model, options: SessionOptions(threads: 1))
    for _ in 0..<4 {
      for place in 0..<4 {
        answerer.encoder.input(0).bindMemory(to: Float.self)[place] = Float.random(in: -2...2, using: &random)
      }
      for beam in [1, 3] {
        let answer = answerer.answer(beam: beam)
        let rows = answerer.logarithms(along: answer.tokens)
        #expect(rows.count == answer.tokens.count + 1 && rows.allSatisfy { $0.count == 4 })
        for row in rows { #expect(abs(row.reduce(0) { $0 + exponential($1) } - 1) < 1e-5) }
        let said = answer.tokens.count < longest ? answer.tokens + [end] : answer.tokens
        let sum = zip(rows, said).reduce(0) { $0 + $1.0[$1.1] }
        #expect(abs(sum / Double(said.count) - answer.score) < 1e-12)
      }
    }
  }
}

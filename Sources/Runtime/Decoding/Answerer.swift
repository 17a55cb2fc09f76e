import Format

/// What an encoder–decoder model says.
public struct Answer: Equatable, Sendable {
  /// Without the end token.
  public let tokens: [Int]
  /// The mean of ln p over all tokens chosen, the end token among them: 0 for an answer that could not be another one.
  public let score: Double
}

/// An encoder–decoder model made ready to answer: a session for each of its graphs.
///
/// ```swift
/// let answerer = try Answerer(Model(path: "captions.int8.bin"))
/// // … fill answerer.encoder.input(0) …
/// let words = vocabulary.text(of: answerer.answer(beam: 4).tokens)
/// ```
public final class Answerer {
  /// Of the main graph. Its inputs are the caller's to set.
  public let encoder: Session
  public let decoder: Session
  private let description: Decoder
  private let probabilities: TokenProbabilities

  /// - Throws: `RuntimeError`; `.noDecoder` for a model without one.
  public init(_ model: Model, options: SessionOptions = SessionOptions()) throws(RuntimeError) {
    guard let description = model.decoder else { throw .noDecoder }
    encoder = try Session(model, options: options)
    decoder = try Session(model.decoderModel!, options: options)
    self.description = description
    probabilities = TokenProbabilities(decoder)
  }

  /// Runs the encoder on its inputs, and gives the likeliest answer that a beam search finds.
  ///
  /// The search goes on with the `beam` likeliest beginnings of answers; with one, it takes the likeliest token every time.
  /// Of the answers that it meets, the one with the best `score` wins: a plain sum of logarithms would favour short ones
  /// (Wu et al. 2016, with a length penalty of exponent 1). It ends when no beginning could still come to a better one.
  ///
  /// - Parameter beam: at least 1.
  public func answer(beam: Int = 1) -> Answer {
    encoder.run()
    return decode(beam: beam)
  }

  /// The same from the outputs that the encoder has.
  public func decode(beam: Int = 1) -> Answer {
    var beginnings = [start()]
    var best: Answer?
    for length in 1...description.maximumLength {
      var found: [(parent: Int, token: Int, sum: Double)] = []
      for (parent, beginning) in beginnings.enumerated() {
        let logarithms = next(after: beginning)
        beginnings[parent].states = states()
        for (token, logarithm) in logarithms.enumerated() { found.append((parent, token, beginning.sum + logarithm)) }
      }
      // Of equal ones the earlier first, so that every machine takes the same. As many as may end and go on.
      let likeliest = found.indices.sorted {
        found[$0].sum != found[$1].sum ? found[$0].sum > found[$1].sum : $0 < $1
      }.prefix(2 * beam)
      var longer: [Beginning] = []
      for (rank, index) in likeliest.enumerated() where longer.count < beam {
        let (parent, token, sum) = found[index]
        let isEnd = token == description.endToken
        // What ends has to be among the `beam` likeliest itself.
        if isEnd && rank >= beam { continue }
        let tokens = beginnings[parent].tokens + (isEnd ? [] : [token])
        if isEnd || length == description.maximumLength {
          let answer = Answer(tokens: tokens, score: sum / Double(length))
          if best == nil || answer.score > best!.score { best = answer }
          // The one likeliest answer is what a search for one beginning looks for.
          if beam == 1 { return answer }
        }
        if !isEnd {
          longer.append(Beginning(tokens: tokens, sum: sum, states: beginnings[parent].states))
        }
      }
      beginnings = longer
      // A sum only falls, and no length divides it by more than the longest.
      guard let likeliest = beginnings.first else { break }
      if let best, best.score >= likeliest.sum / Double(description.maximumLength) { break }
    }
    return best ?? Answer(tokens: [], score: 0)
  }

  /// The natural logarithms of the probabilities of all tokens at each place of a given answer and behind its end, each told
  /// from the answer's tokens before it, from the outputs that the encoder has: how well the decoder knows that answer.
  public func logarithms(along answer: [Int]) -> [[Double]] {
    var beginning = start()
    var rows = [next(after: beginning)]
    for token in answer {
      beginning = Beginning(tokens: [token], sum: 0, states: states())
      rows.append(next(after: beginning))
    }
    return rows
  }

  /// The beginning of an answer, and what the decoder kept behind its last token.
  private struct Beginning {
    var tokens: [Int]
    /// Σ ln p
    var sum: Double
    var states: [UInt8]
  }

  /// Hands the encoder's outputs over.
  private func start() -> Beginning {
    decoder.resetStates()
    for link in description.links {
      decoder.input(link.input).copyMemory(from: encoder.output(link.output))
    }
    return Beginning(tokens: [], sum: 0, states: states())
  }

  /// Runs the decoder behind `beginning`.
  private func next(after beginning: Beginning) -> [Double] {
    var place = 0
    for state in decoder.graph.states {
      let target = decoder.stateInput(state)
      beginning.states.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[place..<place + target.count]))
      }
      place += target.count
    }
    let token = beginning.tokens.last ?? description.startToken
    decoder.input(0).storeBytes(of: Float(token), as: Float.self)
    decoder.run()
    return probabilities.logarithms()
  }

  private func states() -> [UInt8] {
    var bytes: [UInt8] = []
    for state in decoder.graph.states { bytes.append(contentsOf: decoder.stateInput(state)) }
    return bytes
  }
}

extension Model {
  /// The decoder's graph as a model of its own, with its part of the self-test; nil without one.
  public var decoderModel: Model? {
    guard let decoder else { return nil }
    return Model(
      graph: decoder.graph,
      selfTest: selfTest.map {
        SelfTest(inputs: $0.decoderInputs, outputs: $0.decoderOutputs, tolerance: $0.tolerance)
      })
  }
}

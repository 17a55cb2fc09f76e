import Format
import Runtime
import Trainer

/// Runs a model for sequences on one example at a time, as the device does. For one thread.
final class SequenceRunner {
  private enum Machine {
    case stream(TokenStream)
    case answerer(Answerer)
  }

  private let machine: Machine

  /// - Throws: `RuntimeError` if there is too little memory.
  init(_ model: Model) throws {
    let options = SessionOptions(threads: 1)
    machine =
      model.decoder == nil
      ? .stream(TokenStream(try Session(model, options: options))) : .answerer(try Answerer(model, options: options))
  }

  /// A model without decoder.
  private var stream: TokenStream {
    guard case .stream(let stream) = machine else { preconditionFailure("a model that answers has no rows") }
    return stream
  }

  private var answerer: Answerer {
    guard case .answerer(let answerer) = machine else { preconditionFailure("a model without decoder has no answers") }
    return answerer
  }

  /// Outputs per row.
  var classCount: Int { stream.classes }

  /// Forgets what was read: a new text begins.
  func reset() { stream.reset() }

  /// The model's outputs for tokens that go on where the last ones ended, one row of `classCount` after another.
  ///
  /// - Parameter rows: how many are wanted, at most as many as there are tokens.
  func scores(_ tokens: [Int], rows: Int) -> [Float] {
    guard stream.steps == 1 else {
      stream.read(tokens[...])
      return (0..<rows).flatMap { stream.scores(row: $0) }
    }
    return (0..<rows).flatMap { row in
      stream.read(tokens[row..<(row + 1)])
      return stream.scores()
    }
  }

  /// What the decoder says of an input, searched among `beam` beginnings at a time; the end token is left out.
  func answer(_ input: [Float], beam: Int = 1) -> [Int32] {
    _ = answerer.encoder.input(0).bindMemory(to: Float.self).update(fromContentsOf: input)
    return answerer.answer(beam: beam).tokens.map(Int32.init)
  }

  /// How well the decoder knows the answer that is expected to the input of the last `answer`, token by token.
  ///
  /// - Parameter expected: with the end token, unless the answer was cut off.
  func report(expected: ArraySlice<Int32>) -> SequenceReport {
    var report = SequenceReport()
    let rows = answerer.logarithms(along: expected.dropLast().map(Int.init))
    for (row, token) in zip(rows, expected) {
      report.add(isCorrect: row.indexOfLargest == Int(token), logarithm: row[Int(token)])
    }
    return report
  }

  /// Tokens that the model writes behind `token`, each drawn by its probability, always the same ones.
  func written(after token: Int, count: Int) -> [Int] {
    var sampler = TokenSampler(seed: 1, temperature: 1)
    reset()
    var tokens = [token]
    for _ in 0..<count {
      stream.read(tokens[(tokens.count - 1)...])
      tokens.append(sampler.token(stream.logarithms()))
    }
    return Array(tokens.dropFirst())
  }
}

extension Collection where Element: Comparable, Index == Int {
  /// Where the first of the largest elements is, from 0.
  var indexOfLargest: Int {
    var best = startIndex
    for index in indices where self[index] > self[best] { best = index }
    return best - startIndex
  }
}

import Format
import Quantize

/// A model that reads tokens, made ready: a language model, a tagger, a classifier of texts.
///
/// A graph of one step reads token by token and keeps its state, whatever the length of the text; one of more steps reads
/// that many at once, a shorter text being filled up with token 0 (docs/format.md).
public final class TokenStream {
  public let session: Session
  /// Tokens of one run.
  public let steps: Int
  /// Numbers that each row of the first output has.
  public let classes: Int
  private let rows: Int
  private let probabilities: TokenProbabilities

  /// - Parameter session: of a graph whose first input is f32 [1, T, 1, 1], and whose first output is f32.
  public init(_ session: Session) {
    self.session = session
    steps = session.graph.tensors[session.graph.inputs[0]].count
    probabilities = TokenProbabilities(session)
    classes = probabilities.count
    rows = session.graph.tensors[session.graph.outputs[0]].count / probabilities.count
  }

  /// Begins another text.
  public func reset() { session.resetStates() }

  /// Reads one run's tokens; what is missing counts as token 0, what is too much is not read.
  public func read(_ tokens: ArraySlice<Int>) {
    let input = session.input(0).assumingMemoryBound(to: Float.self)
    for step in 0..<steps { input[step] = 0 }
    for (step, token) in tokens.prefix(steps).enumerated() { input[step] = Float(token) }
    session.run()
  }

  /// Reads a text from its beginning to its end, and calls `row` with the number of each token for which there is a row of
  /// the output, which is then in `scores` or `logarithms`.
  public func read(text tokens: [Int], row: (_ token: Int, _ row: Int) -> Void) {
    reset()
    guard steps == 1 else {
      read(tokens[...])
      for token in 0..<min(tokens.count, rows) { row(token, token) }
      return
    }
    for token in tokens.indices {
      read(tokens[token..<token + 1])
      row(token, 0)
    }
  }

  /// Whether the network says something about every token, rather than once about all of one run.
  public var saysSomethingOfEachToken: Bool { rows == steps }

  /// Row `row` of the first output.
  public func scores(row: Int = 0) -> [Float] {
    let output = session.output(0).assumingMemoryBound(to: Float.self)
    return (0..<classes).map { output[row * classes + $0] }
  }

  /// The natural logarithms of the probabilities in row `row`.
  public func logarithms(row: Int = 0) -> [Double] { probabilities.logarithms(row: row) }
}

/// Draws tokens by their probabilities, the same ones for the same seed on every machine.
public struct TokenSampler: Sendable {
  private var state: UInt64
  private let temperature: Double

  /// - Parameter temperature: above 0; logarithms are divided by it, so that less than 1 makes likely tokens likelier. At 0 the
  ///   likeliest token is taken.
  public init(seed: UInt64, temperature: Double) {
    state = seed
    self.temperature = temperature
  }

  /// One of the tokens with these natural logarithms of probabilities.
  public mutating func token(_ logarithms: [Double]) -> Int {
    var best = 0
    for (token, logarithm) in logarithms.enumerated() where logarithm > logarithms[best] { best = token }
    guard temperature > 0 else { return best }
    let weights = logarithms.map { exponential(($0 - logarithms[best]) / temperature) }
    var rest = uniform() * weights.reduce(0, +)
    for (token, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return token }
    }
    return best
  }

  /// In [0, 1), from SplitMix64 (Steele, Lea, Flood 2014).
  private mutating func uniform() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }
}

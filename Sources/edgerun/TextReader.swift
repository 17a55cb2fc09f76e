import Format
import Platform
import Quantize
import Runtime
import Terminal

/// What a model says of a text that it has read.
final class TextResult: ModelResult {
  struct Tag {
    let token: String
    let label: String
    let score: Float
  }

  let jsonKey = "texts"
  let source: String
  var failure: Failure?
  var tokens = 0
  var classes: [Classification.Class]?
  var tags: [Tag]?
  /// The mean of −ln p of the tokens behind the first.
  var loss: Double?
  var generated: String?
  /// Nanoseconds.
  var inference: UInt64 = 0
  /// What is printed has been printed as it came.
  var isPrinted = false

  init(_ source: String) { self.source = source }

  var text: String {
    guard failure == nil, !isPrinted else { return "" }
    var text = source.printable + "\n"
    if let classes {
      var table = TextTable([.right(""), .left(""), .right("")])
      for (rank, found) in classes.enumerated() {
        table.add(["  \(rank + 1).", found.label, fixed(Double(found.score), decimals: 4)])
      }
      text += table.text
    }
    if let loss { text += "  perplexity " + fixed(exponential(loss), decimals: 3) + "\n" }
    return text + "  \(tokens) tokens in " + milliseconds(inference) + "\n"
  }

  func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("input", source)
      guard failure == nil else {
        json.field("error", failure!.description)
        return
      }
      json.field("tokens", tokens)
      if let classes {
        json.array("classes") { json in
          for found in classes {
            json.object { json in
              json.field("index", found.index)
              json.field("label", found.label)
              json.field("score", Double(found.score), decimals: 9)
            }
          }
        }
      }
      if let tags {
        json.array("tags") { json in
          for tag in tags {
            json.object { json in
              json.field("token", tag.token)
              json.field("label", tag.label)
              json.field("score", Double(tag.score), decimals: 9)
            }
          }
        }
      }
      if let loss { json.field("perplexity", exponential(loss), decimals: 6) }
      if let generated { json.field("generated", generated) }
      json.field("inference_ms", Double(inference) / 1e6, decimals: 6)
    }
  }
}

/// A model that texts are put through: a classifier, a tagger, a language model.
final class TextReader {
  private let stream: TokenStream
  private let tokenizer: Tokenizer
  private let vocabulary: Vocabulary?
  private let labels: [String]
  private let task: ModelTask
  private let wishes: Wishes
  /// The token of the input's vocabulary for each of the output's.
  private let inputTokens: [Int]

  /// - Throws: `Failure` if the model cannot do what the wishes ask for.
  init(_ model: Model, _ session: Session, _ wishes: Wishes, _ task: ModelTask, file: String) throws(Failure) {
    let graph = session.graph
    let (input, output) = (graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]])
    guard input.shape[0] == 1, output.type == .f32, graph.inputs.count == 1 + graph.states.count else {
      throw Failure(file + ": expected one input of one text and an output of f32, found others")
    }
    stream = TokenStream(session)
    tokenizer = Tokenizer(model.metadata.inputVocabulary!)
    vocabulary = model.metadata.vocabulary
    labels = model.metadata.labels
    self.task = task
    self.wishes = wishes
    if let vocabulary, vocabulary != tokenizer.vocabulary {
      inputTokens = vocabulary.texts.map { [tokenizer] text in tokenizer.tokens(of: text).first ?? 0 }
    } else {
      inputTokens = Array(0..<stream.classes)
    }
    guard wishes.tokens == nil || stream.steps == 1 else {
      throw Failure(file + ": expected a model that reads token by token for --generate, found one of \(stream.steps)")
    }
  }

  func read(_ source: TextSource) -> TextResult {
    let result = TextResult(source.name)
    do throws(Failure) {
      switch task {
      case .tags: try readTags(source, result)
      case .language: try readLanguage(source, result)
      case .classes, .pictures, .captions, .answers: try readClasses(source, result)
      }
    } catch {
      result.failure = error
    }
    return result
  }

  /// One classification behind the last token.
  private func readClasses(_ source: TextSource, _ result: TextResult) throws(Failure) {
    let tokens = tokenizer.tokens(of: try source.read())
    guard !tokens.isEmpty else { throw Failure(source.name + ": expected a text, found an empty one") }
    let start = platform_monotonic_nanoseconds()
    stream.read(text: tokens) { _, _ in }
    result.inference = platform_monotonic_nanoseconds() - start
    result.tokens = tokens.count
    result.classes = bestClasses(stream.scores(), labels, count: wishes.top)
  }

  /// A label for each token, printed while the text comes where the network reads it so.
  private func readTags(_ source: TextSource, _ result: TextResult) throws(Failure) {
    stream.reset()
    var tags: [TextResult.Tag] = []
    var (inference, count): (UInt64, Int) = (0, 0)
    func add(_ token: String, row: Int) {
      let best = bestClasses(stream.scores(row: row), labels, count: 1)[0]
      if wishes.isJSON {
        tags.append(TextResult.Tag(token: token, label: best.label, score: best.score))
      } else {
        Terminal.write(token.printable + "\t" + best.label + "\n")
      }
    }
    func take(_ text: String) {
      let pieces = Vocabulary.pieces(of: text, unit: tokenizer.vocabulary.unit)
      let tokens = tokenizer.tokens(of: text)
      count += tokens.count
      let start = platform_monotonic_nanoseconds()
      if stream.steps == 1 {
        for (place, piece) in pieces.enumerated() {
          stream.read(tokens[place..<place + 1])
          add(piece, row: 0)
        }
      } else {
        stream.read(text: tokens) { token, row in add(pieces[token], row: row) }
      }
      inference += platform_monotonic_nanoseconds() - start
    }
    if stream.steps == 1 {
      try source.forEachPart(unit: tokenizer.vocabulary.unit, take)
    } else {
      take(try source.read())
    }
    (result.tags, result.tokens, result.inference) = (tags, count, inference)
    result.isPrinted = true
  }

  /// How well the model knew each next token, and what it writes behind the text.
  private func readLanguage(_ source: TextSource, _ result: TextResult) throws(Failure) {
    let text = try source.read()
    var tokens = tokenizer.tokens(of: text)
    result.tokens = tokens.count
    // What is written without a text begins a line.
    if tokens.isEmpty { tokens = tokenizer.tokens(of: "\n") }
    if tokens.isEmpty { tokens = [0] }
    let start = platform_monotonic_nanoseconds()
    var loss = 0.0
    var logarithms: [Double] = []
    stream.read(text: tokens) { token, row in
      logarithms = stream.logarithms(row: row)
      if token + 1 < tokens.count, let next = inputTokens.firstIndex(of: tokens[token + 1]) { loss -= logarithms[next] }
    }
    if let count = wishes.tokens {
      result.generated = generate(count, behind: text, logarithms)
      result.isPrinted = true
    } else if tokens.count > 1 {
      result.loss = loss / Double(tokens.count - 1)
    }
    result.inference = platform_monotonic_nanoseconds() - start
  }

  /// The text that the model writes, printed as it comes, behind `text`.
  private func generate(_ count: Int, behind text: String, _ first: [Double]) -> String {
    var sampler = TokenSampler(seed: wishes.seed ?? 0, temperature: wishes.temperature ?? 1)
    var logarithms = first
    var generated = ""
    let unit = tokenizer.vocabulary.unit
    if !wishes.isJSON { Terminal.write(text) }
    for place in 0..<count {
      let token = sampler.token(logarithms)
      var piece = vocabulary!.text(of: [token])
      if unit == .words && (place > 0 || !text.isEmpty) { piece = " " + piece }
      generated += piece
      if !wishes.isJSON { Terminal.write(piece) }
      stream.read([inputTokens[token]])
      logarithms = stream.logarithms()
    }
    if !wishes.isJSON { Terminal.write("\n") }
    return generated
  }
}

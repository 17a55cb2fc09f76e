import Format
import Platform
import Runtime
import Terminal
import Vision

/// What an encoder–decoder model answers.
final class SpokenAnswer: ModelResult {
  let jsonKey = "answers"
  let failure: Failure?
  private let source: String
  private let said: String
  private let answer: Answer?
  /// Nanoseconds.
  private let inference: UInt64

  init(_ source: String, _ failure: Failure) {
    (self.source, self.failure, said, answer, inference) = (source, failure, "", nil, 0)
  }

  init(_ source: String, _ answer: Answer, said: String, inference: UInt64) {
    (self.source, failure, self.said, self.answer, self.inference) = (source, nil, said, answer, inference)
  }

  var text: String {
    guard let answer else { return "" }
    return source.printable + "\n  " + said + "\n  score " + fixed(answer.score, decimals: 4)
      + ", \(answer.tokens.count) tokens in " + milliseconds(inference) + "\n"
  }

  func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("input", source)
      if let failure { json.field("error", failure.description) }
      guard let answer else { return }
      json.field("answer", said)
      json.array("tokens") { json in for token in answer.tokens { json.value(token) } }
      json.field("score", answer.score, decimals: 6)
      json.field("inference_ms", Double(inference) / 1e6, decimals: 6)
    }
  }
}

/// An encoder–decoder model that pictures or texts are put to.
struct Speaker {
  private let answerer: Answerer
  private let recipe: Preprocessing?
  private let tokenizer: Tokenizer?
  private let vocabulary: Vocabulary?
  private let beam: Int

  /// - Throws: `Failure` if the model is neither for pictures nor for texts.
  init(_ model: Model, _ sessions: Sessions, _ wishes: Wishes, file: String) throws(Failure) {
    answerer = sessions.answerer!
    recipe = model.metadata.preprocessing
    tokenizer = model.metadata.inputVocabulary.map { Tokenizer($0) }
    vocabulary = model.metadata.vocabulary
    beam = wishes.beam ?? 1
    let graph = sessions.main.graph
    guard recipe != nil || tokenizer != nil, graph.inputs.count == 1, graph.tensors[graph.inputs[0]].shape[0] == 1
    else {
      throw Failure(file + ": expected one input, of one picture or text, found others")
    }
  }

  func caption(_ path: String) -> SpokenAnswer {
    guard let recipe else { return SpokenAnswer(path, Failure(path + ": expected a text, found a picture")) }
    do throws(VisionError) {
      answerer.encoder.fillInput(with: try Image(path: path, for: recipe), recipe)
      return speak(path)
    } catch {
      return SpokenAnswer(path, Failure(error))
    }
  }

  func answer(_ source: TextSource) -> SpokenAnswer {
    do throws(Failure) {
      let tokens = tokenizer!.tokens(of: try source.read())
      let input = answerer.encoder.input(0).assumingMemoryBound(to: Float.self)
      for step in input.indices { input[step] = step < tokens.count ? Float(tokens[step]) : 0 }
      return speak(source.name)
    } catch {
      return SpokenAnswer(source.name, error)
    }
  }

  private func speak(_ source: String) -> SpokenAnswer {
    let start = platform_monotonic_nanoseconds()
    let answer = answerer.answer(beam: beam)
    let time = platform_monotonic_nanoseconds() - start
    return SpokenAnswer(source, answer, said: said(answer.tokens), inference: time)
  }

  /// The answer in words; numbers of tokens where the model has no words for them.
  private func said(_ tokens: [Int]) -> String {
    if let vocabulary { return vocabulary.text(of: tokens) }
    var text = ""
    for token in tokens { text += (text.isEmpty ? "" : " ") + String(token) }
    return text
  }
}

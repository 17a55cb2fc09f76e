import Format

/// Turns texts into the examples of a task, as long as the network's sequences are.
struct SequenceEncoder {
  private let texts: SequenceTexts
  private let shape: SequenceShape

  private typealias Pair = SequenceTexts.Pair

  init(_ texts: SequenceTexts, _ shape: SequenceShape) {
    self.texts = texts
    self.shape = shape
  }

  private var name: String { texts.name }

  /// - Throws: `DataError.mismatch` if the network is not made for what the texts have.
  func encode() throws(DataError) -> SequenceData {
    switch texts.task {
    case .nextToken: try nextToken()
    case .classes: try classes()
    case .tags: try tags()
    case .answers: try answers()
    }
  }

  private func nextToken() throws(DataError) -> SequenceData {
    _ = try inputSteps()
    let vocabulary = shape.vocabulary ?? texts.textVocabulary(limit: shape.outputs)!
    try expect("outputs", vocabulary.texts.count, "the characters of the text and one for all others", shape.outputs)
    try expectRoom("the embedding", vocabulary.texts.count, shape.inputTokens)
    let tokenizer = Tokenizer(vocabulary)
    func tokens(_ pairs: [Pair]) -> [Int32] { tokenizer.tokens(of: pairs[0].text).map(Int32.init) }
    return SequenceData(
      name: name, task: .nextToken, labels: [], inputVocabulary: vocabulary, vocabulary: vocabulary,
      train: try streams(tokens(texts.train), steps: shape.input.height, parts: shape.batch),
      // To be read through from the first character to the last.
      test: try streams(tokens(texts.test), steps: 1, parts: 1))
  }

  /// A text as `parts` parts that are read side by side, so that each step of training goes on where the one before ended:
  /// example step · parts + part is window `step` of that part.
  private func streams(_ tokens: [Int32], steps: Int, parts: Int) throws(DataError) -> SequenceExamples {
    let windows = (tokens.count - 1) / steps
    guard windows >= 1 else { throw .noExamples(what: "\(name) in pieces of \(steps) characters") }
    let parts = min(parts, windows)
    let perPart = windows / parts
    var (inputs, labels) = (TokenRows(width: steps), TokenRows(width: steps))
    for step in 0..<perPart {
      for part in 0..<parts {
        let start = (part * perPart + step) * steps
        inputs.append(tokens[start..<(start + steps)], filling: 0)
        labels.append(tokens[(start + 1)...(start + steps)], filling: 0)
      }
    }
    return SequenceExamples(tokens: [inputs], labels: labels)
  }

  private func classes() throws(DataError) -> SequenceData {
    let (steps, labels) = (try inputSteps(), texts.labels)
    try expect("outputs", labels.count, "one per class", shape.outputs)
    let vocabulary = textVocabulary
    let tokenizer = Tokenizer(vocabulary)
    func encode(_ pairs: [Pair]) -> SequenceExamples {
      var (inputs, classes) = (TokenRows(width: steps), TokenRows(width: 1))
      for pair in pairs {
        guard let label = labels.firstIndex(of: pair.target) else { continue }
        inputs.append(tokenizer.tokens(of: pair.text).map(Int32.init), filling: 0)
        classes.append(CollectionOfOne(Int32(label)), filling: 0)
      }
      return SequenceExamples(tokens: [inputs], labels: classes)
    }
    return SequenceData(
      name: name, task: .classes, labels: labels, inputVocabulary: vocabulary, vocabulary: nil,
      train: encode(texts.train),
      test: encode(texts.test))
  }

  /// Targets have a character for each of the text's, which are the tags' names.
  private func tags() throws(DataError) -> SequenceData {
    let (steps, labels) = (try inputSteps(), texts.labels)
    try expect("outputs", labels.count, "one per tag", shape.outputs)
    let vocabulary = textVocabulary
    let tokenizer = Tokenizer(vocabulary)
    func encode(_ pairs: [Pair]) -> SequenceExamples {
      var (inputs, tags) = (TokenRows(width: steps), TokenRows(width: steps))
      for pair in pairs {
        inputs.append(tokenizer.tokens(of: pair.text).map(Int32.init), filling: 0)
        tags.append(
          pair.target.unicodeScalars.map { tag in Int32(labels.firstIndex(of: String(Character(tag))) ?? -1) },
          filling: -1)
      }
      return SequenceExamples(tokens: [inputs], labels: tags)
    }
    return SequenceData(
      name: name, task: .tags, labels: labels, inputVocabulary: vocabulary, vocabulary: nil, train: encode(texts.train),
      test: encode(texts.test))
  }

  /// Texts with answers, or images in the place of the texts.
  private func answers() throws(DataError) -> SequenceData {
    guard let answerSteps = shape.answerSteps else {
      throw .mismatch(
        what: "\(name): inputs", expected: "a second one for the answer, as 'answer: input 20x1x1'", found: "one")
    }
    let images = texts.images
    let inputSteps = images == nil ? try self.inputSteps() : 0
    let answers = shape.vocabulary ?? texts.answerVocabulary(limit: shape.outputs)!
    try expect(
      "outputs", answers.texts.count, "the tokens of the answers, one for their end, one for all others", shape.outputs)
    try expectRoom("the answer's embedding", answers.texts.count, shape.answerTokens)
    let vocabulary = textVocabulary
    let (textTokenizer, answerTokenizer) = (Tokenizer(vocabulary), Tokenizer(answers))
    func encode(_ pairs: [Pair], _ images: Examples?) -> SequenceExamples {
      var inputs = TokenRows(width: max(inputSteps, 1))
      var (before, labels) = (TokenRows(width: answerSteps), TokenRows(width: answerSteps))
      let end = Int32(SequenceData.endToken)
      for pair in pairs {
        if images == nil { inputs.append(textTokenizer.tokens(of: pair.text).map(Int32.init), filling: 0) }
        let answer = answerTokenizer.tokens(of: pair.target).map(Int32.init)
        before.append([end] + answer, filling: end)
        labels.append(answer + [end], filling: -1)
      }
      return SequenceExamples(images: images, tokens: images == nil ? [inputs, before] : [before], labels: labels)
    }
    return SequenceData(
      name: name, task: .answers, labels: [], inputVocabulary: images == nil ? vocabulary : nil, vocabulary: answers,
      train: encode(texts.train, images?.train), test: encode(texts.test, images?.test))
  }

  /// The tokens that the network is told: a model's own, or the most frequent of the training texts.
  private var textVocabulary: Vocabulary {
    shape.inputVocabulary ?? texts.textVocabulary(limit: shape.inputTokens ?? Int.max)
      ?? Vocabulary(unit: .characters, texts: [])
  }

  /// Steps of the first input, which is a text; as many as the longest text has, if they may be any number.
  private func inputSteps() throws(DataError) -> Int {
    guard shape.input.width == 1, shape.input.channels == 1 else {
      throw .mismatch(what: "\(name): input", expected: "tokens, STEPSx1x1", found: shape.input.description)
    }
    guard shape.takesAnyLength, texts.task != .nextToken else { return shape.input.height }
    return max((texts.train + texts.test).map { $0.text.unicodeScalars.count }.max() ?? 1, 1)
  }

  private func expect(_ what: String, _ expected: Int, _ why: String, _ found: Int) throws(DataError) {
    guard found != expected else { return }
    throw .mismatch(what: "\(name): \(what)", expected: "\(expected), \(why)", found: "\(found)")
  }

  private func expectRoom(_ what: String, _ tokens: Int, _ found: Int?) throws(DataError) {
    guard let found, found < tokens else { return }
    throw .mismatch(what: "\(name): \(what)", expected: "at least \(tokens) tokens", found: "\(found)")
  }
}

import Format

/// The texts of a task over sequences as they were read, before they are cut for a network.
public struct SequenceTexts: Sendable {
  /// A text and what is to be said of it: a class's name, a tag per character, or an answer; nothing for a running text.
  public typealias Pair = (text: String, target: String)

  public var name: String
  public var task: SequenceData.Task
  /// One name per class or tag.
  public var labels: [String] = []
  /// What a token is: of the text, and of the answer.
  public var unit = Vocabulary.Unit.characters
  public var answerUnit = Vocabulary.Unit.characters
  /// A running text is one pair in each.
  public var train: [Pair]
  public var test: [Pair]
  /// Images that stand in the place of texts, which are empty then.
  public var images: (train: Examples, test: Examples)?

  init(name: String, task: SequenceData.Task, train: [Pair], test: [Pair]) {
    self.name = name
    self.task = task
    self.train = train
    self.test = test
  }

  /// Share of examples that a file gives to test with; of a text it is the end.
  static let testShare = 0.1

  /// Reads or makes the texts.
  ///
  /// - Parameter splitSeed: draws the examples to test with, where the data does not say which they are.
  /// - Throws: `DataError` about files; `.noExamples` where nothing is left to train on, or to test with.
  public init(_ source: SequenceSource, splitSeed: UInt64 = 0) throws(DataError) {
    func split(_ pairs: [Pair], _ task: SequenceData.Task) -> SequenceTexts {
      var stream = RandomStream(seed: splitSeed, .sequenceSplit)
      let order = stream.permutation(of: pairs.count)
      let cut = Int(Double(pairs.count) * SequenceTexts.testShare)
      return SequenceTexts(
        name: source.name, task: task, train: order[cut...].sorted().map { pairs[$0] },
        test: order[..<cut].sorted().map { pairs[$0] })
    }
    switch source {
    case .text(let path):
      let text = try SequenceFile.text(path).unicodeScalars
      let cut = text.index(text.startIndex, offsetBy: text.count - Int(Double(text.count) * SequenceTexts.testShare))
      self.init(
        name: source.name, task: .nextToken, train: [(String(text[..<cut]), "")], test: [(String(text[cut...]), "")])
    case .lines(let folder):
      let (pairs, labels) = try SequenceFile.lines(folder)
      self = split(pairs, .classes)
      self.labels = labels
    case .labels(let path):
      let pairs = try SequenceFile.pairs(path)
      self = split(pairs, .classes)
      labels = Set(pairs.map(\.target)).sorted()
      unit = .words
    case .tags(let path):
      let pairs = try SequenceFile.pairs(path)
      for (index, pair) in pairs.enumerated() where pair.text.unicodeScalars.count != pair.target.unicodeScalars.count {
        throw .mismatch(
          what: "\(path): example \(index + 1)", expected: "\(pair.text.unicodeScalars.count) tags, one per character",
          found: "\(pair.target.unicodeScalars.count)")
      }
      self = split(pairs, .tags)
      labels = Set(pairs.flatMap { $0.target.unicodeScalars }).sorted().map { String(Character($0)) }
    case .pairs(let path):
      self = split(try SequenceFile.pairs(path), .answers)
    case .captions(let images):
      let data = try DataSet(DataSource(images))
      let (train, test) = (Captions(data.train, data.labels), Captions(data.test, data.labels))
      self.init(name: source.name, task: .answers, train: train.pairs, test: test.pairs)
      self.images = (train.images, test.images)
      answerUnit = .words
    case .numbers:
      self.init(name: source.name, task: .answers, train: NumberWords.train, test: NumberWords.test)
      answerUnit = .words
    case .dates:
      self.init(name: source.name, task: .tags, train: DateTags.train, test: DateTags.test)
      labels = DateTags.labels
    }
    for (what, pairs) in [("training", train), ("test", test)] {
      guard pairs.contains(where: { !$0.text.isEmpty || images != nil }) else {
        throw .noExamples(what: "\(name): \(what)")
      }
    }
  }

  /// The tokens of the texts to train on, the most frequent first; nil for images.
  ///
  /// - Parameter limit: tokens at most, token 0 for all others among them.
  public func textVocabulary(limit: Int = .max) -> Vocabulary? {
    images == nil ? Vocabulary(of: train.map(\.text), unit: unit, limit: limit) : nil
  }

  /// The tokens of the answers to train on; nil where no answer is asked for.
  public func answerVocabulary(limit: Int = .max) -> Vocabulary? {
    guard task == .answers else { return nil }
    return Vocabulary(
      of: train.map(\.target), unit: answerUnit, reserved: [SequenceData.endText], limit: limit)
  }
}

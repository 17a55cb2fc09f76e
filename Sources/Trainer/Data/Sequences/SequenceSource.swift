import Format
import Foundation

/// What `--data` names where the task is one over sequences: KIND:NAME, or a set that is made by rule.
public enum SequenceSource: Equatable, Sendable {
  /// `text:FILE`: the next character of a text.
  case text(path: String)
  /// `lines:FOLDER`: a class per file, its lines are the examples.
  case lines(folder: String)
  /// `labels:FILE`: lines of a text, a tab and its class.
  case labels(path: String)
  /// `tags:FILE`: lines of a text, a tab and as many characters, each the tag of one of the text's.
  case tags(path: String)
  /// `pairs:FILE`: lines of a text, a tab and the answer to it.
  case pairs(path: String)
  /// `captions:IMAGES`: two images of a data set side by side, and what they show.
  case captions(images: String)
  /// `numbers`: numbers in digits, and in words.
  case numbers
  /// `dates`: sentences with a tag for every character, whether it is part of a date, a time or an amount.
  case dates

  /// Nil if the name is none of these.
  public init?(_ name: String) {
    if name == "numbers" {
      self = .numbers
      return
    }
    if name == "dates" {
      self = .dates
      return
    }
    guard let colon = name.firstIndex(of: ":") else { return nil }
    let rest = String(name[name.index(after: colon)...])
    switch name[..<colon] {
    case "text": self = .text(path: rest)
    case "lines": self = .lines(folder: rest)
    case "labels": self = .labels(path: rest)
    case "tags": self = .tags(path: rest)
    case "pairs": self = .pairs(path: rest)
    case "captions": self = .captions(images: rest)
    default: return nil
    }
  }

  /// The name by which a model file remembers the data.
  public var name: String {
    switch self {
    case .text(let path), .lines(let path), .labels(let path), .tags(let path), .pairs(let path):
      URL(fileURLWithPath: path).lastPathComponent
    case .captions(let images): "captions of \(images)"
    case .numbers: "numbers"
    case .dates: "dates"
    }
  }
}

extension SequenceData {
  /// Share of examples that a file gives to test with; of a text it is the end.
  static let testShare = 0.1

  /// Reads or makes the data for a network of this shape.
  ///
  /// - Parameter splitSeed: draws the examples to test with, where the data does not say which they are.
  /// - Throws: `DataError` about files, and where network and data do not fit together.
  public init(_ source: SequenceSource, for shape: SequenceShape, splitSeed: UInt64 = 0) throws(DataError) {
    let encoder = SequenceEncoder(name: source.name, shape: shape)
    switch source {
    case .text(let path):
      self = try encoder.nextToken(SequenceFile.text(path), testShare: SequenceData.testShare)
    case .lines(let folder):
      let (pairs, labels) = try SequenceFile.lines(folder)
      let (train, test) = SequenceData.split(pairs, seed: splitSeed)
      self = try encoder.classes(train, test, labels: labels, unit: .characters)
    case .labels(let path):
      let pairs = try SequenceFile.pairs(path)
      let (train, test) = SequenceData.split(pairs, seed: splitSeed)
      self = try encoder.classes(train, test, labels: Set(pairs.map(\.target)).sorted(), unit: .words)
    case .tags(let path):
      let pairs = try SequenceFile.pairs(path)
      for (index, pair) in pairs.enumerated() where pair.text.unicodeScalars.count != pair.target.unicodeScalars.count {
        throw .mismatch(
          what: "\(path): example \(index + 1)", expected: "\(pair.text.unicodeScalars.count) tags, one per character",
          found: "\(pair.target.unicodeScalars.count)")
      }
      let (train, test) = SequenceData.split(pairs, seed: splitSeed)
      let tags = Set(pairs.flatMap { $0.target.unicodeScalars }).sorted()
      self = try encoder.tags(train, test, labels: tags.map { String(Character($0)) })
    case .pairs(let path):
      let (train, test) = try SequenceData.split(SequenceFile.pairs(path), seed: splitSeed)
      self = try encoder.answers(train, test, unit: .characters)
    case .captions(let images):
      let data = try DataSet(DataSource(images))
      let (train, test) = (Captions(data.train, data.labels), Captions(data.test, data.labels))
      self = try encoder.answers(train.pairs, test.pairs, unit: .words, images: (train.images, test.images))
    case .numbers:
      self = try encoder.answers(NumberWords.train, NumberWords.test, unit: .words)
    case .dates:
      self = try encoder.tags(DateTags.train, DateTags.test, labels: DateTags.labels)
    }
    for (what, examples) in [("training", train), ("test", test)] where examples.count == 0 {
      throw .noExamples(what: "\(name): \(what)")
    }
  }

  private static func split(
    _ pairs: [SequenceEncoder.Pair], seed: UInt64
  ) -> (train: [SequenceEncoder.Pair], test: [SequenceEncoder.Pair]) {
    var stream = RandomStream(seed: seed, .sequenceSplit)
    let order = stream.permutation(of: pairs.count)
    let cut = Int(Double(pairs.count) * testShare)
    return (order[cut...].sorted().map { pairs[$0] }, order[..<cut].sorted().map { pairs[$0] })
  }
}

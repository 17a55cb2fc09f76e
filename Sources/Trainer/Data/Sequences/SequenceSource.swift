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
    guard !rest.isEmpty else { return nil }
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
  /// Reads or makes the data for a network of this shape.
  ///
  /// - Parameter splitSeed: draws the examples to test with, where the data does not say which they are.
  /// - Throws: `DataError` about files, and where network and data do not fit together.
  public init(_ source: SequenceSource, for shape: SequenceShape, splitSeed: UInt64 = 0) throws(DataError) {
    try self.init(SequenceTexts(source, splitSeed: splitSeed), for: shape)
  }

  /// - Throws: `DataError` where network and texts do not fit together.
  public init(_ texts: SequenceTexts, for shape: SequenceShape) throws(DataError) {
    self = try SequenceEncoder(texts, shape).encode()
  }
}

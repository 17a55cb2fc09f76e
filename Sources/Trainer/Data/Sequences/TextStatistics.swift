import Format

/// What texts are made of: how long they are, in tokens, and how often each token is in them.
public struct TextStatistics: Sendable {
  /// Of each text, ascending.
  public let lengths: [Int]
  /// Every token with how often it is there, the most frequent first.
  public let tokens: [(text: String, count: Int)]
  /// Of all texts together.
  public let tokenCount: Int

  /// - Parameter texts: at least one.
  public init(_ texts: [String], unit: Vocabulary.Unit) {
    precondition(!texts.isEmpty, "no texts")
    var lengths: [Int] = []
    var counts: [String: Int] = [:]
    for text in texts {
      let pieces = Vocabulary.pieces(of: text, unit: unit)
      lengths.append(pieces.count)
      for piece in pieces { counts[piece, default: 0] += 1 }
    }
    self.lengths = lengths.sorted()
    tokenCount = lengths.reduce(0, +)
    // By bytes where frequencies are equal: the order must not depend on hashing.
    tokens = counts.sorted {
      $0.value != $1.value ? $0.value > $1.value : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }.map { ($0.key, $0.value) }
  }

  /// The length that so large a share of the texts does not exceed, 0 < `share` ≤ 1.
  public func length(ofShare share: Double) -> Int {
    lengths[min(max(Int((Double(lengths.count) * share).rounded(.up)) - 1, 0), lengths.count - 1)]
  }

  /// How many texts have a length in each of at most `count` intervals of one width, from the shortest to the longest.
  public func histogram(intervals count: Int) -> [(lengths: ClosedRange<Int>, texts: Int)] {
    let (low, high) = (lengths[0], lengths[lengths.count - 1])
    let width = (high - low) / count + 1
    var bins = [Int](repeating: 0, count: (high - low) / width + 1)
    for length in lengths { bins[(length - low) / width] += 1 }
    return bins.enumerated().map { index, texts in
      let first = low + index * width
      return (first...min(first + width - 1, high), texts)
    }
  }

  /// The share of this text's tokens that are not in `other`, of 0...1.
  public func unknownShare(without other: TextStatistics) -> Double {
    let known = Set(other.tokens.map(\.text))
    let unknown = tokens.reduce(0) { known.contains($1.text) ? $0 : $0 + $1.count }
    return Double(unknown) / Double(max(tokenCount, 1))
  }
}

/// What `data info` tells of texts.
public struct SequenceStatistics: Sendable {
  public let texts: SequenceTexts
  /// Of the texts to train on; nil where images stand for them.
  public let training: TextStatistics?
  /// Share of the test texts' tokens that the training texts do not have.
  public let unknownShare: Double
  /// Of the answers to train on; nil without answers.
  public let answers: TextStatistics?
  /// Test texts that are among those to train on, too: what was learnt by heart would be measured. 0 for images and for a
  /// running text.
  public let repeatedTexts: Int

  public init(_ texts: SequenceTexts) {
    self.texts = texts
    let hasTexts = texts.images == nil
    training = hasTexts ? TextStatistics(texts.train.map(\.text), unit: texts.unit) : nil
    let test = hasTexts ? TextStatistics(texts.test.map(\.text), unit: texts.unit) : nil
    unknownShare = training.flatMap { test?.unknownShare(without: $0) } ?? 0
    answers =
      texts.task == .answers ? TextStatistics(texts.train.map(\.target), unit: texts.answerUnit) : nil
    let known = hasTexts && texts.task != .nextToken ? Set(texts.train.map(\.text)) : []
    repeatedTexts = known.isEmpty ? 0 : texts.test.count { known.contains($0.text) }
  }

  /// How many examples each of `texts.labels` has, or tokens where they are tags; empty without labels.
  public func histogram(_ pairs: [SequenceTexts.Pair]) -> [Int] {
    let numbers = Dictionary(
      texts.labels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var counts = [Int](repeating: 0, count: texts.labels.count)
    for pair in pairs where !counts.isEmpty {
      let labels = texts.task == .tags ? pair.target.unicodeScalars.map { String(Character($0)) } : [pair.target]
      for label in labels {
        if let number = numbers[label] { counts[number] += 1 }
      }
    }
    return counts
  }

  /// What a network for these texts needs, line by line, in the words of a network description.
  public var needs: [String] {
    var needs: [String] = []
    if let training {
      let steps = texts.task == .nextToken ? "STEPS" : "\(max(training.lengths.last!, 1))"
      needs.append("input \(steps)x1x1")
      needs.append("embedding \(training.tokens.count + 1) WIDTH")
    } else if let shape = texts.images?.train.shape {
      needs.append("input \(shape)")
    }
    if let answers {
      // Token 0 and the answer's end.
      needs.append("answer: input \(answers.lengths.last! + 1)x1x1")
      needs.append("embedding \(answers.tokens.count + 2) WIDTH")
      needs.append("dense \(answers.tokens.count + 2)")
    } else {
      needs.append("dense \(texts.task == .nextToken ? (training?.tokens.count ?? 0) + 1 : texts.labels.count)")
    }
    return needs
  }
}

import Terminal
import Trainer

/// What `data info` prints of a task over sequences.
struct SequenceListing {
  let statistics: SequenceStatistics

  /// Rows of the histogram, frequent tokens and examples that are printed.
  private static let intervals = 12
  private static let frequent = 12
  private static let examples = 5
  /// Characters of an example that are printed.
  private static let width = 72

  init(_ source: SequenceSource, options: DataOptions) throws {
    statistics = SequenceStatistics(try SequenceTexts(source, splitSeed: options.splitSeed))
  }

  private var texts: SequenceTexts { statistics.texts }
  private var counts: (train: [Int], test: [Int]) {
    (statistics.histogram(texts.train), statistics.histogram(texts.test))
  }

  var text: String {
    var text = "\(texts.name): \(texts.task.rawValue); "
    if texts.task == .nextToken, let training = statistics.training {
      text += "\(training.tokenCount) characters to train on, \(texts.test[0].text.unicodeScalars.count) to test with\n"
    } else {
      text += "\(texts.train.count) examples to train on, \(texts.test.count) to test with\n"
    }
    if !texts.labels.isEmpty { text += "\n" + labelTable }
    if let training = statistics.training {
      text += part(training, of: "text", unit: texts.unit == .words ? "words" : "characters")
      text += "of the test texts' tokens \(percent(statistics.unknownShare, decimals: 2)) are not among them\n"
    }
    if let answers = statistics.answers {
      text += part(answers, of: "answer", unit: texts.answerUnit == .words ? "words" : "characters")
    }
    if statistics.repeatedTexts > 0 {
      text += "\n\(statistics.repeatedTexts) of \(texts.test.count) test texts are among the training texts, too\n"
    }
    text += "\nexamples:\n"
    for example in sample { text += "  " + example + "\n" }
    text += "\na network for all of it has\n"
    for line in statistics.needs { text += "  " + line + "\n" }
    return text
  }

  private var labelTable: String {
    let isTag = texts.task == .tags
    var table = TextTable([.left(isTag ? "tag" : "class"), .right("train"), .right("test"), .right("share")])
    let (train, test) = counts
    let all = Double(max(train.reduce(0, +), 1))
    for (index, label) in texts.labels.enumerated() {
      table.add([label, "\(train[index])", "\(test[index])", percent(Double(train[index]) / all)])
    }
    return table.text
  }

  private func part(_ statistics: TextStatistics, of what: String, unit: String) -> String {
    var text = "\n"
    if texts.task != .nextToken {
      text += "\(what)s of \(statistics.lengths.first!) to \(statistics.lengths.last!) \(unit), "
      text += "half of them at most \(statistics.length(ofShare: 0.5)), "
      text += "95 % at most \(statistics.length(ofShare: 0.95))\n"
      let histogram = statistics.histogram(intervals: SequenceListing.intervals)
      let most = histogram.reduce(1) { max($0, $1.texts) }
      var table = TextTable([.right(""), .right(""), .left("")])
      for (lengths, count) in histogram {
        let bar = String(repeating: "#", count: (count * 40 + most - 1) / most)
        table.add([
          lengths.count == 1 ? "\(lengths.lowerBound)" : "\(lengths.lowerBound)-\(lengths.upperBound)", "\(count)", bar,
        ])
      }
      text += table.text
    }
    let frequent = statistics.tokens.prefix(SequenceListing.frequent).map {
      "\($0.text.visible) \(percent(Double($0.count) / Double(max(statistics.tokenCount, 1))))"
    }
    return text + "\(statistics.tokens.count) different \(unit): \(frequent.joined(separator: ", "))"
      + (statistics.tokens.count > frequent.count ? ", …\n" : "\n")
  }

  /// Some training examples, from all over the data.
  private var sample: [String] {
    if texts.task == .nextToken { return [texts.train[0].text.cut(to: 4 * SequenceListing.width)] }
    let step = max(texts.train.count / SequenceListing.examples, 1)
    return stride(from: 0, to: texts.train.count, by: step).prefix(SequenceListing.examples).map { index in
      let pair = texts.train[index]
      let subject = texts.images == nil ? pair.text.cut(to: SequenceListing.width) : "(image)"
      return subject + " -> " + pair.target.cut(to: SequenceListing.width)
    }
  }

  var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("data", texts.name)
      json.field("task", texts.task.rawValue)
      json.field("train", texts.train.count)
      json.field("test", texts.test.count)
      if !texts.labels.isEmpty {
        let (train, test) = counts
        json.array(texts.task == .tags ? "tags" : "classes") { json in
          for (index, label) in texts.labels.enumerated() {
            json.object { json in
              json.field("label", label)
              json.field("train", train[index])
              json.field("test", test[index])
            }
          }
        }
      }
      for (key, statistics) in [("texts", statistics.training), ("answers", statistics.answers)] {
        guard let statistics else { continue }
        json.object(key) { json in
          json.field("tokens", statistics.tokenCount)
          json.field("different_tokens", statistics.tokens.count)
          json.field("shortest", statistics.lengths.first!)
          json.field("median", statistics.length(ofShare: 0.5))
          json.field("longest", statistics.lengths.last!)
          json.array("lengths") { json in
            for (lengths, count) in statistics.histogram(intervals: SequenceListing.intervals) {
              json.object { json in
                json.field("from", lengths.lowerBound)
                json.field("to", lengths.upperBound)
                json.field("texts", count)
              }
            }
          }
        }
      }
      json.field("unknown_share_of_test", statistics.unknownShare, decimals: 6)
      json.field("in_test_and_training", statistics.repeatedTexts)
      json.array("examples") { json in for example in sample { json.value(example) } }
      json.array("network") { json in for line in statistics.needs { json.value(line) } }
    }
    return json.text
  }
}

extension String {
  /// On one line, with "…" for what is more than `count` characters.
  fileprivate func cut(to count: Int) -> String {
    let line = split(whereSeparator: \.isNewline).joined(separator: "↵")
    return line.count > count ? line.prefix(count) + "…" : line
  }
}

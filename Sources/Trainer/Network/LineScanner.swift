/// The words of one line of a network description, with their places, taken one after the other.
struct LineScanner {
  struct Word: Equatable {
    let text: String
    /// From 1, in characters.
    let column: Int
  }

  let file: String
  let line: Int
  private let words: [Word]
  private var position = 0
  /// Where something missing at the end would stand.
  private let endColumn: Int

  /// - Parameter text: a line; what follows a `#` is a comment.
  init(_ text: Substring, line: Int, file: String) {
    self.line = line
    self.file = file
    var words: [Word] = []
    var current = ""
    var column = 0
    var end = 1
    for character in text.prefix(while: { $0 != "#" }) {
      column += 1
      if character.isWhitespace {
        if !current.isEmpty { words.append(Word(text: current, column: column - current.count)) }
        current = ""
      } else {
        current.append(character)
        end = column + 1
      }
    }
    if !current.isEmpty { words.append(Word(text: current, column: column + 1 - current.count)) }
    self.words = words
    endColumn = end
  }

  var isAtEnd: Bool { position == words.count }
  var peek: Word? { isAtEnd ? nil : words[position] }

  /// The next word.
  mutating func take(_ expected: String) throws(TrainerError) -> Word {
    guard let word = peek else { throw error(expected) }
    position += 1
    return word
  }

  /// Whether the next word is `text`, which is then taken.
  mutating func takes(_ text: String) -> Bool {
    guard peek?.text == text else { return false }
    position += 1
    return true
  }

  mutating func integer(_ expected: String, in range: ClosedRange<Int>) throws(TrainerError) -> Int {
    guard let word = peek, let value = Int(word.text), range.contains(value) else { throw error(expected) }
    position += 1
    return value
  }

  mutating func number(_ expected: String, in range: ClosedRange<Float>) throws(TrainerError) -> Float {
    guard let word = peek, let value = Float(word.text), range.contains(value) else { throw error(expected) }
    position += 1
    return value
  }

  /// The next number, or nil (nothing taken) if the next word is none.
  mutating func optionalNumber(_ expected: String, in range: ClosedRange<Float>) throws(TrainerError) -> Float? {
    guard let word = peek, Float(word.text) != nil else { return nil }
    return try number(expected, in: range)
  }

  /// Positive integers joined by `x`, as "28x28x1"; their number is in `counts`.
  mutating func extents(_ expected: String, counts: ClosedRange<Int>) throws(TrainerError) -> [Int] {
    guard let word = peek else { throw error(expected) }
    let parts = word.text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    // Beyond this nothing fits into memory, and products would leave Int.
    guard counts.contains(parts.count), parts.allSatisfy({ (1...65_536).contains($0) }) else { throw error(expected) }
    position += 1
    return parts
  }

  func expectEnd() throws(TrainerError) {
    guard isAtEnd else { throw error("the end of the line") }
  }

  /// An error at the next word, or at the end of the line. If the word is nearly one of `known`, the hint says so.
  func error(_ expected: String, known: [String] = []) -> TrainerError {
    .syntax(
      file: file, line: line, column: peek?.column ?? endColumn, expected: expected,
      found: peek.map { "'\($0.text)'" } ?? "the end of the line",
      hint: peek.flatMap { nearest($0.text, in: known) }.map { "did you mean '\($0)'?" })
  }
}

/// The word of `known` that takes the fewest changes of one character to become `word`, if those are one or two.
func nearest(_ word: String, in known: [String]) -> String? {
  let candidates = known.map { ($0, editDistance(word.lowercased(), $0)) }
  guard let best = candidates.min(by: { $0.1 < $1.1 }), best.1 <= min(2, word.count / 2) else { return nil }
  return best.0
}

/// Levenshtein's distance: insertions, deletions and replacements that turn `a` into `b`.
private func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, character) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let replaced = diagonal + (character == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}

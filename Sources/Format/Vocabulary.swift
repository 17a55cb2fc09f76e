/// What the tokens of a text are, and their numbers: token i is `texts[i]`.
///
/// Token 0 stands for everything that is not in the vocabulary, and fills up a text that is shorter than the network's
/// sequence; its own text is what is printed for it.
public struct Vocabulary: Equatable, Sendable {
  /// How a text is cut into tokens, and tokens make a text again.
  public enum Unit: UInt8, Sendable, CaseIterable {
    /// Each Unicode scalar is a token.
    case characters = 1
    /// In ASCII letters made small, each run of characters without white space and ASCII punctuation is a token, the apostrophe
    /// being part of a run, and so is each other punctuation mark. White space is U+0020 and U+0009 to U+000D. Tokens are
    /// joined by one space.
    case words = 2
  }

  public var unit: Unit
  public var texts: [String]

  public init(unit: Unit, texts: [String]) {
    self.unit = unit
    self.texts = texts
  }

  /// The texts of `tokens` as one text; numbers that are no token count as 0.
  public func text(of tokens: [Int]) -> String {
    var text = ""
    for (position, token) in tokens.enumerated() {
      if unit == .words && position > 0 { text += " " }
      text += texts[texts.indices ~= token ? token : 0]
    }
    return text
  }

  /// `text` cut into the texts of tokens, whether in the vocabulary or not.
  public static func pieces(of text: String, unit: Unit) -> [String] {
    var pieces: [String] = []
    var word = String.UnicodeScalarView()
    func end() {
      if !word.isEmpty { pieces.append(String(word)) }
      word = String.UnicodeScalarView()
    }
    for scalar in text.unicodeScalars {
      guard unit == .words else {
        pieces.append(String(Character(scalar)))
        continue
      }
      switch scalar.value {
      case 0x20, 0x09...0x0D: end()
      case 0x41...0x5A: word.append(UnicodeScalar(UInt8(scalar.value + 0x20)))
      case 0x21...0x26, 0x28...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E:
        end()
        pieces.append(String(Character(scalar)))
      default: word.append(scalar)
      }
    }
    end()
    return pieces
  }
}

/// Turns texts into tokens: a vocabulary with its texts sorted for looking them up.
public struct Tokenizer: Sendable {
  public let vocabulary: Vocabulary
  private let numbers: [[UInt8]: Int]

  public init(_ vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
    // By bytes: two texts are equal only if they are written alike. The first of two equal ones counts.
    var numbers: [[UInt8]: Int] = [:]
    for (number, text) in vocabulary.texts.enumerated() where numbers[Array(text.utf8)] == nil {
      numbers[Array(text.utf8)] = number
    }
    self.numbers = numbers
  }

  /// The tokens of `text`, 0 for those that the vocabulary does not have.
  public func tokens(of text: String) -> [Int] {
    var tokens: [Int] = []
    for piece in Vocabulary.pieces(of: text, unit: vocabulary.unit) { tokens.append(numbers[Array(piece.utf8)] ?? 0) }
    return tokens
  }
}

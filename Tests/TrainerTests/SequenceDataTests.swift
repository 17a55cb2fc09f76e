import Foundation
import Format
import Testing

@testable import Trainer

/// Texts as examples: how they are cut, numbered and split.
@Suite struct SequenceDataTests {
  private func shape(_ text: String) throws -> SequenceShape { try SequenceShape(describe(text)) }

  /// A file or folder that is gone when the test is over.
  private func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sequences-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
    try body(folder.path)
  }

  @Test(arguments: [
    (0, "zero"), (7, "seven"), (13, "thirteen"), (20, "twenty"), (42, "forty two"), (100, "one hundred"),
    (219, "two hundred nineteen"), (4072, "four thousand seventy two"),
    (9999, "nine thousand nine hundred ninety nine"),
    (5000, "five thousand"),
  ]) func numbersInWords(number: Int, words: String) { #expect(NumberWords.words(number) == words) }

  @Test func everyNumberIsInOneSet() {
    let all = (NumberWords.train + NumberWords.test).map(\.text)
    #expect(Set(all).count == 10_000)
    #expect(all.count == 10_000)
    #expect(NumberWords.test.count == 1000)
  }

  @Test func sentencesHaveATagPerCharacter() {
    let sentences = DateTags.test
    #expect(sentences.allSatisfy { $0.text.unicodeScalars.count == $0.target.unicodeScalars.count })
    #expect(Set(sentences.flatMap { $0.target.map(String.init) }) == Set(DateTags.labels))
    #expect(sentences.map(\.text) == DateTags.test.map(\.text))
    #expect(sentences.map(\.text) != Array(DateTags.train.prefix(1000)).map(\.text))
  }

  /// The parts of a text are read side by side; each window of one goes on where the one before ended, and the label is
  /// the next character.
  @Test func aTextIsReadThrough() throws {
    let text = String((0..<200).flatMap { "\($0) " })
    try withFolder(["text": text]) { folder in
      let shape = try shape("input 7x1x1\n embedding 12 4\n gru 5 carry\n dense 12\ntrain\n batch 4")
      let data = try SequenceData(SequenceSource("text:\(folder)/text")!, for: shape)
      let vocabulary = try #require(data.vocabulary)
      #expect(Set(vocabulary.texts.dropFirst()) == Set((Array("0123456789 ")).map(String.init)))
      let train = data.train
      #expect(train.count % 4 == 0)
      let tokens = Tokenizer(vocabulary).tokens(of: text).map(Int32.init)
      #expect(Array(train.tokens[0][0]) == Array(tokens[..<7]))
      for index in 0..<train.count {
        #expect(train.tokens[0][index].dropFirst().elementsEqual(train.labels[index].dropLast()))
        guard index + 4 < train.count else { continue }
        #expect(train.labels[index].last == train.tokens[0][index + 4].first)
      }
      // The test text is what follows, one character after the other.
      let test = data.test.tokens[0].values
      #expect(Array(tokens.suffix(test.count + 1).dropLast()) == test)
      #expect(data.test.labels.values == Array(tokens.suffix(test.count)))
    }
  }

  @Test func rareCharactersAreUnknown() throws {
    try withFolder(["text": String(repeating: "aabbc ", count: 50)]) { folder in
      let shape = try shape("input 5x1x1\n embedding 4 4\n gru 5\n dense 4")
      let data = try SequenceData(SequenceSource("text:\(folder)/text")!, for: shape)
      #expect(data.vocabulary?.texts.count == 4)
      #expect(
        data.vocabulary?.texts.dropFirst().contains("c") == false || data.vocabulary?.texts.contains(" ") == false)
      #expect(data.train.tokens[0].values.contains(0))
    }
  }

  @Test func answersAreShiftedByOne() throws {
    let shape = try shape(
      "input 4x1x1\n embedding 11 4\n e: gru 5\n a: input 9x1x1\n embedding 32 4\n gru 5 state from e\n dense 32")
    let data = try SequenceData(.numbers, for: shape)
    #expect(data.train.count == 9000)
    let index = try #require(NumberWords.train.firstIndex { $0.text == "40" || $0.text.count == 2 })
    let (before, labels) = (Array(data.train.tokens[1][index]), Array(data.train.labels[index]))
    let end = Int32(SequenceData.endToken)
    let length = try #require(labels.firstIndex(of: end))
    #expect(before[0] == end)
    #expect(before[1...length].elementsEqual(labels[..<length]))
    #expect(labels[(length + 1)...].allSatisfy { $0 == -1 })
    #expect(data.answer(labels) == NumberWords.train[index].target)
    #expect(data.train.tokens[0][index].suffix(2).allSatisfy { $0 == 0 })
  }

  @Test func tagsEndWithTheText() throws {
    try withFolder([
      "tags": "ab1\t--N\nlonger than that 22\t-----------------NN\n" + String(repeating: "x7\t-N\n", count: 20)
    ]) {
      folder in
      let data = try SequenceData(
        SequenceSource("tags:\(folder)/tags")!, for: shape("input 5x1x1\n embedding 20 4\n gru 5\n dense 2"))
      #expect(data.labels == ["-", "N"])
      let rows = (0..<data.train.count).map { Array(data.train.labels[$0]) }
      #expect(rows.contains([0, 1, -1, -1, -1]))
      #expect(data.train.count + data.test.count == 22)
    }
  }

  @Test func linesOfSeveralClassesAreLeftOut() throws {
    let own = (0..<30).map { "this line is in the first file only, number \($0)" }
    let other = (0..<30).map { "and this one is in the second file, \($0)" }
    let shared = "a line that both files have, and so says nothing"
    try withFolder([
      "one": (own + [shared, "short"]).joined(separator: "\n"), "two": (other + [shared]).joined(separator: "\n"),
    ]) { folder in
      let data = try SequenceData(
        SequenceSource("lines:\(folder)")!, for: shape("input 60x1x1\n embedding 60 4\n gru 5\n last\n dense 2"))
      #expect(data.labels == ["one", "two"])
      #expect(data.train.count + data.test.count == 60)
      #expect(data.train.labels.width == 1)
    }
  }

  @Test func captionsNameBothImages() throws {
    let shape = ImageShape(height: 2, width: 3, channels: 1)
    let images = Trainer.Examples(
      shape: shape, pixels: (0..<30).map { UInt8($0) }, classes: [0, 1, 9, 5, 7])
    let captions = Captions(images, DataSet.fashionMNISTLabels)
    #expect(captions.images.shape == ImageShape(height: 2, width: 6, channels: 1))
    let nouns = ["a top", "a pair of trousers", "an ankle boot", "a sandal", "a sneaker"]
    for (left, pair) in captions.pairs.enumerated() {
      let pixels = captions.images.image(left).pixels
      let right = Int(pixels[3]) / 6
      #expect(pixels[..<3].elementsEqual(images.image(left).pixels[..<3]))
      #expect(pixels[9...].elementsEqual(images.image(right).pixels[3...]))
      #expect(pair.target == "\(nouns[left]) next to \(nouns[right])")
    }
    #expect(Set(captions.pairs.map(\.target)).count == 5)
  }

  static let wrong = [
    (
      "pairs", "one text only\n",
      "input 4x1x1\n embedding 5 4\n e: gru 5\n a: input 9x1x1\n embedding 5 4\n gru 5 state from e\n dense 5",
      "line 1: expected two texts with a tab between them, found no tab"
    ),
    ("tags", "abc\t--\n", "input 4x1x1\n embedding 5 4\n gru 5\n dense 2", "expected 3 tags"),
    ("text", "abcabcabcabcabcabcabcabc", "input 4x1x1\n embedding 9 4\n gru 5\n dense 9", "outputs: expected 4"),
    ("text", "abcabcabcabcabcabcabcabc", "input 4x1x1\n embedding 3 4\n gru 5\n dense 4", "expected at least 4 tokens"),
    ("text", "abcabcabcabcabcabcabcabc", "input 4x4x1\n conv 3x3x2\n flatten\n dense 4", "expected tokens, STEPSx1x1"),
    ("text", "ab", "input 4x1x1\n embedding 9 4\n gru 5\n dense 3", "expected at least 1 example"),
    (
      "pairs", String(repeating: "a\tb\n", count: 20), "input 4x1x1\n embedding 9 4\n gru 5\n dense 4",
      "expected a second one for the answer"
    ),
    ("pairs", "a\tb\nc\td\n", "input 4x1x1\n embedding 9 4\n gru 5\n dense 4", "test: expected at least 1 example"),
  ]

  @Test(arguments: wrong) func whatDoesNotFitIsTold(kind: String, text: String, network: String, expected: String)
    throws
  {
    try withFolder(["file": text]) { folder in
      let shape = try shape(network)
      let error = #expect(throws: DataError.self) {
        try SequenceData(SequenceSource("\(kind):\(folder)/file")!, for: shape)
      }
      #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }
  }

  @Test func namesOfSources() {
    #expect(SequenceSource("numbers") == .numbers)
    #expect(SequenceSource("text:a/b.txt") == .text(path: "a/b.txt"))
    #expect(SequenceSource("captions:fashion-mnist") == .captions(images: "fashion-mnist"))
    #expect(SequenceSource("fashion-mnist") == nil)
    #expect(SequenceSource("c:/photos") == nil)
  }
}

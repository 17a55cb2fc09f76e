import Format

/// A task over sequences with its data, encoded for one network.
public struct SequenceData: Sendable {
  /// What the network's outputs are.
  public enum Task: String, Sendable {
    /// The next token at every step of a text.
    case nextToken = "next token"
    /// A class for a whole text.
    case classes
    /// A class for every token of a text.
    case tags
    /// A text: what a decoder says, token by token.
    case answers
  }

  public var name: String
  public var task: Task
  /// One name per class, where outputs are classes.
  public var labels: [String]
  /// The tokens of the text that is read; nil for an image.
  public var inputVocabulary: Vocabulary?
  /// The tokens that outputs count, where they are tokens.
  public var vocabulary: Vocabulary?
  public var train: SequenceExamples
  public var test: SequenceExamples

  /// The token that ends an answer, and that a decoder begins with.
  public static let endToken = 1
  /// What is printed for it, if it ever is.
  static let endText = "<end>"
  /// What is printed for a token that is in no vocabulary.
  static let unknownText = "\u{FFFD}"

  /// The recipe for the images, with mean and deviation of those to train with; nil without images.
  public var preprocessing: Preprocessing? {
    train.images.map { DataSet(name: name, labels: labels, train: $0, test: $0).imagePreprocessing }
  }

  /// As in "numbers, 9000 examples": what the model file says that it was trained on.
  public var provenance: String { "\(name), \(train.count) examples" }

  /// The text of an answer: tokens up to the end token, or up to a label that is none.
  public func answer(_ tokens: some Sequence<Int32>) -> String {
    let said = tokens.prefix { $0 >= 0 && $0 != Int32(SequenceData.endToken) }
    return vocabulary?.text(of: said.map(Int.init)) ?? ""
  }
}

/// What a network's description, or a model, says about the texts that it takes.
public struct SequenceShape: Equatable, Sendable {
  /// The first input.
  public var input: ImageShape
  /// Whether texts may have any length: a model takes them one step at a time.
  public var takesAnyLength = false
  /// Steps of the answer; nil if there is no second input.
  public var answerSteps: Int?
  /// Tokens that the first input's embedding knows; nil if it has none.
  public var inputTokens: Int?
  /// Tokens that the answer's embedding knows.
  public var answerTokens: Int?
  /// Outputs per step.
  public var outputs: Int
  /// Sequences in a step of training.
  public var batch: Int
  /// The tokens that a model knows; of a network to be trained, the data says.
  public var inputVocabulary: Vocabulary?
  public var vocabulary: Vocabulary?

  /// - Throws: `TrainerError.invalid` if the layers do not fit together.
  public init(_ description: NetworkDescription) throws(TrainerError) {
    let list = try LayerList(description)
    input = description.input
    batch = description.recipe.batch
    outputs = list.output.shape.count / list.labelCount
    answerSteps = list.inputs.count > 1 ? list.inputs[1].shape.height : nil
    func tokens(_ input: Value) -> Int? {
      let embeddings = list.layers.compactMap { $0 as? EmbeddingLayer }
      return embeddings.first { $0.input.dataRoot === input }?.geometry.vocabulary
    }
    inputTokens = tokens(list.inputs[0])
    answerTokens = list.inputs.count > 1 ? tokens(list.inputs[1]) : nil
  }
}

extension SequenceShape {
  /// Nil if the model is none for sequences.
  public init?(_ model: Model) {
    let metadata = model.metadata
    let main = model.graph
    let input = main.tensors[main.inputs[0]].shape
    guard input.count == 4, metadata.inputVocabulary != nil || metadata.vocabulary != nil else { return nil }
    self.input = ImageShape(height: input[1], width: input[2], channels: input[3])
    takesAnyLength = input[1] == 1
    batch = 1
    let graph = model.decoder?.graph ?? main
    outputs = graph.tensors[graph.outputs[0]].shape.last ?? 0
    answerSteps = model.decoder?.maximumLength
    inputVocabulary = metadata.inputVocabulary
    vocabulary = metadata.vocabulary
  }
}

extension Vocabulary {
  /// The pieces of `texts`, the most frequent first, behind token 0 for all others, among them those that are too long for a
  /// model file.
  ///
  /// - Parameters:
  ///   - reserved: the texts of tokens 1, 2, …
  ///   - limit: tokens at most; rarer pieces are left out.
  init(of texts: [String], unit: Unit, reserved: [String] = [], limit: Int) {
    var counts: [String: Int] = [:]
    for text in texts {
      for piece in Vocabulary.pieces(of: text, unit: unit) where piece.utf8.count <= Limits.textBytes {
        counts[piece, default: 0] += 1
      }
    }
    let first = [SequenceData.unknownText] + reserved
    // By bytes where frequencies are equal: the order must not depend on hashing.
    let sorted = counts.sorted {
      $0.value != $1.value ? $0.value > $1.value : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
    self.init(unit: unit, texts: first + sorted.map(\.key).prefix(max(limit - first.count, 0)))
  }
}

import Format
import Terminal
import Trainer

/// The model of `--from`, whose weights a run begins with.
struct Base {
  let path: String
  let model: Model
  private let freeze: String?

  /// Nil without `--from`.
  init?(_ arguments: Arguments) throws {
    freeze = arguments.string("freeze")
    guard let path = arguments.string("from") else {
      guard freeze == nil else {
        throw UsageError(
          "--freeze", expected: "--from, whose weights are held", found: "none", command: TrainCommand.command.name)
      }
      return nil
    }
    self.path = path
    model = try Model(readingFrom: path)
    guard model.metadata.preprocessing != nil || SequenceShape(model) != nil else {
      throw Problem("\(path): expected a model of images or sequences, found one without recipe and vocabulary")
    }
  }

  /// With a new head, of as many outputs as the data has classes, unless these are the model's own. Images of captions are
  /// prepared as for the model.
  func startingPoint(for description: inout NetworkDescription, data: TrainingData) throws -> StartingPoint {
    var start = StartingPoint(model: model, freeze: freeze)
    if case .sequences = data, description.normalization == nil, let recipe = preprocessing(for: description) {
      description.normalization = Normalization(mean: recipe.mean, deviation: recipe.deviation)
    }
    guard let head = try description.head(), !hasOutputs(of: data) else { return start }
    let isOneForTwo = head.outputs == 1 && data.labels.count == 2
    if !isOneForTwo, !data.labels.isEmpty { description.setHead(head.index, outputs: data.labels.count) }
    start.newHead = head.name
    return start
  }

  /// Whether the model's outputs mean what the data's labels are, or tokens.
  private func hasOutputs(of data: TrainingData) -> Bool {
    guard case .sequences(let sequences) = data, sequences.labels.isEmpty else {
      return model.metadata.labels == data.labels
    }
    return model.metadata.vocabulary == sequences.vocabulary
  }

  /// The model's own, so that its weights see what they have learnt on; nil where the network takes images of another size.
  func preprocessing(for description: NetworkDescription) -> Preprocessing? {
    model.preprocessing(for: description.input)
  }

  /// What the run takes over, in a line.
  func text(_ run: TrainingRun) -> String {
    var new: [String] = []
    for tensor in run.transferred {
      if case .new(let why) = tensor.outcome { new.append("\(tensor.name) (\(why))") }
    }
    var text = "from \(path): \(run.transferred.count - new.count) of \(run.transferred.count) tensors"
    if !new.isEmpty { text += "; new: " + new.joined(separator: ", ") }
    if let freeze {
      text +=
        "; frozen up to \(freeze): \(shortCount(run.frozenParameterCount)) of \(shortCount(run.parameterCount)) parameters"
    }
    return text
  }
}

extension Model {
  /// The recipe for pictures, if it makes inputs of this shape.
  func preprocessing(for input: ImageShape) -> Preprocessing? {
    metadata.preprocessing.flatMap {
      ImageShape(height: $0.height, width: $0.width, channels: $0.channels) == input ? $0 : nil
    }
  }
}

extension SequenceShape {
  /// What a network needs whose run begins with `model`: its tokens are the model's, and its last layer gets as many outputs
  /// as there are classes.
  mutating func begin(with model: Model, on texts: SequenceTexts) {
    inputVocabulary = model.metadata.inputVocabulary
    // Answers have an end, running texts have none.
    if (texts.task == .answers) == (model.decoder != nil) { vocabulary = model.metadata.vocabulary }
    if !texts.labels.isEmpty { outputs = texts.labels.count }
  }
}

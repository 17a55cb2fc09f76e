import Format
import Trainer

/// A model file for sequences with the data that it is to be measured on.
struct SequenceModelFile {
  let path: String
  let model: Model
  let data: SequenceData

  /// Reads a model and then the data, cut to what the model takes and in the tokens that it knows.
  ///
  /// - Throws: what reading throws; `Problem` if the model is of another kind, or for other classes.
  init(path: String, data source: SequenceSource, options: DataOptions) throws {
    self.path = path
    model = try Model(readingFrom: path)
    guard let shape = SequenceShape(model) else {
      throw Problem("\(path): expected a model for sequences, as \(source.name) is, found another")
    }
    data = try SequenceData(source, for: shape, splitSeed: options.splitSeed)
    let isDecoded = data.task == .answers
    guard isDecoded == (model.decoder != nil) else {
      throw Problem(
        "\(path): expected a model \(isDecoded ? "with" : "without") a decoder, as \(source.name) needs, found one "
          + (isDecoded ? "without" : "with one"))
    }
    try model.metadata.checkLabels(data.labels, of: data.name, path: path)
  }
}

extension Metadata {
  /// - Parameters:
  ///   - expected: the names that the data `name` has; empty where it has none.
  ///   - path: of the model.
  /// - Throws: `Problem` if the model's are others.
  func checkLabels(_ expected: [String], of name: String, path: String) throws {
    guard !labels.isEmpty, !expected.isEmpty, labels != expected else { return }
    let place = zip(labels, expected).enumerated().first { $0.element.0 != $0.element.1 }
    throw Problem(
      "\(path): "
        + (place.map { "label \($0.offset): expected \($0.element.1) as in \(name), found \($0.element.0)" }
          ?? "labels: expected \(expected.count) as in \(name), found \(labels.count)"),
      hint: "the model was made for other classes, or in another order")
  }
}

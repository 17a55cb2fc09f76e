import Format
import Runtime
import Trainer

/// A model file with the data that it is to be measured on.
struct ModelFile {
  let path: String
  let model: Model
  let data: DataSet

  /// Reads a model and then the data, brought to the size that the model asks for.
  ///
  /// - Throws: what reading throws; `Problem` if labels or classes do not match.
  init(path: String, data source: DataSource, options: DataOptions) throws {
    self.path = path
    model = try Model(readingFrom: path)
    let metadata = model.metadata
    let recipe = metadata.preprocessing
    guard SequenceShape(model) == nil else {
      throw Problem(
        "\(path): expected a model for \(source.holdsNumbers ? "rows of numbers" : "images"), found one for sequences",
        hint: "data for sequences is named as in text:FILE, pairs:FILE or numbers (docs/cli.md, \"Sequences\")")
    }
    guard source.holdsNumbers == (recipe == nil) else {
      throw recipe == nil
        ? Problem("\(path): expected a preprocessing recipe in the model file, found none")
        : Problem("\(path): expected images, as the model takes, found rows of numbers")
    }
    data = try DataSet(source, geometry: recipe, options: options)
    let outputs = model.graph.outputs.first.map { model.graph.tensors[$0].count } ?? 0
    guard outputs == data.labels.count else {
      throw Problem("\(path): expected \(data.labels.count) outputs, one per class of \(data.name), found \(outputs)")
    }
    let inputs = model.graph.inputs.first.map { model.graph.tensors[$0].count } ?? 0
    guard inputs == data.shape.count else {
      throw Problem("\(path): expected \(data.shape.count) inputs, one per column of \(data.name), found \(inputs)")
    }
    try metadata.checkLabels(data.labels, of: data.name, path: path)
  }
}

extension Model {
  /// Reads a model file.
  ///
  /// - Throws: `FormatError` if the system does not give it, `Problem` with its name if there is no model in it.
  init(readingFrom path: String) throws {
    do throws(FormatError) {
      try self.init(path: path)
    } catch {
      if case .cannotRead = error { throw error }
      throw Problem("\(path): \(error.description)", hint: error.hint)
    }
  }
}

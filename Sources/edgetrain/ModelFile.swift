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
    if !metadata.labels.isEmpty, metadata.labels != data.labels {
      let place = zip(metadata.labels, data.labels).enumerated().first { $0.element.0 != $0.element.1 }!
      throw Problem(
        "\(path): label \(place.offset): expected \(place.element.1) as in \(data.name), found \(place.element.0)",
        hint: "the model was made for other classes, or in another order")
    }
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

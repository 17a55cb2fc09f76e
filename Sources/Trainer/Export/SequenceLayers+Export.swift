import Format

extension RecurrentLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    throw .invalid(what: name, expected: "a layer that the model file has", found: "a recurrent one")
  }
}

extension EmbeddingLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    throw .invalid(what: name, expected: "a layer that the model file has", found: "an embedding")
  }
}

extension StepLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    throw .invalid(what: name, expected: "a layer that the model file has", found: "one step of a sequence")
  }
}

import Format
import Quantize
import Trainer

/// Makes the model file of a finished run over sequences: graph and decoder, vocabularies, provenance, calibration ranges,
/// self-test.
struct SequenceExporter {
  let run: TrainingRun
  let data: SequenceData

  /// Training examples whose activations give the ranges for int8.
  static let calibrationExamples = 256

  func export() throws -> Model {
    let exported = try run.export()
    var model = Model(graph: exported.main)
    if let decoder = exported.decoder {
      model.decoder = Decoder(
        graph: decoder, links: exported.links, startToken: SequenceData.endToken, endToken: SequenceData.endToken,
        maximumLength: data.train.labels.width)
    }
    model.metadata.name = run.description.name
    model.metadata.labels = data.labels
    model.metadata.preprocessing = run.preprocessing
    model.metadata.inputVocabulary = data.inputVocabulary
    model.metadata.vocabulary = data.vocabulary
    model.metadata.labeling = data.task == .tags ? .steps : .whole
    model.metadata.provenance = Provenance(
      tool: "edgetrain \(Edgetrain.version)", data: data.provenance, seed: run.description.recipe.seed)
    model.metadata.calibration = try SequenceCalibration(model)
      .ranges(data.train.prefix(SequenceExporter.calibrationExamples), isOneText: data.task == .nextToken)
    model.selfTest = try selfTest(model)
    return model
  }

  /// The first test example, at the start of its text, and what the reference interpreter makes of it; the decoder's answer
  /// to its start token.
  private func selfTest(_ model: Model) throws -> SelfTest {
    func zeros(_ graph: Graph) -> [TensorValue] {
      graph.inputs.map { .f32([Float](repeating: 0, count: graph.tensors[$0].count)) }
    }
    var inputs = zeros(model.graph)
    let first = data.test.input(0, model)
    inputs[0] = .f32(Array(first.prefix(model.graph.tensors[model.graph.inputs[0]].count)))
    let outputs = try ReferenceInterpreter(model.graph).run(inputs)
    var test = SelfTest(
      inputs: inputs.map(\.constant), outputs: outputs.map(\.constant), tolerance: Exporter.selfTestTolerance)
    guard let decoder = model.decoder else { return test }
    var handed = zeros(decoder.graph)
    handed[0] = .f32([Float(decoder.startToken)])
    for link in decoder.links { handed[link.input] = outputs[link.output] }
    test.decoderInputs = handed.map(\.constant)
    test.decoderOutputs = try ReferenceInterpreter(decoder.graph).run(handed).map(\.constant)
    return test
  }
}

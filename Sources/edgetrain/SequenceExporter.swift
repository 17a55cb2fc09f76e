import Format
import Quantize
import Trainer

/// Makes the model file of a finished run over sequences: graph and decoder, vocabularies, provenance, calibration ranges,
/// self-test.
struct SequenceExporter {
  let run: TrainingRun
  let data: SequenceData
  /// What the run began with, if anything.
  var base: Model?

  /// The model with weights of 0: see `Exporter.outline`.
  func outline() throws -> Model { model(try run.outline()) }

  private func model(_ exported: ExportedNetwork) -> Model {
    var model = Model(exported, answerSteps: data.train.labels.width)
    model.metadata.name = run.description.name
    model.metadata.labels = data.labels
    model.metadata.preprocessing = run.preprocessing
    model.metadata.inputVocabulary = data.inputVocabulary
    model.metadata.vocabulary = data.vocabulary
    model.metadata.labeling = data.task == .tags ? .steps : .whole
    model.metadata.provenance = Provenance(
      tool: "edgetrain \(Edgetrain.version)", data: data.provenance + base.origin, seed: run.description.recipe.seed)
    return model
  }

  func export() throws -> Model {
    var model = model(try run.export())
    model.metadata.calibration = try SequenceCalibration(model)
      .ranges(
        data.calibrationExamples(SequenceData.calibrationCount, parts: run.batch), isOneText: data.task == .nextToken)
    model.selfTest = try model.sequenceSelfTest(data.test.runs(0, model)[0])
    return model
  }
}

extension Model {
  /// A network as it was exported, without metadata.
  ///
  /// - Parameter answerSteps: the most tokens of an answer, where there is a decoder.
  init(_ exported: ExportedNetwork, answerSteps: Int) {
    self.init(graph: exported.main)
    guard let graph = exported.decoder else { return }
    decoder = Decoder(
      graph: graph, links: exported.links, startToken: SequenceData.endToken, endToken: SequenceData.endToken,
      maximumLength: answerSteps)
  }

  /// What the reference interpreter makes of a first input at the start of a text; and the decoder's answer to its start
  /// token.
  func sequenceSelfTest(_ first: ArraySlice<Float>) throws -> SelfTest {
    func zeros(_ graph: Graph) -> [TensorValue] {
      graph.inputs.map { .f32([Float](repeating: 0, count: graph.tensors[$0].count)) }
    }
    var inputs = zeros(graph)
    inputs[0] = .f32(Array(first))
    let outputs = try ReferenceInterpreter(graph).run(inputs)
    var test = SelfTest(
      inputs: inputs.map(\.constant), outputs: outputs.map(\.constant), tolerance: Exporter.selfTestTolerance)
    guard let decoder else { return test }
    var handed = zeros(decoder.graph)
    handed[0] = .f32([Float(decoder.startToken)])
    for link in decoder.links { handed[link.input] = outputs[link.output] }
    test.decoderInputs = handed.map(\.constant)
    test.decoderOutputs = try ReferenceInterpreter(decoder.graph).run(handed).map(\.constant)
    return test
  }
}

import Format
import Quantize
import Runtime
import Trainer

/// Makes the model file of a finished run: graph, labels, recipe, provenance, calibration ranges, self-test.
struct Exporter {
  let run: TrainingRun
  let data: DataSet
  /// What the run began with, if anything.
  var base: Model?

  /// Training images whose activations give the ranges for `edgerun --int8`.
  static let calibrationImages = 512
  /// By how much a device's outputs may differ from the reference's, as a share of 1 or of the largest: for probabilities a
  /// hundred times what another order of additions makes, a hundredth of what a wrong weight does.
  static let selfTestTolerance: Float = 1e-4

  /// The model with weights of 0, to verify before hours of training that a file can have its names and sizes.
  func outline() throws -> Model { model(try run.outline()) }

  private func model(_ exported: ExportedNetwork) -> Model {
    var model = Model(graph: exported.main)
    model.metadata.name = run.description.name
    model.metadata.labels = data.labels
    model.metadata.preprocessing = run.preprocessing
    model.metadata.provenance = Provenance(
      tool: "edgetrain \(Edgetrain.version)", data: data.provenance(trained: data.train.count) + base.origin,
      seed: run.description.recipe.seed)
    return model
  }

  /// - Returns: the model, and its outputs for the test examples, one number per class and example.
  func export() throws -> (model: Model, testScores: [Float]) {
    var model = model(try run.export())
    model.metadata.calibration = try Calibration(model)
      .ranges(data.train.sample(Exporter.calibrationImages), observer: .minMax)
    model.selfTest = try selfTest(model)
    let evaluator = try Evaluator(model, path: run.description.name)
    let scores = evaluator.scores(data.test)
    if case .classes(let report) = Assessment(data.test, labels: data.labels, scores: scores) {
      model.metadata.provenance.floatAccuracy = Float(report.accuracy)
    }
    return (model, scores)
  }

  /// The first test image and what the reference interpreter makes of it.
  private func selfTest(_ model: Model) throws -> SelfTest {
    var input = [Float](repeating: 0, count: data.shape.count)
    input.withUnsafeMutableBufferPointer { BatchReader(run.preprocessing).read(data.test, at: 0, into: $0) }
    let outputs = try ReferenceInterpreter(model.graph).run([.f32(input)])
    var largest: Float = 1
    for case .f32(let values) in outputs { largest = values.reduce(largest) { max($0, abs($1)) } }
    return SelfTest(
      inputs: [Constant(input)], outputs: outputs.map(\.constant), tolerance: largest * Exporter.selfTestTolerance)
  }
}

extension Model? {
  /// As in "; begun with lenet5 (fashion-mnist, 60000 images)"; nothing for none.
  var origin: String {
    map { "; begun with \($0.metadata.name) (\($0.metadata.provenance.data))" } ?? ""
  }
}

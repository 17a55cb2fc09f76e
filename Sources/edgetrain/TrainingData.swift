import Format
import Terminal
import Trainer
import Vision

/// What a run is trained on, whatever it is.
enum TrainingData {
  case set(DataSet)
  case sequences(SequenceData)

  var name: String {
    switch self {
    case .set(let data): data.name
    case .sequences(let data): data.name
    }
  }

  /// What several examples are called.
  var noun: String {
    switch self {
    case .set(let data): data.train.noun
    case .sequences: "sequences"
    }
  }

  /// As in "28x28x1 of 10 classes".
  var contents: String {
    switch self {
    case .set(let data): "\(data.shape) of \(data.contents)"
    case .sequences(let data):
      switch data.task {
      case .nextToken: "for the next of \(data.vocabulary?.texts.count ?? 0) tokens"
      case .classes, .tags: "of \(data.labels.count) \(data.task.rawValue)"
      case .answers: "with answers of \(data.vocabulary?.texts.count ?? 0) tokens"
      }
    }
  }

  var labels: [String] {
    switch self {
    case .set(let data): data.labels
    case .sequences(let data): data.labels
    }
  }

  var trainCount: Int {
    switch self {
    case .set(let data): data.train.count
    case .sequences(let data): data.train.count
    }
  }

  var testCount: Int {
    switch self {
    case .set(let data): data.test.count
    case .sequences(let data): data.test.count
    }
  }

  /// - Parameters:
  ///   - preprocessing: of images; nil takes mean and deviation from the training images.
  ///   - start: a model whose weights the run begins with.
  func run(
    _ description: NetworkDescription, preprocessing: Preprocessing? = nil, start: StartingPoint? = nil,
    devices: TrainingDevices
  ) throws -> TrainingRun {
    switch self {
    case .set(let data):
      try TrainingRun(description, data: data, preprocessing: preprocessing, start: start, devices: devices)
    case .sequences(let data): try TrainingRun(description, sequences: data, start: start, devices: devices)
    }
  }

  /// What a finished run has come to.
  struct Result {
    var model: Model
    var assessment: Assessment
    /// The worst ones, with pictures.
    var mistakes: [(mistake: Mistake, image: Image)] = []
    /// What the model makes of some examples.
    var samples: [String] = []
  }

  /// Makes sure now that the model of a run can be written when it is over.
  ///
  /// - Throws: `FormatError.invalid` about a name or a label that no file can have.
  func checkExport(of run: TrainingRun, base: Model? = nil) throws {
    switch self {
    case .set(let data): try Exporter(run: run, data: data, base: base).outline().verify()
    case .sequences(let data): try SequenceExporter(run: run, data: data, base: base).outline().verify()
    }
  }

  /// - Parameter base: what the run began with, if anything.
  func export(_ run: TrainingRun, base: Model? = nil) throws -> Result {
    switch self {
    case .set(let data):
      let (model, scores) = try Exporter(run: run, data: data, base: base).export()
      let assessment = Assessment(data.test, labels: data.labels, scores: scores)
      return Result(
        model: model, assessment: assessment, mistakes: assessment.worstMistakes(in: data.test, scores: scores))
    case .sequences(let data):
      var model = try SequenceExporter(run: run, data: data, base: base).export()
      let evaluator = try SequenceEvaluator(model)
      let assessment = evaluator.assess(data, data.test)
      model.metadata.provenance.floatAccuracy = assessment.accuracy.map { Float($0) }
      return Result(model: model, assessment: assessment, samples: evaluator.samples(data, data.test))
    }
  }
}

import Format
import Quantize
import Runtime
import Trainer

/// A float model with data: what `quantize` calibrates on, and measures the loss with.
protocol QuantizationSubject {
  var path: String { get }
  var model: Model { get }
  var dataName: String { get }

  /// How well `model`, this one or its int8 version, does on the test examples.
  func assess(_ model: Model, name: String, threads: Int?) throws -> Assessment

  /// The range of every activation over training examples.
  ///
  /// - Parameter examples: nil takes the usual number.
  func ranges(examples: Int?, observer: ObserverKind) throws -> [CalibrationRange]

  /// Runs both models on the same test examples, layer by layer.
  func compareLayers(with int8: Model) throws -> QuantizationReport
}

/// Test examples on which layers are compared: enough for ratios in tenths of a decibel.
private let comparedExamples = 64

extension ModelFile: QuantizationSubject {
  var dataName: String { data.name }

  func assess(_ model: Model, name: String, threads: Int?) throws -> Assessment {
    try Evaluator(model, path: name, threads: threads).assess(data.test, labels: data.labels)
  }

  func ranges(examples: Int?, observer: ObserverKind) throws -> [CalibrationRange] {
    try Calibration(model).ranges(data.train.sample(examples ?? Exporter.calibrationImages), observer: observer)
  }

  func compareLayers(with int8: Model) throws -> QuantizationReport {
    let pair = try ComparedSessions(model, int8)
    let examples = data.test.sample(comparedExamples)
    let reader = BatchReader(model.metadata.preprocessing)
    for index in 0..<examples.count {
      for session in [pair.float, pair.int8] {
        reader.read(examples, at: index, into: session.input(0).bindMemory(to: Float.self))
      }
      pair.run()
    }
    return pair.comparison.report
  }
}

extension SequenceModelFile: QuantizationSubject {
  var dataName: String { data.name }

  func assess(_ model: Model, name: String, threads: Int?) throws -> Assessment {
    try SequenceEvaluator(model, threads: threads).assess(data, data.test)
  }

  func ranges(examples: Int?, observer: ObserverKind) throws -> [CalibrationRange] {
    try SequenceCalibration(model).ranges(
      data.calibrationExamples(examples ?? SequenceData.calibrationCount), isOneText: data.task == .nextToken,
      observer: observer)
  }

  /// Layers of the decoder stand behind those of the main graph. Both models read the expected answers.
  func compareLayers(with int8: Model) throws -> QuantizationReport {
    let main = try ComparedSessions(model, int8)
    var decoder: ComparedSessions?
    if let float = model.decoderModel, let int8 = int8.decoderModel { decoder = try ComparedSessions(float, int8) }
    let examples =
      data.task == .nextToken
      ? data.test.prefix(comparedExamples * SequenceData.tokensOfAPiece)
      : data.test.sample(comparedExamples, of: data.task)
    for index in 0..<examples.count {
      if data.task != .nextToken { main.resetStates() }
      for input in examples.runs(index, model) { main.run(input) }
      guard let decoder, let description = model.decoder else { continue }
      decoder.resetStates()
      decoder.take(description.links, from: main)
      let answer = examples.labels[index].prefix { $0 >= 0 }.dropLast()
      for token in [description.startToken] + answer.map(Int.init) { decoder.run([Float(token)][...]) }
    }
    var report = main.comparison.report
    if let second = decoder?.comparison.report {
      report.layers += second.layers.map { layer in
        var layer = layer
        layer.name = Metadata.decoderPrefix + layer.name
        return layer
      }
    }
    return report
  }
}

/// A float graph and its int8 version, run side by side.
private final class ComparedSessions {
  let float: Session
  let int8: Session
  private(set) var comparison: QuantizationComparison

  init(_ float: Model, _ int8: Model) throws {
    let options = SessionOptions(threads: 1, computesEveryTensor: true)
    self.float = try Session(float, options: options)
    self.int8 = try Session(int8, options: options)
    comparison = QuantizationComparison(float: self.float.graph, int8: self.int8.graph)
  }

  /// Runs both on the inputs that they hold.
  func run() {
    float.run { comparison.observe(float: $0, $1) }
    int8.run { comparison.observe(int8: $0, $1) }
  }

  /// Runs both on the same first input.
  func run(_ input: ArraySlice<Float>) {
    for session in [float, int8] { _ = session.input(0).bindMemory(to: Float.self).update(fromContentsOf: input) }
    run()
  }

  func resetStates() {
    for session in [float, int8] { session.resetStates() }
  }

  /// Hands over what the main graphs have put out, each to its own decoder.
  func take(_ links: [Decoder.Link], from main: ComparedSessions) {
    for (own, other) in [(float, main.float), (int8, main.int8)] {
      for link in links { own.input(link.input).copyMemory(from: other.output(link.output)) }
    }
  }
}

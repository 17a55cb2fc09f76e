import Format
import Quantize
import Runtime
import Trainer

extension SequenceData {
  /// Sequences that are read to calibrate, unless another number is asked for.
  static let calibrationCount = 256
  /// Tokens of a running text that count as one of them, where a model reads token by token.
  static let tokensOfAPiece = 64

  /// `count` training examples to observe activations on: a random sample, or the beginning of a running text.
  ///
  /// - Parameter parts: as many parts of a running text stand side by side in the examples; the first is taken.
  func calibrationExamples(_ count: Int, parts: Int = 1) -> SequenceExamples {
    guard task == .nextToken else { return train.sample(count, of: task) }
    let width = train.labels.width
    let windows = count.multipliedReportingOverflow(by: max(SequenceData.tokensOfAPiece / width, 1))
    return train.subset(
      Array(stride(from: 0, to: train.count, by: parts).prefix(windows.overflow ? Int.max : windows.partialValue)))
  }
}

/// Observes the activations of a model for sequences while it reads training examples and answers them, with the code that the
/// device runs.
struct SequenceCalibration {
  private let model: Model
  private let main: Session
  private let decoder: Session?

  init(_ model: Model) throws {
    self.model = model
    let options = SessionOptions(threads: 1, computesEveryTensor: true)
    main = try Session(model, options: options)
    decoder = try model.decoderModel.map { model throws in try Session(model, options: options) }
  }

  /// The range of every activation, those of the decoder under names with `Metadata.decoderPrefix`.
  ///
  /// - Parameter isOneText: whether each example goes on where the one before ended.
  func ranges(
    _ examples: SequenceExamples, isOneText: Bool, observer: ObserverKind = .minMax
  ) throws -> [CalibrationRange] {
    try ranges(count: examples.count, isOneText: isOneText, observer: observer) { examples.runs($0, model) }
  }

  /// The same for examples that `runs` gives: what the main graph reads, run by run.
  func ranges(
    count: Int, isOneText: Bool, observer: ObserverKind = .minMax, runs: (Int) -> [ArraySlice<Float>]
  ) throws -> [CalibrationRange] {
    var calibrator = Calibrator(graph: main.graph, observer: observer)
    var second = decoder.map { Calibrator(graph: $0.graph, observer: observer) }
    for index in 0..<count {
      if !isOneText { main.resetStates() }
      for input in runs(index) {
        _ = main.input(0).bindMemory(to: Float.self).update(fromContentsOf: input)
        calibrator.observeRun(of: main)
      }
      if let decoder { answer(decoder, observing: &second!) }
    }
    return try calibrator.ranges()
      + (second?.ranges() ?? []).map {
        CalibrationRange(tensor: Metadata.decoderPrefix + $0.tensor, minimum: $0.minimum, maximum: $0.maximum)
      }
  }

  /// The decoder's answer to the outputs that the main graph has, the likeliest token every time.
  private func answer(_ decoder: Session, observing calibrator: inout Calibrator) {
    guard let description = model.decoder else { return }
    decoder.resetStates()
    for link in description.links { decoder.input(link.input).copyMemory(from: main.output(link.output)) }
    var token = description.startToken
    for _ in 0..<description.maximumLength {
      decoder.input(0).bindMemory(to: Float.self)[0] = Float(token)
      calibrator.observeRun(of: decoder)
      token = decoder.output(0).bindMemory(to: Float.self).indexOfLargest
      if token == description.endToken { return }
    }
  }
}

import Format
import Quantize
import Runtime
import Trainer

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
  func ranges(_ examples: SequenceExamples, isOneText: Bool) throws -> [CalibrationRange] {
    var calibrator = Calibrator(graph: main.graph, observer: .minMax)
    var second = decoder.map { Calibrator(graph: $0.graph, observer: .minMax) }
    for index in 0..<examples.count {
      if !isOneText { main.resetStates() }
      let input = examples.input(index, model)
      let target = main.input(0).bindMemory(to: Float.self)
      for start in stride(from: 0, through: input.count - target.count, by: target.count) {
        _ = target.update(fromContentsOf: input[start..<start + target.count])
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

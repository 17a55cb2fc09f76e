import Format

/// input [N, T, 1, 1] of token numbers, weights [V, D] → output [N, T, 1, D]: each token's row.
final class EmbeddingLayer: Layer {
  let name: String
  let geometry: EmbeddingGeometry
  let input: Value
  let output: Value
  let weights: Parameter

  /// - Throws: `TrainerError.invalid` if the input is no sequence of single numbers, or has a gradient: tokens have none.
  init(_ name: String, _ description: EmbeddingDescription, input: Value) throws(TrainerError) {
    guard input.shape.width == 1, input.shape.channels == 1, !input.needsGradient else {
      throw .invalid(
        what: name, expected: "an input of tokens, STEPSx1x1",
        found: input.needsGradient ? "a layer's output" : "\(input.shape)")
    }
    self.name = name
    self.input = input
    geometry = EmbeddingGeometry(vocabulary: description.vocabulary, width: description.width)
    output = Value(
      ImageShape(height: input.shape.height, width: 1, channels: description.width), needsGradient: true)
    weights = Parameter(
      name + ".weights", shape: [geometry.vocabulary, geometry.width], regularized: true, initial: .normal(deviation: 1)
    )
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }
  var parameters: [Parameter] { [weights] }
  var backwardReads: [Value] { [input] }

  func forward(_ pass: Pass) {
    pass.backend.embeddingForward(
      geometry, rows: pass.count * input.shape.height, tokens: input.data, weights: weights.weights,
      output: output.data)
  }

  func backward(_ pass: Pass) {
    pass.backend.embeddingBackward(
      geometry, rows: pass.count * input.shape.height, tokens: input.data, outputGradient: output.gradient!,
      weightGradient: weights.gradient)
  }
}

/// input [N, T, 1, F] → output [N, 1, 1, F]: one step of each sequence.
final class StepLayer: Layer {
  let name: String
  let input: Value
  let output: Value
  /// Which step, from 0.
  let step: Int
  /// [F] zeros, the gradient of all other steps.
  private var zeros: DeviceSlice?

  init(_ name: String, _ end: SequenceEnd, input: Value) throws(TrainerError) {
    guard input.shape.width == 1 else {
      throw .invalid(what: name, expected: "a sequence, STEPSx1xFEATURES", found: "\(input.shape)")
    }
    self.name = name
    self.input = input
    step = end == .first ? 0 : input.shape.height - 1
    output = Value(
      ImageShape(height: 1, width: 1, channels: input.shape.channels), needsGradient: input.needsGradient)
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }

  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {
    zeros = try backend.reals(input.shape.channels)
  }

  func forward(_ pass: Pass) {
    let features = input.shape.channels
    pass.backend.copyRows(
      rows: pass.count, columns: features, source: input.data[(step * features)..<input.data.count],
      sourceStride: input.shape.count, destination: output.data, destinationStride: features)
  }

  func backward(_ pass: Pass) {
    let (features, gradient) = (input.shape.channels, input.gradient!)
    pass.backend.copyRows(
      rows: pass.count * input.shape.height, columns: features, source: zeros!, sourceStride: 0, destination: gradient,
      destinationStride: features)
    pass.backend.copyRows(
      rows: pass.count, columns: features, source: output.gradient!, sourceStride: features,
      destination: gradient[(step * features)..<gradient.count], destinationStride: input.shape.count)
  }
}

import Format

/// input [N, H, W, C] → output of the same shape:
/// output = activation(scale · (input − mean) / √(variance + ε) + shift + residual), with the step's mean and variance per
/// channel in training, the running ones otherwise. Residual and activation are layers of the description behind this one,
/// computed in the same pass.
final class BatchNormLayer: Layer {
  let name: String
  let geometry: BatchNormGeometry
  let input: Value
  let output: Value
  let scale: Parameter
  let shift: Parameter
  let running: RunningStatistics
  private let residual: Value?
  /// What is computed in the same pass, as layers of their own: what they are in an exported graph.
  private let normalized: Value
  private let sum: AddLayer?
  private let activation: ActivationLayer?
  /// The step's mean and 1/√(variance + ε), [2, C].
  private var saved: DeviceSlice?

  /// - Parameter activation: none with `slopeNeedsInput`.
  convenience init(_ name: String, _ description: BatchNormDescription, activation: Activation?, input: Value) {
    let shape = input.shape
    let channels = shape.channels
    self.init(
      name,
      BatchNormGeometry(
        channels: channels, pixels: shape.height * shape.width, epsilon: description.epsilon,
        momentum: description.momentum), input: input, normalized: Value(shape, needsGradient: true), sum: nil,
      activation: activation,
      parameters: (
        Parameter(name + ".scale", shape: [channels], regularized: false, initial: .constant(1)),
        Parameter(name + ".shift", shape: [channels], regularized: false, initial: .constant(0))
      ), running: RunningStatistics(name + ".running", channels: channels))
  }

  private init(
    _ name: String, _ geometry: BatchNormGeometry, input: Value, normalized: Value, sum: AddLayer?,
    activation: Activation?, parameters: (scale: Parameter, shift: Parameter), running: RunningStatistics
  ) {
    self.name = name
    self.geometry = geometry
    self.input = input
    self.normalized = normalized
    self.sum = sum
    (scale, shift) = parameters
    self.running = running
    residual = sum.map { $0.a === normalized ? $0.b : $0.a }
    let last = sum?.output ?? normalized
    self.activation = activation.map {
      ActivationLayer((sum?.name ?? name) + ".activation", $0, input: last, inputIsFree: true)
    }
    // The gradient of what `activation` is applied to is the residual's; without one, the input's takes its place.
    output = Value(
      input.shape, needsGradient: true, gradientOf: residual.map { $0.needsGradient ? $0 : nil } ?? input)
  }

  /// This layer and, in the same pass, what adds another value to its output.
  ///
  /// - Parameter activation: none with `slopeNeedsInput`.
  /// - Returns: nil unless this layer's output is an operand and nothing is computed behind it yet.
  func adding(_ sum: AddLayer, activation: Activation?) -> BatchNormLayer? {
    guard self.activation == nil, self.sum == nil, sum.a === output || sum.b === output else { return nil }
    return BatchNormLayer(
      name, geometry, input: input, normalized: output, sum: sum, activation: activation, parameters: (scale, shift),
      running: running)
  }

  var inputs: [Value] { [input] + (residual.map { [$0] } ?? []) }
  var outputs: [Value] { [output] }
  var parameters: [Parameter] { [scale, shift] }
  var statistics: [RunningStatistics] { [running] }
  var backwardReads: [Value] { activation == nil ? [input] : [input, output] }

  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {
    let count = 2 * geometry.channels
    saved = DeviceSlice(try backend.allocate(.real, count: count), count: count)
  }

  func forward(_ pass: Pass) {
    if pass.training {
      pass.backend.batchNormForward(
        geometry, count: pass.count, input: input.data, scale: scale.weights, shift: shift.weights,
        running: running.values, saved: saved!, residual: residual?.data, activation: activation?.activation,
        output: output.data)
    } else {
      pass.backend.batchNormInference(
        geometry, count: pass.count, input: input.data, scale: scale.weights, shift: shift.weights,
        running: running.values, residual: residual?.data, activation: activation?.activation, output: output.data)
    }
  }

  func backward(_ pass: Pass) {
    pass.backend.batchNormBackward(
      geometry, count: pass.count, input: input.data, scale: scale.weights, shift: shift.weights, saved: saved!,
      output: output.data, hasResidual: residual != nil, activation: activation?.activation,
      outputGradient: output.gradient!, scaleGradient: scale.gradient, shiftGradient: shift.gradient,
      inputGradient: input.gradient)
  }

  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let x = exporter.tensor(of: input)
    let inputs = [x, try exporter.constant(scale), try exporter.constant(shift)] + (try exporter.constants(running))
    let op = Op.batchNorm(BatchNorm(epsilon: geometry.epsilon))
    exporter.bind(
      normalized, to: exporter.add(op, name: name, inputs: inputs, shape: exporter.graph.tensors[x].shape))
    try sum?.export(to: &exporter)
    try activation?.export(to: &exporter)
    exporter.bind(output, to: exporter.tensor(of: activation?.output ?? sum?.output ?? normalized))
  }
}

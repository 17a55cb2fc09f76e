/// input [N, H, W, C] → output of the same shape:
/// output = scale · (input − mean) / √(variance + ε) + shift per channel, with the step's mean and variance in training,
/// the running ones otherwise.
final class BatchNormLayer: Layer {
  let name: String
  let geometry: BatchNormGeometry
  let input: Value
  let output: Value
  let scale: Parameter
  let shift: Parameter
  let running: RunningStatistics
  /// The step's mean and 1/√(variance + ε), [2, C].
  private var saved: DeviceSlice?

  init(_ name: String, _ description: BatchNormDescription, input: Value) {
    self.name = name
    self.input = input
    let channels = input.shape.channels
    geometry = BatchNormGeometry(
      channels: channels, pixels: input.shape.height * input.shape.width, epsilon: description.epsilon,
      momentum: description.momentum)
    output = Value(input.shape, needsGradient: true)
    scale = Parameter(name + ".scale", shape: [channels], regularized: false, initial: .constant(1))
    shift = Parameter(name + ".shift", shape: [channels], regularized: false, initial: .constant(0))
    running = RunningStatistics(name + ".running", channels: channels)
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }
  var parameters: [Parameter] { [scale, shift] }
  var statistics: [RunningStatistics] { [running] }
  var backwardReads: [Value] { [input] }

  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {
    let count = 2 * geometry.channels
    saved = DeviceSlice(try backend.allocate(.real, count: count), count: count)
  }

  func forward(_ pass: Pass) {
    if pass.training {
      pass.backend.batchNormForward(
        geometry, count: pass.count, input: input.data, scale: scale.weights, shift: shift.weights,
        running: running.values, saved: saved!, output: output.data)
    } else {
      pass.backend.batchNormInference(
        geometry, count: pass.count, input: input.data, scale: scale.weights, shift: shift.weights,
        running: running.values, output: output.data)
    }
  }

  func backward(_ pass: Pass) {
    pass.backend.batchNormBackward(
      geometry, count: pass.count, input: input.data, scale: scale.weights, saved: saved!,
      outputGradient: output.gradient!, scaleGradient: scale.gradient, shiftGradient: shift.gradient,
      inputGradient: input.gradient)
  }
}

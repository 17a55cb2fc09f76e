import Format

/// input [N, I], weights [O, I], bias [O] → output [N, O]: output = activation(input · weightsᵀ + bias). A sequence [N, T, 1, I]
/// becomes [N, T, 1, O]: every step on its own.
final class DenseLayer: Layer {
  let name: String
  let geometry: DenseGeometry
  /// T; 1 for anything that is no sequence.
  let steps: Int
  let activation: Activation?
  let input: Value
  let output: Value
  let weights: Parameter
  let bias: Parameter?

  init(_ name: String, _ description: DenseDescription, input: Value) {
    self.name = name
    self.input = input
    activation = description.activation
    steps = input.shape.width == 1 ? input.shape.height : 1
    geometry = DenseGeometry(inputs: input.shape.count / steps, outputs: description.outputs)
    output = Value(ImageShape(height: steps, width: 1, channels: description.outputs), needsGradient: true)
    weights = Parameter(
      name + ".weights", shape: [geometry.outputs, geometry.inputs], regularized: true,
      initial: (description.weightInit ?? .standard(before: activation)).initial(
        fanIn: geometry.inputs, fanOut: geometry.outputs))
    bias =
      description.hasBias
      ? Parameter(name + ".bias", shape: [geometry.outputs], regularized: false, initial: .constant(0)) : nil
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }
  var parameters: [Parameter] { [weights] + (bias.map { [$0] } ?? []) }
  var backwardReads: [Value] { activation == nil ? [input] : [input, output] }

  func forward(_ pass: Pass) {
    pass.backend.denseForward(
      geometry, count: pass.count * steps, input: input.data, weights: weights.weights, bias: bias?.weights,
      activation: activation, output: output.data)
  }

  func backward(_ pass: Pass) {
    pass.backend.denseBackward(
      geometry, count: pass.count * steps, input: input.data, weights: weights.weights, output: output.data,
      activation: activation, outputGradient: output.gradient!, weightGradient: weights.gradient,
      biasGradient: bias?.gradient, inputGradient: input.gradient)
  }
}

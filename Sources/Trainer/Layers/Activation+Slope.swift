import Format

extension Activation {
  /// Whether the derivative cannot be told from the function's value alone, because two arguments have the same value. A
  /// layer that computes such a function keeps its input for the backward pass.
  var slopeNeedsInput: Bool {
    switch self {
    case .relu, .relu6, .sigmoid, .tanh, .hardSigmoid, .leakyReLU, .threshold: false
    case .hardSwish, .gelu, .silu: true
    }
  }
}

/// A layer with weights that can apply an activation to its result in place.
protocol ActivatedDescription {
  var activation: Activation? { get set }
  var weightInit: WeightInit? { get set }
}

extension ConvolutionDescription: ActivatedDescription {}
extension DenseDescription: ActivatedDescription {}

extension ActivatedDescription {
  /// Takes out an activation that has to be a layer of its own, and gives it; weights start as with it.
  mutating func separateActivation() -> Activation? {
    guard let function = activation, function.slopeNeedsInput else { return nil }
    weightInit = weightInit ?? .standard(before: function)
    activation = nil
    return function
  }
}

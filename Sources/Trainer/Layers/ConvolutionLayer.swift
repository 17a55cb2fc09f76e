import Format

/// input [N, H, W, C], weights [O, KH, KW, C/groups], bias [O] → output [N, H', W', O]:
/// output = activation(input ∗ weights + bias). Depthwise: weights [KH, KW, C·M].
final class ConvolutionLayer: Layer {
  let name: String
  let geometry: ConvolutionGeometry
  let isDepthwise: Bool
  let activation: Activation?
  let input: Value
  let output: Value
  let weights: Parameter
  let bias: Parameter?
  /// What else reads the input: its gradient is added to this layer's.
  private(set) var otherReader: Value?

  init(_ name: String, _ description: ConvolutionDescription, depthwise: Bool, input: Value) throws(TrainerError) {
    let shape = input.shape
    let groups = depthwise ? shape.channels : description.groups
    let outputs = depthwise ? shape.channels * description.outputs : description.outputs
    guard shape.channels % groups == 0, outputs % groups == 0 else {
      throw .invalid(
        what: name, expected: "groups that divide \(shape.channels) input and \(outputs) output channels",
        found: "groups \(groups)")
    }
    self.name = name
    self.input = input
    isDepthwise = depthwise
    activation = description.activation
    geometry = try ConvolutionGeometry(
      name, input: shape, outputChannels: outputs, kernel: description.kernel, stride: description.stride,
      dilation: description.dilation,
      padding: description.padding.resolved(
        input: shape, window: description.kernel, stride: description.stride, dilation: description.dilation),
      groups: groups)
    output = Value(geometry.output, needsGradient: true)
    let taps = description.kernel.height * description.kernel.width
    let initial = (description.weightInit ?? .standard(before: activation)).initial(
      fanIn: geometry.patch, fanOut: taps * geometry.groupOutputs)
    weights = Parameter(
      name + ".weights",
      shape: depthwise
        ? [description.kernel.height, description.kernel.width, outputs]
        : [outputs, description.kernel.height, description.kernel.width, geometry.groupInputs],
      regularized: true, initial: initial)
    bias =
      description.hasBias
      ? Parameter(name + ".bias", shape: [outputs], regularized: false, initial: .constant(0)) : nil
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }
  var parameters: [Parameter] { [weights] + (bias.map { [$0] } ?? []) }
  var backwardReads: [Value] { activation == nil ? [input] : [input, output] }

  /// Makes the gradient of a forked value in `fork`'s stead, whose other output is `other`.
  ///
  /// - Returns: whether the layer can.
  func joinGradients(of fork: ForkLayer, other: Value) -> Bool {
    guard !isDepthwise, input.gradientRoot !== other.gradientRoot else { return false }
    input.shareGradient(of: fork.input)
    otherReader = other
    return true
  }

  func forward(_ pass: Pass) {
    if isDepthwise {
      pass.backend.depthwiseForward(
        geometry, count: pass.count, input: input.data, weights: weights.weights, bias: bias?.weights,
        activation: activation, output: output.data)
    } else {
      pass.backend.convolutionForward(
        geometry, count: pass.count, input: input.data, weights: weights.weights, bias: bias?.weights,
        activation: activation, output: output.data)
    }
  }

  func backward(_ pass: Pass) {
    if isDepthwise {
      pass.backend.depthwiseBackward(
        geometry, count: pass.count, input: input.data, weights: weights.weights, output: output.data,
        activation: activation, outputGradient: output.gradient!, weightGradient: weights.gradient,
        biasGradient: bias?.gradient, inputGradient: input.gradient)
    } else if let sum = input.gradient, let addend = otherReader?.gradient {
      pass.backend.convolutionBackward(
        geometry, count: pass.count, input: input.data, weights: weights.weights, output: output.data,
        activation: activation, outputGradient: output.gradient!, weightGradient: weights.gradient,
        biasGradient: bias?.gradient, inputGradient: sum, addend: addend)
    } else {
      pass.backend.convolutionBackward(
        geometry, count: pass.count, input: input.data, weights: weights.weights, output: output.data,
        activation: activation, outputGradient: output.gradient!, weightGradient: weights.gradient,
        biasGradient: bias?.gradient, inputGradient: input.gradient)
    }
  }
}

extension PaddingRule {
  /// The four numbers for a window over an image.
  func resolved(input: ImageShape, window: Extent, stride: Extent, dilation: Extent = Extent(1)) -> Padding {
    switch self {
    case .explicit(let padding): return padding
    case .same:
      func total(_ size: Int, _ window: Int, _ stride: Int, _ dilation: Int) -> Int {
        let outputs = (size + stride - 1) / stride
        return max((outputs - 1) * stride + dilation * (window - 1) + 1 - size, 0)
      }
      let vertical = total(input.height, window.height, stride.height, dilation.height)
      let horizontal = total(input.width, window.width, stride.width, dilation.width)
      return Padding(
        top: vertical / 2, left: horizontal / 2, bottom: vertical - vertical / 2, right: horizontal - horizontal / 2)
    }
  }
}

extension WeightInit {
  /// The default for a layer with this activation.
  static func standard(before activation: Activation?) -> WeightInit {
    switch activation {
    case .relu, .relu6, .leakyReLU, .hardSwish, .gelu, .silu: .he
    case .sigmoid, .tanh, .hardSigmoid, .threshold, nil: .xavier
    }
  }

  func initial(fanIn: Int, fanOut: Int) -> Parameter.Initial {
    switch self {
    case .he: .normal(deviation: (2 / Float(fanIn)).squareRoot())
    case .xavier: .normal(deviation: (2 / Float(fanIn + fanOut)).squareRoot())
    case .normal(let deviation): .normal(deviation: deviation)
    }
  }
}

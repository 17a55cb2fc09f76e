import Format

/// input [N, H, W, C], weights [O, KH, KW, C], bias [O] → output [N, H', W', O]: every input is spread over a window of outputs,
/// H' = (H − 1) · stride + KH − top − bottom. The gradient of a convolution with respect to its input, and back (Zeiler et al.
/// 2010): `geometry` is that convolution's, from the output's shape to the input's.
final class TransposedConvolutionLayer: Layer {
  let name: String
  let geometry: ConvolutionGeometry
  let activation: Activation?
  let input: Value
  let output: Value
  let weights: Parameter
  let bias: Parameter?

  init(_ name: String, _ description: ConvolutionDescription, input: Value) throws(TrainerError) {
    let (shape, kernel, stride) = (input.shape, description.kernel, description.stride)
    let padding = try description.padding.resolved(forOutputsOf: name, window: kernel, stride: stride)
    let result = ImageShape(
      height: (shape.height - 1) * stride.height + kernel.height - padding.top - padding.bottom,
      width: (shape.width - 1) * stride.width + kernel.width - padding.left - padding.right,
      channels: description.outputs)
    guard result.height > 0, result.width > 0, max(padding.top, padding.bottom) < kernel.height,
      max(padding.left, padding.right) < kernel.width
    else {
      throw .invalid(
        what: name, expected: "padding smaller than the window \(kernel.height)x\(kernel.width) that leaves an output",
        found: "\(padding.top) \(padding.left) \(padding.bottom) \(padding.right)")
    }
    self.name = name
    self.input = input
    activation = description.activation
    geometry = try ConvolutionGeometry(
      name, input: result, outputChannels: shape.channels, kernel: kernel, stride: stride, padding: padding)
    output = Value(result, needsGradient: true)
    // Windows overlap: an output sees one tap in each of stride x stride.
    let taps = kernel.height * kernel.width
    let initial = (description.weightInit ?? .standard(before: activation)).initial(
      fanIn: max(taps * shape.channels / (stride.height * stride.width), 1), fanOut: taps * description.outputs)
    weights = Parameter(
      name + ".weights", shape: [description.outputs, kernel.height, kernel.width, shape.channels], regularized: true,
      initial: initial)
    bias =
      description.hasBias
      ? Parameter(name + ".bias", shape: [description.outputs], regularized: false, initial: .constant(0)) : nil
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }
  var parameters: [Parameter] { [weights] + (bias.map { [$0] } ?? []) }
  var backwardReads: [Value] { activation == nil ? [input] : [input, output] }

  func forward(_ pass: Pass) {
    pass.backend.transposedConvolutionForward(
      geometry, count: pass.count, input: input.data, weights: weights.weights, bias: bias?.weights,
      activation: activation, output: output.data)
  }

  func backward(_ pass: Pass) {
    pass.backend.transposedConvolutionBackward(
      geometry, count: pass.count, input: input.data, weights: weights.weights, output: output.data,
      activation: activation, outputGradient: output.gradient!, weightGradient: weights.gradient,
      biasGradient: bias?.gradient, inputGradient: input.gradient)
  }
}

extension PaddingRule {
  /// The four numbers that a transposed convolution takes from the outputs of its windows.
  fileprivate func resolved(
    forOutputsOf name: String, window: Extent, stride: Extent
  ) throws(TrainerError) -> Padding {
    switch self {
    case .explicit(let padding): return padding
    case .same:
      let (vertical, horizontal) = (window.height - stride.height, window.width - stride.width)
      guard vertical >= 0, horizontal >= 0 else {
        throw .invalid(
          what: name, expected: "with 'pad same' a window of at least the stride, \(stride.height)x\(stride.width)",
          found: "\(window.height)x\(window.width)")
      }
      return Padding(
        top: vertical / 2, left: horizontal / 2, bottom: vertical - vertical / 2, right: horizontal - horizontal / 2)
    }
  }
}

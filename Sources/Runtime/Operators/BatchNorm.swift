import Format

extension Lowering {
  /// A batch-norm that could not be folded is a depthwise convolution with a window of one pixel.
  mutating func lower(_ op: BatchNorm, _ node: Node) throws(RuntimeError) {
    let (x, output) = (node.inputs[0], node.outputs[0])
    let parameters = node.inputs.dropFirst().map { graph.tensors[$0].constant!.elements(as: Float.self) }
    let (gamma, beta, mean, variance) = (parameters[0], parameters[1], parameters[2], parameters[3])
    var scale: [Float] = []
    var shift: [Float] = []
    for channel in gamma.indices {
      // In double, so that the only rounding is the one to f32.
      let factor = Double(gamma[channel]) / (Double(variance[channel]) + Double(op.epsilon)).squareRoot()
      scale.append(Float(factor))
      shift.append(Float(Double(beta[channel]) - Double(mean[channel]) * factor))
    }
    let shape = graph.tensors[x].shape
    let width = shape.count > 1 ? shape[shape.count - 2] : 1
    let channels = shape[shape.count - 1]
    let count = graph.tensors[x].count
    let window = Window(lines: count / channels / width, pixels: width, channels: channels)
    let packed = try (AlignedMemory(scale, paddedTo: channels), AlignedMemory(shift, paddedTo: channels))
    try lowerFloatDepthwise(
      window, x: x, output: output, map: nil, weights: packed.0.base.assumingMemoryBound(to: Float.self),
      bias: packed.1.base.assumingMemoryBound(to: Float.self), activation: .none, work: count)
    // The step has its own copy.
    withExtendedLifetime(packed) {}
  }
}

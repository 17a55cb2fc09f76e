import Format

/// input [N, H, W, C] → output of the same shape: output = f(input). In place where nobody else needs the input, and the
/// function's slope can be told from its value.
final class ActivationLayer: Layer {
  let name: String
  let activation: Activation
  let input: Value
  let output: Value

  /// - Parameter inputIsFree: the producer of `input` does not read it again, nor does anyone else.
  init(_ name: String, _ activation: Activation, input: Value, inputIsFree: Bool) {
    self.name = name
    self.activation = activation
    self.input = input
    output = Value(
      input.shape, needsGradient: input.needsGradient,
      dataOf: inputIsFree && !activation.slopeNeedsInput ? input : nil, gradientOf: input)
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }
  var backwardReads: [Value] { [activation.slopeNeedsInput ? input : output] }

  func forward(_ pass: Pass) {
    pass.backend.activationForward(activation, input: input.data(pass.count), output: output.data(pass.count))
  }

  func backward(_ pass: Pass) {
    let gradient = output.gradient(pass.count)!
    pass.backend.activationBackward(
      activation, values: backwardReads[0].data(pass.count), outputGradient: gradient, inputGradient: gradient)
  }
}

/// input [N, H, W, C] → output of the same shape: each element is 0 with probability `rate`, else divided by 1 − rate, so
/// that its expectation stays (Srivastava et al. 2014). The identity outside training.
final class DropoutLayer: Layer {
  let name: String
  let rate: Float
  /// Tells this layer's random numbers from others'.
  let stream: UInt32
  let input: Value
  let output: Value

  init(_ name: String, rate: Float, stream: UInt32, input: Value) {
    self.name = name
    self.rate = rate
    self.stream = stream
    self.input = input
    output = Value(input.shape, needsGradient: input.needsGradient, gradientOf: input)
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }

  private func mask(_ pass: Pass) -> DropoutMask {
    DropoutMask(
      rate: rate, seed: pass.seed, stream: stream, step: UInt32(truncatingIfNeeded: pass.step),
      first: pass.first * input.shape.count)
  }

  func forward(_ pass: Pass) {
    if pass.training {
      pass.backend.dropout(mask(pass), input: input.data(pass.count), output: output.data(pass.count))
    } else {
      pass.backend.copy(input.data(pass.count), to: output.data(pass.count))
    }
  }

  func backward(_ pass: Pass) {
    let gradient = output.gradient(pass.count)!
    pass.backend.dropout(mask(pass), input: gradient, output: gradient)
  }
}

/// a, b [N, H, W, C] → output = a + b. Its gradient is a's gradient, in place, and is copied to b's: each may then be
/// worked on by its producer.
final class AddLayer: Layer {
  let name: String
  let a: Value
  let b: Value
  let output: Value

  init(_ name: String, _ a: Value, _ b: Value) throws(TrainerError) {
    guard a.shape == b.shape else {
      throw .invalid(what: name, expected: "two values of shape \(a.shape)", found: "\(b.shape)")
    }
    self.name = name
    self.a = a
    self.b = b
    output = Value(a.shape, needsGradient: a.needsGradient || b.needsGradient, gradientOf: a.needsGradient ? a : nil)
  }

  var inputs: [Value] { [a, b] }
  var outputs: [Value] { [output] }

  func forward(_ pass: Pass) {
    pass.backend.add(a.data(pass.count), b.data(pass.count), output: output.data(pass.count))
  }

  func backward(_ pass: Pass) {
    guard let gradient = b.gradient(pass.count) else { return }
    pass.backend.copy(output.gradient(pass.count)!, to: gradient)
  }
}

/// a [N, H, W, C], b [N, 1, 1, C] or [N, H, W, C] → output = a · b. Its gradient is a's gradient, in place.
final class MultiplyLayer: Layer {
  let name: String
  let geometry: MultiplyGeometry
  let a: Value
  let b: Value
  let output: Value

  /// Either operand may be the one with a factor per channel.
  init(_ name: String, _ x: Value, _ y: Value) throws(TrainerError) {
    let isFirst = x.shape.count >= y.shape.count
    (a, b) = isFirst ? (x, y) : (y, x)
    let perChannel = ImageShape(height: 1, width: 1, channels: a.shape.channels)
    guard b.shape == a.shape || b.shape == perChannel else {
      throw .invalid(what: name, expected: "values of shape \(a.shape) or \(perChannel)", found: "\(b.shape)")
    }
    self.name = name
    geometry =
      b.shape == a.shape
      ? MultiplyGeometry(pixels: 1, channels: a.shape.count)
      : MultiplyGeometry(pixels: a.shape.height * a.shape.width, channels: a.shape.channels)
    output = Value(a.shape, needsGradient: a.needsGradient || b.needsGradient, gradientOf: a.needsGradient ? a : nil)
  }

  var inputs: [Value] { [a, b] }
  var outputs: [Value] { [output] }
  var backwardReads: [Value] { [a, b] }

  func forward(_ pass: Pass) {
    pass.backend.multiplyForward(geometry, count: pass.count, a: a.data, b: b.data, output: output.data)
  }

  func backward(_ pass: Pass) {
    pass.backend.multiplyBackward(
      geometry, count: pass.count, a: a.data, b: b.data, outputGradient: output.gradient!, aGradient: a.gradient,
      bGradient: b.gradient)
  }
}

/// input [N, H, W, C] → the same data for each of several consumers; backward sums their gradients, unless the last of two
/// consumers to compute its own adds the other's to it.
final class ForkLayer: Layer {
  let name: String
  let input: Value
  let outputs: [Value]
  private var isJoined = false

  init(_ name: String, input: Value, ways: Int) {
    self.name = name
    self.input = input
    outputs = (0..<ways).map { _ in Value(input.shape, needsGradient: input.needsGradient, dataOf: input) }
  }

  var inputs: [Value] { [input] }

  func forward(_ pass: Pass) {}

  /// - Parameter layers: all of the network.
  func joinGradients(in layers: [any Layer]) {
    guard outputs.count == 2, outputs[0].needsGradient else { return }
    // Who reads an output, perhaps in another shape. Backward computations run from the last layer to the first.
    let readers = outputs.map { output in
      layers.firstIndex { $0.inputs.contains { $0.gradientRoot === output } }
    }
    guard let first = readers[0], let second = readers[1], first != second,
      let last = layers[min(first, second)] as? ConvolutionLayer
    else { return }
    isJoined = last.joinGradients(of: self, other: outputs[first < second ? 1 : 0])
  }

  func backward(_ pass: Pass) {
    if isJoined { return }
    let sum = input.gradient(pass.count)!
    pass.backend.add(outputs[0].gradient(pass.count)!, outputs[1].gradient(pass.count)!, output: sum)
    for output in outputs.dropFirst(2) { pass.backend.add(sum, output.gradient(pass.count)!, output: sum) }
  }
}

/// inputs [N, H, W, Cᵢ] → output [N, H, W, Σ Cᵢ].
final class ConcatLayer: Layer {
  let name: String
  let inputs: [Value]
  let output: Value

  init(_ name: String, _ inputs: [Value]) throws(TrainerError) {
    let first = inputs[0].shape
    for input in inputs where (input.shape.height, input.shape.width) != (first.height, first.width) {
      throw .invalid(
        what: name, expected: "images of \(first.height)x\(first.width)",
        found: "\(input.shape.height)x\(input.shape.width)")
    }
    self.name = name
    self.inputs = inputs
    output = Value(
      ImageShape(
        height: first.height, width: first.width, channels: inputs.reduce(0) { $0 + $1.shape.channels }),
      needsGradient: inputs.contains { $0.needsGradient })
  }

  var outputs: [Value] { [output] }

  func forward(_ pass: Pass) {
    let channels = output.shape.channels
    let rows = pass.count * output.shape.height * output.shape.width
    var start = 0
    for input in inputs {
      let columns = input.shape.channels
      pass.backend.copyRows(
        rows: rows, columns: columns, source: input.data, sourceStride: columns,
        destination: output.data[start..<output.data.count], destinationStride: channels)
      start += columns
    }
  }

  func backward(_ pass: Pass) {
    let channels = output.shape.channels
    let rows = pass.count * output.shape.height * output.shape.width
    let whole = output.gradient!
    var start = 0
    for input in inputs {
      let columns = input.shape.channels
      if let gradient = input.gradient {
        pass.backend.copyRows(
          rows: rows, columns: columns, source: whole[start..<whole.count], sourceStride: channels,
          destination: gradient, destinationStride: columns)
      }
      start += columns
    }
  }
}

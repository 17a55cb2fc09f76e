import Format
import Quantize

/// Shows which pixels made a unit fire: its activation is led back through the network to the input (Zeiler and Fergus
/// 2014, "Visualizing and understanding convolutional networks").
///
/// Every layer is undone by its counterpart, in reverse order:
/// - convolutions, matrix products and means by their transposed product, without bias; batch-norm by its factors;
/// - a maximum by unpooling: what comes back goes to the place where the maximum was (the switch);
/// - ReLU and ReLU6 by rectifying what comes back; the leaky ReLU likewise with its slope;
/// - sums, concatenations, slices and resizing by giving every operand its share;
/// - a product by the other operand's value; a factor per channel ([N, 1, 1, C], the gate of squeeze-and-excitation) is
///   taken as given. Other functions are replaced by their tangent where they were in this run, as for a gradient.
///
/// For a linear network the projection of the activation a = ⟨w, x⟩ is therefore a·w.
public struct Deconvolution {
  private let graph: Graph
  private let weights: [[Float]]

  /// - Precondition: a verified float graph with one input and batch size 1.
  public init(_ graph: Graph) {
    self.graph = graph
    weights = graph.tensors.map { $0.type == .f32 ? $0.constant?.elements(as: Float.self) ?? [] : [] }
  }

  /// What element `element` of `tensor` looks like in the input, in the input's shape.
  ///
  /// - Parameter values: of every activation in one run, the input's included.
  /// - Precondition: `tensor` is not an input, and `values` has every activation before it.
  public func projection(of element: Int, in tensor: TensorIndex, values: [TensorIndex: [Float]]) -> [Float] {
    var way = WayBack(graph: graph, weights: weights, values: values)
    var start = [Float](repeating: 0, count: graph.tensors[tensor].count)
    start[element] = values[tensor]![element]
    way.signals[tensor] = start
    for node in graph.nodes.reversed() { way.pass(node) }
    return way.signals[graph.inputs[0]] ?? [Float](repeating: 0, count: graph.tensors[graph.inputs[0]].count)
  }
}

/// One walk from a unit to the input.
private struct WayBack {
  let graph: Graph
  let weights: [[Float]]
  let values: [TensorIndex: [Float]]
  /// What has come back to each tensor so far. Nodes are in topological order, so when a node's turn comes backwards,
  /// every reader of its output has been there.
  var signals: [TensorIndex: [Float]] = [:]

  mutating func pass(_ node: Node) {
    guard let signal = signals.removeValue(forKey: node.outputs[0]) else { return }
    let input = node.inputs[0]
    switch node.op {
    case .conv2D(let op): give(transposed(op, node, rectified(signal, op.activation)), to: input)
    case .depthwiseConv2D(let op): give(transposed(op, node, rectified(signal, op.activation)), to: input)
    case .dense(let op): give(transposedDense(node, rectified(signal, op.activation)), to: input)
    case .maxPool2D(let op): give(unpooled(op, node, signal), to: input)
    case .averagePool2D(let op): give(spread(op, node, signal), to: input)
    case .globalAveragePool:
      let shape = graph.tensors[input].shape
      give(
        spread(
          Pool2D(windowHeight: shape[1], windowWidth: shape[2], strideHeight: 1, strideWidth: 1), node, signal),
        to: input)
    case .add(let op):
      let signal = rectified(signal, op.activation)
      for input in node.inputs { give(signal, to: input) }
    case .multiply: multiply(node, signal)
    case .concat(let op): split(op, node, signal)
    case .activation(let function): give(led(back: signal, through: function, node), to: input)
    case .softmax:
      let p = values[node.outputs[0]]!
      let mean = zip(p, signal).reduce(0) { $0 + $1.0 * $1.1 }
      give(zip(p, signal).map { $0 * ($1 - mean) }, to: input)
    case .batchNorm(let norm):
      let factors = zip(weights[node.inputs[1]], weights[node.inputs[4]]).map {
        $0 / ($1 + norm.epsilon).squareRoot()
      }
      give(signal.enumerated().map { $1 * factors[$0 % factors.count] }, to: input)
    case .reshape: give(signal, to: input)
    case .slice(let op): give(returned(op, node, signal), to: input)
    case .transposedConv2D(let op): give(transposed(op, node, rectified(signal, op.activation)), to: input)
    case .resize(let op): give(resizedBack(op, node, signal), to: input)
    // No picture lies behind these: the way back ends.
    case .embedding, .recurrent: break
    case .quantize, .dequantize, .lookup, .lookupSoftmax: preconditionFailure("not a float graph")
    }
  }

  private mutating func give(_ signal: [Float], to tensor: TensorIndex) {
    if let before = signals[tensor] {
      signals[tensor] = zip(before, signal).map { $0 + $1 }
    } else {
      signals[tensor] = signal
    }
  }

  // MARK: Functions of single elements

  private func rectified(_ signal: [Float], _ activation: FusedActivation) -> [Float] {
    activation == .none ? signal : signal.map { max($0, 0) }
  }

  private func led(back signal: [Float], through function: Activation, _ node: Node) -> [Float] {
    switch function {
    case .relu, .relu6: return signal.map { max($0, 0) }
    case .leakyReLU(let slope): return signal.map { $0 > 0 ? $0 : slope * $0 }
    case .sigmoid, .tanh, .hardSigmoid, .hardSwish, .gelu, .silu, .threshold:
      let places = values[function.slopeNeedsInput ? node.inputs[0] : node.outputs[0]]!
      return zip(signal, places).map { $0 * Float(function.slope(at: Double($1))) }
    }
  }

  private mutating func multiply(_ node: Node, _ signal: [Float]) {
    let (a, b) = (values[node.inputs[0]]!, values[node.inputs[1]]!)
    give(signal.enumerated().map { $1 * b[$0 % b.count] }, to: node.inputs[0])
    if a.count == b.count { give(zip(signal, a).map { $0 * $1 }, to: node.inputs[1]) }
  }

  private mutating func split(_ op: Concat, _ node: Node, _ signal: [Float]) {
    let shape = graph.tensors[node.outputs[0]].shape
    let inner = shape[(op.axis + 1)...].reduce(1, *)
    let row = shape[op.axis] * inner
    var first = 0
    for input in node.inputs {
      let part = graph.tensors[input].shape[op.axis] * inner
      let starts = stride(from: first, to: signal.count, by: row)
      give(starts.flatMap { signal[$0..<($0 + part)] }, to: input)
      first += part
    }
  }

  private func returned(_ op: Slice, _ node: Node, _ signal: [Float]) -> [Float] {
    let shape = graph.tensors[node.inputs[0]].shape
    let inner = shape[(op.axis + 1)...].reduce(1, *)
    let (row, part) = (shape[op.axis] * inner, op.count * inner)
    var result = [Float](repeating: 0, count: shape.reduce(1, *))
    for (index, value) in signal.enumerated() {
      result[index / part * row + op.start * inner + index % part] = value
    }
    return result
  }

  /// Each pixel to those that it was made of, by their weights.
  private func resizedBack(_ op: Resize, _ node: Node, _ signal: [Float]) -> [Float] {
    let shape = graph.tensors[node.inputs[0]].shape
    /// The input lines of an output line, with their shares.
    func lines(_ output: Int, of outputs: Int, inputs: Int) -> [(line: Int, share: Float)] {
      switch op.mode {
      case .nearest: return [(nearestCoordinate(output: output, of: outputs, inputs: inputs), 1)]
      case .bilinear:
        let place = ResizeCoordinate(output: output, of: outputs, inputs: inputs)
        return [(place.lower, 1 - place.share), (place.upper, place.share)]
      }
    }
    let channels = shape[3]
    var result = [Float](repeating: 0, count: shape.reduce(1, *))
    for oy in 0..<op.height {
      for ox in 0..<op.width {
        for down in lines(oy, of: op.height, inputs: shape[1]) {
          for across in lines(ox, of: op.width, inputs: shape[2]) {
            for channel in 0..<channels {
              result[(down.line * shape[2] + across.line) * channels + channel] +=
                down.share * across.share * signal[(oy * op.width + ox) * channels + channel]
            }
          }
        }
      }
    }
    return result
  }

  // MARK: Windows

  private func window(_ node: Node, _ op: Pool2D) -> Window {
    Window(
      input: graph.tensors[node.inputs[0]].shape, output: graph.tensors[node.outputs[0]].shape,
      height: op.windowHeight, width: op.windowWidth, strideHeight: op.strideHeight, strideWidth: op.strideWidth,
      padding: op.padding)
  }

  /// Each element at the place where its window's maximum was; the first one in row order if several are equal.
  private func unpooled(_ op: Pool2D, _ node: Node, _ signal: [Float]) -> [Float] {
    let x = values[node.inputs[0]]!
    let window = window(node, op)
    let channels = window.inputChannels
    var result = [Float](repeating: 0, count: x.count)
    for pixel in 0..<window.outputPixels {
      for channel in 0..<channels where signal[pixel * channels + channel] != 0 {
        var switchPlace: Int?
        window.forEachTap(of: pixel) { inputPixel, _ in
          let place = inputPixel * channels + channel
          if switchPlace.map({ x[place] > x[$0] }) ?? true { switchPlace = place }
        }
        if let switchPlace { result[switchPlace] += signal[pixel * channels + channel] }
      }
    }
    return result
  }

  /// Each element in equal parts over its window.
  private func spread(_ op: Pool2D, _ node: Node, _ signal: [Float]) -> [Float] {
    let window = window(node, op)
    let channels = window.inputChannels
    var result = [Float](repeating: 0, count: graph.tensors[node.inputs[0]].count)
    for pixel in 0..<window.outputPixels {
      var taps: Float = 0
      window.forEachTap(of: pixel) { _, _ in taps += 1 }
      window.forEachTap(of: pixel) { inputPixel, _ in
        for channel in 0..<channels {
          result[inputPixel * channels + channel] += signal[pixel * channels + channel] / taps
        }
      }
    }
    return result
  }

  // MARK: Linear layers

  /// weights [O, KH, KW, C/groups].
  private func transposed(_ op: Conv2D, _ node: Node, _ signal: [Float]) -> [Float] {
    let shape = graph.tensors[node.inputs[1]].shape
    let (outputs, taps, depth) = (shape[0], shape[1] * shape[2], shape[3])
    let window = Window(
      input: graph.tensors[node.inputs[0]].shape, output: graph.tensors[node.outputs[0]].shape,
      height: shape[1], width: shape[2], strideHeight: op.strideHeight, strideWidth: op.strideWidth,
      padding: op.padding, dilationHeight: op.dilationHeight, dilationWidth: op.dilationWidth)
    let outputsOfGroup = outputs / op.groups
    return sums(graph.tensors[node.inputs[0]].count, weights[node.inputs[1]]) { result, weights in
      for pixel in 0..<window.outputPixels {
        for output in 0..<outputs where signal[pixel * outputs + output] != 0 {
          let firstChannel = output / outputsOfGroup * depth
          window.forEachTap(of: pixel) { inputPixel, tap in
            add(
              signal[pixel * outputs + output], times: weights + (output * taps + tap) * depth,
              to: result + (inputPixel * window.inputChannels + firstChannel), count: depth)
          }
        }
      }
    }
  }

  /// weights [O, KH, KW, C]. What undoes a transposed convolution is a convolution: windows lie in its output.
  private func transposed(_ op: TransposedConv2D, _ node: Node, _ signal: [Float]) -> [Float] {
    let shape = graph.tensors[node.inputs[1]].shape
    let (outputs, taps, channels) = (shape[0], shape[1] * shape[2], shape[3])
    let window = Window(
      input: graph.tensors[node.outputs[0]].shape, output: graph.tensors[node.inputs[0]].shape, height: shape[1],
      width: shape[2], strideHeight: op.strideHeight, strideWidth: op.strideWidth, padding: op.padding)
    return sums(graph.tensors[node.inputs[0]].count, weights[node.inputs[1]]) { result, weights in
      for pixel in 0..<window.outputPixels {
        window.forEachTap(of: pixel) { place, tap in
          for output in 0..<outputs where signal[place * outputs + output] != 0 {
            add(
              signal[place * outputs + output], times: weights + (output * taps + tap) * channels,
              to: result + pixel * channels, count: channels)
          }
        }
      }
    }
  }

  /// weights [KH, KW, C·M].
  private func transposed(_ op: DepthwiseConv2D, _ node: Node, _ signal: [Float]) -> [Float] {
    let shape = graph.tensors[node.inputs[1]].shape
    let window = Window(
      input: graph.tensors[node.inputs[0]].shape, output: graph.tensors[node.outputs[0]].shape,
      height: shape[0], width: shape[1], strideHeight: op.strideHeight, strideWidth: op.strideWidth,
      padding: op.padding, dilationHeight: op.dilationHeight, dilationWidth: op.dilationWidth)
    let outputs = shape[2]
    let multiplier = outputs / window.inputChannels
    return sums(graph.tensors[node.inputs[0]].count, weights[node.inputs[1]]) { result, weights in
      for pixel in 0..<window.outputPixels {
        for output in 0..<outputs where signal[pixel * outputs + output] != 0 {
          window.forEachTap(of: pixel) { inputPixel, tap in
            result[inputPixel * window.inputChannels + output / multiplier] +=
              signal[pixel * outputs + output] * weights[tap * outputs + output]
          }
        }
      }
    }
  }

  /// weights [O, I].
  private func transposedDense(_ node: Node, _ signal: [Float]) -> [Float] {
    let inputs = graph.tensors[node.inputs[0]].count
    return sums(inputs, weights[node.inputs[1]]) { result, weights in
      for (output, value) in signal.enumerated() where value != 0 {
        add(value, times: weights + output * inputs, to: result, count: inputs)
      }
    }
  }

  /// `count` numbers that begin at 0.
  private func sums(
    _ count: Int, _ weights: [Float],
    _ body: (_ result: UnsafeMutablePointer<Float>, _ weights: UnsafePointer<Float>) -> Void
  ) -> [Float] {
    var result = [Float](repeating: 0, count: count)
    result.withUnsafeMutableBufferPointer { result in
      weights.withUnsafeBufferPointer { body(result.baseAddress!, $0.baseAddress!) }
    }
    return result
  }

  private func add(
    _ factor: Float, times values: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count { sums[index] += factor * values[index] }
  }
}

/// Which pixels of an image [1, H, W, C] each pixel of an operator's output [1, H', W', C'] saw.
private struct Window {
  let input: [Int]
  let output: [Int]
  let height: Int
  let width: Int
  let strideHeight: Int
  let strideWidth: Int
  let padding: Padding
  var dilationHeight = 1
  var dilationWidth = 1

  var inputChannels: Int { input[3] }
  var outputPixels: Int { output[1] * output[2] }

  /// Calls `body` for each pixel inside the image, in row order; `tap` is its place in the window.
  @inline(__always)
  func forEachTap(of outputPixel: Int, _ body: (_ inputPixel: Int, _ tap: Int) -> Void) {
    let top = outputPixel / output[2] * strideHeight - padding.top
    let left = outputPixel % output[2] * strideWidth - padding.left
    for row in 0..<height {
      let y = top + row * dilationHeight
      guard y >= 0, y < input[1] else { continue }
      for column in 0..<width {
        let x = left + column * dilationWidth
        guard x >= 0, x < input[2] else { continue }
        body(y * input[2] + x, row * width + column)
      }
    }
  }
}

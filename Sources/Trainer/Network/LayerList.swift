import Format

/// What is done to the network's last values to make predictions of them.
enum Head {
  case softmax
  case sigmoid
  case none

  init(for loss: Loss) {
    switch loss {
    case .softmaxCrossEntropy: self = .softmax
    case .sigmoidCrossEntropy: self = .sigmoid
    case .meanSquaredError, .hinge, .perceptron: self = .none
    }
  }
}

/// A description turned into connected layers: names given, references resolved, shapes inferred.
struct LayerList {
  private(set) var layers: [any Layer] = []
  let input: Value
  /// What the loss sees.
  private(set) var output: Value
  let head: Head

  /// - Throws: `TrainerError.invalid` about the layer that cannot be.
  init(_ description: NetworkDescription) throws(TrainerError) {
    guard description.input.height > 0, description.input.width > 0, description.input.channels > 0 else {
      throw .invalid(what: "input", expected: "positive extents", found: "\(description.input)")
    }
    try LayerList.checkSize(
      "input", [description.input.height, description.input.width, description.input.channels])
    head = Head(for: description.recipe.loss)
    input = Value(description.input, needsGradient: false)
    output = input
    let wiring = try Wiring(description, head: head)
    // Per producer, -1 being the input: its values that no consumer has taken yet.
    var free: [Int: [Value]] = [:]
    provide(input, from: -1, name: "input", wiring: wiring, free: &free)
    for (index, layer) in wiring.layers.enumerated() {
      let inputs = wiring.sources[index].map { free[$0]!.removeFirst() }
      do throws(TrainerError) {
        output = try append(layer, inputs: inputs, index: index)
      } catch {
        throw error.at(line: layer.line)
      }
      provide(output, from: index, name: layer.name, wiring: wiring, free: &free)
    }
    guard output.needsGradient else {
      throw .invalid(what: description.name, expected: "at least one layer with weights", found: "none")
    }
  }

  /// Sizes stay far from where products of a few of them would leave `Int`.
  private static func checkSize(_ what: String, _ shape: [Int]) throws(TrainerError) {
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= Int(Int32.max) else {
        throw .invalid(
          what: what, expected: "at most \(Int32.max) elements", found: shape.map(String.init).joined(separator: "x"))
      }
      count = product
    }
  }

  /// Makes `value` available to its consumers.
  private mutating func provide(
    _ value: Value, from producer: Int, name: String, wiring: Wiring, free: inout [Int: [Value]]
  ) {
    let consumers = wiring.sources.reduce(0) { $0 + $1.count { $0 == producer } }
    if consumers > 1 {
      let fork = ForkLayer(name + ".fork", input: value, ways: consumers)
      layers.append(fork)
      free[producer] = fork.outputs
    } else {
      free[producer] = [value]
    }
  }

  /// Appends what computes `layer` and gives its output.
  private mutating func append(
    _ layer: LayerDescription, inputs: [Value], index: Int
  ) throws(TrainerError) -> Value {
    let name = layer.name
    let input = inputs[0]
    let built: any Layer
    var activation: Activation?
    switch layer.kind {
    case .convolution(var description):
      activation = description.separateActivation()
      built = try ConvolutionLayer(name, description, depthwise: false, input: input)
    case .depthwise(var description):
      activation = description.separateActivation()
      built = try ConvolutionLayer(name, description, depthwise: true, input: input)
    case .dense(var description):
      activation = description.separateActivation()
      built = DenseLayer(name, description, input: input)
    case .maxPool(let description): built = try MaxPoolLayer(name, description, input: input)
    case .averagePool(let description): built = try AveragePoolLayer(name, description, input: input)
    case .globalAveragePool: built = try AveragePoolLayer(globalOver: input, name: name)
    case .batchNorm(let description):
      built = BatchNormLayer(name, description, input: input)
      activation = description.activation
    case .activation(let function): built = ActivationLayer(name, function, input: input, inputIsFree: false)
    case .dropout(let rate): built = DropoutLayer(name, rate: rate, stream: UInt32(index), input: input)
    case .add(let function):
      built = try AddLayer(name, input, inputs[1])
      activation = function
    case .multiply: built = try MultiplyLayer(name, input, inputs[1])
    case .concat: built = try ConcatLayer(name, inputs)
    case .flatten:
      return Value(
        ImageShape(height: 1, width: 1, channels: input.shape.count), needsGradient: input.needsGradient,
        dataOf: input, gradientOf: input)
    case .softmax:
      // The head: the loss wants the values before it.
      return input
    }
    for value in built.outputs {
      try LayerList.checkSize(name, [value.shape.height, value.shape.width, value.shape.channels])
    }
    for parameter in built.parameters { try LayerList.checkSize(parameter.name, parameter.shape) }
    layers.append(built)
    guard let activation else { return built.outputs[0] }
    // None of these layers reads its output again.
    let after = ActivationLayer(name + ".activation", activation, input: built.outputs[0], inputIsFree: true)
    layers.append(after)
    return after.output
  }
}

extension TrainerError {
  /// The same, telling the line of the description.
  fileprivate func at(line: Int) -> TrainerError {
    guard line > 0, case .invalid(let what, let expected, let found) = self else { return self }
    return .invalid(what: "line \(line), \(what)", expected: expected, found: found)
  }
}

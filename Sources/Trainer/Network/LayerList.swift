import Format

/// What is done to the network's last values to make predictions of them.
enum Head {
  case softmax
  case sigmoid
  /// Where the description ends with one; a perceptron's values serve as well to compare classes.
  case threshold
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
  /// The first input and those that are layers of the description, in its order.
  private(set) var inputs: [Value]
  /// What the loss sees.
  private(set) var output: Value
  let head: Head
  /// The layer up to which nothing is trained; nil: all is.
  let freeze: String?
  /// So many layers, from the first, are not trained.
  private(set) var frozenCount = 0

  /// - Parameter freeze: the name of a layer; neither it nor any before it in the description is trained.
  /// - Throws: `TrainerError.invalid` about the layer that cannot be.
  init(_ description: NetworkDescription, freeze: String? = nil) throws(TrainerError) {
    guard description.input.height > 0, description.input.width > 0, description.input.channels > 0 else {
      throw .invalid(what: "input", expected: "positive extents", found: "\(description.input)")
    }
    try LayerList.checkSize(
      "input", [description.input.height, description.input.width, description.input.channels])
    let wiring = try Wiring(description)
    head = wiring.head
    self.freeze = freeze
    let input = Value(description.input, needsGradient: false)
    inputs = [input]
    output = input
    let frozen = try freeze.map { (name) throws(TrainerError) in try wiring.index(of: name) } ?? -1
    // Per producer, -1 being the input: its values that no consumer has taken yet.
    var free: [Int: [Value]] = [:]
    // Per recurrent layer, its final states that no layer has begun with yet.
    var states: [Int: [InitialState]] = [:]
    provide(input, from: -1, name: "input", wiring: wiring, free: &free)
    for (index, layer) in wiring.layers.enumerated() {
      let inputs = wiring.sources[index].map { free[$0]!.removeFirst() }
      do throws(TrainerError) {
        if case .recurrent(let description) = layer.kind {
          let state = wiring.stateSources[index].map { states[$0]!.removeFirst() }
          let initial = state ?? (inputs.count > 1 ? InitialState(hidden: inputs[1]) : nil)
          states[index] = try append(
            layer.name, description, input: inputs[0], initial: initial,
            outputIsRead: index == wiring.layers.count - 1 || wiring.sources.contains { $0.contains(index) },
            stateReaders: wiring.stateSources.count { $0 == index })
        } else {
          output = try append(layer, inputs: inputs, index: index)
        }
      } catch {
        throw error.at(line: layer.line)
      }
      if index <= frozen { holdLayers() }
      provide(output, from: index, name: layer.name, wiring: wiring, free: &free)
    }
    guard output.needsGradient else {
      throw .invalid(
        what: description.name,
        expected: "at least one layer with weights\(freeze == nil ? "" : " that is not frozen")",
        found: "none")
    }
    try checkNames()
    for case let fork as ForkLayer in layers { fork.joinGradients(in: layers) }
  }

  /// States and model files tell tensors by their names, which layers make of their own: two of 'x: lstm 4 bidirectional' are
  /// called as those of a layer 'x.forward' would be.
  private func checkNames() throws(TrainerError) {
    var names: Set<String> = []
    for layer in layers {
      for name in layer.parameters.map(\.name) + layer.statistics.map(\.name) where !names.insert(name).inserted {
        throw .invalid(
          what: layer.name, expected: "a name that gives its weights names of their own", found: "a second \(name)")
      }
    }
  }

  /// The layers so far are not trained.
  private mutating func holdLayers() {
    for layer in layers[frozenCount...] {
      for value in layer.outputs { value.freeze() }
    }
    output.freeze()
    frozenCount = layers.count
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

  /// Labels of one image: the steps of an output sequence that is classified step by step, else 1.
  var labelCount: Int { head == .softmax && output.shape.width == 1 ? output.shape.height : 1 }

  /// Appends what computes `layer` and gives its output.
  private mutating func append(
    _ layer: LayerDescription, inputs: [Value], index: Int
  ) throws(TrainerError) -> Value {
    let name = layer.name
    if case .input(let shape) = layer.kind {
      try LayerList.checkSize(name, [shape.height, shape.width, shape.channels])
      let value = Value(shape, needsGradient: false)
      self.inputs.append(value)
      return value
    }
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
    case .transposedConvolution(var description):
      activation = description.separateActivation()
      built = try TransposedConvolutionLayer(name, description, input: input)
    case .dense(var description):
      activation = description.separateActivation()
      built = DenseLayer(name, description, input: input)
    case .maxPool(let description): built = try MaxPoolLayer(name, description, input: input)
    case .averagePool(let description): built = try AveragePoolLayer(name, description, input: input)
    case .globalAveragePool: built = try AveragePoolLayer(globalOver: input, name: name)
    case .batchNorm(let description):
      activation = description.activation
      let fused = activation.flatMap { $0.slopeNeedsInput ? nil : $0 }
      built = BatchNormLayer(name, description, activation: fused, input: input)
      if fused != nil { activation = nil }
    case .activation(let function): built = ActivationLayer(name, function, input: input, inputIsFree: false)
    case .dropout(let rate): built = DropoutLayer(name, rate: rate, stream: UInt32(index), input: input)
    case .add(let function):
      let sum = try AddLayer(name, input, inputs[1])
      let fused = function.flatMap { $0.slopeNeedsInput ? nil : $0 }
      if let norm = removeNorm(before: sum, activation: fused) {
        built = norm
        activation = fused == nil ? function : nil
      } else {
        built = sum
        activation = function
      }
    case .multiply: built = try MultiplyLayer(name, input, inputs[1])
    case .concat: built = try ConcatLayer(name, inputs)
    case .embedding(let description): built = try EmbeddingLayer(name, description, input: input)
    case .step(let end): built = try StepLayer(name, end, input: input)
    case .flatten: return input.reshaped(ImageShape(height: 1, width: 1, channels: input.shape.count))
    case .sequence:
      return input.reshaped(
        ImageShape(height: input.shape.height, width: 1, channels: input.shape.width * input.shape.channels))
    case .recurrent, .input: preconditionFailure("appended elsewhere")
    case .softmax:
      // The head: the loss wants the values before it.
      return input
    }
    try append(built)
    guard let activation else { return built.outputs[0] }
    // None of these layers reads its output again.
    let after = ActivationLayer(name + ".activation", activation, input: built.outputs[0], inputIsFree: true)
    layers.append(after)
    return after.output
  }

  /// Takes away the batch-norm that makes an operand of `sum`, for which it is the only consumer, and gives one that computes
  /// both; nil if no operand is a trained batch-norm's.
  private mutating func removeNorm(before sum: AddLayer, activation: Activation?) -> BatchNormLayer? {
    for index in layers.indices.dropFirst(frozenCount).reversed() {
      guard let norm = (layers[index] as? BatchNormLayer)?.adding(sum, activation: activation) else { continue }
      layers.remove(at: index)
      return norm
    }
    return nil
  }

  /// Appends a recurrent layer, or two that run in opposite directions and what joins them; its output becomes the list's.
  ///
  /// - Parameter stateReaders: how many layers begin with its final state.
  /// - Returns: that state, once for each of them.
  private mutating func append(
    _ name: String, _ description: RecurrentDescription, input: Value, initial: InitialState?, outputIsRead: Bool,
    stateReaders: Int
  ) throws(TrainerError) -> [InitialState] {
    guard !description.isCarried || description.direction == .forward else {
      throw .invalid(what: name, expected: "'carry' in forward direction only", found: "another direction")
    }
    guard description.direction == .both else {
      let layer = try RecurrentLayer(
        name, description, isReversed: description.direction == .reverse, input: input, initial: initial,
        outputIsRead: outputIsRead, stateIsRead: stateReaders > 0)
      try append(layer)
      output = layer.output
      return fork(layer, ways: stateReaders)
    }
    let ways = ForkLayer(name + ".fork", input: input, ways: 2)
    layers.append(ways)
    let forward = try RecurrentLayer(
      name + ".forward", description, isReversed: false, input: ways.outputs[0], initial: nil)
    let reverse = try RecurrentLayer(
      name + ".reverse", description, isReversed: true, input: ways.outputs[1], initial: nil)
    for layer in [forward, reverse] { try append(layer) }
    let joined = try ConcatLayer(name + ".concat", [forward.output, reverse.output])
    layers.append(joined)
    output = joined.output
    return []
  }

  /// The final state of a layer for each of those that begin with it.
  private mutating func fork(_ layer: RecurrentLayer, ways: Int) -> [InitialState] {
    guard let hidden = layer.finalHidden else { return [] }
    guard ways > 1 else { return [InitialState(hidden: hidden, cell: layer.finalCell)] }
    let hiddens = ForkLayer(layer.name + ".hidden.fork", input: hidden, ways: ways)
    layers.append(hiddens)
    guard let cell = layer.finalCell else { return hiddens.outputs.map { InitialState(hidden: $0) } }
    let cells = ForkLayer(layer.name + ".cell.fork", input: cell, ways: ways)
    layers.append(cells)
    return zip(hiddens.outputs, cells.outputs).map { InitialState(hidden: $0, cell: $1) }
  }

  private mutating func append(_ layer: any Layer) throws(TrainerError) {
    for value in layer.outputs {
      try LayerList.checkSize(layer.name, [value.shape.height, value.shape.width, value.shape.channels])
    }
    for parameter in layer.parameters { try LayerList.checkSize(parameter.name, parameter.shape) }
    layers.append(layer)
  }
}

extension TrainerError {
  /// The same, telling the line of the description.
  fileprivate func at(line: Int) -> TrainerError {
    guard line > 0, case .invalid(let what, let expected, let found) = self else { return self }
    return .invalid(what: "line \(line), \(what)", expected: expected, found: found)
  }
}

import Format

/// Builds the inference graph of a network, batch 1, layer by layer.
struct GraphExporter {
  /// Where the values of weights and statistics come from.
  enum Weights {
    /// The network's present ones, on its device.
    case present(any Backend)
    /// All 0, of layers that were never given memory: parts of one storage, as long as the largest tensor.
    case zeros(Storage)
  }

  private(set) var graph = Graph()
  private var tensors: [ObjectIdentifier: TensorIndex] = [:]
  private let weights: Weights

  /// Whether recurrent layers keep their state from run to run: the graph is of one step of a sequence.
  let keepsStates: Bool

  init(_ weights: Weights, keepsStates: Bool) {
    self.weights = weights
    self.keepsStates = keepsStates
  }

  /// Whether `value` has a tensor.
  func has(_ value: Value) -> Bool { tensors[ObjectIdentifier(value)] != nil }

  /// The tensor of `value`: [1, H, W, C], or [1, C] behind a flatten or a dense layer.
  mutating func tensor(of value: Value) -> TensorIndex {
    if let index = tensors[ObjectIdentifier(value)] { return index }
    // A value without a node of its own is its owner's data in another shape.
    guard let owner = value.dataOwner else { preconditionFailure("a value that no layer has made") }
    let index = flat(owner)
    tensors[ObjectIdentifier(value)] = index
    return index
  }

  /// The tensor of `value` as [1, count].
  mutating func flat(_ value: Value) -> TensorIndex {
    let index = tensor(of: value)
    return graph.tensors[index].shape.count == 2 ? index : reshape(index, to: [1, value.shape.count])
  }

  /// The tensor of `value` as [1, H, W, C].
  mutating func image(_ value: Value) -> TensorIndex {
    let index = tensor(of: value)
    if graph.tensors[index].shape.count == 4 { return index }
    return reshape(index, to: [1, value.shape.height, value.shape.width, value.shape.channels])
  }

  mutating func reshape(_ index: TensorIndex, to shape: [Int]) -> TensorIndex {
    let name = graph.tensors[index].name + ".reshape"
    return graph.add(.reshape, name: name, inputs: [index], output: Tensor(name: name, type: .f32, shape: shape))
  }

  /// Lets `value` be tensor `index`.
  mutating func bind(_ value: Value, to index: TensorIndex) { tensors[ObjectIdentifier(value)] = index }

  /// Makes `value` a further input, [1, H, W, C], and gives its place among the inputs.
  @discardableResult mutating func addInput(_ value: Value) -> Int {
    let place = graph.inputs.count
    let name = place == 0 ? "input" : "input\(place + 1)"
    bind(
      value, to: addInput(name, shape: [1, value.shape.height, value.shape.width, value.shape.channels]))
    return place
  }

  mutating func addInput(_ name: String, shape: [Int]) -> TensorIndex {
    let index = graph.add(Tensor(name: name, type: .f32, shape: shape))
    graph.inputs.append(index)
    return index
  }

  /// Makes `value`, [1, H, W, C], an output, unless it is one, and gives its place among the outputs.
  mutating func addOutput(_ value: Value) -> Int {
    let index = image(value)
    if let place = graph.outputs.firstIndex(of: index) { return place }
    graph.outputs.append(index)
    return graph.outputs.count - 1
  }

  /// Lets input `input` have the value of tensor `output` in the next run.
  mutating func addState(input: TensorIndex, output: TensorIndex) {
    graph.states.append(State(input: input, output: output))
    graph.outputs.append(output)
  }

  /// Makes `index` the first output.
  mutating func setOutput(_ index: TensorIndex) { graph.outputs.insert(index, at: 0) }

  /// A node of several outputs.
  mutating func add(
    _ op: Op, name: String, inputs: [TensorIndex], outputs: [(name: String, shape: [Int])]
  ) -> [TensorIndex] {
    let indices = outputs.map { graph.add(Tensor(name: $0.name, type: .f32, shape: $0.shape)) }
    graph.nodes.append(Node(name: name, op: op, inputs: inputs, outputs: indices))
    return indices
  }

  mutating func add(_ op: Op, name: String, inputs: [TensorIndex], shape: [Int]) -> TensorIndex {
    graph.add(op, name: name, inputs: inputs, output: Tensor(name: name, type: .f32, shape: shape))
  }

  /// A linear operator, and its activation as a node of its own where it cannot be fused.
  mutating func add(
    _ name: String, activation: Activation?, inputs: [TensorIndex], shape: [Int], _ op: (FusedActivation) -> Op
  ) -> TensorIndex {
    switch activation {
    case nil: return add(op(.none), name: name, inputs: inputs, shape: shape)
    case .relu: return add(op(.relu), name: name, inputs: inputs, shape: shape)
    case .relu6: return add(op(.relu6), name: name, inputs: inputs, shape: shape)
    case let function?:
      let linear = add(op(.none), name: name + ".linear", inputs: inputs, shape: shape)
      return add(.activation(function), name: name, inputs: [linear], shape: shape)
    }
  }

  /// A parameter's values as a constant.
  mutating func constant(_ parameter: Parameter) throws(TrainerError) -> TensorIndex {
    let constant =
      switch weights {
      case .present(let backend): Constant(try backend.values(of: parameter.weights))
      case .zeros(let storage):
        Constant(storage: storage, range: 0..<(parameter.count * MemoryLayout<Float>.stride))
      }
    return graph.add(Tensor(name: parameter.name, type: .f32, shape: parameter.shape, constant: constant))
  }

  /// Running mean and variance as two constants.
  mutating func constants(_ statistics: RunningStatistics) throws(TrainerError) -> [TensorIndex] {
    let channels = statistics.channels
    let values =
      switch weights {
      case .present(let backend): try backend.values(of: statistics.values)
      case .zeros: statistics.initial
      }
    return [(".mean", values[..<channels]), (".variance", values[channels...])].map { name, values in
      graph.add(
        Tensor(name: statistics.name + name, type: .f32, shape: [channels], constant: Constant(Array(values))))
    }
  }
}

extension Backend {
  /// A copy of a slice's reals on the host.
  func values(of slice: DeviceSlice) throws(TrainerError) -> [Float] {
    var values = [Float](repeating: 0, count: slice.count)
    try values.withUnsafeMutableBufferPointer { (buffer) throws(TrainerError) in
      try download(slice, into: buffer)
    }
    return values
  }
}

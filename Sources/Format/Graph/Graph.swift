/// The place of a tensor in `Graph.tensors`.
public typealias TensorIndex = Int

/// One application of an operator. The order of `inputs` is told at the operator's payload in `Op`.
public struct Node: Equatable, Sendable {
  public var name: String
  public var op: Op
  public var inputs: [TensorIndex]
  public var outputs: [TensorIndex]

  public init(name: String, op: Op, inputs: [TensorIndex], outputs: [TensorIndex]) {
    self.name = name
    self.op = op
    self.inputs = inputs
    self.outputs = outputs
  }
}

/// What a graph keeps from one run to the next: an input that is zero in the first run and takes the value of an output of
/// the same shape after each run. Both are among the graph's inputs and outputs; so a run is a function of its inputs, and
/// whoever runs the graph carries the state.
public struct State: Equatable, Sendable {
  public var input: TensorIndex
  public var output: TensorIndex

  public init(input: TensorIndex, output: TensorIndex) {
    self.input = input
    self.output = output
  }
}

/// A network: nodes in topological order over tensors. The one graph type of all modules.
public struct Graph: Sendable {
  public var tensors: [Tensor]
  public var nodes: [Node]
  public var inputs: [TensorIndex]
  public var outputs: [TensorIndex]
  public var states: [State]

  public init(
    tensors: [Tensor] = [], nodes: [Node] = [], inputs: [TensorIndex] = [], outputs: [TensorIndex] = [],
    states: [State] = []
  ) {
    self.tensors = tensors
    self.nodes = nodes
    self.inputs = inputs
    self.outputs = outputs
    self.states = states
  }

  /// Whether `input` is one that a state gives its value.
  public func isState(input: TensorIndex) -> Bool { states.contains { $0.input == input } }

  /// Appends a tensor and gives its index.
  public mutating func add(_ tensor: Tensor) -> TensorIndex {
    tensors.append(tensor)
    return tensors.count - 1
  }

  /// Appends a node with one output and gives that output's index.
  @discardableResult
  public mutating func add(_ op: Op, name: String, inputs: [TensorIndex], output: Tensor) -> TensorIndex {
    let index = add(output)
    nodes.append(Node(name: name, op: op, inputs: inputs, outputs: [index]))
    return index
  }
}

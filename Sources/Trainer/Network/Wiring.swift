import Format

/// The layers of a description with names given, and which layer each one reads.
struct Wiring {
  /// All named.
  private(set) var layers: [LayerDescription]
  /// Per layer, the producers of its inputs; −1 is the network's first input. A recurrent layer may have a second one, whose
  /// output it begins with.
  private(set) var sources: [[Int]] = []
  /// Per layer, the recurrent layer whose final state it begins with.
  private(set) var stateSources: [Int?] = []
  private(set) var head: Head

  /// - Throws: `TrainerError.invalid` about a name that is used twice or not known, a wrong number of inputs, a layer that
  ///   nothing reads, a softmax that is not the head.
  init(_ description: NetworkDescription) throws(TrainerError) {
    head = Head(for: description.recipe.loss)
    layers = description.layers
    guard !layers.isEmpty else {
      throw .invalid(what: description.name, expected: "at least one layer", found: "none")
    }
    var indices = ["input": -1]
    var counters: [String: Int] = [:]
    for index in layers.indices {
      if layers[index].name.isEmpty {
        layers[index].name = Wiring.freshName(layers[index].kind, &counters, taken: description.layers)
      }
      let name = layers[index].name
      sources.append(try Wiring.resolve(layers[index], index: index, indices: indices))
      stateSources.append(nil)
      try resolveState(of: index, indices: indices)
      guard indices.updateValue(index, forKey: name) == nil else {
        throw .invalid(what: name, expected: "a name of its own", found: "a second layer of this name")
      }
    }
    try check(head: head)
    dropActivationOfHead(description.recipe.loss)
  }

  /// - Throws: `TrainerError.invalid` if there is no layer of this name.
  func index(of name: String) throws(TrainerError) -> Int {
    guard let index = layers.firstIndex(where: { $0.name == name }) else {
      throw .invalid(
        what: "freeze", expected: "one of the layers " + layers.map(\.name).joined(separator: ", "), found: "'\(name)'")
    }
    return index
  }

  /// As "conv2": the keyword and a number.
  private static func freshName(
    _ kind: LayerKind, _ counters: inout [String: Int], taken layers: [LayerDescription]
  ) -> String {
    while true {
      counters[kind.keyword, default: 0] += 1
      let name = "\(kind.keyword)\(counters[kind.keyword]!)"
      if !layers.contains(where: { $0.name == name }) { return name }
    }
  }

  /// The layer that a recurrent one takes its first state from: another recurrent layer's state, or numbers.
  private mutating func resolveState(of index: Int, indices: [String: Int]) throws(TrainerError) {
    guard case .recurrent(let description) = layers[index].kind, let name = description.state else { return }
    guard let source = indices[name] else {
      throw .invalid(what: layers[index].name, expected: "the name of a layer before it", found: "'\(name)'")
    }
    guard !description.isCarried, description.direction != .both else {
      throw .invalid(
        what: layers[index].name, expected: "one direction and no 'carry' beside 'state from'",
        found: description.isCarried ? "'carry'" : "'bidirectional'")
    }
    guard source >= 0, case .recurrent(let other) = layers[source].kind else {
      sources[index].append(source)
      return
    }
    guard other.direction != .both, other.cell == description.cell, other.units == description.units else {
      throw .invalid(
        what: layers[index].name,
        expected: "the state of a \(description.cell.name) \(description.units) of one direction",
        found: "\(other.cell.name) \(other.units)\(other.direction == .both ? " bidirectional" : "")")
    }
    stateSources[index] = source
  }

  private static func resolve(
    _ layer: LayerDescription, index: Int, indices: [String: Int]
  ) throws(TrainerError) -> [Int] {
    var sources: [Int] = []
    for name in layer.inputs {
      guard let source = indices[name] else {
        throw .invalid(what: layer.name, expected: "the name of a layer before it", found: "'\(name)'")
      }
      sources.append(source)
    }
    switch layer.kind {
    case .add, .multiply:
      if sources.count < 2 { sources.insert(index - 1, at: 0) }
      guard sources.count == 2, !layer.inputs.isEmpty else {
        throw .invalid(
          what: layer.name, expected: "one or two layers to \(layer.kind.keyword)", found: "\(layer.inputs.count)")
      }
    case .concat:
      if sources.count < 2 { sources.insert(index - 1, at: 0) }
      guard !layer.inputs.isEmpty else {
        throw .invalid(what: layer.name, expected: "at least one layer to join", found: "none")
      }
    case .input:
      guard sources.isEmpty else {
        throw .invalid(what: layer.name, expected: "an input that reads nothing", found: "\(sources.count)")
      }
    default:
      if sources.isEmpty { sources = [index - 1] }
      guard sources.count == 1 else {
        throw .invalid(what: layer.name, expected: "one layer to read", found: "\(sources.count)")
      }
    }
    return sources
  }

  private func check(head: Head) throws(TrainerError) {
    for (index, layer) in layers.enumerated() {
      if index < layers.count - 1, !sources.contains(where: { $0.contains(index) }), !stateSources.contains(index) {
        throw .invalid(what: layer.name, expected: "a layer that reads it", found: "none")
      }
      guard case .softmax = layer.kind else { continue }
      guard index == layers.count - 1, head == .softmax else {
        throw .invalid(
          what: layer.name, expected: "softmax as the last layer, with the loss softmax-cross-entropy",
          found: index == layers.count - 1 ? "another loss" : "layers after it")
      }
    }
  }

  /// A sigmoid at the end is the head of sigmoid cross-entropy, a threshold that of the perceptron; both losses want the
  /// values before it.
  private mutating func dropActivationOfHead(_ loss: Loss) {
    let heads: [Loss: (Activation, Head)] = [
      .sigmoidCrossEntropy: (.sigmoid, .sigmoid), .perceptron: (.threshold, .threshold),
    ]
    guard let (function, head) = heads[loss], let last = layers.last else { return }
    switch last.kind {
    case .dense(var description) where description.activation == function:
      description.activation = nil
      layers[layers.count - 1].kind = .dense(description)
    case .activation(function): layers[layers.count - 1].kind = .flatten
    default: return
    }
    self.head = head
  }
}

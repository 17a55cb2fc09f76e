import Format

/// A network as it runs on a device, batch 1, float.
public struct ExportedNetwork: Sendable {
  /// The whole network; or, where `decoder` is not nil, what is computed once per input. Its `states` are not empty where it
  /// takes a sequence one step at a time.
  public var main: Graph
  /// What is computed once per token of an answer, and what it gets from `main`.
  public var decoder: Graph?
  public var links: [Decoder.Link] = []
}

extension Network {
  /// The network for inference: without dropout, batch-norm folded and activations fused where `Graph.simplified()` can,
  /// softmax or sigmoid at the end as the loss has it, averaged weights where the recipe keeps them.
  ///
  /// - A network that classifies every step of its only input, and none by what comes later, becomes a graph of one step with
  ///   states: it takes sequences of any length.
  /// - A network with a second input, the answer so far, becomes two: what reads that input is the decoder, of one step.
  ///
  /// - Throws: `TrainerError.invalid` if the weights are no numbers any more, the network is beyond the file's limits, or it
  ///   has more inputs or a decoder that looks at more than one step.
  ///
  /// Law: the graph's output is what `predict` gives, to rounding.
  public func export() throws(TrainerError) -> ExportedNetwork {
    try withAverage { () throws(TrainerError) in
      try NetworkExporter(description: description, list: list, weights: .present(backend)).export()
    }
  }

  /// The main graph of `export`.
  public func exportGraph() throws(TrainerError) -> Graph { try export().main }
}

extension NetworkDescription {
  /// What `Network.export` would give, but for the weights, which are all 0: what there is to know of a network without
  /// memory to train it, and whether it can be exported at all.
  ///
  /// - Returns: the graphs, and the number of weights.
  /// - Throws: `TrainerError.invalid`, as building and exporting the network would.
  public func outline() throws(TrainerError) -> (exported: ExportedNetwork, parameterCount: Int) {
    let list = try LayerList(self)
    let counts = list.layers.flatMap { $0.parameters.map(\.count) }
    let (total, most) = (counts.reduce(0, +), Int(Limits.constantBytes) / MemoryLayout<Float>.stride)
    guard total <= most else {
      throw .invalid(what: name, expected: "at most \(most) weights, as a model file holds", found: "\(total)")
    }
    let zeros = Storage(count: (counts.max() ?? 0) * MemoryLayout<Float>.stride) { _ in }
    return (try NetworkExporter(description: self, list: list, weights: .zeros(zeros)).export(), total)
  }
}

/// Makes the graphs of a network's layers.
private struct NetworkExporter {
  let description: NetworkDescription
  let list: LayerList
  let weights: GraphExporter.Weights

  /// See `Network.export`.
  func export() throws(TrainerError) -> ExportedNetwork {
    switch list.inputs.count {
    case 1 where list.isStepwise:
      var description = description
      description.input.height = 1
      return ExportedNetwork(main: try exportMain(copy(of: description), keepsStates: true))
    case 1: return ExportedNetwork(main: try exportMain(list, keepsStates: false))
    case 2: return try exportDecoder()
    default:
      throw .invalid(what: "inputs", expected: "one, or two with the answer as second", found: "\(list.inputs.count)")
    }
  }

  /// The layers of a description that differs from this network's in the length of sequences alone, with its weights.
  private func copy(of description: NetworkDescription) throws(TrainerError) -> LayerList {
    // What is frozen decides which layers are computed in one pass: both lists must have the same.
    let copy = try LayerList(description, freeze: list.freeze)
    guard case .present = weights else { return copy }
    for (own, other) in zip(list.layers, copy.layers) {
      for (own, other) in zip(own.parameters, other.parameters) {
        other.place(weights: own.weights, gradient: own.gradient)
      }
      for (own, other) in zip(own.statistics, other.statistics) { other.place(own.values) }
    }
    return copy
  }

  private func exportMain(_ list: LayerList, keepsStates: Bool) throws(TrainerError) -> Graph {
    var exporter = GraphExporter(weights, keepsStates: keepsStates)
    exporter.addInput(list.inputs[0])
    for layer in list.layers { try layer.export(to: &exporter) }
    exporter.addHead(list.head, of: list.output)
    return try exporter.finished()
  }

  private func exportDecoder() throws(TrainerError) -> ExportedNetwork {
    var description = description
    for (index, layer) in description.layers.enumerated() {
      guard case .input(var shape) = layer.kind else { continue }
      guard shape.width == 1, shape.channels == 1 else {
        throw .invalid(what: layer.name, expected: "tokens, STEPSx1x1", found: "\(shape)")
      }
      shape.height = 1
      description.layers[index].kind = .input(shape)
    }
    let list = try copy(of: description)
    var main = GraphExporter(weights, keepsStates: false)
    main.addInput(list.inputs[0])
    var decoder = GraphExporter(weights, keepsStates: true)
    decoder.addInput(list.inputs[1])
    var links: [Decoder.Link] = []
    // Values that depend on the answer so far.
    var dependent: Set<ObjectIdentifier> = [ObjectIdentifier(list.inputs[1])]
    func depends(_ value: Value) -> Bool { dependent.contains(ObjectIdentifier(value.dataRoot)) }
    for layer in list.layers {
      guard layer.inputs.contains(where: depends) else {
        try layer.export(to: &main)
        continue
      }
      guard layer.isStepwise, !((layer as? RecurrentLayer)?.initialHidden.map(depends) ?? false) else {
        throw .invalid(
          what: layer.name, expected: "a layer that computes each step of the answer from those before",
          found: "another")
      }
      for value in layer.inputs where !depends(value) && !decoder.has(value) {
        links.append(Decoder.Link(output: main.addOutput(value), input: decoder.addInput(value)))
      }
      try layer.export(to: &decoder)
      for output in layer.outputs { dependent.insert(ObjectIdentifier(output.dataRoot)) }
    }
    guard depends(list.output), !links.isEmpty else {
      throw .invalid(
        what: description.name, expected: "an output that depends on both inputs", found: "one that depends on one")
    }
    decoder.addHead(list.head, of: list.output)
    return ExportedNetwork(main: try main.finished(), decoder: try decoder.finished(), links: links)
  }
}

extension LayerList {
  /// Whether the network can run over a sequence step by step.
  fileprivate var isStepwise: Bool {
    let input = inputs[0].shape
    return input.width == 1 && input.height > 1 && labelCount == input.height && layers.allSatisfy(\.isStepwise)
      && layers.contains { $0 is RecurrentLayer }
  }
}

extension Layer {
  /// Whether it computes every step of a sequence from this one and those before.
  fileprivate var isStepwise: Bool {
    switch self {
    case is DenseLayer, is EmbeddingLayer, is ActivationLayer, is DropoutLayer, is AddLayer, is ConcatLayer,
      is ForkLayer,
      is BatchNormLayer:
      true
    case let layer as MultiplyLayer: layer.a.shape == layer.b.shape
    // What begins with a state that another layer ends with has to wait for that end.
    case let layer as RecurrentLayer: !layer.geometry.isReversed && layer.finalHidden == nil
    default: false
    }
  }
}

extension GraphExporter {
  /// The predictions, which become the first output.
  fileprivate mutating func addHead(_ head: Head, of value: Value) {
    let last = tensor(of: value)
    let shape = graph.tensors[last].shape
    switch head {
    case .softmax: setOutput(add(.softmax, name: "softmax", inputs: [last], shape: shape))
    case .sigmoid: setOutput(add(.activation(.sigmoid), name: "sigmoid", inputs: [last], shape: shape))
    case .threshold: setOutput(add(.activation(.threshold), name: "threshold", inputs: [last], shape: shape))
    case .none: setOutput(last)
    }
  }

  /// The verified graph in its canonical form.
  fileprivate func finished() throws(TrainerError) -> Graph {
    do throws(FormatError) {
      try graph.verify()
    } catch {
      throw .invalid(what: "exported graph", expected: "a valid model", found: error.description)
    }
    return graph.withNamesOfTheirOwn().simplified()
  }
}

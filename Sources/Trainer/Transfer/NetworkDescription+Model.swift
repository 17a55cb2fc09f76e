import Format

extension NetworkDescription {
  /// The network that a float model file holds, as it was exported: batch-norm is part of the layers before it. The recipe
  /// is not in the file; the loss is what goes with the last function.
  ///
  /// - Throws: `TrainerError.invalid` about a node that has no layer.
  public init(_ model: Model) throws(TrainerError) {
    var reader = GraphReader(model.graph)
    try reader.read()
    var recipe = TrainingRecipe()
    recipe.loss = reader.loss
    let name = model.metadata.name.filter { !$0.isWhitespace && $0 != "#" }
    self.init(name: name.isEmpty ? "model" : name, input: reader.input, recipe: recipe, layers: reader.layers)
  }
}

/// Turns nodes into layers, in their order.
private struct GraphReader {
  let graph: Graph
  private(set) var input = ImageShape(height: 1, width: 1, channels: 1)
  private(set) var layers: [LayerDescription] = []
  private(set) var loss = Loss.meanSquaredError
  /// The layer that makes a tensor.
  private var makers: [TensorIndex: String] = [:]
  /// What the last layer gives.
  private var last: TensorIndex = 0

  init(_ graph: Graph) { self.graph = graph }

  mutating func read() throws(TrainerError) {
    guard graph.inputs.count == 1, case let shape = graph.tensors[graph.inputs[0]].shape, shape.count == 4 else {
      throw .invalid(what: "model", expected: "one input N×H×W×C", found: "another")
    }
    input = ImageShape(height: shape[1], width: shape[2], channels: shape[3])
    last = graph.inputs[0]
    makers[last] = "input"
    for node in graph.nodes { try add(node) }
    switch layers.last?.kind {
    case .softmax: loss = .softmaxCrossEntropy
    case .activation(.sigmoid): loss = .sigmoidCrossEntropy
    case .dense(let dense) where dense.activation == .sigmoid: loss = .sigmoidCrossEntropy
    default: break
    }
  }

  private func shape(_ tensor: TensorIndex) -> [Int] { graph.tensors[tensor].shape }

  private mutating func add(_ node: Node) throws(TrainerError) {
    let source = node.inputs[0]
    switch node.op {
    case .conv2D(let conv):
      let weights = shape(node.inputs[1])
      let kind = ConvolutionDescription(
        kernel: Extent(height: weights[1], width: weights[2]), outputs: weights[0],
        stride: Extent(height: conv.strideHeight, width: conv.strideWidth),
        dilation: Extent(height: conv.dilationHeight, width: conv.dilationWidth), padding: .explicit(conv.padding),
        groups: conv.groups, hasBias: node.inputs.count > 2, activation: conv.activation.function)
      try append(.convolution(kind), node, name: layerName(node))
    case .depthwiseConv2D(let conv):
      let weights = shape(node.inputs[1])
      let kind = ConvolutionDescription(
        kernel: Extent(height: weights[0], width: weights[1]), outputs: weights[2] / shape(source)[3],
        stride: Extent(height: conv.strideHeight, width: conv.strideWidth),
        dilation: Extent(height: conv.dilationHeight, width: conv.dilationWidth), padding: .explicit(conv.padding),
        hasBias: node.inputs.count > 2, activation: conv.activation.function)
      try append(.depthwise(kind), node, name: layerName(node))
    case .dense(let dense):
      let kind = DenseDescription(
        outputs: shape(node.inputs[1])[0], hasBias: node.inputs.count > 2, activation: dense.activation.function)
      try append(.dense(kind), node, name: layerName(node))
    case .maxPool2D(let pool): try append(.maxPool(pool.description), node)
    case .averagePool2D(let pool): try append(.averagePool(pool.description), node)
    case .globalAveragePool: try append(.globalAveragePool, node)
    case .batchNorm(let norm):
      try append(.batchNorm(BatchNormDescription(epsilon: norm.epsilon)), node, name: layerName(node))
    case .activation(let function):
      if !fuse(function, node) { try append(.activation(function), node) }
    case .softmax: try append(.softmax, node)
    case .reshape:
      // Between a picture of one pixel and a vector there is no difference here.
      let (before, after) = (shape(source), shape(node.outputs[0]))
      guard after.count == 2 || (before.count == 2 && after.count == 4 && after[1] * after[2] == 1) else {
        throw .invalid(what: node.name, expected: "a reshape to a vector", found: "one to \(after)")
      }
      if before.count == 4, before[1] * before[2] > 1 {
        try append(.flatten, node)
      } else {
        makers[node.outputs[0]] = makers[source]
        if last == source { last = node.outputs[0] }
      }
    case .add(let add): try append(.add(activation: add.activation.function), node, inputs: node.inputs)
    case .multiply: try append(.multiply, node, inputs: node.inputs)
    case .concat: try append(.concat, node, inputs: node.inputs)
    default: throw .invalid(what: node.name, expected: "a layer of a float network of images", found: node.op.name)
    }
  }

  /// The layer's name, which is the first part of its weights' names.
  private func layerName(_ node: Node) -> String {
    let name = graph.tensors[node.inputs[1]].name
    for suffix in [".weights", ".scale"] where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
    return node.name
  }

  /// - Parameter inputs: of a layer that joins several; else it reads the node's first.
  /// - Throws: `TrainerError.invalid` if it reads a constant, as no layer does.
  private mutating func append(
    _ kind: LayerKind, _ node: Node, name: String? = nil, inputs: [TensorIndex] = []
  ) throws(TrainerError) {
    var name = name ?? node.name
    let isTaken = layers.contains { $0.name == name } || name == "input"
    if isTaken || name.first?.isLetter != true || name.contains(where: { $0.isWhitespace || $0 == "#" }) {
      name = "layer\(layers.count + 1)"
    }
    let read = inputs.isEmpty ? [node.inputs[0]] : inputs
    let sources = read.compactMap { makers[$0] }
    guard sources.count == read.count else {
      throw .invalid(what: node.name, expected: "what another node has made, or the input", found: "a constant")
    }
    let isNext = inputs.isEmpty && read[0] == last
    layers.append(LayerDescription(kind, name: name, inputs: isNext ? [] : sources))
    last = node.outputs[0]
    makers[last] = name
  }

  /// Makes an activation part of the layer that alone it reads, if that is the last one and takes one.
  private mutating func fuse(_ function: Activation, _ node: Node) -> Bool {
    guard node.inputs[0] == last, let index = layers.indices.last,
      graph.nodes.count(where: { $0.inputs.contains(last) }) == 1
    else { return false }
    switch layers[index].kind {
    case .convolution(var description) where description.activation == nil:
      description.activation = function
      layers[index].kind = .convolution(description)
    case .depthwise(var description) where description.activation == nil:
      description.activation = function
      layers[index].kind = .depthwise(description)
    case .dense(var description) where description.activation == nil:
      description.activation = function
      layers[index].kind = .dense(description)
    default: return false
    }
    last = node.outputs[0]
    makers[last] = layers[index].name
    return true
  }
}

extension FusedActivation {
  fileprivate var function: Activation? {
    switch self {
    case .none: nil
    case .relu: .relu
    case .relu6: .relu6
    }
  }
}

extension Pool2D {
  fileprivate var description: PoolDescription {
    PoolDescription(
      window: Extent(height: windowHeight, width: windowWidth),
      stride: Extent(height: strideHeight, width: strideWidth),
      padding: .explicit(padding))
  }
}

import Dispatch
import Format
import Runtime
import Terminal
import Trainer
import Vision

/// Runs a model and looks at what is between its nodes.
struct Inspector {
  struct Layer {
    let tensor: TensorIndex
    let name: String
    let shape: ImageShape
    let field: ReceptiveField
  }

  private let file: ModelFile
  private let session: Session
  private let reader: BatchReader
  /// Tensors that are pictures, in the order of the nodes that make them.
  private let layers: [Layer]

  /// - Throws: `Problem` if the model is no float model.
  init(_ file: ModelFile) throws {
    guard let recipe = file.model.metadata.preprocessing else {
      throw Problem("\(file.path): expected a preprocessing recipe in the model file, found none")
    }
    self.file = file
    session = try Session(file.model, options: SessionOptions(threads: 1, computesEveryTensor: true))
    reader = BatchReader(recipe)
    let graph = session.graph
    guard graph.tensors.allSatisfy({ $0.type == .f32 }) else {
      throw Problem(
        "\(file.path): expected a float model, found an int8 model", hint: "look at the one it was made from")
    }
    let fields = graph.receptiveFields
    layers = graph.nodes.compactMap { node in
      let tensor = node.outputs[0]
      let shape = graph.tensors[tensor].shape
      guard shape.count == 4, shape[1] > 1 || shape[2] > 1, let field = fields[tensor] else { return nil }
      return Layer(
        tensor: tensor, name: node.name, shape: ImageShape(height: shape[1], width: shape[2], channels: shape[3]),
        field: field)
    }
  }

  /// As the session computes it.
  var graph: Graph { session.graph }

  /// The layer called `name`; the last one if nil, which is nil in a network without pictures inside.
  func layer(named name: String?) throws -> Layer? {
    guard let name else { return layers.last }
    guard let layer = layers.first(where: { $0.name == name }) else {
      throw Problem(
        "--layer: expected \(layers.map { $0.name }.joined(separator: ", ")), found \(name)",
        hint: "`edgetrain info \(file.path)` lists the layers")
    }
    return layer
  }

  private func run(_ index: Int, _ observe: (TensorIndex, UnsafeBufferPointer<Float>) -> Void) {
    reader.read(file.data.test, at: index, into: session.input(0).bindMemory(to: Float.self))
    session.run { tensor, bytes in observe(tensor, bytes.bindMemory(to: Float.self)) }
  }

  /// Every tensor of a test image's run.
  private func values(ofImage index: Int) -> [TensorIndex: [Float]] {
    var values: [TensorIndex: [Float]] = [:]
    run(index) { values[$0] = Array($1) }
    return values
  }

  /// The feature maps of a test image, what recurrent layers put out over its steps, and what the network says that it is.
  func maps(
    ofImage index: Int
  ) -> (layers: [LookReport.FeatureMaps], states: [SequenceStates], answer: String) {
    let values = values(ofImage: index)
    let scores = Array(session.output(0).bindMemory(to: Float.self))
    let best = scores.indices.max { scores[$0] < scores[$1] } ?? 0
    let maps = layers.compactMap { layer in
      values[layer.tensor].map { LookReport.FeatureMaps(layer: layer.name, shape: layer.shape, values: $0) }
    }
    let states = session.graph.recurrentLayers.compactMap { layer in
      values[layer.tensor].map { SequenceStates(layer: layer.name, units: layer.units, values: $0) }
    }
    return (maps, states, "the network says \(file.data.labels[best]), \(percent(Double(scores[best])))")
  }

  /// For the first `count` units of a layer, the `patches` parts of test images that activate them most, each with its
  /// projection back to pixels.
  func units(_ layer: Layer, count: Int, images: Int, patches: Int) -> [LookReport.Unit] {
    let test = file.data.test
    var search = PatchSearch(
      layer: layer.shape, field: layer.field, picture: test.shape, units: count, count: patches)
    for image in 0..<min(images, test.count) {
      run(image) { tensor, values in
        if tensor == layer.tensor { search.add(image: image, values) }
      }
    }
    let deconvolution = Deconvolution(session.graph)
    return search.peaks.enumerated().map { channel, peaks in
      LookReport.Unit(
        channel: channel,
        patches: peaks.map { peak in
          let element = (peak.y * layer.shape.width + peak.x) * layer.shape.channels + channel
          let projection = deconvolution.projection(
            of: element, in: layer.tensor, values: values(ofImage: peak.image))
          return LookReport.Patch(
            image: test.image(peak.image).cropped(to: peak.region),
            projection: projection.cropped(to: peak.region, of: test.shape),
            label: file.data.labels[Int(test.classes[peak.image])], activation: peak.activation)
        })
    }
  }

  /// The first layer's weights, if each unit's are a picture of 1 or 3 channels.
  var filters: LookReport.Filters? {
    let graph = session.graph
    guard let node = graph.nodes.first(where: { graph.weights(of: $0) != nil }),
      let weights = graph.weights(of: node)
    else {
      return nil
    }
    let shape = graph.tensors[node.inputs[1]].shape
    let input = file.data.shape
    let picture: ImageShape
    switch shape.count {
    case 4: picture = ImageShape(height: shape[1], width: shape[2], channels: shape[3])
    case 2 where shape[1] == input.count: picture = input
    default: return nil
    }
    guard picture.channels == 1 || picture.channels == 3, picture.height > 1 else { return nil }
    return LookReport.Filters(layer: node.name, shape: picture, weights: weights)
  }

  /// The loss on `side` × `side` points of a plane through the weights: the mean over the first `images` training images,
  /// each as it is, without augmentation and penalty.
  ///
  /// - Parameter seed: draws the plane's directions.
  func landscape(side: Int, images: Int, seed: UInt64, threads: Int) throws -> LossLandscape {
    let plane = WeightPlane(session.graph, seed: seed)
    let points = LossLandscape.points(side: side)
    let examples = file.data.train
    let count = min(images, examples.count)
    var results = [Result<Double, RuntimeError>](repeating: .success(0), count: points.count)
    results.withUnsafeMutableBufferPointer { results in
      // Safe: each iteration writes the results of its own points; all else is only read.
      nonisolated(unsafe) let results = results
      nonisolated(unsafe) let inspector = self
      DispatchQueue.concurrentPerform(iterations: min(threads, points.count)) { part in
        for index in stride(from: part, to: points.count, by: threads) {
          results[index] = Result { () throws(RuntimeError) in
            try inspector.meanLoss(
              plane.graph(at: points[index].a, points[index].b), head: plane.head, examples, count: count)
          }
        }
      }
    }
    return LossLandscape(side: side, losses: try results.map { try $0.get() })
  }

  /// - Parameter graph: without its head.
  private func meanLoss(
    _ graph: Graph, head: ModelHead, _ examples: Examples, count: Int
  ) throws(RuntimeError) -> Double {
    var model = file.model
    model.graph = graph
    let session = try Session(model, options: SessionOptions(threads: 1))
    let input = session.input(0).bindMemory(to: Float.self)
    var sum = 0.0
    for index in 0..<count {
      reader.read(examples, at: index, into: input)
      session.run()
      sum += head.loss(of: session.output(0).bindMemory(to: Float.self), label: Int(examples.classes[index]))
    }
    return sum / Double(count)
  }
}

extension Graph {
  /// All weights, by the nodes that have some.
  var layerWeights: [LookReport.Weights] {
    nodes.compactMap { node in weights(of: node).map { LookReport.Weights(layer: node.name, values: $0) } }
  }

  /// The weights of a linear node, those of the inputs where it is recurrent.
  fileprivate func weights(of node: Node) -> [Float]? {
    switch node.op {
    case .conv2D, .depthwiseConv2D, .dense, .transposedConv2D, .embedding, .recurrent:
      tensors[node.inputs[1]].constant?.elements(as: Float.self)
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm,
      .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .slice, .resize:
      nil
    }
  }

  /// The outputs of recurrent nodes.
  var recurrentLayers: [(name: String, tensor: TensorIndex, units: Int)] {
    nodes.compactMap { node in
      guard case .recurrent = node.op, let units = tensors[node.outputs[0]].shape.last else { return nil }
      return (node.name, node.outputs[0], units)
    }
  }
}

extension [Float] {
  /// The elements inside `region` of a picture [H, W, C].
  fileprivate func cropped(to region: Region, of shape: ImageShape) -> [Float] {
    (region.y..<(region.y + region.height)).flatMap { y in
      let first = (y * shape.width + region.x) * shape.channels
      return self[first..<(first + region.width * shape.channels)]
    }
  }
}

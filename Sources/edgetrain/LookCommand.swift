import Format
import Foundation
import Runtime
import Terminal
import Trainer
import Vision

enum LookCommand {
  static let command = Command(
    name: "edgetrain look",
    summary: "Shows what is inside a float model: filters, feature maps, what activates units most, weights.",
    operands: [Operand("MODEL")],
    options: [
      CommonOptions.data, CommonOptions.splitSeed,
      Option("output", letter: "o", value: "HTML", help: "the page to write (default: look.html)"),
      Option("image", value: "N", help: "the test image whose feature maps are shown (default 0)"),
      Option("images", value: "N", help: "test images that are searched for what activates units (default 1000)"),
      Option("layer", value: "NAME", help: "the layer of those units (default: the last one that is a picture)"),
      Option("units", value: "N", help: "how many of its units (default 12)"),
    ],
    examples: [
      "edgetrain look lenet5.bin --data fashion-mnist",
      "edgetrain look lenet5.bin --data fashion-mnist --image 7 --layer pool1 --units 6 -o pool1.html",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let source = try DataSource(command.required("data", of: arguments))
    let page = try OutputFile(path: arguments.string("output") ?? "look.html")
    let units = try arguments.integer("units", in: 0...1024) ?? 12
    let searched = try arguments.integer("images", in: 1...Int.max) ?? 1000
    let file = try ModelFile(
      path: arguments.operands[0], data: source, splitSeed: CommonOptions.splitSeed(arguments))
    noteSkipped(file.data)
    let image = try arguments.integer("image", in: 0...Int.max) ?? 0
    guard image < file.data.test.count else {
      throw UsageError(
        "--image", expected: "0 to \(file.data.test.count - 1), a test image of \(file.data.name)", found: "\(image)",
        command: command.name)
    }
    let inspector = try Inspector(file)
    let layer = try inspector.layer(named: arguments.string("layer"))
    let maps = inspector.maps(ofImage: image)
    let report = LookReport(
      title: "Inside \(file.model.metadata.name)", summary: "\(file.path), test images of \(file.data.name).",
      filters: inspector.filters, image: file.data.test.image(image),
      imageCaption: "\(file.data.labels[Int(file.data.test.classes[image])]); \(maps.answer)", maps: maps.layers,
      unitLayer: layer?.name ?? "", units: layer.map { inspector.units($0, count: units, images: searched) } ?? [],
      weights: inspector.weights)
    try page.write(report.html())
    write("\(page.path): layers \(maps.layers.count), units \(report.units.count), ")
    write("histograms \(report.weights.count)\n")
  }
}

/// Runs a model and looks at what is between its nodes.
private struct Inspector {
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

  /// The feature maps of a test image, and what the network says that it is.
  func maps(ofImage index: Int) -> (layers: [LookReport.FeatureMaps], answer: String) {
    var values: [TensorIndex: [Float]] = [:]
    run(index) { values[$0] = Array($1) }
    let scores = Array(session.output(0).bindMemory(to: Float.self))
    let best = scores.indices.max { scores[$0] < scores[$1] } ?? 0
    let maps = layers.compactMap { layer in
      values[layer.tensor].map { LookReport.FeatureMaps(layer: layer.name, shape: layer.shape, values: $0) }
    }
    return (maps, "the network says \(file.data.labels[best]), \(percent(Double(scores[best])))")
  }

  /// For the first units of a layer, the eight images with the highest activation, cut to what the unit sees there.
  func units(_ layer: Layer, count: Int, images: Int) -> [LookReport.Unit] {
    struct Peak {
      let image: Int
      let place: Int
      let activation: Float
    }
    let test = file.data.test
    let channels = layer.shape.channels
    let count = min(count, channels)
    var peaks = [[Peak]](repeating: [], count: count)
    for image in 0..<min(images, test.count) {
      run(image) { tensor, values in
        guard tensor == layer.tensor else { return }
        for channel in 0..<count {
          var best = 0
          for place in 0..<(values.count / channels)
          where values[place * channels + channel] > values[best * channels + channel] { best = place }
          peaks[channel].append(Peak(image: image, place: best, activation: values[best * channels + channel]))
        }
      }
    }
    return peaks.enumerated().map { channel, peaks in
      let strongest = peaks.filter { $0.activation > 0 }.sorted { $0.activation > $1.activation }.prefix(8)
      return LookReport.Unit(
        channel: channel,
        patches: strongest.map { peak in
          let seen = layer.field.region(
            y: peak.place / layer.shape.width, x: peak.place % layer.shape.width, height: test.shape.height,
            width: test.shape.width)
          return (
            test.image(peak.image).cropped(to: seen),
            file.data.labels[Int(test.classes[peak.image])], peak.activation
          )
        })
    }
  }

  /// The first layer's weights, if each unit's are a picture of 1 or 3 channels.
  var filters: LookReport.Filters? {
    let graph = session.graph
    guard let node = graph.nodes.first(where: { weights(of: $0) != nil }), let weights = weights(of: node) else {
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

  var weights: [LookReport.Weights] {
    session.graph.nodes.compactMap { node in
      weights(of: node).map { LookReport.Weights(layer: node.name, values: $0) }
    }
  }

  /// The weights of a convolution or dense node.
  private func weights(of node: Node) -> [Float]? {
    switch node.op {
    case .conv2D, .depthwiseConv2D, .dense: session.graph.tensors[node.inputs[1]].constant?.elements(as: Float.self)
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm,
      .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax:
      nil
    }
  }
}

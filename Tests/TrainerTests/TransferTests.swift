import Format
import Foundation
import Testing

@testable import Trainer

@Suite struct TransferTests {
  let backend = CPUBackend(threads: 2)

  /// Convolutions with and without bias, each with batch-norm behind it, and two dense layers.
  static func description(outputs: Int = 3) -> NetworkDescription {
    var recipe = TrainingRecipe()
    recipe.batch = 16
    recipe.epochs = 6
    recipe.rate = 0.05
    return NetworkDescription(name: "rows", input: RowProblem.shape, recipe: recipe) {
      LayerDescription(
        .convolution(ConvolutionDescription(kernel: Extent(3), outputs: 4, padding: .same, hasBias: false)))
      LayerDescription(.batchNorm(BatchNormDescription(activation: .relu)))
      LayerDescription(.depthwise(ConvolutionDescription(kernel: Extent(3), outputs: 1, padding: .same)))
      LayerDescription(.batchNorm(BatchNormDescription(activation: .relu)), name: "middle")
      LayerDescription(.flatten)
      LayerDescription(.dense(DenseDescription(outputs: 8, activation: .tanh)))
      LayerDescription(.dense(DenseDescription(outputs: outputs)))
      LayerDescription(.softmax)
    }
  }

  /// A trained network's exported graph.
  static let base: Result<Graph, any Error> = Result {
    let run = try RowProblem.run(description())
    while !run.isFinished { _ = try run.step() }
    return try run.export().main
  }

  func batch(_ count: Int, seed: UInt64 = 9) -> Batch {
    let examples = RowProblem.examples(count, seed: seed)
    let source = ImageBatches(examples, RowProblem.data.imagePreprocessing, classCount: 3)
    var batch = source.makeBatch(size: count)
    source.fill(&batch, indices: Array(0..<count)[...], epoch: nil)
    return batch
  }

  func network(_ description: NetworkDescription = description(), freeze: String? = nil) throws -> Network {
    try Network(description, backend: backend, batch: 64, seed: 99, freeze: freeze)
  }

  func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    #expect(a.count == b.count)
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  /// What the exported graph gives.
  func expected(_ graph: Graph, _ batch: Batch) throws -> [Float] {
    let copy = try Network(NetworkDescription(Model(graph: graph)), backend: backend, batch: 64, seed: 1)
    _ = try copy.start(from: [graph], except: nil)
    return try copy.predict(inputs: batch.inputs[0], count: batch.count)
  }

  @Test func foldedBatchNormIsUnfolded() throws {
    let graph = try Self.base.get()
    #expect(!graph.nodes.contains { if case .batchNorm = $0.op { true } else { false } })
    let batch = batch(64)
    let wanted = try expected(graph, batch)
    let network = try network()
    let before = try network.predict(inputs: batch.inputs[0], count: 64)
    #expect(largestDifference(before, wanted) > 0.05)
    let (tensors, folded) = try network.start(from: [graph], except: nil)
    #expect(
      tensors.count { $0.outcome == .unfolded } == 6
        && tensors.allSatisfy { if case .new = $0.outcome { false } else { true } })
    #expect(largestDifference(try network.predict(inputs: batch.inputs[0], count: 64), wanted) < 1e-4)
    // As training goes, with the statistics of a step, it is another network until it has settled.
    let loss = try network.evaluate(batch).loss
    let unsettled = try network.trainStep(batch, rate: 0).loss
    try network.settle(folded, on: [self.batch(64, seed: 10), self.batch(64, seed: 11)])
    #expect(largestDifference(try network.predict(inputs: batch.inputs[0], count: 64), wanted) < 1e-4)
    let settled = try network.trainStep(batch, rate: 0).loss
    #expect(abs(settled - loss) < 0.1 * abs(unsettled - loss), "\(loss), \(unsettled), \(settled)")
  }

  @Test func whatDoesNotMatchIsListed() throws {
    let graph = try Self.base.get()
    var other = Self.description(outputs: 5)
    other.layers.insert(LayerDescription(.dense(DenseDescription(outputs: 8)), name: "extra"), at: 6)
    let network = try network(other)
    let found = try network.start(from: [graph], except: nil).tensors
    let new = found.compactMap { tensor in
      if case .new(let why) = tensor.outcome { "\(tensor.name): \(why)" } else { nil }
    }
    #expect(
      new == [
        "extra.weights: not in the model", "extra.bias: not in the model",
        "dense2.weights: shape 5×8 instead of 3×8", "dense2.bias: shape 5 instead of 3",
      ])
    let head = try network.start(from: [graph], except: "dense1").tensors
    #expect(head.contains { $0 == .init(name: "dense1.weights", outcome: .new("the head of other classes")) })
    #expect(throws: TrainerError.self) { try network.start(from: [Graph()], except: nil) }
  }

  /// Batches count by their examples when statistics are measured.
  @Test func batchesOfAnySizeSettleAlike() throws {
    let graph = try Self.base.get()
    let batch = batch(64)
    func statistics(_ parts: [Range<Int>]) throws -> [Float] {
      let network = try network()
      let (_, folded) = try network.start(from: [graph], except: nil)
      try network.settle(folded, on: parts.map { batch.part($0) })
      return try network.state().tensors.filter { $0.name.hasSuffix(".running") }.flatMap(\.values)
    }
    let (whole, parts) = (try statistics([0..<64]), try statistics([0..<60, 60..<64]))
    // Means are the same; of variances an example is missing in each part.
    #expect(!whole.isEmpty && largestDifference(whole, parts) < 0.01)
  }

  /// A head that begins anew is not given what another network had folded into its own.
  @Test func aNewHeadHasNoFoldedBatchNorm() throws {
    let description = try describe(
      "input 3x4x1\nconv 3x3x4 pad same relu\nhead: conv 1x1x3 nobias\nnorm: batchnorm\nglobalavgpool\nsoftmax")
    let graph = try network(description).exportGraph()
    #expect(!graph.nodes.contains { if case .batchNorm = $0.op { true } else { false } })
    let start = try network(description).start(from: [graph], except: "head")
    #expect(start.folded.isEmpty)
    #expect(start.tensors.contains { $0 == .init(name: "norm.scale", outcome: .new("not in the model")) })
    #expect(try network(description).start(from: [graph], except: nil).folded.count == 1)
  }

  /// A model none of whose tensors fits is a mistake, and not a way to begin.
  @Test func aModelOfWhichNothingFitsIsAnError() throws {
    let graph = try Self.base.get()
    var description = Self.description()
    for index in description.layers.indices { description.layers[index].name = "other\(index)" }
    #expect(throws: RunError.nothingTaken(network: "rows", tensors: 13)) {
      _ = try TrainingRun(
        description, data: RowProblem.data, start: StartingPoint(model: Model(graph: graph)), backend: backend)
    }
  }

  /// Frozen layers keep every bit, and the others move as if nothing were frozen.
  @Test func frozenLayersAreHeld() throws {
    let (whole, part) = (try network(), try network(freeze: "middle"))
    #expect(part.frozenParameterCount == 4 * 9 + 4 + 4 + 4 * 9 + 4 + 4 + 4)
    func values(_ network: Network, _ name: String) throws -> [Float] {
      try #require(network.state().tensors.first { $0.name == name }).values
    }
    let graph = try Self.base.get()
    for network in [whole, part] { _ = try network.start(from: [graph], except: nil) }
    let before = try part.state()
    let batch = batch(48)
    _ = try part.trainStep(batch, rate: 0.1)
    let after = try part.state()
    for (old, new) in zip(before.tensors, after.tensors) {
      let isHead = old.name.hasPrefix("dense")
      #expect((old.values == new.values) != isHead, "\(old.name)")
    }
    // The loss is that of the network as the device computes it: frozen batch-norm uses its own statistics.
    #expect(abs(try part.evaluate(batch).loss - part.trainStep(batch, rate: 0).loss) < 1e-6)
    // Of layers without batch-norm before them, the gradient is what it is without freezing.
    let plain = NetworkDescription(name: "plain", input: RowProblem.shape) {
      LayerDescription(.dense(DenseDescription(outputs: 6, activation: .relu)))
      LayerDescription(.dense(DenseDescription(outputs: 3)))
    }
    let (a, b) = (try network(plain), try network(plain, freeze: "dense1"))
    for network in [a, b] { _ = try network.trainStep(batch, rate: 0.1) }
    #expect(try values(a, "dense2.weights") == values(b, "dense2.weights"))
    #expect(try values(a, "dense1.weights") != values(b, "dense1.weights"))
  }

  @Test func freezingNeedsALayerAndLeavesOne() throws {
    #expect(throws: TrainerError.self) { try network(freeze: "conv7") }
    #expect(throws: TrainerError.self) { try network(freeze: "dense2") }
    // A layer without weights is as good a border as any.
    #expect(try network(freeze: "flatten1").frozenParameterCount == network(freeze: "middle").frozenParameterCount)
  }

  @Test func aRunStartsFromAModelAndIsResumedOnlyAsItWas() throws {
    let graph = try Self.base.get()
    var description = Self.description()
    description.recipe.epochs = 1
    func run(_ start: StartingPoint?) throws -> TrainingRun {
      try TrainingRun(description, data: RowProblem.data, start: start, backend: backend)
    }
    let model = Model(graph: graph)
    let fresh = try run(nil)
    let started = try run(StartingPoint(model: model))
    #expect(try started.step().loss < fresh.step().loss / 2)
    #expect(fresh.transferred.isEmpty && !started.transferred.isEmpty)
    let checkpoint = try started.checkpoint()
    let resumed = try run(StartingPoint(model: model))
    try resumed.restore(checkpoint, best: started.best)
    #expect(try resumed.step().stepLoss.bitPattern == started.step().stepLoss.bitPattern)
    for other in [nil, StartingPoint(model: model, freeze: "middle")] {
      #expect(throws: RunError.self) { try run(other).restore(checkpoint) }
    }
    let frozen = try run(StartingPoint(model: model, freeze: "middle"))
    while !frozen.isFinished { _ = try frozen.step() }
    let (a, b) = (try frozen.export().main, graph)
    func weights(_ graph: Graph, _ name: String) -> [Float]? {
      graph.tensors.first { $0.name == name }?.constant?.elements(as: Float.self)
    }
    #expect(
      largestDifference(try #require(weights(a, "depthwise1.weights")), try #require(weights(b, "depthwise1.weights")))
        < 1e-5)
    #expect(weights(a, "dense1.weights") != weights(b, "dense1.weights"))
  }

  // MARK: Descriptions of models

  static let nets = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../nets")
    .standardizedFileURL

  /// The description that a model file gives back computes what the file does.
  @Test(arguments: ["mlp", "lenet5", "fashion_cnn", "resnet8", "mobilenet_v3_small"])
  func aModelIsADescription(name: String) throws {
    let file = Self.nets.appendingPathComponent(name + ".net")
    let description = try NetworkDescription(
      parsing: String(contentsOf: file, encoding: .utf8), file: "\(name).net")
    let network = try description.untrained(backend: backend, images: 2, seed: 3)
    let graph = try network.exportGraph()
    let again = try NetworkDescription(Model(graph: graph))
    let copy = try Network(again, backend: backend, batch: 2, seed: 4)
    let tensors = try copy.start(from: [graph], except: nil).tensors
    #expect(tensors.allSatisfy { $0.outcome == .taken }, "\(tensors)")
    let inputs = description.randomInputs(count: 2, seed: 5)
    let (wanted, found) = (
      try network.predict(inputs: inputs, count: 2), try copy.predict(inputs: inputs, count: 2)
    )
    #expect(largestDifference(wanted, found) < 1e-4)
    #expect(again.recipe.loss == .softmaxCrossEntropy)
    // And it is text that can be read.
    #expect(try NetworkDescription(parsing: again.text, file: "x.net") == again)
  }

  /// Nodes that read constants, and reshapes to something that no layer gives, are told of.
  @Test func whatNoLayerDoesIsAnError() throws {
    var graph = Graph()
    let input = graph.add(Tensor(name: "input", type: .f32, shape: [1, 1, 1, 4]))
    graph.inputs = [input]
    let constant = graph.add(
      Tensor(name: "constant", type: .f32, shape: [1, 1, 1, 4], constant: Constant([1, 2, 3, 4] as [Float])))
    func error(_ change: (inout Graph) -> Void) throws -> String? {
      var graph = graph
      change(&graph)
      return #expect(throws: TrainerError.self) { _ = try NetworkDescription(Model(graph: graph)) }?.description
    }
    func output(_ shape: [Int]) -> Tensor { Tensor(name: "output", type: .f32, shape: shape) }
    for inputs in [[input, constant], [constant, input]] {
      let found = try error {
        _ = $0.add(.add(Add()), name: "sum", inputs: inputs, output: output([1, 1, 1, 4]))
      }
      #expect(found == "sum: expected what another node has made, or the input, found a constant")
    }
    #expect(
      try error { _ = $0.add(.globalAveragePool, name: "mean", inputs: [constant], output: output([1, 1, 1, 4])) }
        == "mean: expected what another node has made, or the input, found a constant")
    let found = try error { graph in
      let flat = graph.add(.reshape, name: "flat", inputs: [input], output: output([1, 4]))
      _ = graph.add(.reshape, name: "line", inputs: [flat], output: output([4]))
    }
    #expect(found == "line: expected a reshape to a vector, found one to [4]")
  }

  @Test func theHeadIsTheLastLayerWithWeights() throws {
    var description = Self.description()
    let head = try #require(try description.head())
    #expect(head.name == "dense2" && head.outputs == 3)
    description.setHead(head.index, outputs: 7)
    #expect(try description.head()?.outputs == 7)
  }
}

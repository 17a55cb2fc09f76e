import Format
import Quantize
import Testing

@testable import Trainer

@Suite struct DeconvolutionTests {
  /// A network without ReLUs and maxima is a matrix: the projection of an activation is the activation times its row,
  /// found here by moving one pixel at a time.
  @Test(arguments: [false, true]) func linearNetworkGivesItsTransposedProduct(isSimplified: Bool) throws {
    let description = try describe(
      """
      input 9x8x2
      first: conv 3x3x4 stride 2 pad same groups 2
      depthwise 3x3x2 pad same
      batchnorm
      wide: conv 2x3x8 pad 0 1 1 1
      avgpool 3 stride 1 pad 1
      sum: add wide
      conv 3x3x3 dilation 2 pad 2
      concat sum
      conv 1x1x5 pad 1
      globalavgpool
      dense 6
      train
        loss mean-squared-error
      """)
    let network = try Network(description, backend: NaiveBackend(), batch: 4, seed: 3)
    try network.settleStatistics(inputs: description.randomInputs(count: 4, seed: 8), count: 4)
    var graph = try network.exportGraph()
    if isSimplified { graph = graph.simplified() }
    let interpreter = try ReferenceInterpreter(graph)
    func run(_ input: [Float]) throws -> [TensorIndex: [Float]] { try interpreter.everyTensor(input) }
    let count = description.input.count
    let zero = try run([Float](repeating: 0, count: count))
    let sample = try run(description.randomInputs(count: 1, seed: 9))
    let answers = try (0..<count).map { pixel in
      try run((0..<count).map { $0 == pixel ? 1 : 0 })
    }
    let deconvolution = Deconvolution(graph)
    for node in graph.nodes {
      let tensor = node.outputs[0]
      for element in [0, graph.tensors[tensor].count / 2, graph.tensors[tensor].count - 1] {
        let projection = deconvolution.projection(of: element, in: tensor, values: sample)
        for pixel in 0..<count {
          let expected = sample[tensor]![element] * (answers[pixel][tensor]![element] - zero[tensor]![element])
          #expect(
            abs(projection[pixel] - expected) < 2e-5, "\(node.name), element \(element), pixel \(pixel): \(expected)")
        }
      }
    }
  }

  /// The linear operators that change a picture's size.
  @Test(arguments: [Resize.Mode.nearest, .bilinear]) func resizingGivesItsTransposedProduct(mode: Resize.Mode) throws {
    var graph = Graph()
    func apply(_ op: Op, _ inputs: [TensorIndex]) throws -> TensorIndex {
      let shape = try Graph.outputShape(of: op, inputs: inputs.map { graph.tensors[$0] })
      let name = "\(op.name)\(graph.nodes.count)"
      return graph.add(op, name: name, inputs: inputs, output: Tensor(name: name, type: .f32, shape: shape))
    }
    var random = TestRandom(seed: 12)
    let input = graph.add(Tensor(name: "x", type: .f32, shape: [1, 3, 4, 2]))
    let weights = graph.add(
      Tensor(name: "w", type: .f32, shape: [3, 2, 3, 2], constant: Constant(random.uniform(count: 36))))
    let spread = TransposedConv2D(
      strideHeight: 2, strideWidth: 1, padding: Padding(top: 1, left: 0, bottom: 0, right: 1))
    let larger = try apply(.transposedConv2D(spread), [input, weights])
    let cut = try apply(.slice(Slice(axis: 2, start: 1, count: 3)), [larger])
    let output = try apply(.resize(Resize(mode: mode, height: 7, width: 2)), [cut])
    graph.inputs = [input]
    graph.outputs = [output]
    let interpreter = try ReferenceInterpreter(graph)
    let sample = try interpreter.everyTensor(random.uniform(count: 24))
    let answers = try (0..<24).map { pixel in try interpreter.everyTensor((0..<24).map { $0 == pixel ? 1 : 0 }) }
    for tensor in [larger, cut, output] {
      for element in sample[tensor]!.indices {
        let projection = Deconvolution(graph).projection(of: element, in: tensor, values: sample)
        for pixel in 0..<24 {
          let expected = sample[tensor]![element] * answers[pixel][tensor]![element]
          #expect(abs(projection[pixel] - expected) < 1e-5, "\(graph.tensors[tensor].name), \(element), \(pixel)")
        }
      }
    }
  }

  /// ReLU rectifies what comes back, and a maximum gives it to the place that it came from.
  @Test func rectifiesAndUnpools() throws {
    var graph = Graph()
    func constant(_ shape: [Int], _ values: [Float]) -> TensorIndex {
      graph.add(Tensor(name: "c\(graph.tensors.count)", type: .f32, shape: shape, constant: Constant(values)))
    }
    func tensor(_ name: String, _ shape: [Int]) -> Tensor { Tensor(name: name, type: .f32, shape: shape) }
    let input = graph.add(tensor("x", [1, 2, 4, 1]))
    let signs = constant([2, 1, 1, 1], [1, -1])
    let halves = graph.add(
      .conv2D(Conv2D(activation: .relu)), name: "halves", inputs: [input, signs],
      output: tensor("halves", [1, 2, 4, 2]))
    let pool = graph.add(
      .maxPool2D(Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2)), name: "pool",
      inputs: [halves], output: tensor("pool", [1, 1, 2, 2]))
    let mix = constant([1, 1, 1, 2], [3, -2])
    let output = graph.add(
      .conv2D(Conv2D()), name: "mix", inputs: [pool, mix], output: tensor("mix", [1, 1, 2, 1]))
    graph.inputs = [input]
    graph.outputs = [output]
    let pixels: [Float] = [1, 5, -3, -4, 2, 0, -7, -1]
    let known = try ReferenceInterpreter(graph).everyTensor(pixels)
    #expect(known[output] == [15, -14])
    let deconvolution = Deconvolution(graph)
    // 15 · 3 to the maximum of the first channel, 5; 15 · −2 to the second, where it is rectified away.
    #expect(deconvolution.projection(of: 0, in: output, values: known) == [0, 45, 0, 0, 0, 0, 0, 0])
    // −14 · 3 is rectified away; −14 · −2 to the place of −7, through the weight −1.
    #expect(deconvolution.projection(of: 1, in: output, values: known) == [0, 0, 0, 0, 0, 0, -28, 0])
  }

  /// Behind functions that are no ReLU it is the gradient times the activation, by central differences; gates are held.
  @Test(arguments: ["sigmoid", "tanh", "hardsigmoid", "hardswish", "gelu", "silu"]) func tangents(name: String) throws {
    let description = try describe(
      """
      input 4x4x2
      x: conv 3x3x3 pad same \(name)
      conv 1x1x2
      \(name)
      conv 4x4x2
      train
        loss mean-squared-error
      """)
    var graph = try Network(description, backend: NaiveBackend(), batch: 1, seed: 4).exportGraph()
    let output = graph.nodes.last { graph.tensors[$0.outputs[0]].shape.count == 4 }!.outputs[0]
    graph.outputs = [output]
    let interpreter = try ReferenceInterpreter(graph)
    let input = description.randomInputs(count: 1, seed: 6)
    let known = try interpreter.everyTensor(input)
    let projection = Deconvolution(graph).projection(of: 1, in: output, values: known)
    for pixel in input.indices {
      let moved = try [Float(-0.02), 0.02].map { step in
        var input = input
        input[pixel] += step
        return try interpreter.run([.f32(input)])[0].constant.elements(as: Float.self)[1]
      }
      let slope = (moved[1] - moved[0]) / 0.04
      // A kink of the hard functions between the two may show.
      #expect(abs(projection[pixel] - known[output]![1] * slope) < (name.hasPrefix("hard") ? 0.05 : 2e-3), "\(pixel)")
    }
  }
}

extension ReferenceInterpreter {
  /// All values of a float graph's run.
  fileprivate func everyTensor(_ input: [Float]) throws -> [TensorIndex: [Float]] {
    let values = try self.values([.f32(input)])
    return Dictionary(
      uniqueKeysWithValues: values.enumerated().compactMap { index, value in
        value.map { (index, $0.constant.elements(as: Float.self)) }
      })
  }
}

import Testing

@testable import Format

@Test(arguments: Fault.all)
func aFaultIsNamedBeforeItIsWritten(fault: Fault) {
  #expect(verifyError(fault.model)?.description == fault.error)
  #expect(throws: FormatError.self) { try fault.model.encoded() }
}

@Test func validModelsHaveNoFault() {
  for model in [floatModel(), sampleModel(), quantizedModel()] { #expect(verifyError(model) == nil) }
}

/// The checks over all weights go word by word: a bad element is found at every place of every length.
@Test(arguments: 1...21)
func badElementsAreFoundWhereverTheyAre(count: Int) {
  let floats = [Float](repeating: -.greatestFiniteMagnitude, count: count)
  let bytes: [Int8] = (0..<count).map { $0 % 2 == 0 ? 127 : -127 }
  #expect(Constant(floats).isFinite)
  #expect(Constant(bytes).isSymmetric)
  for place in 0..<count {
    for bad in [Float.nan, -.nan, .infinity, -.infinity, Float(bitPattern: 0x7F80_0001)] {
      var floats = floats
      floats[place] = bad
      #expect(!Constant(floats).isFinite)
    }
    var bytes = bytes
    bytes[place] = -128
    #expect(!Constant(bytes).isSymmetric)
  }
}

/// Every s8 value beside every other in one word: nothing but −128 is refused.
@Test func onlyTheSmallestByteIsAsymmetric() {
  for a in Int8.min...Int8.max {
    for b in Int8.min...Int8.max {
      #expect(Constant([a, b, a, b, a, b, a, b, a]).isSymmetric == (a != -128 && b != -128))
    }
  }
}

@Test func memoryAndWorkHaveABudget() {
  // 9 × 128 MiB of activations.
  var graph = Graph()
  var last = graph.add(.floats("x", [1, 1 << 12, 1 << 12, 2]))
  graph.inputs = [last]
  for index in 0..<8 {
    last = graph.add(
      .activation(.tanh), name: "\(index)", inputs: [last], output: .floats("", [1, 1 << 12, 1 << 12, 2]))
  }
  graph.outputs = [last]
  #expect(
    verifyError(Model(graph: graph))?.description
      == "activations: expected at most 1073741824 bytes, found 1207959552")

  // One MiB of weights used by a thousand and more nodes.
  graph = Graph()
  last = graph.add(.floats("x", [1, 512]))
  graph.inputs = [last]
  let weights = graph.add(.floats("w", [512, 512], [Float](repeating: 0, count: 1 << 18)))
  for index in 0...1024 {
    last = graph.add(.dense(Dense()), name: "\(index)", inputs: [last, weights], output: .floats("", [1, 512]))
  }
  graph.outputs = [last]
  #expect(
    verifyError(Model(graph: graph))?.description
      == "constants, counted at each use: expected at most 1073741824 bytes, found 1074790400")

  // 2^24 outputs of 2^18 products each.
  graph = Graph()
  let x = graph.add(.floats("x", [1, 4351, 4351, 1]))
  let window = graph.add(.floats("w", [1, 512, 512, 1], [Float](repeating: 0, count: 1 << 18)))
  let y = graph.add(
    .conv2D(Conv2D(padding: Padding(top: 256, left: 256, bottom: 0, right: 0))), name: "conv", inputs: [x, window],
    output: .floats("y", [1, 4096, 4096, 1]))
  graph.inputs = [x]
  graph.outputs = [y]
  #expect(
    verifyError(Model(graph: graph))?.description
      == "multiply-accumulates: expected at most 1099511627776, found 4398046511104")
}

@Test func s8SumsHaveALimit() {
  var graph = Graph()
  let x = graph.add(.bytes("x", [1, 32_769]))
  let weights = graph.add(
    Tensor(
      name: "w", type: .s8, shape: [1, 32_769], quantization: Quantization(scales: [1], axis: 0),
      constant: Constant([Int8](repeating: 1, count: 32_769))))
  let y = graph.add(.dense(Dense()), name: "dense", inputs: [x, weights], output: .bytes("y", [1, 1]))
  graph.inputs = [x]
  graph.outputs = [y]
  #expect(
    verifyError(Model(graph: graph))?.description
      == "node 0 'dense': dense, products in one s8 sum: expected at most 32768, found 32769")

  graph = Graph()
  let image = graph.add(.bytes("x", [1, 2897, 2897, 1]))
  let mean = graph.add(.globalAveragePool, name: "mean", inputs: [image], output: .bytes("m", [1, 1, 1, 1]))
  graph.inputs = [image]
  graph.outputs = [mean]
  #expect(
    verifyError(Model(graph: graph))?.description
      == "node 0 'mean': global_average_pool, elements in one s8 mean: expected at most 8388608, "
      + "found 8392609")
}

/// The dynamic combination: f32 activations, s8 weights per channel, f32 bias.
@Test func dynamicallyQuantizedWeightsAreValid() {
  var model = floatModel()
  model.graph.tensors[1] = Tensor(
    name: "w", type: .s8, shape: [6, 3, 3, 2],
    quantization: Quantization(scales: [Float](repeating: 0.01, count: 6), axis: 0),
    constant: Constant([Int8](repeating: 5, count: 108)))
  #expect(verifyError(model) == nil)
}

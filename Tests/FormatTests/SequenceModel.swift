import TestSupport
import Testing

@testable import Format

/// An encoder–decoder with every operator, section and field that version 1.2 brought, for the fuzzers.
///
/// Three tokens → embedding → LSTM with a state → h of the last step (handed over), and a picture made of all of them;
/// the decoder: token → embedding of s8 rows → GRU with s8 weights → two numbers.
func captionModel() -> Model {
  var random = SeededGenerator(seed: 2)
  var graph = Graph()
  let x = graph.add(.floats("tokens", [1, 3, 1, 1]))
  let c0 = graph.add(.floats("c0", [1, 1, 1, 2]))
  let h0 = graph.add(.floats("h0", [1, 1, 1, 2]))
  let table = graph.add(.floats("table", [3, 2], random.floats(6)))
  let features = graph.add(.embedding, name: "embed", inputs: [x, table], output: .floats("features", [1, 3, 1, 2]))
  let weights = [
    graph.add(.floats("w", [8, 2], random.floats(16))), graph.add(.floats("r", [8, 2], random.floats(16))),
    graph.add(.floats("b", [8], random.floats(8))),
  ]
  let (y, c) = (graph.add(.floats("y", [1, 3, 1, 2])), graph.add(.floats("c", [1, 1, 1, 2])))
  graph.nodes.append(
    Node(
      name: "lstm", op: .recurrent(Recurrent(cell: .lstm)), inputs: [features] + weights + [h0, c0], outputs: [y, c]))
  let h = graph.add(
    .slice(Slice(axis: 1, start: 2, count: 1)), name: "last", inputs: [y], output: .floats("h", [1, 1, 1, 2]))
  let small = graph.add(
    .resize(Resize(mode: .bilinear, height: 2, width: 2)), name: "resize", inputs: [y],
    output: .floats("small", [1, 2, 2, 2]))
  let spread = graph.add(.floats("spread", [1, 2, 2, 2], random.floats(8)))
  let picture = graph.add(
    .transposedConv2D(
      TransposedConv2D(
        strideHeight: 2, strideWidth: 1, padding: Padding(top: 1, left: 0, bottom: 0, right: 1), activation: .relu)),
    name: "spread", inputs: [small, spread], output: .floats("picture", [1, 3, 2, 1]))
  graph.inputs = [x, h0, c0]
  graph.outputs = [h, c, picture]
  graph.states = [State(input: h0, output: h), State(input: c0, output: c)]
  return Model(
    graph: graph,
    metadata: Metadata(
      name: "caption", labels: ["seen", "new"],
      inputVocabulary: Vocabulary(unit: .characters, texts: ["?", "a", "\n"]),
      vocabulary: Vocabulary(unit: .words, texts: ["…", "bag"]), labeling: .steps),
    selfTest: SelfTest(
      inputs: [3, 2, 2].map { Constant([Float](repeating: 0, count: $0)) },
      outputs: [2, 2, 6].map { Constant([Float](repeating: 0, count: $0)) },
      decoderInputs: [1, 2].map { Constant([Float](repeating: 1, count: $0)) },
      decoderOutputs: [2, 2].map { Constant([Float](repeating: 1, count: $0)) }, tolerance: 1),
    decoder: captionDecoder(&random))
}

private func captionDecoder(_ random: inout SeededGenerator) -> Decoder {
  func rows(_ name: String, _ shape: [Int], _ random: inout SeededGenerator) -> Tensor {
    Tensor(
      name: name, type: .s8, shape: shape,
      quantization: Quantization(scales: random.floats(shape[0], in: 0.01...0.1), axis: 0),
      constant: Constant(random.bytes(shape[0] * shape[1], in: -127...127)))
  }
  var graph = Graph()
  let token = graph.add(.floats("token", [1, 1, 1, 1]))
  let h0 = graph.add(.floats("h0", [1, 1, 1, 2]))
  let table = graph.add(rows("table", [2, 3], &random))
  let features = graph.add(
    .embedding, name: "embed", inputs: [token, table], output: .floats("features", [1, 1, 1, 3]))
  let weights = [
    graph.add(rows("w", [6, 3], &random)), graph.add(rows("r", [6, 2], &random)),
    graph.add(.floats("b", [8], random.floats(8))),
  ]
  let h = graph.add(
    .recurrent(Recurrent(cell: .gru)), name: "gru", inputs: [features] + weights + [h0],
    output: .floats("h", [1, 1, 1, 2]))
  let y = graph.add(.softmax, name: "softmax", inputs: [h], output: .floats("y", [1, 1, 1, 2]))
  graph.inputs = [token, h0]
  graph.outputs = [y, h]
  graph.states = [State(input: h0, output: h)]
  return Decoder(
    graph: graph, links: [Decoder.Link(output: 0, input: 1)], startToken: 5, endToken: 1, maximumLength: 20)
}

extension Model {
  fileprivate mutating func setOp(_ node: Int, _ op: Op) { graph.nodes[node].op = op }
}

let sequenceFaults: [Fault] = [
  Fault(captionModel(), "node 0 'embed': embedding input: expected 1x3x2x1, found 1x3x2x2") {
    $0.graph.tensors[0].shape = [1, 3, 2, 2]
  },
  Fault(captionModel(), "node 1 'lstm': lstm input weights: expected 8x2, found 4x4") {
    $0.graph.tensors[5].shape = [4, 4]
  },
  Fault(captionModel(), "node 1 'lstm': lstm recurrent weights: expected 16x4, found 4x4") {
    $0.graph.tensors[6].shape = [4, 4]
  },
  Fault(captionModel(), "node 1 'lstm': gru recurrent weights: expected 6x2, found 8x2") {
    $0.setOp(1, .recurrent(Recurrent(cell: .gru)))
    $0.graph.nodes[1].inputs.removeLast()
    $0.graph.nodes[1].outputs = [8]
    $0.graph.nodes.append(Node(name: "c", op: .slice(Slice(axis: 1, start: 0, count: 1)), inputs: [8], outputs: [9]))
  },
  Fault(captionModel(), "node 1 'lstm': lstm state: expected 1x1x1x2, found 1x1x2x1") {
    $0.graph.tensors[1].shape = [1, 1, 2, 1]
    $0.graph.states = []
  },
  Fault(captionModel(), "node 1 'lstm': outputs: expected 2, found 1") { $0.graph.nodes[1].outputs = [9] },
  Fault(
    captionModel(), "node 1 'lstm': output, tensor 8: expected an activation that nothing else makes, found another"
  ) {
    $0.graph.nodes[1].outputs[1] = 8
    $0.graph.nodes[1].outputs[0] = 8
  },
  Fault(captionModel(), "node 2 'last': slice axis: expected 0 to 3, found 4") {
    $0.setOp(2, .slice(Slice(axis: 4, start: 0, count: 1)))
  },
  Fault(captionModel(), "node 2 'last': slice: expected 1 to 3 of 3 places, found 2 from 2 on") {
    $0.setOp(2, .slice(Slice(axis: 1, start: 2, count: 2)))
  },
  Fault(captionModel(), "node 2 'last': slice: expected 1 to 3 of 3 places, found 0 from 2 on") {
    $0.setOp(2, .slice(Slice(axis: 1, start: 2, count: 0)))
  },
  Fault(captionModel(), "node 2 'last': slice: expected 1 to 3 of 3 places, found 1 from -1 on") {
    $0.setOp(2, .slice(Slice(axis: 1, start: -1, count: 1)))
  },
  Fault(captionModel(), "node 3 'resize': resize height and width: expected 1 to 16777216, found 0") {
    $0.setOp(3, .resize(Resize(mode: .nearest, height: 2, width: 0)))
  },
  Fault(captionModel(), "node 3 'resize': output: expected 1x3x2x2, found 1x2x2x2") {
    $0.setOp(3, .resize(Resize(mode: .nearest, height: 3, width: 2)))
  },
  Fault(
    captionModel(),
    "node 4 'spread': transposed_conv2d height, padding: expected less than the window's 2, found 2"
  ) {
    $0.setOp(4, .transposedConv2D(TransposedConv2D(padding: Padding(all: 2))))
  },
  Fault(captionModel(), "node 4 'spread': transposed_conv2d width, stride: expected 1 to 65535, found 0") {
    $0.setOp(4, .transposedConv2D(TransposedConv2D(strideWidth: 0)))
  },
  Fault(captionModel(), "node 4 'spread': output: expected 1x3x3x1, found 1x3x2x1") {
    $0.setOp(4, .transposedConv2D(TransposedConv2D()))
  },
  Fault(captionModel(), "state 0, input: expected a graph input behind the first, in one state, found another tensor") {
    $0.graph.states[0].input = 0
  },
  Fault(captionModel(), "state 1, input: expected a graph input behind the first, in one state, found another tensor") {
    $0.graph.states[1].input = 2
  },
  Fault(captionModel(), "state 0, output: expected a graph output, in one state, found another tensor") {
    $0.graph.states[0].output = 8
  },
  Fault(captionModel(), "state 0: expected input and output of one shape and type, found 1x1x1x2 f32 and 1x3x2x1 f32") {
    $0.graph.states[0].output = $0.graph.outputs[2]
  },
  Fault(captionModel(), "decoder: node 1 'gru': gru, type of input 2: expected s8, found f32") {
    $0.decoder!.graph.tensors[5] = .floats("r", [6, 2], [Float](repeating: 0, count: 12))
  },
  Fault(
    captionModel(), "decoder: node 1 'gru': gru, quantization of weights: expected one scale per row, found another"
  ) {
    $0.decoder!.graph.tensors[5].quantization = Quantization(scale: 1, zeroPoint: 0)
  },
  Fault(
    captionModel(), "decoder: node 0 'embed': embedding, type of output: expected s8, found f32"
  ) { $0.decoder!.graph.tensors[2].quantization = Quantization(scale: 1, zeroPoint: 0) },
  Fault(
    captionModel(), "decoder: link 0: expected an output of the graph and a free input of the decoder, found 3 and 1"
  ) {
    $0.decoder!.links[0].output = 3
  },
  Fault(
    captionModel(), "decoder: link 0: expected an output of the graph and a free input of the decoder, found 0 and 0"
  ) {
    $0.decoder!.links[0].input = 0
  },
  Fault(captionModel(), "decoder: link 0: expected f32 of one shape, found f32 1x3x2x1 and f32 1x1x1x2") {
    $0.decoder!.links[0].output = 2
  },
  Fault(captionModel(), "decoder: input 1: expected a link or a state, found neither") {
    $0.decoder!.links = []
    $0.decoder!.graph.states = []
  },
  Fault(captionModel(), "decoder: first output: expected f32, one number per token, found f32 1x1x2x1") {
    $0.decoder!.graph.nodes.append(
      Node(name: "n", op: .reshape, inputs: [8], outputs: [$0.decoder!.graph.add(.floats("n", [1, 1, 2, 1]))]))
    $0.decoder!.graph.outputs[0] = 9
  },
  Fault(captionModel(), "decoder: start token: expected 0 to 16777215, found -1") { $0.decoder!.startToken = -1 },
  Fault(captionModel(), "decoder: end token: expected 0 to 1, found 2") { $0.decoder!.endToken = 2 },
  Fault(captionModel(), "decoder: maximum length: expected 1 to 65535, found 0") { $0.decoder!.maximumLength = 0 },
  Fault(captionModel(), "vocabulary: expected one text for each of the 2 outputs, found 1") {
    $0.metadata.vocabulary!.texts.removeLast()
  },
  Fault(captionModel(), "vocabulary, text 1: expected no control characters, found byte 10") {
    $0.metadata.vocabulary!.texts[1] = "a\n"
  },
  Fault(captionModel(), "input vocabulary: expected 1 to 1048576 texts, found 0") {
    $0.metadata.inputVocabulary!.texts = []
  },
  Fault(floatModel(), "input vocabulary: expected a first input of f32 tokens, NxTx1x1, found f32 1x5x5x4") {
    $0.metadata.inputVocabulary = Vocabulary(unit: .words, texts: ["a"])
  },
  Fault(captionModel(), "labels of steps: expected some, found none") { $0.metadata.labels = [] },
  Fault(captionModel(), "self-test, decoder input count: expected 2, found 0") { $0.selfTest!.decoderInputs = [] },
]

/// The records that only version 1.2 has come back, and a model that needs none of them has none of their bytes.
@Test func sequencesAndDecodersComeBack() throws {
  let model = captionModel()
  let file = try model.encoded()
  let back = try Model(storage: Storage(copying: file))
  #expect(file[10] == 2)
  #expect(back.graph.states == model.graph.states)
  let (found, expected) = (try #require(back.decoder), try #require(model.decoder))
  #expect(found.links == expected.links && found.graph.states == expected.graph.states)
  #expect(found.graph.nodes == expected.graph.nodes)
  #expect([found.startToken, found.endToken, found.maximumLength] == [5, 1, 20])
  #expect(found.tokenCount == 2)
  for (tensor, original) in zip(found.graph.tensors, expected.graph.tensors) {
    #expect(tensor.constant?.elements(as: UInt8.self) == original.constant?.elements(as: UInt8.self))
  }
}

/// Each thing alone asks for the version that has it.
@Test func whatIsNewIsOfTheNewVersion() throws {
  var models: [Model] = [floatModel(), floatModel(), floatModel()]
  models[0].metadata.vocabulary = Vocabulary(unit: .words, texts: ["a", "b", "c", "d", "e", "f"])
  models[1].metadata.labels = models[0].metadata.vocabulary!.texts
  models[1].metadata.labeling = .steps
  models[2].graph.nodes[3].op = .resize(Resize(mode: .nearest, height: 2, width: 2))
  for model in models { #expect(try model.encoded()[10] == 2) }
}

@Test func wordsAreCutAndJoined() {
  let words = Vocabulary(unit: .words, texts: ["<?>", "it's", "a", "bag", ".", "b"])
  #expect(Vocabulary.pieces(of: " It's a\tBAG.\n", unit: .words) == ["it's", "a", "bag", "."])
  #expect(Tokenizer(words).tokens(of: "It's (a bag)") == [1, 0, 2, 3, 0])
  #expect(words.text(of: [2, 3, 9, -1]) == "a bag <?> <?>")
  let characters = Vocabulary(unit: .characters, texts: ["?", "a", "é", "\n"])
  #expect(Tokenizer(characters).tokens(of: "aé\nb") == [1, 2, 3, 0])
  #expect(characters.text(of: [1, 2, 3]) == "aé\n")
  // Compared as written: an e with an accent of its own is two scalars, and no é.
  #expect(Tokenizer(characters).tokens(of: "e\u{301}") == [0, 0])
}

@Test func sequenceCostsAreCounted() {
  let graph = captionModel().graph
  #expect(graph.multiplyAccumulates(of: graph.nodes[1]) == 3 * (8 * 2 + 8 * 2))
  #expect(graph.multiplyAccumulates(of: graph.nodes[4]) == 2 * 2 * 8)
  #expect(graph.multiplyAccumulates == 3 * 32 + 32)
}

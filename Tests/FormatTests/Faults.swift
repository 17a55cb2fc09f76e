import TestSupport
import Testing

@testable import Format

/// One thing made wrong in a valid model, and the whole error text that must come of it.
struct Fault: CustomTestStringConvertible, Sendable {
  let error: String
  let model: Model

  var testDescription: String { error }

  static let all = recordFaults + edgeFaults + operatorFaults + typeFaults + metadataFaults + sequenceFaults

  init(_ base: Model, _ error: String, _ change: (inout Model) -> Void) {
    self.error = error
    var model = base
    change(&model)
    self.model = model
  }
}

/// x [1, 5, 5, 4] → conv2d 3×3 of 6 channels in 2 groups → batch-norm → relu → max pool 2×2 → y [1, 2, 2, 6].
func floatModel() -> Model {
  var random = SeededGenerator(seed: 3)
  var graph = Graph()
  let x = graph.add(.floats("x", [1, 5, 5, 4]))
  let weights = graph.add(.floats("w", [6, 3, 3, 2], random.floats(108)))
  let bias = graph.add(.floats("b", [6], random.floats(6)))
  let conv = graph.add(
    .conv2D(Conv2D(padding: Padding(all: 1), groups: 2)), name: "conv", inputs: [x, weights, bias],
    output: .floats("c", [1, 5, 5, 6]))
  let parameters = ["gamma", "beta", "mean", "variance"].map { name in
    graph.add(.floats(name, [6], random.floats(6, in: 0.5...2)))
  }
  let normal = graph.add(
    .batchNorm(BatchNorm()), name: "norm", inputs: [conv] + parameters, output: .floats("n", [1, 5, 5, 6]))
  let relu = graph.add(.activation(.relu), name: "relu", inputs: [normal], output: .floats("r", [1, 5, 5, 6]))
  let y = graph.add(
    .maxPool2D(Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2)), name: "pool", inputs: [relu],
    output: .floats("y", [1, 2, 2, 6]))
  graph.inputs = [x]
  graph.outputs = [y]
  return Model(graph: graph)
}

extension Model {
  fileprivate mutating func setConv(_ change: (inout Conv2D) -> Void) {
    guard case .conv2D(var conv) = graph.nodes[0].op else { return }
    change(&conv)
    graph.nodes[0].op = .conv2D(conv)
  }

  fileprivate mutating func setPool(_ change: (inout Pool2D) -> Void) {
    guard case .maxPool2D(var pool) = graph.nodes[3].op else { return }
    change(&pool)
    graph.nodes[3].op = .maxPool2D(pool)
  }
}

private let recordFaults: [Fault] = [
  Fault(floatModel(), "tensor 0, rank: expected 1 to 6, found 0") { $0.graph.tensors[0].shape = [] },
  Fault(floatModel(), "tensor 0, rank: expected 1 to 6, found 7") {
    $0.graph.tensors[0].shape = [1, 1, 1, 1, 1, 1, 1]
  },
  Fault(floatModel(), "tensor 0, dimension: expected 1 to 16777216, found 0") { $0.graph.tensors[0].shape[1] = 0 },
  Fault(floatModel(), "tensor 0, dimension: expected 1 to 16777216, found -3") { $0.graph.tensors[0].shape[1] = -3 },
  Fault(floatModel(), "tensor 0: expected at most 268435456 elements, found 1x16777216x16777216x16777216") {
    $0.graph.tensors[0].shape = [1, 1 << 24, 1 << 24, 1 << 24]
  },
  Fault(floatModel(), "tensor 0, name: expected no control characters, found byte 27") {
    $0.graph.tensors[0].name = "\u{1B}[31mred"
  },
  Fault(floatModel(), "tensor 0, name: expected no control characters, found byte 155") {
    $0.graph.tensors[0].name = "\u{9B}31m"
  },
  Fault(floatModel(), "tensor 0, name: expected at most 4096 bytes, found 4097") {
    $0.graph.tensors[0].name = String(repeating: "x", count: 4097)
  },
  Fault(floatModel(), "tensor 0, element type of an activation: expected f32 or s8, found s32") {
    $0.graph.tensors[0].type = .s32
  },
  Fault(floatModel(), "tensor 1, constant: expected 432 bytes, found 428") {
    $0.graph.tensors[1].constant = Constant([Float](repeating: 0, count: 107))
  },
  Fault(floatModel(), "tensor 2, constant: expected finite numbers, found NaN or infinity") {
    $0.graph.tensors[2].constant = Constant([0, 0, 0, .nan, 0, 0] as [Float])
  },
  Fault(floatModel(), "tensor 2, constant: expected finite numbers, found NaN or infinity") {
    $0.graph.tensors[2].constant = Constant([0, 0, 0, 0, 0, -.infinity] as [Float])
  },
  Fault(floatModel(), "tensor 2, constant: expected bytes aligned to 4, found others") {
    $0.graph.tensors[2].constant = Constant(storage: Storage(count: 25) { _ in }, range: 1..<25)
  },
  Fault(floatModel(), "tensor 0, quantization: expected none for f32, found one") {
    $0.graph.tensors[0].quantization = Quantization(scale: 1, zeroPoint: 0)
  },
  Fault(quantizedModel(), "tensor 1, quantization of an s8 activation: expected one scale, found none") {
    $0.graph.tensors[1].quantization = nil
  },
  Fault(quantizedModel(), "tensor 1, quantization of an s8 activation: expected one scale, found scales per channel") {
    $0.graph.tensors[1].quantization = Quantization(scales: [1, 1], axis: 3)
  },
  Fault(quantizedModel(), "tensor 1, zero point: expected -128 to 127, found 128") {
    $0.graph.tensors[1].quantization?.zeroPoint = 128
  },
  Fault(quantizedModel(), "tensor 2, zero point: expected 0 to 0, found 1") {
    $0.graph.tensors[2].quantization?.zeroPoint = 1
  },
  Fault(quantizedModel(), "tensor 1, scale: expected 2^-40 to 2^40, found 0") {
    $0.graph.tensors[1].quantization?.scales = [0]
  },
  Fault(quantizedModel(), "tensor 1, scale: expected 2^-40 to 2^40, found -1") {
    $0.graph.tensors[1].quantization?.scales = [-1]
  },
  Fault(quantizedModel(), "tensor 1, scale: expected 2^-40 to 2^40, found NaN") {
    $0.graph.tensors[1].quantization?.scales = [.nan]
  },
  Fault(quantizedModel(), "tensor 1, scale: expected 2^-40 to 2^40, found infinity") {
    $0.graph.tensors[1].quantization?.scales = [.infinity]
  },
  Fault(quantizedModel(), "tensor 1, scale: expected 2^-40 to 2^40, found about 2^-41") {
    $0.graph.tensors[1].quantization?.scales = [0x1.5p-41]
  },
  Fault(quantizedModel(), "tensor 2, scales: expected 2, found 1") { $0.graph.tensors[2].quantization?.scales = [1] },
  Fault(quantizedModel(), "tensor 2, quantization axis: expected 0 to 3, found 4") {
    $0.graph.tensors[2].quantization?.axis = 4
  },
]

private let edgeFaults: [Fault] = [
  Fault(floatModel(), "tensors: expected 1 to 65536, found 0") { $0.graph.tensors = [] },
  Fault(floatModel(), "nodes: expected 1 to 65536, found 0") { $0.graph.nodes = [] },
  Fault(floatModel(), "graph inputs: expected 1 to 64, found 0") { $0.graph.inputs = [] },
  Fault(floatModel(), "graph outputs: expected 1 to 64, found 65") {
    $0.graph.outputs = [TensorIndex](repeating: 10, count: 65)
  },
  Fault(floatModel(), "graph input: expected 0 to 10, found 11") { $0.graph.inputs = [11] },
  Fault(floatModel(), "graph input: expected 0 to 10, found -1") { $0.graph.inputs = [-1] },
  Fault(floatModel(), "graph input, tensor 1: expected an activation, named once, found another") {
    $0.graph.inputs = [1]
  },
  Fault(floatModel(), "graph input, tensor 0: expected an activation, named once, found another") {
    $0.graph.inputs = [0, 0]
  },
  Fault(floatModel(), "graph output: expected 0 to 10, found 11") { $0.graph.outputs = [11] },
  Fault(floatModel(), "graph output, tensor 0: expected a node's output, named once, found another") {
    $0.graph.outputs = [0]
  },
  Fault(floatModel(), "graph output, tensor 1: expected a node's output, named once, found another") {
    $0.graph.outputs = [1]
  },
  Fault(floatModel(), "graph output, tensor 10: expected a node's output, named once, found another") {
    $0.graph.outputs = [10, 10]
  },
  Fault(floatModel(), "node 0 'conv': input 0: expected 0 to 10, found 11") {
    $0.graph.nodes[0].inputs[0] = 11
  },
  Fault(
    floatModel(), "node 0 'conv': input 0, tensor 3: expected one made by an earlier node, found none such"
  ) {
    $0.graph.nodes[0].inputs[0] = 3
  },
  Fault(floatModel(), "node 0 'conv': input 0, tensor 1: expected an activation, found a constant") {
    $0.graph.nodes[0].inputs[0] = 1
  },
  Fault(floatModel(), "node 0 'conv': input 1, tensor 0: expected a constant, found an activation") {
    $0.graph.nodes[0].inputs[1] = 0
  },
  Fault(floatModel(), "node 0 'conv': conv2d inputs: expected 2 to 3, found 1") {
    $0.graph.nodes[0].inputs = [0]
  },
  Fault(floatModel(), "node 0 'conv': outputs: expected 1, found 2") { $0.graph.nodes[0].outputs = [3, 8] },
  Fault(floatModel(), "node 0 'conv': outputs: expected 1, found 0") { $0.graph.nodes[0].outputs = [] },
  Fault(floatModel(), "node 0 'conv': output: expected 0 to 10, found -1") {
    $0.graph.nodes[0].outputs = [-1]
  },
  Fault(
    floatModel(),
    "node 0 'conv': output, tensor 1: expected an activation that nothing else makes, found another"
  ) {
    $0.graph.nodes[0].outputs = [1]
  },
  Fault(
    floatModel(),
    "node 2 'relu': output, tensor 8: expected an activation that nothing else makes, found another"
  ) {
    $0.graph.nodes[2].outputs = [8]
  },
  Fault(floatModel(), "node 0 'relu': input 0, tensor 8: expected one made by an earlier node, found none such") {
    $0.graph.nodes.swapAt(0, 2)
  },
  Fault(floatModel(), "tensor 11: expected a constant, a graph input or a node's output, found none") {
    _ = $0.graph.add(.floats("loose", [1]))
  },
  Fault(floatModel(), "node 1, name: expected no control characters, found byte 10") {
    $0.graph.nodes[1].name = "a\nb"
  },
]

private let operatorFaults: [Fault] = [
  Fault(floatModel(), "node 0 'conv': conv2d height, stride: expected 1 to 65535, found 0") {
    $0.setConv { $0.strideHeight = 0 }
  },
  Fault(floatModel(), "node 0 'conv': conv2d width, stride: expected 1 to 65535, found 65536") {
    $0.setConv { $0.strideWidth = 65536 }
  },
  Fault(floatModel(), "node 0 'conv': conv2d width, dilation: expected 1 to 65535, found 0") {
    $0.setConv { $0.dilationWidth = 0 }
  },
  Fault(floatModel(), "node 0 'conv': conv2d height, padding: expected 0 to 65535, found -1") {
    $0.setConv { $0.padding.bottom = -1 }
  },
  Fault(
    floatModel(),
    "node 0 'conv': conv2d height: expected at least 131071 with padding, for one window, found 7"
  ) {
    $0.setConv { $0.dilationHeight = 65535 }
  },
  Fault(
    floatModel(), "node 0 'conv': conv2d groups: expected a divisor of 4 input and 6 output channels, found 0"
  ) {
    $0.setConv { $0.groups = 0 }
  },
  Fault(
    floatModel(), "node 0 'conv': conv2d groups: expected a divisor of 4 input and 6 output channels, found 3"
  ) {
    $0.setConv { $0.groups = 3 }
  },
  Fault(floatModel(), "node 0 'conv': conv2d weights: expected 6x3x3x4, found 6x3x3x2") {
    $0.setConv { $0.groups = 1 }
  },
  Fault(floatModel(), "node 0 'conv': output: expected 1x3x5x6, found 1x5x5x6") {
    $0.setConv { $0.strideHeight = 2 }
  },
  Fault(floatModel(), "node 0 'conv': conv2d bias: expected 6, found 3x2") {
    $0.graph.tensors[2].shape = [3, 2]
  },
  Fault(floatModel(), "node 0 'conv': conv2d input: expected 4 dimensions, found 1x25x4") {
    $0.graph.tensors[0].shape = [1, 25, 4]
  },
  Fault(floatModel(), "node 1 'norm': batch_norm epsilon: expected more than 0, at most 1, found 0") {
    $0.graph.nodes[1].op = .batchNorm(BatchNorm(epsilon: 0))
  },
  Fault(floatModel(), "node 1 'norm': batch_norm epsilon: expected more than 0, at most 1, found NaN") {
    $0.graph.nodes[1].op = .batchNorm(BatchNorm(epsilon: .nan))
  },
  Fault(floatModel(), "node 2 'relu': leaky_relu slope: expected 0 to 1, found -0.500") {
    $0.graph.nodes[2].op = .activation(.leakyReLU(slope: -0.5))
  },
  Fault(floatModel(), "node 2 'relu': leaky_relu slope: expected 0 to 1, found NaN") {
    $0.graph.nodes[2].op = .activation(.leakyReLU(slope: .nan))
  },
  Fault(floatModel(), "node 1 'norm': batch_norm parameters: expected 6, found 2x3") {
    $0.graph.tensors[5].shape = [2, 3]
  },
  Fault(floatModel(), "node 1 'norm': batch_norm variance: expected no negative number, found one") {
    $0.graph.tensors[7].constant = Constant([1, 1, 1, 1, 1, -0.5] as [Float])
  },
  Fault(floatModel(), "node 3 'pool': max_pool2d window: expected 1 to 65535, found 0") {
    $0.setPool { $0.windowHeight = 0 }
  },
  Fault(
    floatModel(), "node 3 'pool': max_pool2d padding: expected less than the window of 2x2, found 0x0x0x2"
  ) {
    $0.setPool { $0.padding.right = 2 }
  },
  Fault(floatModel(), "node 3 'pool': max_pool2d width, stride: expected 1 to 65535, found -2") {
    $0.setPool { $0.strideWidth = -2 }
  },
  Fault(
    floatModel(),
    "node 3 'pool': max_pool2d height: expected at least 6 with padding, for one window, found 5"
  ) {
    $0.setPool { $0.windowHeight = 6 }
  },
  Fault(quantizedModel(), "node 5 'concat': concat axis: expected 0 to 3, found 4") {
    $0.graph.nodes[5].op = .concat(Concat(axis: 4))
  },
  Fault(quantizedModel(), "node 5 'concat': output: expected 1x8x4x2, found 1x4x4x4") {
    $0.graph.nodes[5].op = .concat(Concat(axis: 1))
  },
  Fault(
    quantizedModel(),
    "node 2 'dw': depthwise_conv2d weights: expected a multiple of 2 channels, found 1x2x1"
  ) {
    $0.graph.tensors[5].shape = [1, 2, 1]
    $0.graph.tensors[5].quantization = Quantization(scale: 1, zeroPoint: 0)
  },
  Fault(sampleModel(), "node 1 'dense': dense weights: expected 4x4, found 4x2") {
    $0.graph.tensors[2] = .floats("weights", [4, 2], [Float](repeating: 0, count: 8))
  },
  Fault(sampleModel(), "node 0 'flatten': output: expected 4 elements, found 1x5") {
    $0.graph.tensors[1].shape = [1, 5]
  },
]

import TestSupport
import Testing

@testable import Format

/// Types, quantization, tables.
let typeFaults: [Fault] = [
  Fault(floatModel(), "node 2 'relu': softmax, type of output: expected f32, found s8") {
    $0.graph.nodes[2].op = .softmax
    $0.graph.tensors[9].type = .s8
    $0.graph.tensors[9].quantization = Quantization(scale: 1, zeroPoint: 0)
  },
  Fault(quantizedModel(), "node 0 'quantize': dequantize, type of input 0: expected s8, found f32") {
    $0.graph.nodes[0].op = .dequantize
  },
  Fault(
    quantizedModel(),
    "node 1 'conv': conv2d, quantization of weights: expected one scale per output channel, found another"
  ) {
    $0.graph.tensors[2].quantization = Quantization(scale: 1, zeroPoint: 0)
  },
  Fault(quantizedModel(), "node 1 'conv': conv2d weights: expected numbers from -127 to 127, found -128") {
    $0.graph.tensors[2].constant = Constant([Int8](repeating: 1, count: 17) + [-128])
  },
  Fault(quantizedModel(), "node 1 'conv': conv2d weights: expected numbers from -127 to 127, found -128") {
    $0.graph.tensors[2].constant = Constant([0, -128] + [Int8](repeating: 1, count: 16))
  },
  Fault(
    quantizedModel(), "node 1 'conv': conv2d bias: expected magnitudes of at most 2^30, found a larger one"
  ) {
    $0.graph.tensors[3].constant = Constant([0, -(1 << 30) - 1] as [Int32])
  },
  Fault(quantizedModel(), "node 1 'conv': conv2d, type of bias: expected s32, found f32") {
    $0.graph.tensors[3] = .floats("b", [2], [1, 2])
  },
  Fault(
    quantizedModel(),
    "node 1 'conv': conv2d, types of input and weights: expected f32 and f32, s8 and s8, or f32 and s8, found s8 and u8"
  ) {
    $0.graph.tensors[2].type = .u8
    $0.graph.tensors[2].quantization = nil
  },
  Fault(quantizedModel(), "node 1 'conv': conv2d, type of output: expected s8, found f32") {
    $0.graph.tensors[4].type = .f32
    $0.graph.tensors[4].quantization = nil
  },
  Fault(quantizedModel(), "node 3 'add': add, type of input 0: expected f32, found s8") {
    $0.graph.tensors[7].type = .f32
    $0.graph.tensors[7].quantization = nil
  },
  Fault(
    quantizedModel(),
    "node 5 'concat': concat, quantization of output: expected that of every input, found another"
  ) {
    $0.graph.tensors[10].quantization?.zeroPoint = 1
  },
  Fault(quantizedModel(), "node 6 'pool': max_pool2d, type of output: expected s8, found f32") {
    $0.graph.tensors[11].type = .f32
    $0.graph.tensors[11].quantization = nil
  },
  Fault(
    quantizedModel(),
    "node 8 'softmax': lookup_softmax table: expected no negative number, and a positive first one, found others"
  ) {
    $0.graph.tensors[13].constant = Constant([Int32](repeating: 0, count: 256))
  },
  Fault(
    quantizedModel(),
    "node 8 'softmax': lookup_softmax table: expected no negative number, and a positive first one, found others"
  ) {
    $0.graph.tensors[13].constant = Constant([Int32](repeating: 1, count: 255) + [-1])
  },
  Fault(quantizedModel(), "node 10 'gate': multiply second input: expected 1x2x2x4, found 1x4x4x4") {
    $0.graph.nodes[10].inputs[1] = $0.graph.nodes[5].outputs[0]
  },
  Fault(quantizedModel(), "node 10 'gate': multiply second input: expected 1x1x1x4, found 1x2x2x4") {
    $0.graph.nodes[10].inputs.swapAt(0, 1)
  },
  Fault(quantizedModel(), "node 10 'gate': multiply, type of input 0: expected f32, found s8") {
    $0.graph.tensors[$0.graph.nodes[10].outputs[0]] = .floats("g", [1, 2, 2, 4])
  },
  Fault(quantizedModel(), "node 4 'tanh': lookup table: expected 256, found 2x128") {
    $0.graph.tensors[8].shape = [2, 128]
  },
]

/// Labels, recipe, provenance, calibration, self-test.
let metadataFaults: [Fault] = [
  Fault(sampleModel(), "labels: expected none, or one for each of the 2 outputs, found 3") {
    $0.metadata.labels.append("more")
  },
  Fault(sampleModel(), "label 1: expected no control characters, found byte 127") { $0.metadata.labels[1] = "\u{7F}" },
  Fault(sampleModel(), "preprocessing: expected an image of the first input's 2x2x1, found 2x4x1") {
    $0.metadata.preprocessing?.width = 4
  },
  Fault(sampleModel(), "preprocessing, width and height: expected 1 to 16384, found 0") {
    $0.metadata.preprocessing?.height = 0
  },
  Fault(sampleModel(), "preprocessing, channels: expected 1 or 3, found 2") {
    $0.metadata.preprocessing?.channels = 2
  },
  Fault(sampleModel(), "preprocessing, crop fraction: expected more than 0, at most 1, found 0") {
    $0.metadata.preprocessing?.cropFraction = 0
  },
  Fault(sampleModel(), "preprocessing, means and deviations: expected 1 each, found 1 and 2") {
    $0.metadata.preprocessing?.deviation = [1, 1]
  },
  Fault(sampleModel(), "preprocessing, mean: expected a finite number, found NaN") {
    $0.metadata.preprocessing?.mean = [.nan]
  },
  Fault(sampleModel(), "preprocessing, deviation: expected 2^-40 to 2^40, found 0") {
    $0.metadata.preprocessing?.deviation = [0]
  },
  Fault(sampleModel(), "provenance, float accuracy: expected 0 to 1, found 1.500") {
    $0.metadata.provenance.floatAccuracy = 1.5
  },
  Fault(sampleModel(), "provenance, int8 accuracy: expected 0 to 1, found NaN") {
    $0.metadata.provenance.int8Accuracy = .nan
  },
  Fault(sampleModel(), "calibration range 0: expected finite, minimum at most maximum, found 3 to 2") {
    $0.metadata.calibration[0].minimum = 3
  },
  Fault(sampleModel(), "calibration range 0: expected finite, minimum at most maximum, found -2 to infinity") {
    $0.metadata.calibration[0].maximum = .infinity
  },
  Fault(sampleModel(), "self-test, tolerance: expected finite, not negative, found -1") { $0.selfTest?.tolerance = -1 },
  Fault(sampleModel(), "self-test, input count: expected 1, found 0") { $0.selfTest?.inputs = [] },
  Fault(sampleModel(), "self-test, output 0: expected 8 bytes, found 4") {
    $0.selfTest?.outputs = [Constant([1 as Float])]
  },
  Fault(sampleModel(), "self-test, output 0: expected finite numbers, found NaN or infinity") {
    $0.selfTest?.outputs = [Constant([1, .nan] as [Float])]
  },
]

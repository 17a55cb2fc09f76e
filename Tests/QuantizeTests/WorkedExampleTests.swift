import Format
import Testing

@testable import Quantize

/// The numbers of docs/quantization.md, "A worked example": whoever changes one changes the other.
@Suite struct WorkedExampleTests {
  private let input = Quantization(minimum: -2, maximum: 3.1)
  private let output = Quantization(minimum: -1, maximum: 4.1)
  private let x: [Float] = [1, -0.5, 2]

  /// The float network of the example: one dense layer of three inputs and two outputs.
  private func model() throws -> Model {
    var graph = Graph()
    let x = graph.add(Tensor(name: "x", type: .f32, shape: [1, 3]))
    let weights = graph.add(
      Tensor(
        name: "w", type: .f32, shape: [2, 3], constant: Constant([0.5, -1.27, 0.3, 0.254, 0.1, -0.2] as [Float])))
    let bias = graph.add(Tensor(name: "b", type: .f32, shape: [2], constant: Constant([0.1, -0.05] as [Float])))
    let y = graph.add(
      .dense(Dense()), name: "dense", inputs: [x, weights, bias], output: Tensor(name: "y", type: .f32, shape: [1, 2]))
    graph.inputs = [x]
    graph.outputs = [y]
    return Model(graph: graph)
  }

  @Test func scalesAndZeroPoints() {
    #expect(input == Quantization(scale: 0.02, zeroPoint: -28))
    #expect(output == Quantization(scale: 0.02, zeroPoint: -78))
    #expect(x.map { input.quantize($0) } == [22, -53, 72])
  }

  @Test func theDenseLayer() throws {
    let ranges = [
      CalibrationRange(tensor: "x", minimum: -2, maximum: 3.1),
      CalibrationRange(tensor: "y", minimum: -1, maximum: 4.1),
    ]
    let graph = try model().quantized(ranges: ranges).graph
    #expect(graph.nodes.map { $0.op } == [.quantize, .dense(Dense()), .dequantize])
    let inputs = graph.nodes[1].inputs.map { graph.tensors[$0] }
    #expect(inputs[1].quantization == Quantization(scales: [0.01, 0.002], axis: 0))
    #expect(inputs[1].constant?.elements(as: Int8.self) == [50, -127, 30, 127, 50, -100])
    #expect(inputs[2].constant?.elements(as: Int32.self) == [500, -1250])

    let values = try ReferenceInterpreter(graph).values([.f32(x)])
    #expect(values[graph.nodes[1].outputs[0]] == .s8([14, -90]))
    #expect(values[graph.outputs[0]] == .f32([92 * 0.02, -12 * 0.02]))
  }

  @Test func requantizing() {
    let scales = accumulatorScales(input, weights: Quantization(scales: [0.01, 0.002], axis: 0), channels: 2)
    let requantize = Requantization(accumulator: scales, output: output)
    #expect(requantize(9175, channel: 0) == 14)
    #expect(requantize(-6150, channel: 1) == -90)
    let relu = Requantization(accumulator: scales, output: output, activation: .relu)
    #expect(relu(9175, channel: 0) == 14)
    #expect(relu(-6150, channel: 1) == -78)
  }

  @Test func theSum() {
    let add = QuantizedAdd(
      input, Quantization(scale: 0.01, zeroPoint: 0), output: Quantization(scale: 0.03, zeroPoint: -10))
    #expect(add.shift == 21)
    #expect(add.multiplierA == 1_398_101)
    #expect(add.multiplierB == 699_051)
    #expect(add(22, 50) == 40)
  }

  @Test func theProduct() {
    let multiply = QuantizedMultiply(
      input, Quantization(scale: 0x1p-8, zeroPoint: -128), output: Quantization(scale: 0.01, zeroPoint: -50))
    #expect(multiply(22, 59) == 23)
  }

  @Test func theMean() {
    #expect(quantizedMean(sum: 22 - 53 + 72 + 10, count: 4, quantization: input) == 13)
  }

  @Test func theTables() {
    let sigmoid = lookupTable(from: input, to: Quantization(scale: 0x1p-8, zeroPoint: -128)) { Activation.sigmoid($0) }
    #expect(sigmoid[22 + 128] == 59)

    let table = softmaxTable(scale: 0.05)
    #expect(table[0] == 8_388_608)
    #expect(table[10] == 5_087_948)
    #expect(table[40] == 1_135_275)
    let probabilities = tableSoftmax([100, 90, 60], table: table)
    let sum: Float = 8_388_608 + 5_087_948 + 1_135_275
    #expect(probabilities == [8_388_608 / sum, 5_087_948 / sum, 1_135_275 / sum])
    #expect(probabilities.map { ($0 * 1000).rounded() } == [574, 348, 78])
  }

  @Test func theDynamicLayer() throws {
    let dynamic = Quantization(rangeOf: x)
    #expect(dynamic.zeroPoint == -77)
    #expect(x.map { dynamic.quantize($0) } == [25, -128, 127])
    let scale = accumulatorScales(dynamic, weights: Quantization(scales: [0.01, 0.002], axis: 0), channels: 2)[0]
    let result = dynamicResult(17_697, scale: scale, bias: 0.1, activation: .none)
    #expect(abs(result - 1.835) < 1e-6)

    let model = try model().dynamicallyQuantized()
    guard case .f32(let outputs) = try ReferenceInterpreter(model.graph).run([.f32(x)])[0] else {
      throw TestError.outputIsNoFloat
    }
    #expect(outputs[0] == result)
  }
}

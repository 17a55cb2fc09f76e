import Format
import Foundation
import Quantize
import Runtime
import Testing
import Trainer

@testable import edgetrain

/// nets/mobilenet_v3_small.net, untrained: squeeze-and-excitation, hard swish and hard sigmoid from the description to int8.
@Suite struct MobileNetV3Tests {
  static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../nets/mobilenet_v3_small.net").standardizedFileURL.path

  @Test func int8StaysCloseToFloat() throws {
    let description = try NetworkDescription(path: Self.path)
    let network = try description.untrained(backend: CPUBackend(threads: 2), images: 2, seed: 0)
    let model = Model(graph: try network.exportGraph())
    let images = 3
    let pixels = description.randomInputs(count: images, seed: 1)
    func forEachImage(_ body: (UnsafeRawBufferPointer) -> Void) {
      let size = pixels.count / images
      for index in 0..<images { pixels[(index * size)..<((index + 1) * size)].withUnsafeBytes(body) }
    }

    let float = try Session(model, options: SessionOptions(computesEveryTensor: true))
    var calibrator = Calibrator(graph: float.graph, observer: .minMax)
    forEachImage { image in
      float.input(0).copyMemory(from: image)
      float.run { calibrator.observe(tensor: $0, values: $1.bindMemory(to: Float.self)) }
    }
    let int8 = try Session(
      model.quantized(ranges: calibrator.ranges(), options: QuantizationOptions(selfTest: false)),
      options: SessionOptions(computesEveryTensor: true))
    // From the picture to the logits nothing is left in float.
    let floatOps = ["quantize", "dequantize", "lookup_softmax"]
    #expect(
      int8.graph.nodes.allSatisfy { int8.graph.tensors[$0.outputs[0]].type == .s8 || floatOps.contains($0.op.name) })

    var comparison = QuantizationComparison(float: float.graph, int8: int8.graph)
    forEachImage { image in
      float.input(0).copyMemory(from: image)
      float.run { comparison.observe(float: $0, $1) }
      int8.input(0).copyMemory(from: image)
      int8.run { comparison.observe(int8: $0, $1) }
    }
    // Noise gathers over the layers of a network with random weights, half a decibel at each; a product or a function of
    // one tensor adds little to what its first operand has.
    let layers = comparison.report.layers
    var seen = Set<String>()
    for (node, layer) in zip(float.graph.nodes, layers) {
      let op = layer.op
      guard ["multiply", "hard_swish", "hard_sigmoid"].contains(op) else { continue }
      seen.insert(op)
      let producer = try #require(float.graph.nodes.firstIndex { $0.outputs == [node.inputs[0]] })
      let (before, after) = (try #require(layers[producer].sqnr), try #require(layer.sqnr))
      #expect(layer.isInt8 && after >= before - 2, "\(layer.name): \(before) dB becomes \(after)")
    }
    #expect(seen.count == 3)
    // 16.3 dB and 28.0 dB when this was written.
    #expect(try #require(layers[layers.count - 2].sqnr) > 14)
    #expect(try #require(layers[layers.count - 1].sqnr) > 22)
  }
}

import Format
import TestSupport
import Testing

@testable import Quantize

@Suite struct ReportTests {
  @Test func decibelsByHand() {
    var power = NoisePower()
    #expect(power.decibels == .infinity)
    power.add([10, 0], [9, 0])
    #expect(abs(power.decibels - 20) < 1e-9)
    power.add([0], [1])
    #expect(abs(power.decibels - 16.989700043) < 1e-6)
    var silent = NoisePower()
    silent.add([0], [1])
    #expect(silent.decibels == -.infinity)
  }

  @Test func everyLayerIsListed() throws {
    var net = NetworkBuilder(seed: 21)
    let conv = try net.conv(net.input([1, 6, 6, 1]), 4, (3, 3), Conv2D(activation: .relu))
    let norm = try net.batchNorm(
      try net.apply(.maxPool2D(Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2)), conv))
    net.output(try net.apply(.softmax, try net.dense(try net.flatten(norm), 5)))
    let samples = net.samples(5)
    let float = net.graph.simplified()
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))

    var comparison = QuantizationComparison(float: float, int8: int8.graph)
    for sample in samples { try comparison.runReference(sample) }
    let report = comparison.report
    #expect(report.layers.map { $0.op } == ["conv2d", "max_pool2d", "batch_norm", "reshape", "dense", "softmax"])
    #expect(report.layers.map { $0.isInt8 } == [true, true, false, false, true, true])
    #expect(report.layers.map { $0.weights != nil } == [true, false, false, false, true, false])
    for layer in report.layers {
      let sqnr = try #require(layer.sqnr)
      #expect(sqnr > 20 && sqnr < 90, "\(layer.name)")
      #expect(layer.activations != nil)
    }
    // A ReLU's result begins at 0; probabilities lie in [0, 1].
    #expect(report.layers[0].activations?.lowerBound == 0)
    let probabilities = try #require(report.layers[5].activations)
    #expect(probabilities.lowerBound >= 0 && probabilities.upperBound <= 1)
  }

  @Test func whatWasNotObservedIsNil() throws {
    var net = NetworkBuilder(seed: 22)
    net.output(try net.dense(net.input([1, 4]), 2))
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, net.samples(2)))
    let layer = try #require(QuantizationComparison(float: net.graph, int8: int8.graph).report.layers.first)
    #expect(layer.sqnr == nil && layer.activations == nil && layer.weights != nil)
  }

  @Test func dynamicModelsAreReportedToo() throws {
    var net = NetworkBuilder(seed: 23)
    net.output(try net.dense(try net.dense(net.input([1, 20]), 10, Dense(activation: .relu)), 3))
    let dynamic = try net.model.dynamicallyQuantized()
    var comparison = QuantizationComparison(float: net.graph, int8: dynamic.graph)
    for sample in net.samples(5) { try comparison.runReference(sample) }
    #expect(comparison.report.layers.map { $0.isInt8 } == [true, true])
    // Each of the 20 · 10 + 10 · 3 weights shrinks by three bytes; biases stay f32.
    #expect(comparison.report.bytesAfter == comparison.report.bytesBefore - 3 * 230)
    for layer in comparison.report.layers { #expect(try #require(layer.sqnr) > 30) }
  }
}

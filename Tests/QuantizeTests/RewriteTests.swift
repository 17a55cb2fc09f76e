import Format
import Testing

@testable import Quantize

/// LeNet-5's shape, smaller.
private func lenet(seed: UInt64) throws -> NetworkBuilder {
  var net = NetworkBuilder(seed: seed)
  let x = net.input([1, 12, 12, 1])
  let c1 = try net.conv(x, 6, (5, 5), Conv2D(padding: Padding(all: 2)))
  let r1 = try net.apply(.activation(.relu), c1)
  let p1 = try net.apply(.maxPool2D(Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2)), r1)
  let c2 = try net.conv(p1, 16, (3, 3), Conv2D(activation: .relu))
  let flat = try net.flatten(c2)
  let d1 = try net.dense(flat, 32, Dense(activation: .relu))
  let d2 = try net.dense(d1, 10)
  net.output(try net.apply(.softmax, d2))
  return net
}

@Suite struct RewriteTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>) func lenetIsInt8FromTheInputToTheProbabilities(seed: UInt64) throws {
    var net = try lenet(seed: seed)
    let samples = net.samples(8)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    try int8.verify()
    #expect(
      int8.graph.nodes.map { $0.op.name } == [
        "quantize", "conv2d", "max_pool2d", "conv2d", "reshape", "dense", "dense", "lookup_softmax",
      ])
    #expect(try outputSQNR(net.model, int8, net.samples(8)) > 20)
    let selfTest = try #require(int8.selfTest)
    #expect(selfTest.tolerance == 0)
  }
}

import Format
import Testing

@testable import Quantize

@Suite struct RandomNetworkTests {
  static let seeds: ClosedRange<UInt64> = 1...1000

  @Test(arguments: seeds) func int8IsCloseToFloat(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    try int8.verify()
    let sqnr = try outputSQNR(net.model, int8, samples)
    print(seed, sqnr)
    #expect(sqnr > 15, "\(net.graph.nodes.map { $0.op.name })")
  }

  @Test(arguments: seeds) func dynamicIsCloseToFloat(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let dynamic = try net.model.dynamicallyQuantized()
    try dynamic.verify()
    let sqnr = try outputSQNR(net.model, dynamic, net.samples(4))
    print("dyn", seed, sqnr)
    #expect(sqnr > 20, "\(net.graph.nodes.map { $0.op.name })")
  }
}

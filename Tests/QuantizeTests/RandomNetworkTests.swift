import Format
import TestSupport
import Testing

@testable import Quantize

/// Networks over all operators, from seeds.
@Suite struct RandomNetworkTests {
  static let seeds: ClosedRange<UInt64> = 1...100

  @Test(arguments: seeds) func int8IsCloseToFloat(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples))
    try int8.verify()
    #expect(int8.graph.inputs.map { int8.graph.tensors[$0].name } == ["input0"])
    #expect(
      int8.graph.outputs.map { int8.graph.tensors[$0].name } == net.graph.outputs.map { net.graph.tensors[$0].name })
    #expect(try outputSQNR(net.model, int8, samples) > 20, "\(net.graph.nodes.map { $0.op.name })")
  }

  @Test(arguments: seeds) func percentilesAreCloseToFloat(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let samples = net.samples(4)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, samples, .percentile(99.99)))
    try int8.verify()
    #expect(try outputSQNR(net.model, int8, samples) > 18, "\(net.graph.nodes.map { $0.op.name })")
  }

  @Test(arguments: seeds) func dynamicIsCloseToFloat(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let dynamic = try net.model.dynamicallyQuantized()
    try dynamic.verify()
    #expect(try outputSQNR(net.model, dynamic, net.samples(4)) > 25, "\(net.graph.nodes.map { $0.op.name })")
  }

  @Test(arguments: seeds) func simplifyingChangesNoResult(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let simplified = Model(graph: net.graph.simplified())
    #expect(try outputSQNR(net.model, simplified, net.samples(2)) > 110)
  }

  @Test(arguments: seeds) func theSelfTestPasses(seed: UInt64) throws {
    var net = try NetworkBuilder.random(seed: seed)
    let int8 = try net.model.quantized(ranges: calibrated(net.graph, net.samples(1)))
    let selfTest = try #require(int8.selfTest)
    let inputs = selfTest.inputs.map { TensorValue($0, type: .f32) }
    let outputs = try ReferenceInterpreter(int8.graph).run(inputs)
    #expect(
      outputs.map { $0.constant.elements(as: UInt8.self) } == selfTest.outputs.map { $0.elements(as: UInt8.self) })
    // BatchNorm behind a pool, and nothing else here, stays float.
    let isMixed = int8.graph.nodes.contains { if case .batchNorm = $0.op { true } else { $0.op == .softmax } }
    #expect((selfTest.tolerance > 0) == isMixed)
  }
}

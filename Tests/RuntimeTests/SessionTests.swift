import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

@Suite struct SessionTests {
  private func error(_ body: () throws -> Void) -> RuntimeError? {
    do {
      try body()
      return nil
    } catch {
      return error as? RuntimeError
    }
  }

  @Test(arguments: [0, -1, 257, Int.max]) func impossibleThreadCountsAreErrors(threads: Int) throws {
    let model = try NetworkBuilder.lenet(seed: 1).model
    let found = error { _ = try Session(model, options: SessionOptions(threads: threads)) }
    #expect(found == .invalidThreadCount(found: threads, maximum: 256))
    #expect(found?.description == "number of threads: expected 1 to 256, found \(threads)")
  }

  @Test(arguments: ["", "AVX2", "sse9", "avx2 "]) func unknownInstructionSetsAreErrors(name: String) {
    let names = ISA.supported.map { $0.name }
    #expect(error { _ = try ISA(named: name) } == .unavailableISA(name: name, supported: names))
  }

  @Test func supportedInstructionSetsHaveNames() throws {
    #expect(ISA.supported.first?.name == "scalar" && ISA.supported.contains(.best))
    for isa in ISA.supported { #expect(try ISA(named: isa.name) == isa) }
  }

  @Test func errorsSayWhatWasExpected() {
    let error = RuntimeError.unavailableISA(name: "neon", supported: ["scalar", "avx2"])
    #expect(error.description == "instruction set: expected one of scalar, avx2, found neon")
    #expect(error.hint == "unset EDGERUN_ISA to use the best one of this CPU")
  }

  @Test func wrongInputsAreErrors() throws {
    let session = try Session(NetworkBuilder.lenet(seed: 1).model)
    let values = [Float](repeating: 0, count: 144)
    #expect(error { try session.setInput(0, values) } == nil)
    #expect(
      error { try session.setInput(0, Array(values.dropLast())) }?.description
        == "input 0: expected 144 elements of f32, found 143 of f32")
    #expect(
      error { try session.setInput(0, [Int8](repeating: 0, count: 144)) }?.description
        == "input 0: expected 144 elements of f32, found 144 of s8")
    #expect(error { try session.setInput(1, values) }?.description == "input 1: expected an index below 1, found 1")
    #expect(error { try session.setInput(-1, values) } != nil)
  }

  @Test func aWindowOfTooManyPlacesIsAnError() throws {
    var net = NetworkBuilder(seed: 1)
    let pool = Pool2D(
      windowHeight: 1025, windowWidth: 257, strideHeight: 1, strideWidth: 1, padding: Padding(all: 256))
    let x = net.input([1, 600, 1, 1])
    net.output(try net.apply(.maxPool2D(pool), [x]))
    let found = error { _ = try Session(net.model) }
    #expect(
      found?.description
        == "node max_pool2d0 (max_pool2d): expected a window of at most 262144 places, found 1025 x 257")
  }

  @Test func anInputThatNoNodeReadsIsStillThere() throws {
    var net = NetworkBuilder(seed: 1)
    let (x, unused) = (net.input([1, 8]), net.input([1, 3]))
    net.output(try net.dense(x, 2))
    let session = try Session(net.model)
    #expect(session.input(1).count == 12 && unused == 1)
    try session.setInput(1, [1, 2, 3] as [Float])
    session.run()
  }

  @Test func thePlanSaysWhatHappens() throws {
    let model = try NetworkBuilder.lenet(seed: 1).model
    let session = try Session(model, options: SessionOptions(threads: 1, isa: ISA(named: "scalar")))
    let plan = session.plan
    #expect(
      plan.nodes.map { $0.operation } == [
        "conv2d", "max_pool2d", "conv2d", "max_pool2d", "reshape", "dense", "dense", "softmax",
      ])
    #expect(plan.nodes.map { $0.outputShape }[3...5] == [[1, 2, 2, 16], [1, 64], [1, 32]])
    #expect(plan.nodes[0].inputShapes == [[1, 12, 12, 1]])
    #expect(plan.nodes[0].kernel == "f32_igemm_4x4__scalar" && plan.nodes[4].kernel == "-")
    // 12·12 pixels of 6 sums of 25; 4·4 of 16 of 54; 32 of 64; 10 of 32.
    #expect(plan.nodes.map { $0.multiplyAccumulates } == [21_600, 0, 13_824, 0, 0, 2048, 320, 0])
    #expect(plan.multiplyAccumulates == 37_792 && plan.isa.name == "scalar" && plan.threads == 1)
    // A reshape lies where its operand lies, a softmax in the place of its operand.
    #expect(plan.nodes[4].arenaOffset == plan.nodes[3].arenaOffset)
    #expect(plan.nodes[7].arenaOffset == plan.nodes[6].arenaOffset)
    #expect(plan.nodes.allSatisfy { $0.arenaOffset! + $0.outputBytes <= plan.arenaBytes })
    #expect(plan.packedWeightBytes >= 4 * plan.parameters)
    #expect(plan.parameters == model.graph.nodes.reduce(0) { $0 + model.graph.parameterCount(of: $1) })
  }

  @Test func aTensorIsQuantizedOnceForAllItsReaders() throws {
    var net = NetworkBuilder(seed: 1)
    let x = net.input([1, 4, 4, 8])
    let (a, b) = (try net.conv(x, 8, (3, 3), Conv2D(padding: Padding(all: 1))), try net.conv(x, 8, (1, 1)))
    net.output(try net.apply(.add(Add()), [a, b]))
    let session = try Session(net.model.dynamicallyQuantized(), options: SessionOptions(isa: ISA(named: "scalar")))
    #expect(session.steps.filter { $0.kernelName == "f32_quantize__scalar" }.count == 1)
  }

  @Test func theProfileHasATimePerNode() throws {
    let session = try Session(NetworkBuilder.lenet(seed: 1).model)
    let times = session.profile(runs: 3)
    #expect(times.count == session.plan.nodes.count && times.contains { $0 > 0 })
  }
}

@Suite struct SelfTestTests {
  private func model(tolerance: Float, off: Float = 0) throws -> Model {
    var net = try NetworkBuilder.lenet(seed: 2)
    let sample = net.samples(1)[0]
    guard case .f32(var output) = try ReferenceInterpreter(net.graph).run(sample)[0] else { fatalError("f32") }
    output[3] += off
    var model = net.model
    model.selfTest = SelfTest(
      inputs: sample.map { $0.constant }, outputs: [TensorValue.f32(output).constant], tolerance: tolerance)
    return model
  }

  @Test func floatIsComparedWithinTheTolerance() throws {
    #expect(try Session(model(tolerance: 1e-4)).selfTest().passed)
    #expect(try Session(model(tolerance: 1e-4, off: 9e-5)).selfTest().passed)
    let result = try Session(model(tolerance: 1e-4, off: 0.01)).selfTest()
    #expect(!result.passed && abs(result.largestDifference - 0.01) < 1e-4 && result.differingBytes > 0)
    #expect(try !Session(model(tolerance: 1e-4, off: .nan)).selfTest().passed)
  }

  @Test func int8IsComparedBitByBit() throws {
    var net = try NetworkBuilder.lenet(seed: 2)
    var model = try net.int8()
    let result = try Session(model).selfTest()
    #expect(result == SelfTestResult(differingBytes: 0, largestDifference: 0, tolerance: 0, passed: true))
    let vector = try #require(model.selfTest)
    let output = vector.outputs[0].elements(as: Float.self)
    model.selfTest?.outputs = [Constant(output.map { $0.nextUp })]
    #expect(try !Session(model).selfTest().passed)
  }

  @Test func aModelWithoutOneIsAnError() throws {
    let session = try Session(NetworkBuilder.lenet(seed: 1).model)
    #expect(throws: RuntimeError.noSelfTest) { try session.selfTest() }
  }
}

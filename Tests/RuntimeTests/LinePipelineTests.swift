import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

/// Steps that hand lines to each other: the bits of the graph as it stands, without the tensors between.
@Suite struct LinePipelineTests {
  /// A convolution of any kind, then pointwise and depthwise ones, pools, activations and sums at random.
  private func network(seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    var x = net.input([1, net.random.int(6...15), net.random.int(6...15), net.random.int(1...20)])
    let window = (net.random.int(1...3), net.random.int(1...3))
    x = try net.conv(
      x, net.random.int(1...30), window,
      Conv2D(strideHeight: net.random.int(1...2), strideWidth: net.random.int(1...2), padding: Padding(all: 1)))
    for _ in 0..<net.random.int(3...6) {
      switch net.random.int(0...4) {
      case 0: x = try pointwise(&net, x, net.random.int(1...40))
      case 1: x = try depthwise(&net, x)
      case 2:
        x = try depthwise(&net, x)
        x = try net.apply(.activation(net.random.pick([.hardSwish, .sigmoid])), [x])
      case 3:
        // The residual has two readers, so that lines stop there.
        let y = try depthwise(&net, try pointwise(&net, x, net.random.int(1...40)), keepsSize: true)
        let z = try net.conv(y, net.shape(x)[3], (1, 1))
        x = try net.apply(.add(Add(activation: net.random.pick(FusedActivation.allCases))), [x, z])
      default:
        let side = min(net.random.int(1...3), net.shape(x)[1], net.shape(x)[2])
        let pool = Pool2D(
          windowHeight: side, windowWidth: side, strideHeight: net.random.int(1...2),
          strideWidth: net.random.int(1...2),
          padding: Padding(all: side == 3 ? 1 : 0))
        x = try net.apply(net.random.pick([.maxPool2D(pool), .averagePool2D(pool)]), [x])
      }
    }
    net.output(x)
    return net
  }

  private func pointwise(_ net: inout NetworkBuilder, _ x: TensorIndex, _ outputs: Int) throws -> TensorIndex {
    try net.conv(x, outputs, (1, 1), Conv2D(activation: net.random.pick(FusedActivation.allCases)))
  }

  private func depthwise(
    _ net: inout NetworkBuilder, _ x: TensorIndex, keepsSize: Bool = false
  ) throws -> TensorIndex {
    let half = (net.random.int(0...2), net.random.int(0...2))
    let dilation = net.random.int(1...2)
    // As many lines as before if the stride is 1: with less padding, and perhaps none below, if a window still fits.
    let (height, width) = (half.0 * dilation, half.1 * dilation)
    let isCut = !keepsSize && net.shape(x)[1] > 2 * height && net.shape(x)[2] > 2 * width
    let stride = keepsSize ? 1 : net.random.int(1...3)
    let op = DepthwiseConv2D(
      strideHeight: stride, strideWidth: stride, dilationHeight: dilation, dilationWidth: dilation,
      padding: Padding(
        top: isCut ? height / 2 : height, left: isCut ? 0 : width, bottom: isCut ? 0 : height, right: width),
      activation: net.random.pick(FusedActivation.allCases))
    return try net.depthwise(x, (2 * half.0 + 1, 2 * half.1 + 1), op)
  }

  @Test(arguments: 0..<30 as Range<UInt64>) func pipelinesAreTheReference(seed: UInt64) throws {
    var net = try network(seed: seed)
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float, options: allOptions(pipelines: true))
    try expectReference(try net.int8(), sample, .exact, options: allOptions(pipelines: true))
  }

  /// Of float results, too, no bit depends on who makes a line.
  @Test(arguments: 0..<30 as Range<UInt64>) func floatsAreThoseOfSingleSteps(seed: UInt64) throws {
    var net = try network(seed: seed)
    let sample = net.samples(1)[0]
    for (together, apart) in zip(allOptions(pipelines: true), allOptions(pipelines: false)) {
      let session = try Session(net.model, options: together)
      let single = try Session(net.model, options: apart)
      #expect(single.chains.isEmpty)
      #expect(try session.results(sample) == single.results(sample), "\(together.testDescription)")
    }
  }

  /// Windows that see nothing but padding, above, below and to both sides.
  @Test(arguments: [false, true]) func windowsBeyondTheImageAreTheReference(pipelines: Bool) throws {
    var net = NetworkBuilder(seed: 7)
    let far = Padding(top: 7, left: 9, bottom: 8, right: 11)
    var x = try net.conv(net.input([1, 3, 2, 5]), 6, (2, 3), Conv2D(strideHeight: 2, strideWidth: 3, padding: far))
    x = try net.depthwise(x, (3, 2), DepthwiseConv2D(strideHeight: 2, dilationWidth: 3, padding: far))
    x = try net.depthwise(x, (3, 3), DepthwiseConv2D(strideWidth: 2, padding: far))
    net.output(try net.conv(x, 4, (1, 1)))
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float, options: allOptions(pipelines: pipelines))
    try expectReference(net.int8(), sample, .exact, options: allOptions(pipelines: pipelines))
  }

  @Test func mostNodesOfTheseNetworksAreStages() throws {
    var options = SessionOptions(threads: 2)
    options.usesPipelines = true
    var (nodes, stages) = (0, 0)
    for seed in 0..<30 as Range<UInt64> {
      let session = try Session(network(seed: seed).model, options: options)
      nodes += session.graph.nodes.count
      stages += session.chains.reduce(0) { $0 + $1.stages.count }
    }
    #expect(2 * stages > nodes, "\(stages) of \(nodes)")
  }

  /// A file may tell strides whose product no `Int` holds, of lines that have nothing below them.
  @Test func anyStridesMakeAPlan() throws {
    var net = NetworkBuilder(seed: 1)
    var x = net.input([1, 1, 9, 3])
    let pool = Pool2D(windowHeight: 1, windowWidth: 1, strideHeight: Limits.extent, strideWidth: 1)
    for _ in 0..<6 { x = try net.apply(.maxPool2D(pool), [x]) }
    net.output(x)
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float, options: allOptions(pipelines: true))
  }

  /// Nor may it choose how deep threads go on their stacks.
  @Test func longChainsAreCut() throws {
    var net = NetworkBuilder(seed: 2)
    var x = net.input([1, 6, 4, 2])
    let pool = Pool2D(windowHeight: 1, windowWidth: 1, strideHeight: 1, strideWidth: 1)
    for _ in 0..<200 { x = try net.apply(.averagePool2D(pool), [x]) }
    net.output(x)
    var options = SessionOptions(threads: 2)
    options.usesPipelines = true
    let session = try Session(net.model, options: options)
    #expect(session.chains.map { $0.stages.count } == [64, 64, 64, 8])
    let sample = net.samples(1)[0]
    #expect(try session.results(sample) == sample)
  }

  // MARK: The planner's choice

  /// A block of MobileNetV2 on a picture whose expanded form is 0.8 MB in f32, 0.2 MB in s8.
  private func block() throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: 3)
    let x = try net.conv(net.input([1, 48, 48, 8]), 12, (1, 1))
    let expanded = try net.conv(x, 88, (1, 1), Conv2D(activation: .relu6))
    let y = try net.depthwise(
      expanded, (3, 3), DepthwiseConv2D(padding: Padding(all: 1), activation: .relu6))
    net.output(try net.apply(.add(Add()), [x, try net.conv(y, 12, (1, 1))]))
    return net
  }

  @Test func largeTensorsAreHandedOnInLines() throws {
    var net = try block()
    let session = try Session(net.model)
    #expect(session.chains.map { $0.chain.nodes } == [[1, 2, 3]])
    #expect(session.stepsOfNode.map { $0.count } == [1, 0, 0, 1, 0])
    #expect(session.plan.nodes.map { $0.arenaOffset == nil } == [false, true, true, false, false])
    #expect(session.plan.nodes[1].kernel.hasPrefix("f32_igemm") && session.plan.nodes[2].kernel.hasPrefix("f32_dwconv"))
    // Input, residual, and the lines; not the 0.8 MB of either tensor between.
    #expect(session.plan.arenaBytes < 1 << 19)
    // In s8 both stay in the second-level cache.
    #expect(try Session(net.int8()).chains.isEmpty)
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float)
  }

  /// What costs no less time may still save memory.
  @Test func smallTensorsAreHandedOnToSaveMemory() throws {
    var net = try block()
    let model = try net.int8()
    let session = try Session(model, options: SessionOptions(savesMemory: true))
    #expect(session.chains.count == 1 && session.chains[0].stages.count == 3)
    #expect(try 4 * session.plan.arenaBytes < 3 * Session(model).plan.arenaBytes)
  }

  @Test func chainsAreComparedWithSingleSteps() throws {
    let model = try block().model
    let comparison = try KernelComparison(isa: ISA.fromEnvironment(), seconds: 0.01) {
      options throws(RuntimeError) in try Session(model, options: options)
    }
    #expect(comparison.plan.chains == [[1, 2, 3]] && comparison.chains.map { $0.nodes } == [[1, 2, 3]])
    #expect(comparison.chains.allSatisfy { $0.nanoseconds > 0 && $0.apartNanoseconds > 0 })
  }

  /// Threads that would repeat much of each other's work at the edges of their lines get whole tensors.
  @Test func manyThreadsDoNotRepeatTooMuch() throws {
    let model = try block().model
    #expect(try Session(model, options: SessionOptions(threads: 2)).chains.count == 1)
    #expect(try Session(model, options: SessionOptions(threads: 16)).chains.allSatisfy { $0.stages.count == 2 })
  }

  @Test func eachStageHasItsTime() throws {
    let session = try Session(block().model, options: SessionOptions(threads: 2))
    let times = session.profile(runs: 3)
    #expect(times.count == 5 && times[..<4].allSatisfy { $0 > 0 })
  }

  @Test func packedWeightsOfStagesAreUsed() throws {
    var net = try block()
    let sample = net.samples(1)[0]
    let packed = try net.model.packed(for: ISA.fromEnvironment())
    let session = try Session(packed)
    #expect(session.chains.count == 1 && session.plan.fileWeightBytes == session.plan.packedWeightBytes)
    #expect(try session.results(sample) == Session(net.model).results(sample))
  }

  /// What only the stages see has no bytes to show.
  @Test func observedTensorsAreTheReferences() throws {
    var net = try block()
    let sample = net.samples(1)[0]
    var options = SessionOptions()
    options.usesPipelines = true
    let session = try Session(net.int8(), options: options)
    let expected = try ReferenceInterpreter(session.graph).values(sample)
    try session.set(sample)
    var count = 0
    session.run { tensor, bytes in
      count += 1
      #expect(TensorValue(bytes, type: session.graph.tensors[tensor].type) == expected[tensor])
    }
    // The input and the nodes' outputs, but for two that are handed on in lines and the product in the sum.
    #expect(count == 1 + session.graph.nodes.count - 3)
  }
}

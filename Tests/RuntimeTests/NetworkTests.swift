import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

@Suite struct NetworkTests {
  enum Kind: String, CaseIterable, Sendable {
    case lenet, mobile, branches

    func network(seed: UInt64) throws -> NetworkBuilder {
      switch self {
      case .lenet: try .lenet(seed: seed)
      case .mobile: try .mobile(seed: seed)
      case .branches: try .branches(seed: seed)
      }
    }
  }

  @Test(arguments: Kind.allCases, 0..<10 as Range<UInt64>)
  func floatIsWithinTheBoundOfTheReference(kind: Kind, seed: UInt64) throws {
    var net = try kind.network(seed: seed)
    try expectReference(net.model, net.samples(1)[0], .float)
  }

  @Test(arguments: Kind.allCases, 0..<10 as Range<UInt64>)
  func int8IsTheReference(kind: Kind, seed: UInt64) throws {
    var net = try kind.network(seed: seed)
    // A network of relus and sums alone has nothing to quantize.
    guard net.graph.nodes.contains(where: { $0.op.name.hasSuffix("conv2d") || $0.op.name == "dense" }) else { return }
    try expectReference(net.int8(), net.samples(1)[0], .exact)
  }

  @Test(arguments: [Kind.branches], 0..<20 as Range<UInt64>)
  func dynamicInt8IsTheReference(kind: Kind, seed: UInt64) throws {
    var net = try kind.network(seed: seed)
    try expectReference(net.model.dynamicallyQuantized(), net.samples(1)[0], .exact)
  }

  /// Every tensor on the way, not only the outputs, and by its name's index.
  @Test(arguments: 0..<10 as Range<UInt64>) func observedTensorsAreTheReferences(seed: UInt64) throws {
    var net = try NetworkBuilder.branches(seed: seed)
    let sample = net.samples(1)[0]
    let model = try net.int8()
    for var options in allOptions() {
      options.computesEveryTensor = true
      let session = try Session(model, options: options)
      let expected = try ReferenceInterpreter(session.graph).values(sample)
      try session.set(sample)
      var seen: Set<TensorIndex> = []
      session.run { tensor, bytes in
        seen.insert(tensor)
        let found = TensorValue(bytes, type: session.graph.tensors[tensor].type)
        #expect(found == expected[tensor], "\(session.graph.tensors[tensor].name), \(options.testDescription)")
      }
      #expect(seen == Set(session.graph.tensors.indices.filter { session.graph.tensors[$0].constant == nil }))
    }
  }

  /// Without `computesEveryTensor`, what is left out is not shown with something else's bytes.
  @Test(arguments: 0..<10 as Range<UInt64>) func whatIsObservedIsTheReferences(seed: UInt64) throws {
    var net = try NetworkBuilder.mobile(seed: seed)
    let sample = net.samples(1)[0]
    let session = try Session(net.int8())
    let expected = try ReferenceInterpreter(session.graph).values(sample)
    try session.set(sample)
    var count = 0
    session.run { tensor, bytes in
      count += 1
      #expect(TensorValue(bytes, type: session.graph.tensors[tensor].type) == expected[tensor])
    }
    // One input and the nodes' outputs, but for the product in each of three sums, the input's s8 form, and those of the concat's
    // operands that lie apart in its result: the second one does not where its pixels are computed in groups.
    #expect((1...2).contains(1 + session.graph.nodes.count - 4 - count))
  }

  /// Work large enough that the real planner splits it.
  @Test func aLargeConvolutionIsTheSameOnAllThreads() throws {
    var net = NetworkBuilder(seed: 3)
    let x = net.input([1, 40, 40, 24])
    net.output(try net.conv(x, 48, (3, 3), Conv2D(padding: Padding(all: 1))))
    let sample = net.samples(1)[0]
    let model = try net.int8()
    let alone = try Session(model, options: SessionOptions(threads: 1)).results(sample)
    for threads in 2...4 {
      let session = try Session(model, options: SessionOptions(threads: threads))
      #expect(session.steps.contains { $0.tiles > 1 })
      #expect(try session.results(sample) == alone, "\(threads) threads")
    }
  }

  /// So many weights that the columns are computed block by block.
  @Test func weightsLargerThanTheCacheAreComputedInBlocks() throws {
    var net = NetworkBuilder(seed: 4)
    let x = net.input([1, 4, 3, 512])
    net.output(try net.conv(x, 150, (3, 3), Conv2D(padding: Padding(all: 1))))
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float)
    try expectReference(net.int8(), sample, .exact)
  }

  /// So many channels that the lines of a depthwise window do not fit in the first-level cache together.
  @Test(arguments: [1, 2]) func depthwiseChannelsAreComputedInBlocks(stride: Int) throws {
    var net = NetworkBuilder(seed: 6)
    let x = net.input([1, 9, 8, 805])
    let op = DepthwiseConv2D(strideHeight: stride, strideWidth: stride, padding: Padding(all: 1))
    net.output(try net.depthwise(x, (3, 3), op))
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float)
    try expectReference(net.int8(), sample, .exact)
    try expectReference(net.model.dynamicallyQuantized(), sample, .exact)
  }

  @Test func sessionsRunSideBySide() async throws {
    var net = try NetworkBuilder.mobile(seed: 1)
    let samples = net.samples(2)
    let model = try net.int8()
    let reference = try ReferenceInterpreter(model.graph)
    let expected = try samples.map { try reference.run($0) }
    try await withThrowingTaskGroup { group in
      for task in 0..<2 {
        group.addTask {
          var options = SessionOptions(threads: 2)
          options.smallestPiece = 1
          let session = try Session(model, options: options)
          for round in 0..<50 {
            let index = (task + round) % 2
            #expect(try session.results(samples[index]) == expected[index], "task \(task), round \(round)")
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

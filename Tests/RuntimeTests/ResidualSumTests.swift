import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

/// Sums that the product before them makes: the bits of the graph as it stands, in the residual's place where it dies.
@Suite struct ResidualSumTests {
  enum Block: String, CaseIterable, Sendable {
    /// x + conv(relu(conv(x))), as in ResNet.
    case identity
    /// conv(x) + conv(conv(x)): of two products the later one makes the sum.
    case projection
    /// x + conv(x): the product still reads the residual when the sum is written.
    case ownInput
    /// pool(x) + grouped conv(x), and the pool is read again.
    case keptResidual
    /// relu(conv(x)) + pool(x): in f32 the activation comes before the sum.
    case activated
    /// dense(x) + dense(x)
    case dense

    func network(seed: UInt64) throws -> NetworkBuilder {
      var net = NetworkBuilder(seed: seed)
      let channels = 4 * net.random.int(1...12)
      let (height, width) = (net.random.int(3...9), net.random.int(3...9))
      let window = Conv2D(padding: Padding(all: 1))
      let pool = Op.maxPool2D(
        Pool2D(windowHeight: 3, windowWidth: 3, strideHeight: 1, strideWidth: 1, padding: Padding(all: 1)))
      let sum = Op.add(Add(activation: net.random.pick(FusedActivation.allCases)))
      let input = net.input([1, height, width, 5])
      let x = try net.conv(input, channels, (1, 1))
      switch self {
      case .identity:
        let y = try net.conv(x, channels, (3, 3), Conv2D(padding: Padding(all: 1), activation: .relu))
        net.output(try net.apply(sum, [try net.conv(y, channels, (3, 3), window), x]))
      case .projection:
        let y = try net.conv(try net.conv(x, 7, (3, 3), window), channels, (1, 1))
        net.output(try net.apply(sum, [y, try net.conv(x, channels, (3, 3), window)]))
      case .ownInput: net.output(try net.apply(sum, [try net.conv(x, channels, (3, 3), window), x]))
      case .keptResidual:
        let residual = try net.apply(pool, [x])
        let grouped = Conv2D(padding: Padding(all: 1), groups: 2)
        let y = try net.apply(sum, [residual, try net.conv(x, channels, (3, 3), grouped)])
        net.output(try net.apply(.concat(Concat(axis: 3)), [y, residual]))
      case .activated:
        let residual = try net.apply(pool, [x])
        let activated = Conv2D(padding: Padding(all: 1), activation: .relu)
        net.output(try net.apply(sum, [try net.conv(x, channels, (3, 3), activated), residual]))
      case .dense:
        let flat = try net.apply(.reshape, [x], shape: [1, height * width * channels])
        net.output(try net.apply(sum, [try net.dense(flat, 37), try net.dense(flat, 37)]))
      }
      return net
    }
  }

  private func fusedSums(_ session: Session) -> Int {
    zip(session.graph.nodes, session.stepsOfNode).count { $0.op.name == "add" && $1.isEmpty }
  }

  @Test(arguments: Block.allCases, 0..<6 as Range<UInt64>) func int8IsTheReference(block: Block, seed: UInt64) throws {
    var net = try block.network(seed: seed)
    let (sample, model) = (net.samples(1)[0], try net.int8())
    try expectReference(model, sample, .exact)
    #expect(fusedSums(try Session(model)) == 1)
  }

  @Test(arguments: Block.allCases, 0..<6 as Range<UInt64>) func floatIsTheUnfused(block: Block, seed: UInt64) throws {
    var net = try block.network(seed: seed)
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float)
    for model in [net.model, try net.model.dynamicallyQuantized()] {
      for options in allOptions() {
        var separate = options
        separate.computesEveryTensor = true
        let fused = try Session(model, options: options)
        let unfused = try Session(model, options: separate)
        #expect(fusedSums(fused) == (block == .activated ? 0 : 1) && fusedSums(unfused) == 0)
        #expect(try fused.results(sample) == unfused.results(sample), "\(options.testDescription)")
      }
    }
  }

  /// Sums of all kinds in random graphs.
  @Test(arguments: 0..<20 as Range<UInt64>) func randomGraphsAreTheUnfused(seed: UInt64) throws {
    var net = try NetworkBuilder.branches(seed: seed)
    let sample = net.samples(1)[0]
    for options in allOptions() {
      var separate = options
      separate.computesEveryTensor = true
      let fused = try Session(net.model, options: options).results(sample)
      #expect(try fused == Session(net.model, options: separate).results(sample), "\(options.testDescription)")
    }
  }

  @Test func aResidualThatDiesMakesRoomForTheSum() throws {
    let plan = try Session(Block.identity.network(seed: 1).model).plan
    // Both are the result of the last node; the residual is that of the first.
    #expect(plan.nodes[0].arenaOffset == plan.nodes[3].arenaOffset)
    #expect(plan.nodes[2].arenaOffset == plan.nodes[3].arenaOffset)
    let own = try Session(Block.ownInput.network(seed: 1).model).plan
    #expect(own.nodes[0].arenaOffset != own.nodes[2].arenaOffset)
  }
}

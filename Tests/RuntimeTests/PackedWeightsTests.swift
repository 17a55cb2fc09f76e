import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

/// Weights packed ahead of time: used where they lie on their own instruction set, and never a difference anywhere.
@Suite struct PackedWeightsTests {
  /// Products, Winograd's tiles, grouped and depthwise convolutions, few channels, a dense layer.
  private static func network(seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let same = Padding(all: 1)
    var x = try net.conv(net.input([1, 24, 24, 3]), 6, (3, 3), Conv2D(padding: same, activation: .relu))
    x = try net.batchNorm(try net.conv(x, 32, (3, 3), Conv2D(padding: same)))
    x = try net.conv(x, 32, (3, 3), Conv2D(padding: same, activation: .relu))
    x = try net.depthwise(x, multiplier: 2, (3, 3), DepthwiseConv2D(padding: same))
    x = try net.conv(x, 16, (1, 3), Conv2D(groups: 4))
    x = try net.apply(.globalAveragePool, [x])
    net.output(try net.dense(try net.apply(.reshape, [x], shape: [1, 16]), 10))
    return net
  }

  enum Kind: CaseIterable, Sendable {
    case float, int8, dynamic

    func model(_ net: inout NetworkBuilder) throws -> Model {
      switch self {
      case .float: net.model
      case .int8: try net.int8()
      case .dynamic: try net.model.dynamicallyQuantized()
      }
    }
  }

  private func read(_ model: Model) throws -> Model { try Model(storage: Storage(copying: model.encoded())) }

  @Test(arguments: Kind.allCases, ISA.all.map { $0.name })
  func everyInstructionSetComputesTheSame(kind: Kind, target: String) throws {
    var net = try Self.network(seed: 3)
    let model = try kind.model(&net)
    let input = net.samples(1)[0]
    let packed = try read(model.packed(for: ISA(packingFor: target)))
    for isa in ISA.supported {
      let options = SessionOptions(threads: 2, isa: isa)
      let (plain, session) = (try Session(model, options: options), try Session(packed, options: options))
      #expect(try session.results(input) == plain.results(input), "\(isa.name)")
      #expect(plain.plan.fileWeightBytes == 0 && session.plan.packedWeightBytes == plain.plan.packedWeightBytes)
      if isa.name == target { #expect(session.plan.fileWeightBytes == session.plan.packedWeightBytes) }
    }
  }

  /// A file that no damage made: weights of the right layout and length may hold any bytes, and nothing happens but other
  /// results.
  @Test(arguments: Kind.allCases, 0..<4 as Range<UInt64>)
  func forgedWeightsAreHarmless(kind: Kind, seed: UInt64) throws {
    var net = try Self.network(seed: seed)
    let isa = ISA.supported[Int(seed) % ISA.supported.count]
    var model = try kind.model(&net).packed(for: isa)
    var packed = try #require(model.packed)
    for index in packed.blocks.indices {
      let count = packed.blocks[index].contents.bytes.count
      packed.blocks[index].contents = Constant((0..<count).map { _ in UInt8.random(in: 0...255, using: &net.random) })
    }
    model.packed = packed
    let session = try Session(try read(model), options: SessionOptions(threads: 2, isa: isa))
    #expect(session.plan.fileWeightBytes > 0)
    _ = try session.results(net.samples(1)[0])
  }

  /// Of another length or layout, the graph's own weights are taken.
  @Test func weightsThatDoNotFitAreNotUsed() throws {
    var net = try Self.network(seed: 5)
    let model = try net.int8()
    let input = net.samples(1)[0]
    let expected = try Session(model).results(input)
    var packed = try model.packed(for: .best)
    for index in packed.packed!.blocks.indices {
      if index % 2 == 0 {
        packed.packed!.blocks[index].contents = Constant([UInt8](repeating: 1, count: 64))
      } else {
        packed.packed!.blocks[index].layout.depth += 1
      }
    }
    let session = try Session(try read(packed))
    #expect(try session.results(input) == expected && session.plan.fileWeightBytes == 0)
  }

  @Test func anotherGraphHasNone() throws {
    var packed = try Self.network(seed: 1).model.packed(for: .best)
    #expect(packed.packed?.blocks.isEmpty == false)
    packed.graph.nodes[0].name = "renamed"
    #expect(packed.packed == nil)
  }

  @Test func savingMemoryKeepsWeightsToTheirSize() throws {
    var net = NetworkBuilder(seed: 1)
    let x = net.input([1, 32, 32, 64])
    net.output(try net.conv(x, 64, (3, 3), Conv2D(padding: Padding(all: 1))))
    let (fast, small) = (
      try Session(net.model), try Session(net.model, options: SessionOptions(savesMemory: true))
    )
    // 36 places of a patch instead of 9 of a window; each product has its 64 biases.
    #expect(fast.plan.packedWeightBytes == 4 * 64 * 36 * 65 && small.plan.packedWeightBytes == 4 * 64 * (9 * 64 + 1))
    let input = net.samples(1)[0]
    let (a, b) = (try fast.results(input), try small.results(input))
    guard case .f32(let a) = a[0], case .f32(let b) = b[0] else { fatalError("f32") }
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func anUnknownTargetIsAnError() {
    #expect(throws: RuntimeError.unknownISA(name: "sse9", known: ISA.all.map { $0.name })) {
      try ISA(packingFor: "sse9")
    }
  }
}

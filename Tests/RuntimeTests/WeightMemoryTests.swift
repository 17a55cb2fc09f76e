import TestSupport
import Testing

@testable import Runtime

@Suite struct WeightMemoryTests {
  /// Parts of any size: aligned, none over another, all still there when the rest has been given back.
  @Test(arguments: 0..<20 as Range<UInt64>) func partsKeepTheirBytes(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let sizes = (0..<random.int(1...40)).map { _ in
      random.int(0...(random.bool() ? 5000 : random.bool() ? 400_000 : 3_000_000))
    }
    let total = sizes.reduce(0, +)
    let memory = WeightMemory(expected: random.pick([[], [total / 2], sizes, sizes + sizes]))
    var parts: [WeightMemory.Part] = []
    for (index, size) in sizes.enumerated() {
      let part = try memory.allocate(size)
      #expect(part.bytes.count == size)
      #expect(UInt(bitPattern: part.bytes.baseAddress!) % 64 == 0)
      part.bytes.initializeMemory(as: UInt8.self, repeating: UInt8(index))
      parts.append(part)
    }
    memory.finish()
    for (index, part) in parts.enumerated() { #expect(part.bytes.allSatisfy { $0 == UInt8(index) }) }
  }

  /// Small layers of a large network lie in few pieces of memory; those of a small one have their own.
  @Test func smallPartsOfALargeNetworkShareMemory() throws {
    for (expected, pieces) in [(8 << 20, 1), (1 << 20, 10)] {
      let memory = WeightMemory(expected: [expected])
      let parts = try (0..<10).map { _ in try memory.allocate(100_000) }
      #expect(Set(parts.map { ObjectIdentifier($0.owner) }).count == pieces)
    }
  }
}

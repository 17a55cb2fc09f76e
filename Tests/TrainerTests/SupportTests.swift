import Synchronization
import Testing

@testable import Trainer

@Suite struct SupportTests {
  /// The known answers that the authors of Philox publish with it (Random123, kat_vectors).
  @Test func philoxKnownAnswers() {
    let ones = UInt32.max
    #expect(Philox(key: 0)(0, 0, 0, 0) == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    #expect(
      Philox(key: .max)(ones, ones, ones, ones) == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Philox(key: 0x299F_31D0_A409_3822)(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344)
        == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  /// Mean, variance and the share within one deviation of 100,000 draws, each to five standard errors.
  @Test func normalsAreNormal() {
    let draws = Philox(key: 7).normals(count: 100_000, stream: 3).map(Double.init)
    let mean = draws.reduce(0, +) / 1e5
    let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1e5
    let within = Double(draws.count { abs($0) < 1 }) / 1e5
    #expect(abs(mean) < 0.016)
    #expect(abs(variance - 1) < 0.023)
    #expect(abs(within - 0.6827) < 0.0074)
    #expect(Philox(key: 7).normals(count: 5, stream: 3) == draws.prefix(5).map(Float.init))
    #expect(Philox(key: 7).normals(count: 5, stream: 4) != draws.prefix(5).map(Float.init))
  }

  /// Blocks that live at the same time never share an element, and a chain of short lives needs two places only.
  @Test(arguments: 0..<20) func memoryPlan(seed: Int) {
    var random = TestRandom(seed: UInt64(seed))
    var planner = MemoryPlanner()
    let blocks = (0..<60).map { _ in
      let first = random.integer(below: 30)
      return (size: 1 + random.integer(below: 500), first: first, last: first + random.integer(below: 8))
    }
    for block in blocks { _ = planner.request(size: block.size, first: block.first, last: block.last) }
    let (offsets, size) = planner.plan()
    for (a, from) in zip(blocks, offsets) {
      #expect(from % MemoryPlanner.alignment == 0 && from + a.size <= size)
    }
    for i in blocks.indices {
      for j in 0..<i where blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last {
        let apart = offsets[i] + blocks[i].size <= offsets[j] || offsets[j] + blocks[j].size <= offsets[i]
        #expect(apart, "seed \(seed): blocks \(j) and \(i) overlap")
      }
    }
  }

  @Test func memoryOfAChain() {
    var planner = MemoryPlanner()
    for step in 0..<10 { _ = planner.request(size: 160, first: step, last: step + 1) }
    #expect(planner.plan().size == 320)
  }

  /// Every piece runs once, on any number of threads, over many jobs in a row.
  @Test(arguments: [1, 2, 3, 5]) func threadPool(threads: Int) {
    let pool = ThreadPool(threads: threads)
    for pieces in [0, 1, 2, 7, 64] {
      for _ in 0..<200 {
        let counts = (0..<pieces).map { _ in Counter() }
        pool.run(pieces: pieces) { piece, worker in
          counts[piece].value.add(worker < threads ? 1 : 1000, ordering: .relaxed)
        }
        let allOnce = counts.allSatisfy { $0.value.load(ordering: .relaxed) == 1 }
        #expect(allOnce)
      }
    }
  }

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }
}

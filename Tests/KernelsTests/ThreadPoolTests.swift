import Glibc
import Kernels
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
  /// How often each iteration ran, and on which thread at last. Iterations write only their own elements.
  private final class Loop {
    let runs: UnsafeMutableBufferPointer<Int32>
    let threads: UnsafeMutableBufferPointer<Int>

    init(count: Int) {
      runs = .allocate(capacity: count)
      threads = .allocate(capacity: count)
      runs.initialize(repeating: 0)
      threads.initialize(repeating: -1)
    }

    deinit {
      runs.deallocate()
      threads.deallocate()
    }

    func run(on pool: OpaquePointer, count: Int) {
      thread_pool_run(
        pool, count,
        { context, index, thread in
          let loop = Unmanaged<Loop>.fromOpaque(context!).takeUnretainedValue()
          loop.runs[index] += 1
          loop.threads[index] = thread
        }, Unmanaged.passUnretained(self).toOpaque())
    }
  }

  @Test(arguments: [1, 2, 3, 8]) func everyIterationRunsOnce(size: Int) throws {
    let pool = try #require(thread_pool_create(size))
    defer { thread_pool_destroy(pool) }
    #expect(thread_pool_size(pool) == size)
    for count in [0, 1, 2, size, size + 1, 97, 1000] {
      let loop = Loop(count: 1000)
      for _ in 0..<20 { loop.run(on: pool, count: count) }
      #expect(loop.runs[..<count].allSatisfy { $0 == 20 } && loop.runs[count...].allSatisfy { $0 == 0 })
      #expect(loop.threads[..<count].allSatisfy { (0..<size).contains($0) })
    }
  }

  /// What one loop wrote the next one reads, whichever thread runs it.
  @Test func loopsFollowEachOther() throws {
    let pool = try #require(thread_pool_create(3))
    defer { thread_pool_destroy(pool) }
    let count = 64
    let cells = UnsafeMutableBufferPointer<Int>.allocate(capacity: count)
    defer { cells.deallocate() }
    cells.initialize(repeating: 0)
    for _ in 0..<500 {
      thread_pool_run(
        pool, count, { context, index, _ in context!.assumingMemoryBound(to: Int.self)[index] += 1 }, cells.baseAddress)
      // Each iteration undoes its mirror image's work of the loop before.
      thread_pool_run(
        pool, count, { context, index, _ in context!.assumingMemoryBound(to: Int.self)[63 - index] -= 1 },
        cells.baseAddress)
    }
    #expect(cells.allSatisfy { $0 == 0 })
  }

  /// Shares are told apart by the lower bits of their loop's number, which come again after 65,536 loops, while a third
  /// thread's share of two iterations is empty.
  @Test func noShareIsTakenForThatOfAnOldLoop() throws {
    let pool = try #require(thread_pool_create(3))
    defer { thread_pool_destroy(pool) }
    let loop = Loop(count: 3)
    loop.run(on: pool, count: 3)
    for _ in 0..<65_535 { loop.run(on: pool, count: 2) }
    loop.run(on: pool, count: 3)
    #expect(Array(loop.runs) == [65_537, 65_537, 2])
  }

  /// More iterations than a share can count.
  @Test func longLoopsRunWhole() throws {
    let pool = try #require(thread_pool_create(2))
    defer { thread_pool_destroy(pool) }
    let count = 1 << 24 + 3
    let runs = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: count)
    defer { runs.deallocate() }
    runs.initialize(repeating: 0)
    thread_pool_run(
      pool, count, { context, index, _ in context!.assumingMemoryBound(to: UInt8.self)[index] += 1 }, runs.baseAddress)
    #expect(runs.allSatisfy { $0 == 1 })
  }

  private final class Progress: Sendable {
    let done = Atomic<Int>(0)
    let waitedFor = Atomic<Int>(0)
  }

  /// A thread that is held up does not keep its share: the first iteration ends only when the others have run.
  @Test func sharesAreTakenFromWhoIsLate() throws {
    let pool = try #require(thread_pool_create(2))
    defer { thread_pool_destroy(pool) }
    let progress = Progress()
    thread_pool_run(
      pool, 40,
      { context, index, _ in
        let progress = Unmanaged<Progress>.fromOpaque(context!).takeUnretainedValue()
        // Ten seconds at most.
        for _ in 0..<10_000 where index == 0 && progress.done.load(ordering: .relaxed) < 39 { usleep(1000) }
        if index == 0 { progress.waitedFor.store(progress.done.load(ordering: .relaxed), ordering: .relaxed) }
        progress.done.add(1, ordering: .relaxed)
      }, Unmanaged.passUnretained(progress).toOpaque())
    #expect(progress.waitedFor.load(ordering: .relaxed) == 39)
    #expect(progress.done.load(ordering: .relaxed) == 40)
  }

  @Test func workersWakeFromSleep() throws {
    let pool = try #require(thread_pool_create(4))
    defer { thread_pool_destroy(pool) }
    let loop = Loop(count: 16)
    for _ in 0..<5 {
      usleep(20_000)  // far longer than they spin
      loop.run(on: pool, count: 16)
    }
    #expect(loop.runs.allSatisfy { $0 == 5 })
  }

  @Test func twoPoolsRunAtTheSameTime() async {
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<2 {
        group.addTask {
          guard let pool = thread_pool_create(2) else { return false }
          defer { thread_pool_destroy(pool) }
          let loop = Loop(count: 100)
          for _ in 0..<200 { loop.run(on: pool, count: 100) }
          return loop.runs.allSatisfy { $0 == 200 }
        }
      }
      for await correct in group { #expect(correct) }
    }
  }

  @Test func thereIsAProcessorToRunOn() {
    let available = thread_pool_available_processors()
    #expect(available >= 1 && available <= Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }
}

import Foundation
import Synchronization
import TrainerKernels

/// A fixed set of threads that run numbered pieces of work together with the caller.
///
/// Which thread runs which piece is not determined; results that must not depend on it are made by pieces that do not
/// depend on the number of threads.
final class ThreadPool: Sendable {
  /// Threads that work, the caller included.
  let threads: Int
  private let shared: Shared

  /// - Parameter threads: at least 1.
  init(threads: Int) {
    precondition(threads >= 1, "a pool needs a thread")
    self.threads = threads
    let shared = Shared()
    self.shared = shared
    for worker in 1..<max(threads, 1) {
      let thread = Thread { shared.serve(worker: worker) }
      thread.name = "edgetrain-\(worker)"
      thread.start()
    }
  }

  deinit { shared.stop() }

  /// Calls `body(piece, worker)` for every piece in 0..<pieces and returns when all are done; `worker` is in
  /// 0..<threads, and no two calls at one time have the same one.
  func run(pieces: Int, _ body: (_ piece: Int, _ worker: Int) -> Void) {
    if pieces <= 1 || threads == 1 {
      for piece in 0..<pieces { body(piece, 0) }
      return
    }
    withoutActuallyEscaping(body) { shared.run(pieces: pieces, body: $0) }
  }
}

/// What the threads of a pool share. A job is announced by its number. Workers that come in time join it through the
/// gate; the caller closes the gate when no piece is left and nobody is inside, so a worker that sleeps costs nothing.
private final class Shared: @unchecked Sendable {
  // Safe: the caller writes `body` and `pieces` before it opens the gate (releasing), workers read them after passing it
  // (acquiring), and the caller writes again only after it has closed the gate with nobody inside.
  private var body: (Int, Int) -> Void = { _, _ in }
  private var pieces = 0
  private let nextPiece = Atomic<Int>(0)
  /// Workers inside, or `closed`.
  private let gate = Atomic<Int>(closed)
  private let job = Atomic<Int>(0)
  private let stopped = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  private let condition = NSCondition()

  private static let closed = -1
  /// Looks before a worker sleeps, some tenths of a millisecond of them. Waking takes longer than most operations, so a
  /// worker that slept between two of them would always come too late.
  private static let looks = 20_000

  func run(pieces: Int, body: @escaping (Int, Int) -> Void) {
    self.body = body
    self.pieces = pieces
    nextPiece.store(0, ordering: .relaxed)
    gate.store(0, ordering: .releasing)
    announce()
    work(worker: 0)
    var looks = 0
    while !gate.compareExchange(expected: 0, desired: Shared.closed, ordering: .acquiringAndReleasing).exchanged {
      // A worker that takes so long may be waiting for this very core.
      looks += 1
      if looks % 1024 == 0 { sched_yield() } else { trainer_relax() }
    }
    self.body = { _, _ in }
  }

  func stop() {
    stopped.store(true, ordering: .sequentiallyConsistent)
    announce()
  }

  /// Counts a job and wakes who sleeps. The count comes before the look at `sleepers`, and the reverse in `waitForJob`,
  /// so one of the two sees the other.
  private func announce() {
    job.add(1, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  func serve(worker: Int) {
    var seen = 0
    while true {
      seen = waitForJob(after: seen)
      if stopped.load(ordering: .acquiring) { return }
      guard enter() else { continue }
      work(worker: worker)
      gate.subtract(1, ordering: .releasing)
    }
  }

  /// Passes the gate unless it is closed.
  private func enter() -> Bool {
    var inside = gate.load(ordering: .relaxed)
    while inside != Shared.closed {
      let (exchanged, original) = gate.compareExchange(
        expected: inside, desired: inside + 1, ordering: .acquiringAndReleasing)
      if exchanged { return true }
      inside = original
    }
    return false
  }

  private func work(worker: Int) {
    while true {
      let piece = nextPiece.add(1, ordering: .relaxed).oldValue
      guard piece < pieces else { return }
      body(piece, worker)
    }
  }

  /// Waits for another number than `seen` and gives it.
  private func waitForJob(after seen: Int) -> Int {
    for _ in 0..<Shared.looks {
      let current = job.load(ordering: .acquiring)
      if current != seen { return current }
      trainer_relax()
    }
    condition.lock()
    defer { condition.unlock() }
    sleepers.add(1, ordering: .sequentiallyConsistent)
    defer { sleepers.subtract(1, ordering: .sequentiallyConsistent) }
    while true {
      let current = job.load(ordering: .sequentiallyConsistent)
      if current != seen { return current }
      condition.wait()
    }
  }
}

import AllocationCounter
import Format
import Quantize
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// Makes each thread of a pool watched or not: no tile ends before each thread has one.
private final class WatchStep: Step {
  private let watched: Bool
  private let arrived = Atomic<Int>(0)

  init(threads: Int, watched: Bool) {
    self.watched = watched
    super.init(values: [], kernelName: "watch", tiles: threads)
  }

  override func run(tile: Int, thread: Int) {
    allocation_counter_watch(watched)
    arrived.add(1, ordering: .sequentiallyConsistent)
    while arrived.load(ordering: .sequentiallyConsistent) < tiles {}
  }
}

@Suite(.serialized) struct AllocationTests {
  enum Kind: String, CaseIterable, Sendable { case float, int8, dynamic }

  @Test func theCounterCounts() {
    let before = allocation_counter_count()
    allocation_counter_watch(true)
    let array = [Int](repeating: 1, count: Int.random(in: 100...200))
    allocation_counter_watch(false)
    #expect(allocation_counter_count() > before && array.count >= 100)
  }

  /// A recurrent layer with a state, and pictures that grow.
  private static func sequence() throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: 5)
    let x = net.input([2, 7, 1, 1])
    let h = net.input([2, 1, 1, 20])
    let y = try net.recurrent(try net.embedding(x, rows: 3, 6), 20, Recurrent(cell: .gru), states: [h])[0]
    let last = try net.apply(.slice(Slice(axis: 1, start: 6, count: 1)), [y])
    net.output(try net.transposedConv(y, 5, (3, 3), TransposedConv2D(strideHeight: 2, strideWidth: 2)))
    net.output(try net.apply(.resize(Resize(mode: .bilinear, height: 3, width: 4)), [y]))
    net.output(last)
    net.state(h, becomes: last)
    return net
  }

  @Test(arguments: Kind.allCases, 1...3) func aRunAllocatesNothing(kind: Kind, threads: Int) throws {
    try check(NetworkBuilder.mobile(seed: 5), kind, threads)
    try check(NetworkBuilder.mobile(seed: 5), kind, threads, pipelines: true)
    try check(AllocationTests.sequence(), kind, threads)
  }

  private func check(_ network: NetworkBuilder, _ kind: Kind, _ threads: Int, pipelines: Bool? = nil) throws {
    var net = network
    let model =
      switch kind {
      case .float: net.model
      case .int8: try net.int8()
      case .dynamic: try net.model.dynamicallyQuantized()
      }
    for isa in ISA.supported {
      var options = SessionOptions(threads: threads, isa: isa)
      options.smallestPiece = 1
      options.usesPipelines = pipelines
      let session = try Session(model, options: options)
      try session.set(net.samples(1)[0])
      let (watch, unwatch) = (
        WatchStep(threads: threads, watched: true), WatchStep(threads: threads, watched: false)
      )
      session.workers.run(watch)
      let before = allocation_counter_count()
      for _ in 0..<5 { session.run() }
      let after = allocation_counter_count()
      session.workers.run(unwatch)
      #expect(after == before, "\(isa.name)")
    }
  }
}

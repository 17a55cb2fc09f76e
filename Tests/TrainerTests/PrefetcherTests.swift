import Testing

@testable import Trainer

/// Batches whose elements say what was asked for.
private struct NumberedExamples: BatchSource {
  let count = 10

  func makeBatch(size: Int) -> Batch { Batch(size: size, inputCounts: [2]) }

  func fill(_ batch: inout Batch, indices: ArraySlice<Int>, epoch: Int?) {
    batch.count = indices.count
    for (place, index) in indices.enumerated() {
      batch.inputs[0][2 * place] = Float(index)
      batch.inputs[0][2 * place + 1] = Float(epoch ?? 0)
      batch.labels[place] = Int32(index)
    }
  }
}

@Suite struct PrefetcherTests {
  /// The first epoch counts up, the others down.
  func order(_ epoch: Int) -> [Int] { epoch == 1 ? Array(0..<10) : Array((0..<10).reversed()) }

  func taken(_ prefetcher: Prefetcher, _ request: Prefetcher.Request) -> [Int32] {
    prefetcher.take(request)
    #expect((0..<prefetcher.batch.count).allSatisfy { prefetcher.batch.inputs[0][2 * $0 + 1] == Float(request.epoch) })
    return Array(prefetcher.batch.labels[..<prefetcher.batch.count])
  }

  /// Whatever was prepared, or not, what is taken is what was asked for.
  @Test func preparedOrNotTheBatchIsTheSame() {
    let prefetcher = Prefetcher(NumberedExamples(), size: 4) { [self] in order($0) }
    var stream = RandomStream(seed: 1, .sample)
    for _ in 0..<2000 {
      let request = Prefetcher.Request(epoch: 1 + stream.next(below: 2), step: stream.next(below: 3))
      let start = 4 * request.step
      let expected = order(request.epoch)[start..<min(start + 4, 10)].map(Int32.init)
      #expect(taken(prefetcher, request) == expected)
      let next = Prefetcher.Request(epoch: 1 + stream.next(below: 2), step: stream.next(below: 3))
      switch stream.next(below: 3) {
      case 0: break
      case 1: prefetcher.prepare(next)
      default:
        prefetcher.prepare(next)
        #expect(taken(prefetcher, next).count == min(4, 10 - 4 * next.step))
      }
    }
  }

  /// A run that is begun anew from a checkpoint for every step, so that nothing prepared is ever used, computes the bits
  /// of one that uses all.
  @Test func preparingChangesNoBit() throws {
    let ahead = try RowProblem.run()
    var alone = try RowProblem.run()
    while !ahead.isFinished {
      let one = try ahead.step()
      let two = try alone.step()
      #expect(one.stepLoss.bitPattern == two.stepLoss.bitPattern && one.images == two.images)
      let (checkpoint, best) = (try alone.checkpoint(), alone.best)
      alone = try RowProblem.run()
      try alone.restore(checkpoint, best: best)
    }
    let (one, two) = (try ahead.checkpoint(), try alone.checkpoint())
    #expect(one == two)
  }
}

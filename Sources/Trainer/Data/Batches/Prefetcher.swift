import Dispatch

/// Fills the batches of a run on a thread of its own, one ahead of the step that is being computed. What is in a batch
/// does not depend on when or where it is filled.
///
/// - Important: for one caller at a time.
final class Prefetcher {
  /// The examples of one step.
  struct Request: Equatable, Sendable {
    /// From 1.
    var epoch: Int
    /// In the epoch, from 0.
    var step: Int
  }

  /// What the two threads share. Safe: while the queue has work, only that work touches it; the caller waits for the
  /// queue first.
  private final class Ahead: @unchecked Sendable {
    var batch: Batch
    var request: Request?
    var order: [Int] = []
    var orderEpoch = 0

    init(_ batch: Batch) { self.batch = batch }
  }

  private let source: any BatchSource
  private let size: Int
  private let share: RankShare
  private let order: @Sendable (_ epoch: Int) -> [Int]
  private let ahead: Ahead
  private let queue = DispatchQueue(label: "edgetrain.prefetch")
  /// The batch that was asked for last.
  private(set) var batch: Batch

  /// - Parameters:
  ///   - size: examples in a step's batch.
  ///   - share: which part of them is filled in here.
  ///   - order: the examples of an epoch (from 1) in their order, as many in each.
  init(
    _ source: any BatchSource, size: Int, share: RankShare = RankShare(),
    order: @escaping @Sendable (_ epoch: Int) -> [Int]
  ) {
    self.source = source
    self.size = size
    self.share = share
    self.order = order
    batch = source.makeBatch(size: size)
    ahead = Ahead(source.makeBatch(size: size))
  }

  /// Puts the examples of `request` into `batch`: those that were prepared, if these are the ones.
  func take(_ request: Request) {
    queue.sync {}
    if ahead.request != request { Prefetcher.fill(ahead, request, source, size, share, order) }
    swap(&batch, &ahead.batch)
    ahead.request = nil
  }

  /// Begins to fill a batch that will be taken next.
  func prepare(_ request: Request) {
    queue.async { [ahead, source, size, share, order] in
      Prefetcher.fill(ahead, request, source, size, share, order)
    }
  }

  private static func fill(
    _ ahead: Ahead, _ request: Request, _ source: any BatchSource, _ size: Int, _ share: RankShare,
    _ order: (Int) -> [Int]
  ) {
    if ahead.orderEpoch != request.epoch {
      ahead.order = order(request.epoch)
      ahead.orderEpoch = request.epoch
    }
    let start = request.step * size
    let part = share.part(of: min(size, ahead.order.count - start))
    let indices = ahead.order[(start + part.lowerBound)..<(start + part.upperBound)]
    source.fill(&ahead.batch, indices: indices, epoch: request.epoch)
    ahead.request = request
  }
}

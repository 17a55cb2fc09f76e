/// How many pieces a step's work is cut into for the threads.
struct Pieces {
  /// More would cost more to hand out than they do; some for each thread, so that one that is held up leaves some to others.
  let most: Int
  let threads: Int

  /// Those of each of `count` parts of the work.
  func divided(by count: Int) -> Pieces {
    Pieces(most: max(most / count, 1), threads: max((threads + count - 1) / count, 1))
  }
}

/// Cuts 0 ..< `total` into pieces of equal length, the last one perhaps shorter: what the pool's threads share.
///
/// Kernels give the same bits however rows, pixels or elements are grouped into calls, so the cut never shows in results.
struct Partition {
  let total: Int
  let piece: Int
  /// Threads whose shares of consecutive pieces were made even.
  private let threads: Int

  /// At most `pieces.most` pieces, whose length is a multiple of `granule`.
  ///
  /// Where that shares more evenly they are longer, or else shorter: of 14 rows, seven pieces of two would leave one of two
  /// threads with eight.
  init(_ total: Int, granule: Int = 1, pieces: Pieces) {
    self.total = total
    threads = pieces.threads
    let granules = Partition.quotient(total, granule)
    let asked = max(Partition.quotient(granules, pieces.most), 1)
    var best = asked
    // Long pieces are as many as asked for, but for a short last one.
    if pieces.most > 1 && asked <= 2 * pieces.most {
      let longest = max(Partition.quotient(granules, pieces.threads), asked)
      var least = Int.max
      for length in Array(asked...longest) + (max(asked / 2, 1)..<asked).reversed() {
        let load = Partition.quotient(Partition.quotient(granules, length), pieces.threads) * length
        if load < least { (least, best) = (load, length) }
      }
    }
    piece = best * granule
  }

  /// One piece.
  init(whole total: Int) {
    self.total = total
    piece = max(total, 1)
    threads = 1
  }

  /// Rounded up.
  private static func quotient(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }

  var count: Int { (total + piece - 1) / piece }

  /// The part of the whole that the thread with the largest share has.
  var largestShare: Double {
    Double(min(Partition.quotient(count, threads) * piece, total)) / Double(max(total, 1))
  }

  subscript(index: Int) -> Range<Int> { index * piece..<min((index + 1) * piece, total) }
}

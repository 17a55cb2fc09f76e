/// Cuts 0 ..< `total` into pieces of equal length, the last one perhaps shorter: what the pool's threads share.
///
/// Kernels give the same bits however rows, pixels or elements are grouped into calls, so the cut never shows in results.
struct Partition {
  let total: Int
  let piece: Int

  /// About `pieces` pieces, whose length is a multiple of `granule`.
  ///
  /// Shorter pieces are made where they share more evenly: of 14 rows, seven pieces of two would leave one of two threads
  /// with eight. There are four pieces for each thread where there is work enough (`Lowering.pieces`).
  init(_ total: Int, granule: Int = 1, pieces: Int) {
    self.total = total
    let granules = Partition.quotient(total, granule)
    let longest = max(Partition.quotient(granules, max(pieces, 1)), 1)
    var best = longest
    // Long pieces are as many as asked for, but for a short last one.
    if pieces > 1 && longest <= 2 * pieces {
      let threads = max(pieces / 4, 2)
      var least = Int.max
      for length in (max(longest / 2, 1)...longest).reversed() {
        let load = Partition.quotient(Partition.quotient(granules, length), threads) * length
        if load < least { (least, best) = (load, length) }
      }
    }
    piece = best * granule
  }

  /// Rounded up.
  private static func quotient(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }

  var count: Int { (total + piece - 1) / piece }

  subscript(index: Int) -> Range<Int> { index * piece..<min((index + 1) * piece, total) }
}

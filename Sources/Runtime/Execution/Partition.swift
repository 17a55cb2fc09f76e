/// Cuts 0 ..< `total` into pieces of equal length, the last one perhaps shorter: what the pool's threads share.
///
/// Kernels give the same bits however rows, pixels or elements are grouped into calls, so the cut never shows in results.
struct Partition {
  let total: Int
  let piece: Int

  /// About `pieces` pieces, whose length is a multiple of `granule`.
  init(_ total: Int, granule: Int = 1, pieces: Int) {
    self.total = total
    let length = (total + max(pieces, 1) - 1) / max(pieces, 1)
    piece = max((length + granule - 1) / granule, 1) * granule
  }

  var count: Int { (total + piece - 1) / piece }

  subscript(index: Int) -> Range<Int> { index * piece..<min((index + 1) * piece, total) }
}

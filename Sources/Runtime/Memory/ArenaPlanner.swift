/// Places buffers in one arena so that buffers that live at the same time never share a byte.
///
/// Greedy by size: the largest buffer first, each into the smallest gap that fits among the buffers placed before it
/// whose lifetimes intersect its own (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference",
/// 2020).
struct ArenaPlanner {
  /// A buffer: `size` bytes that are in use from step `first` to step `last`, both included.
  struct Buffer {
    var size: Int
    var first: Int
    var last: Int
  }

  /// Where each buffer begins, in bytes from the start of the arena; multiples of the alignment.
  private(set) var offsets: [Int]
  /// Bytes of the whole arena.
  private(set) var size = 0

  /// - Parameter alignment: a power of two; a cache line by default, which is also the widest vector.
  init(_ buffers: [Buffer], alignment: Int = 64) {
    offsets = Array(repeating: 0, count: buffers.count)
    // Ties are broken by index, so that the plan is the same on every machine.
    let order = buffers.indices.sorted { a, b in
      buffers[a].size != buffers[b].size ? buffers[a].size > buffers[b].size : a < b
    }
    var placed: [(offset: Int, buffer: Buffer)] = []  // by offset
    for index in order {
      let buffer = buffers[index]
      var end = 0  // of the buffers passed so far that are alive together with this one
      var best: (offset: Int, gap: Int)?
      for other in placed where other.buffer.first <= buffer.last && buffer.first <= other.buffer.last {
        let gap = other.offset - end
        if gap >= buffer.size && gap < best?.gap ?? Int.max { best = (end, gap) }
        end = max(end, (other.offset + other.buffer.size + alignment - 1) & ~(alignment - 1))
      }
      let offset = best?.offset ?? end
      offsets[index] = offset
      size = max(size, offset + buffer.size)
      let position = placed.firstIndex { $0.offset > offset } ?? placed.count
      placed.insert((offset, buffer), at: position)
    }
  }
}

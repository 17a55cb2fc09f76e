import Platform

/// Room for a model's packed weights, layer by layer, in few large pieces of memory: the system hands those out at once, where
/// it would take a page fault for every 4 KB of many small ones.
final class WeightMemory {
  /// A part of `owner`, which lasts as long as that.
  struct Part {
    let owner: AlignedMemory
    let bytes: UnsafeMutableRawBufferPointer
  }

  /// A huge page of x86-64 and of aarch64 with pages of 4 KB.
  private static let chunkBytes = 2 << 20
  /// Of a chunk, what may stay unused.
  private static let spareBytes = chunkBytes / 4

  /// The weights that are expected to come, which decide whether a chunk pays.
  private var expected: Int
  private var chunk: AlignedMemory?
  private var used = 0

  /// - Parameter expected: bytes of each tensor of weights, about. Many tensors may be the same bytes of a file: their sum
  ///   need not be an `Int` where that has 32 bits.
  init(expected: [Int]) {
    let most = 1 << 29
    self.expected = expected.reduce(0) { min($0 + min($1, most), most) }
  }

  /// `count` bytes on a 64-byte boundary, not initialized.
  ///
  /// - Throws: `RuntimeError.outOfMemory`.
  func allocate(_ count: Int) throws(RuntimeError) -> Part {
    let isChunkWorthIt = expected >= WeightMemory.chunkBytes - WeightMemory.spareBytes
    expected -= min(count, expected)
    if chunk == nil || WeightMemory.chunkBytes - used < count {
      let isSpent = chunk == nil || WeightMemory.chunkBytes - used <= WeightMemory.spareBytes
      guard isSpent && isChunkWorthIt && count <= WeightMemory.chunkBytes else {
        let memory = try AlignedMemory(count: count)
        return Part(owner: memory, bytes: memory.bytes)
      }
      finish()
      chunk = try AlignedMemory(count: WeightMemory.chunkBytes)
      used = 0
    }
    let part = Part(owner: chunk!, bytes: UnsafeMutableRawBufferPointer(start: chunk!.base + used, count: count))
    used = min((used + count + 63) & ~63, WeightMemory.chunkBytes)
    return part
  }

  /// Gives what is left of the chunk back to the system, for good.
  func finish() {
    if let chunk { platform_give_back(chunk.base + used, WeightMemory.chunkBytes - used) }
    used = WeightMemory.chunkBytes
  }
}

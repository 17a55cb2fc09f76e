/// Places memory that is needed at different times in one arena: largest first, each at the lowest place where nothing
/// that lives at the same time is in the way.
struct MemoryPlanner {
  /// Elements of a block start at multiples of this: 64 bytes of floats.
  static let alignment = 16

  private struct Block {
    let size: Int
    var first: Int
    var last: Int
  }

  private var blocks: [Block] = []

  /// Asks for `size` elements that live from step `first` to step `last`, both included, and gives the block's number.
  mutating func request(size: Int, first: Int, last: Int) -> Int {
    blocks.append(Block(size: MemoryPlanner.aligned(size), first: first, last: last))
    return blocks.count - 1
  }

  /// Lets block `block` live at step `step` too.
  mutating func extend(_ block: Int, to step: Int) {
    blocks[block].first = min(blocks[block].first, step)
    blocks[block].last = max(blocks[block].last, step)
  }

  /// Offsets of all blocks and the arena's size, in elements.
  func plan() -> (offsets: [Int], size: Int) {
    var offsets = [Int](repeating: 0, count: blocks.count)
    var placed: [Int] = []
    var total = 0
    for index in blocks.indices.sorted(by: { (blocks[$0].size, $1) > (blocks[$1].size, $0) }) {
      let block = blocks[index]
      var offset = 0
      for other in placed.sorted(by: { offsets[$0] < offsets[$1] })
      where blocks[other].first <= block.last && block.first <= blocks[other].last {
        if offsets[other] >= offset + block.size { break }
        offset = max(offset, offsets[other] + blocks[other].size)
      }
      offsets[index] = offset
      total = max(total, offset + block.size)
      placed.append(index)
    }
    return (offsets, total)
  }

  static func aligned(_ size: Int) -> Int { (size + alignment - 1) / alignment * alignment }
}

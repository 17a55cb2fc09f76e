import Platform

/// Steps that hand lines to each other: each makes as many lines as the next one sees, into a ring that stays in the cache,
/// and only the last one's result is a tensor in memory.
///
/// ```
///  input ──expand──► ring of 3 lines ──depthwise 3×3──► ring of 1 line ──project──► output
///                    line y of the output: lines up to 2y + 1 of the first ring, if the stride is 2
/// ```
///
/// A thread takes pieces of the last step's lines, and has rings of its own. It goes on with what they hold from one piece to the
/// next; where its share begins, the first steps make lines that the thread before it makes too. `values` are the input, the
/// output, the workspace, and what else the stages have.
final class LinePipeline: Step {
  let stages: [LineStep]
  private let plan: LinePlan
  // Raw memory, as in `Step`: what is read for every line costs no reference counting. `stages` keeps the steps.
  private let steps: UnsafeMutablePointer<Unmanaged<LineStep>>
  private let rings: UnsafeMutablePointer<LinePlan.Ring>
  private let pieces: Partition
  private let workspaceStride: Int
  /// Nanoseconds, [threads][stages]; counted if `isTimed`.
  private let times: UnsafeMutablePointer<UInt64>
  private let timesPerThread: Int
  private let threads: Int
  var isTimed = false

  /// - Parameters:
  ///   - workspaceStride: bytes of each thread's part of the workspace, `plan.workspaceBytes` or more.
  ///   - pieces: how many to cut the output's lines into.
  init(
    _ stages: [LineStep], _ plan: LinePlan, workspace: ValueIndex, workspaceStride: Int, pieces: Pieces, threads: Int
  ) {
    self.stages = stages
    self.plan = plan
    self.workspaceStride = workspaceStride
    self.threads = threads
    steps = .allocate(capacity: stages.count)
    rings = .allocate(capacity: plan.rings.count)
    for (index, stage) in stages.enumerated() { (steps + index).initialize(to: Unmanaged.passUnretained(stage)) }
    for (index, ring) in plan.rings.enumerated() { (rings + index).initialize(to: ring) }
    let last = stages[stages.count - 1]
    self.pieces = Partition(last.window.outputHeight, pieces: pieces)
    timesPerThread = (stages.count + 7) & ~7
    times = .allocate(capacity: timesPerThread * threads)
    times.initialize(repeating: 0, count: timesPerThread * threads)
    super.init(
      values: [stages[0].values[0], last.values[1], workspace], kernelName: last.kernelName, tiles: self.pieces.count)
  }

  deinit {
    times.deallocate()
    steps.deallocate()
    rings.deallocate()
  }

  override var packedBytes: Int { stages.reduce(0) { $0 + $1.packedBytes } }

  override func bind(_ address: (ValueIndex) -> UnsafeMutableRawPointer) {
    super.bind(address)
    for (index, stage) in stages.enumerated() {
      // What stages hand to each other has no address; they are told with each call where it is.
      let (x, y) = (stage.values[0], stage.values[1])
      stage.place { value in
        (value == x && index > 0) || (value == y && index < stages.count - 1) ? mutable(2) : address(value)
      }
    }
  }

  override func prepare() {
    // No piece goes on behind the last line.
    for thread in 0..<threads { made(mutable(2) + thread * workspaceStride)[stages.count - 1] = pieces.total }
  }

  override func run(tile: Int, thread: Int) {
    let base = mutable(2) + thread * workspaceStride
    let piece = pieces[tile]
    if made(base)[stages.count - 1] != piece.lowerBound {
      for (index, stage) in stages.enumerated() {
        stage.begin(thread: thread)
        made(base)[index] = 0
      }
    }
    var first = piece.lowerBound
    while first < piece.upperBound {
      let end = min(first + plan.linesAtOnce, piece.upperBound)
      make(first..<end, stage: stages.count - 1, base, thread)
      first = end
    }
  }

  /// For each stage the line behind the last that the rings have seen of it.
  private func made(_ base: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Int> {
    base.assumingMemoryBound(to: Int.self)
  }

  /// Makes those of `lines` that stage `index` has not made yet, and before them what they are made of.
  private func make(_ lines: Range<Int>, stage index: Int, _ base: UnsafeMutableRawPointer, _ thread: Int) {
    let first = max(lines.lowerBound, made(base)[index])
    guard first < lines.upperBound else { return }
    // Safe: `stages` keeps the step.
    steps[index]._withUnsafeGuaranteedRef { stage in
      if index > 0 { make(stage.window.inputLines(of: first..<lines.upperBound), stage: index - 1, base, thread) }
      let input = index == 0 ? stage.input : self.lines(index - 1, base)
      let output = index == stages.count - 1 ? stage.output : self.lines(index, base)
      let start = isTimed ? platform_monotonic_nanoseconds() : 0
      stage.compute(first..<lines.upperBound, from: input, to: output, thread: thread)
      if isTimed { times[thread * timesPerThread + index] += platform_monotonic_nanoseconds() - start }
    }
    made(base)[index] = lines.upperBound
  }

  private func lines(_ ring: Int, _ base: UnsafeMutableRawPointer) -> Lines {
    Lines(base: base + rings[ring].offset, count: rings[ring].lines, lineBytes: rings[ring].lineBytes)
  }

  /// Nanoseconds that all threads together have spent in each stage since the last call.
  func takeTimes() -> [UInt64] {
    stages.indices.map { stage in
      var sum: UInt64 = 0
      for thread in 0..<threads {
        sum += times[thread * timesPerThread + stage]
        times[thread * timesPerThread + stage] = 0
      }
      return sum
    }
  }
}

/// How many lines the stages of a pipeline make at a time, and where a thread keeps those that they hand to each other.
struct LinePlan {
  /// A part of a thread's workspace: what one stage hands to the next.
  struct Ring {
    /// In bytes, from the start of the workspace.
    let offset: Int
    let lines: Int
    let lineBytes: Int
  }

  /// Of the last stage.
  let linesAtOnce: Int
  /// Behind each stage but the last.
  let rings: [Ring]
  /// Of a thread: for each stage the number of lines made (`Int`), then the rings.
  let workspaceBytes: Int

  /// Lines are made one at a time, unless tiles of products would be left half empty.
  private static let mostLinesAtOnce = 4
  private static let allowedWaste = 0.05

  init(_ stages: [LineStep]) {
    var best = (lines: 1, waste: Double.infinity)
    for lines in 1...LinePlan.mostLinesAtOnce {
      let waste = LinePlan.waste(stages, linesAtOnce: lines)
      if waste < best.waste { best = (lines, waste) }
      if waste <= LinePlan.allowedWaste { break }
    }
    linesAtOnce = best.lines
    // From the last to the first: at the beginning of a piece all that a stage sees is still to be made.
    var lines = best.lines
    var ringLines: [Int] = []
    for stage in stages.dropFirst().reversed() {
      let window = stage.window
      lines = min((lines - 1) * window.strideHeight + window.seenLines, window.inputHeight)
      ringLines.append(lines)
    }
    var rings: [Ring] = []
    var bytes = LinePlan.rounded(stages.count * MemoryLayout<Int>.stride)
    for (stage, lines) in zip(stages, ringLines.reversed()) {
      rings.append(Ring(offset: bytes, lines: lines, lineBytes: stage.outputLineBytes))
      bytes += LinePlan.rounded(lines * stage.outputLineBytes)
    }
    self.rings = rings
    workspaceBytes = bytes
  }

  /// Up to whole cache lines.
  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }

  /// The largest share of the rows of products' tiles that would be empty.
  private static func waste(_ stages: [LineStep], linesAtOnce: Int) -> Double {
    var lines = linesAtOnce
    var worst = 0.0
    for stage in stages.reversed() {
      let window = stage.window
      lines = min(lines, window.outputHeight)
      let rows = lines * window.outputWidth
      let tiles = (rows + stage.rowsPerTile - 1) / stage.rowsPerTile
      worst = max(worst, Double(tiles * stage.rowsPerTile) / Double(rows) - 1)
      lines *= window.strideHeight
    }
    return worst
  }
}

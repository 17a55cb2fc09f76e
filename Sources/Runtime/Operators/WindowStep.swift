import Kernels

/// The operands of one call of a dwconv or pool kernel, apart from the epilogue: a run of output pixels of one row.
struct WindowRun {
  /// Index of the output row, counted through all images of the batch.
  let row: Int
  let pixels: Range<Int>
  let channels: Range<Int>
  let inputs: UnsafeMutableRawPointer
  /// Room behind the pointers, as much as the step asked for.
  let extra: UnsafeMutableRawPointer
  /// Where the results of the first pixel's first channel of all go.
  let output: UnsafeMutableRawPointer
}

/// A window sliding over images, row by row; `compute` calls the kernel. `values` are input, output, workspace, and what
/// a subclass adds.
class WindowStep: LineStep {
  final let geometry: WindowRow
  final let outputChannels: Int
  private final let rows: Partition
  /// Pointers of all runs of a small image, made once because nothing moves between runs.
  private final var fixedPointers: UnsafeMutableRawPointer?

  /// Pointers made once should leave room in the second-level cache.
  private static let mostFixedBytes = 1 << 15

  /// - Parameter outputSize: bytes of an output element; nil for those of an input element.
  init(
    _ geometry: WindowRow, outputChannels: Int, outputSize: Int? = nil, values: [ValueIndex], kernelName: String,
    workspaceStride: Int, pieces: Pieces
  ) {
    let window = geometry.window
    self.geometry = geometry
    self.outputChannels = outputChannels
    rows = Partition(window.batch * window.outputHeight, pieces: pieces)
    super.init(
      window, inputLineBytes: window.inputWidth * window.channels * geometry.elementSize,
      outputLineBytes: window.outputWidth * outputChannels * (outputSize ?? geometry.elementSize), values: values,
      kernelName: kernelName, workspaceStride: workspaceStride, tiles: rows.count)
  }

  deinit { fixedPointers?.deallocate() }

  private final var runsPerRow: Int { (geometry.window.outputWidth + geometry.longestRun - 1) / geometry.longestRun }

  override final func didBind() {
    let width = geometry.window.outputWidth
    let runs = rows.total * runsPerRow
    guard runs <= WindowStep.mostFixedBytes / geometry.runBytes else { return }
    let pointers = UnsafeMutableRawPointer.allocate(byteCount: runs * geometry.runBytes, alignment: 64)
    for run in 0..<runs {
      let first = run % runsPerRow * geometry.longestRun
      geometry.fill(
        pointers + run * geometry.runBytes, row: run / runsPerRow,
        pixels: first..<min(first + geometry.longestRun, width), input: input, outside: outside)
    }
    fixedPointers = pointers
  }

  override final func run(tile: Int, thread: Int) {
    compute(rows[tile], from: input, to: output, thread: thread)
  }

  override final func begin(thread: Int) { geometry.begin(workspace(thread)) }

  override final func compute(_ lines: Range<Int>, from input: Lines, to output: Lines, thread: Int) {
    // With all pointers there, channel by channel: lines that a row shares with the next stay in the first-level cache.
    let channels = fixedPointers == nil ? outputChannels : channelsPerBlock
    var first = 0
    while first < outputChannels {
      let end = min(first + channels, outputChannels)
      for row in lines { compute(row, first..<end, from: input, to: output, workspace(thread)) }
      first = end
    }
  }

  private func compute(
    _ row: Int, _ channels: Range<Int>, from input: Lines, to output: Lines, _ workspace: UnsafeMutableRawPointer
  ) {
    let width = geometry.window.outputWidth
    let pixelBytes = outputLineBytes / width
    let line = output.line(row)
    var first = 0
    while first < width {
      let pixels = first..<min(first + geometry.longestRun, width)
      let inputs: UnsafeMutableRawPointer
      if let fixedPointers {
        inputs = fixedPointers + (row * runsPerRow + first / geometry.longestRun) * geometry.runBytes
      } else {
        inputs = geometry.pointers(workspace, row: row, pixels: pixels, input: input, outside: outside)
      }
      compute(
        WindowRun(
          row: row, pixels: pixels, channels: channels, inputs: inputs, extra: workspace + geometry.workspaceBytes,
          output: line + first * pixelBytes))
      first += geometry.longestRun
    }
  }

  /// Channels that are computed for all rows before the next ones.
  var channelsPerBlock: Int { outputChannels }

  var outside: WindowRow.Outside { .nearest }

  func compute(_ run: WindowRun) { preconditionFailure("a window without a kernel") }
}

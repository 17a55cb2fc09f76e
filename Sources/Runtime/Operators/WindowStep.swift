import Kernels

/// The operands of one call of a dwconv or pool kernel, apart from the epilogue: a run of output pixels of one row.
struct WindowRun {
  /// Index of the output row, counted through all images of the batch.
  let row: Int
  let pixels: Range<Int>
  let inputs: UnsafeMutableRawPointer
  /// Room behind the pointers, as much as the step asked for.
  let extra: UnsafeMutableRawPointer
  /// Index of the result's first element in the output.
  let output: Int
}

/// A window sliding over images, row by row; `compute` calls the kernel. `values` are input, output, workspace, and what
/// a subclass adds.
class WindowStep: Step {
  final let geometry: WindowRow
  final let outputChannels: Int
  private final let rows: Partition
  private final let workspaceStride: Int
  /// Pointers of all runs of a small image, made once because nothing moves between runs.
  private final var fixedPointers: UnsafeMutableRawPointer?

  /// Pointers made once should leave room in the second-level cache.
  private static let mostFixedBytes = 1 << 15

  init(
    _ geometry: WindowRow, outputChannels: Int, values: [ValueIndex], kernelName: String, workspaceStride: Int,
    pieces: Int
  ) {
    self.geometry = geometry
    self.outputChannels = outputChannels
    self.workspaceStride = workspaceStride
    rows = Partition(geometry.window.batch * geometry.window.outputHeight, pieces: pieces)
    super.init(values: values, kernelName: kernelName, tiles: rows.count)
  }

  deinit { fixedPointers?.deallocate() }

  private final var runsPerRow: Int { (geometry.window.outputWidth + geometry.longestRun - 1) / geometry.longestRun }

  override final func didBind() {
    let width = geometry.window.outputWidth
    let runs = rows.total * runsPerRow
    guard runs <= WindowStep.mostFixedBytes / geometry.workspaceBytes else { return }
    let pointers = UnsafeMutableRawPointer.allocate(byteCount: runs * geometry.workspaceBytes, alignment: 64)
    for run in 0..<runs {
      let first = run % runsPerRow * geometry.longestRun
      geometry.fill(
        pointers + run * geometry.workspaceBytes, row: run / runsPerRow,
        pixels: first..<min(first + geometry.longestRun, width), input: address(0), outside: outside)
    }
    fixedPointers = pointers
  }

  override final func run(tile: Int, thread: Int) {
    let workspace = mutable(2) + thread * workspaceStride
    let input = address(0)
    let width = geometry.window.outputWidth
    for row in rows[tile] {
      var first = 0
      while first < width {
        let pixels = first..<min(first + geometry.longestRun, width)
        let inputs: UnsafeMutableRawPointer
        if let fixedPointers {
          inputs = fixedPointers + (row * runsPerRow + first / geometry.longestRun) * geometry.workspaceBytes
        } else {
          inputs = workspace
          geometry.fill(workspace, row: row, pixels: pixels, input: input, outside: outside)
        }
        compute(
          WindowRun(
            row: row, pixels: pixels, inputs: inputs, extra: workspace + geometry.workspaceBytes,
            output: (row * width + first) * outputChannels))
        first += geometry.longestRun
      }
    }
  }

  var outside: WindowRow.Outside { .nearest }

  func compute(_ run: WindowRun) { preconditionFailure("a window without a kernel") }
}

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

  override final func run(tile: Int, thread: Int) {
    let workspace = mutable(2) + thread * workspaceStride
    let input = address(0)
    let width = geometry.window.outputWidth
    for row in rows[tile] {
      var first = 0
      while first < width {
        let pixels = first..<min(first + geometry.longestRun, width)
        geometry.fill(workspace, row: row, pixels: pixels, input: input, outside: outside)
        compute(
          WindowRun(
            row: row, pixels: pixels, inputs: workspace, extra: workspace + geometry.workspaceBytes,
            output: (row * width + first) * outputChannels))
        first += geometry.longestRun
      }
    }
  }

  var outside: WindowRow.Outside { .nearest }

  func compute(_ run: WindowRun) { preconditionFailure("a window without a kernel") }
}

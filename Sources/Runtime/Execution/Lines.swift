/// The lines of a tensor's images, one behind the other: all of them, or a ring of those that are still needed.
struct Lines {
  let base: UnsafeMutableRawPointer
  /// Lines that there is room for. Line y lies at place y modulo `count`.
  let count: Int
  let lineBytes: Int

  func line(_ y: Int) -> UnsafeMutableRawPointer { base + y % count * lineBytes }

  /// How many lines from line `y` on lie one behind the other.
  func run(from y: Int) -> Int { count - y % count }
}

/// A step that can make some lines of its result of those that it sees of its input, wherever either lie, so that
/// `LinePipeline` can make steps hand lines to each other. `values` are input, output, workspace, and what else there is.
class LineStep: Step {
  /// What the step slides over its input.
  final let window: Window
  private final let workspaceStride: Int
  /// Bytes of a line of the input and of the output.
  final let inputLineBytes: Int
  final let outputLineBytes: Int

  init(
    _ window: Window, inputLineBytes: Int, outputLineBytes: Int, values: [ValueIndex], kernelName: String,
    workspaceStride: Int, tiles: Int
  ) {
    self.window = window
    self.inputLineBytes = inputLineBytes
    self.outputLineBytes = outputLineBytes
    self.workspaceStride = workspaceStride
    super.init(values: values, kernelName: kernelName, tiles: tiles)
  }

  /// All lines of the input and of the output, for a step that works on whole tensors.
  final var input: Lines {
    Lines(base: mutable(0), count: window.batch * window.inputHeight, lineBytes: inputLineBytes)
  }
  final var output: Lines {
    Lines(base: mutable(1), count: window.batch * window.outputHeight, lineBytes: outputLineBytes)
  }

  final func workspace(_ thread: Int) -> UnsafeMutableRawPointer { mutable(2) + thread * workspaceStride }

  /// Rows of a tile of the kernel, of which those that are not asked for cost as much.
  var rowsPerTile: Int { 1 }

  /// Makes a thread's workspace ready for an input that it has not seen.
  func begin(thread: Int) {}

  /// Computes lines of the output, counted through all images of the batch.
  func compute(_ lines: Range<Int>, from input: Lines, to output: Lines, thread: Int) {
    preconditionFailure("a step without lines")
  }
}

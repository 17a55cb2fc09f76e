/// Points the taps of a run of output pixels of one row at the input pixels they see: the operand `inputs` of the
/// dwconv and pool kernels.
///
/// The array lists columns of the window, top to bottom. With dilation 1 neighbouring windows share columns, so that
/// each input column is listed once; otherwise each window has its own.
struct WindowRow {
  /// What stands for a place outside the image.
  enum Outside {
    /// A buffer of zeros or zero points.
    case buffer(UnsafeRawPointer)
    /// The nearest place of the window inside: a maximum does not change when an element counts twice.
    case nearest
  }

  let window: Window
  /// Bytes of an input element.
  let elementSize: Int
  /// The most output pixels of one run: few enough that the pointers stay in the first-level cache.
  let longestRun: Int
  private let sharesColumns: Bool

  private static let pointersPerRun = 2048

  init(_ window: Window, elementSize: Int) {
    self.window = window
    self.elementSize = elementSize
    sharesColumns = window.dilationWidth == 1 && window.strideWidth < window.width
    longestRun = min(window.outputWidth, max(1, WindowRow.pointersPerRun / window.taps))
  }

  /// Pointers between one output pixel's first and the next one's.
  var step: Int { window.height * (sharesColumns ? window.strideWidth : window.width) }

  /// Bytes of the pointers of the longest run.
  var workspaceBytes: Int { columns(longestRun) * window.height * MemoryLayout<UnsafeRawPointer>.stride }

  /// Number of columns listed for a run of `pixels`.
  private func columns(_ pixels: Int) -> Int {
    sharesColumns ? (pixels - 1) * window.strideWidth + window.width : pixels * window.width
  }

  /// Fills `workspace` for the output pixels `pixels` of output row `row`, which is counted through all images of the
  /// batch.
  func fill(
    _ workspace: UnsafeMutableRawPointer, row: Int, pixels: Range<Int>, input: UnsafeRawPointer, outside: Outside
  ) {
    var next = workspace.assumingMemoryBound(to: UnsafeRawPointer.self)
    let image = input + row / window.outputHeight * window.imageElements * elementSize
    let x = pixels.lowerBound * window.strideWidth - window.left
    let y = row % window.outputHeight * window.strideHeight - window.top
    for column in 0..<columns(pixels.count) {
      let inputX =
        sharesColumns
        ? x + column
        : x + column / window.width * window.strideWidth + column % window.width * window.dilationWidth
      pointColumn(next, x: inputX, y: y, image, outside)
      next += window.height
    }
  }

  /// The places of one window column, which stands at (`x`, `y`) of `image`.
  private func pointColumn(
    _ pointers: UnsafeMutablePointer<UnsafeRawPointer>, x: Int, y: Int, _ image: UnsafeRawPointer, _ outside: Outside
  ) {
    let pixelBytes = window.channels * elementSize
    for windowRow in 0..<window.height {
      let inputY = y + windowRow * window.dilationHeight
      switch outside {
      case .buffer(let buffer):
        let isInside = x >= 0 && x < window.inputWidth && inputY >= 0 && inputY < window.inputHeight
        pointers[windowRow] = isInside ? image + (inputY * window.inputWidth + x) * pixelBytes : buffer
      case .nearest:
        let nearX = min(max(x, 0), window.inputWidth - 1)
        let nearY = min(max(inputY, 0), window.inputHeight - 1)
        pointers[windowRow] = image + (nearY * window.inputWidth + nearX) * pixelBytes
      }
    }
  }
}

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

  /// Sets of pointers that a thread keeps: of a ring of lines, one for each line that a window can begin with, because
  /// they come again whenever the ring has gone round, and one for windows that leave the image above or below.
  private let sets: Int

  private static let pointersPerRun = 2048
  /// Rings of more lines, which pipelines of several windows have, get their pointers line by line.
  private static let mostRingLines = 8

  /// - Parameter moves: whether the input is a ring of lines.
  init(_ window: Window, elementSize: Int, moves: Bool = false) {
    self.window = window
    self.elementSize = elementSize
    sets = moves ? WindowRow.mostRingLines + 1 : 1
    sharesColumns = window.dilationWidth == 1 && window.strideWidth < window.width
    longestRun = min(window.outputWidth, max(1, WindowRow.pointersPerRun / window.taps))
  }

  /// Pointers between one output pixel's first and the next one's.
  var step: Int { window.height * (sharesColumns ? window.strideWidth : window.width) }

  /// Bytes of the pointers of the longest run.
  var runBytes: Int { columns(longestRun) * window.height * MemoryLayout<UnsafeRawPointer>.stride }

  /// Bytes that a thread needs: whether each set is there, and the sets.
  var workspaceBytes: Int { marksBytes + sets * runBytes }
  private var marksBytes: Int { sets > 1 ? 64 : 0 }

  /// Forgets pointers of a ring that lay elsewhere.
  func begin(_ workspace: UnsafeMutableRawPointer) {
    if sets > 1 { workspace.initializeMemory(as: Bool.self, repeating: false, count: sets) }
  }

  /// The pointers of a run, made in `workspace` unless they are there already.
  func pointers(
    _ workspace: UnsafeMutableRawPointer, row: Int, pixels: Range<Int>, input: Lines, outside: Outside
  ) -> UnsafeMutableRawPointer {
    var set = 0
    var isThere = false
    if input.count < sets && pixels.count == window.outputWidth {
      let y = row * window.strideHeight - window.top
      let isInside = y >= 0 && y + window.seenLines <= window.inputHeight
      set = isInside ? y % input.count : sets - 1
      let marks = workspace.assumingMemoryBound(to: Bool.self)
      isThere = isInside && marks[set]
      marks[set] = true
    }
    let pointers = workspace + marksBytes + set * runBytes
    if !isThere { fill(pointers, row: row, pixels: pixels, input: input, outside: outside) }
    return pointers
  }

  /// Number of columns listed for a run of `pixels`.
  private func columns(_ pixels: Int) -> Int {
    sharesColumns ? (pixels - 1) * window.strideWidth + window.width : pixels * window.width
  }

  /// Fills `pointers` for the output pixels `pixels` of output row `row`, which is counted through all images of the
  /// batch.
  func fill(_ pointers: UnsafeMutableRawPointer, row: Int, pixels: Range<Int>, input: Lines, outside: Outside) {
    let pointers = pointers.assumingMemoryBound(to: UnsafeRawPointer.self)
    let firstLine = row / window.outputHeight * window.inputHeight
    let x = pixels.lowerBound * window.strideWidth - window.left
    let y = row % window.outputHeight * window.strideHeight - window.top
    for windowRow in 0..<window.height {
      let inputY = y + windowRow * window.dilationHeight
      let target = pointers + windowRow
      switch outside {
      case .nearest:
        let line = input.line(firstLine + min(max(inputY, 0), window.inputHeight - 1))
        pointLine(target, pixels.count, x: x, in: UnsafeRawPointer(line), outside: nil)
      case .buffer(let buffer):
        if inputY >= 0 && inputY < window.inputHeight {
          let line = input.line(firstLine + inputY)
          pointLine(target, pixels.count, x: x, in: UnsafeRawPointer(line), outside: buffer)
        } else {
          for column in 0..<columns(pixels.count) { target[column * window.height] = buffer }
        }
      }
    }
  }

  /// The pointers of one window row of a run into the input line `line`: every `window.height`-th from `target` on.
  ///
  /// - Parameters:
  ///   - x: where the first window begins.
  ///   - outside: stands for places beyond the line; nil for the line's nearest pixel.
  private func pointLine(
    _ target: UnsafeMutablePointer<UnsafeRawPointer>, _ pixels: Int, x: Int, in line: UnsafeRawPointer,
    outside: UnsafeRawPointer?
  ) {
    if sharesColumns {
      pointRun(target, columns(pixels), x: x, step: 1, in: line, outside)
    } else {
      for pixel in 0..<pixels {
        pointRun(
          target + pixel * window.taps, window.width, x: x + pixel * window.strideWidth, step: window.dilationWidth,
          in: line, outside)
      }
    }
  }

  /// Pointers to the pixels `x`, `x + step`, … of a line.
  private func pointRun(
    _ target: UnsafeMutablePointer<UnsafeRawPointer>, _ count: Int, x: Int, step: Int, in line: UnsafeRawPointer,
    _ outside: UnsafeRawPointer?
  ) {
    let pixelBytes = window.channels * elementSize
    // Pixels to the left of the line, then on it: three loops without a choice in them. Distances wrap only where no pixel is
    // on the line.
    let left = x < 0 ? min(count, steps(-x, of: step)) : 0
    let inside = max(left, min(count, steps(window.inputWidth - x, of: step)))
    point(target, left, from: outside ?? line, by: 0)
    point(
      target + left * window.height, inside - left, from: line + (x + left * step) &* pixelBytes,
      by: step &* pixelBytes)
    point(
      target + inside * window.height, count - inside,
      from: outside ?? line + (window.inputWidth - 1) * pixelBytes, by: 0)
  }

  /// How many steps it takes to go `distance`; none if it is negative.
  private func steps(_ distance: Int, of step: Int) -> Int {
    if distance <= 0 { return 0 }
    return step == 1 ? distance : (distance + step - 1) / step
  }

  /// `count` pointers at equal distances, for every `window.height`-th place.
  @inline(__always)
  private func point(
    _ target: UnsafeMutablePointer<UnsafeRawPointer>, _ count: Int, from start: UnsafeRawPointer, by step: Int
  ) {
    guard count > 0 else { return }
    let height = window.height
    var next = target
    var pointer = start
    for _ in 0..<count {
      next.pointee = pointer
      next += height
      pointer += step
    }
  }
}

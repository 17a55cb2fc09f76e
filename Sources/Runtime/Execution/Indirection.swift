/// Points the taps of output pixels at the inputs they see: the operand `inputs` of the igemm kernels, made on the fly
/// for one tile of rows.
///
/// Neighbouring columns of a window lie one behind the other in memory, so that with few channels a whole row of the
/// window becomes one tap: fewer pointers, and products long enough for the vectors. Where such a row reaches beyond the
/// left or right border it is put together in a buffer.
struct Indirection {
  let window: Window
  /// Bytes of an input element.
  let elementSize: Int
  /// Rows between the pointers of one tap and the next: the kernel's `mr`.
  let rowsPerTile: Int
  /// Taps and elements per tap, as the kernel counts them.
  let taps: Int
  let depth: Int
  private let joinsColumns: Bool
  private let gathers: Bool

  /// Below this many channels the columns of a window are joined; above, vectors are full anyway.
  private static let fewChannels = 32

  init(_ shape: ProductShape, elementSize: Int, rowsPerTile: Int) {
    let window = shape.window
    self.window = window
    self.elementSize = elementSize
    self.rowsPerTile = rowsPerTile
    joinsColumns =
      shape.groups == 1 && window.dilationWidth == 1 && window.width > 1 && window.channels < Indirection.fewChannels
    taps = joinsColumns ? window.height : window.height * window.width
    depth = joinsColumns ? window.width * window.channels : window.channels / shape.groups
    gathers = joinsColumns && window.leavesImageSideways
  }

  /// Bytes that one thread needs to point a tile: the pointers and, behind them, window rows put together.
  var workspaceBytes: Int { pointerBytes + (gathers ? taps * rowsPerTile * depth * elementSize : 0) }

  private var pointerBytes: Int { taps * rowsPerTile * MemoryLayout<UnsafeRawPointer>.stride }

  /// Fills `workspace` with the pointers for the output pixels `pixels`, at most `rowsPerTile`.
  ///
  /// - Parameters:
  ///   - input: the image's first element of the first channel of the group.
  ///   - outside: `depth` elements that stand for what is outside the image.
  func fill(
    _ workspace: UnsafeMutableRawPointer, pixels: Range<Int>, input: UnsafeRawPointer, outside: UnsafeRawPointer
  ) {
    let pointers = workspace.assumingMemoryBound(to: UnsafeRawPointer.self)
    let pixelBytes = window.channels * elementSize
    if window.isPointwise {
      var pixel = input + pixels.lowerBound * pixelBytes
      for row in 0..<pixels.count {
        pointers[row] = pixel
        pixel += pixelBytes
      }
      return
    }
    let buffer = workspace + pointerBytes
    var column = pixels.lowerBound % window.outputWidth
    var line = pixels.lowerBound / window.outputWidth
    for row in 0..<pixels.count {
      let image = input + line / window.outputHeight * window.imageElements * elementSize
      let y = line % window.outputHeight * window.strideHeight - window.top
      let x = column * window.strideWidth - window.left
      if joinsColumns {
        pointJoined(pointers + row, x: x, y: y, image, outside, buffer + row * depth * elementSize)
      } else {
        point(pointers + row, x: x, y: y, image, outside)
      }
      column += 1
      if column == window.outputWidth {
        column = 0
        line += 1
      }
    }
  }

  /// One pointer for each place of the window whose top left corner is at (`x`, `y`) of `image`.
  private func point(
    _ pointers: UnsafeMutablePointer<UnsafeRawPointer>, x: Int, y: Int, _ image: UnsafeRawPointer,
    _ outside: UnsafeRawPointer
  ) {
    let pixelBytes = window.channels * elementSize
    var next = pointers
    for windowRow in 0..<window.height {
      let inputY = y + windowRow * window.dilationHeight
      let isInside = inputY >= 0 && inputY < window.inputHeight
      for windowColumn in 0..<window.width {
        let inputX = x + windowColumn * window.dilationWidth
        next.pointee =
          isInside && inputX >= 0 && inputX < window.inputWidth
          ? image + (inputY * window.inputWidth + inputX) * pixelBytes : outside
        next += rowsPerTile
      }
    }
  }

  /// One pointer for each row of the window.
  private func pointJoined(
    _ pointers: UnsafeMutablePointer<UnsafeRawPointer>, x: Int, y: Int, _ image: UnsafeRawPointer,
    _ outside: UnsafeRawPointer, _ buffer: UnsafeMutableRawPointer
  ) {
    let pixelBytes = window.channels * elementSize
    let first = max(x, 0)
    let end = min(x + window.width, window.inputWidth)
    for windowRow in 0..<window.height {
      let inputY = y + windowRow * window.dilationHeight
      let line = image + inputY * window.inputWidth * pixelBytes
      let pointer: UnsafeRawPointer
      if inputY < 0 || inputY >= window.inputHeight || first >= end {
        pointer = outside
      } else if end - first == window.width {
        pointer = line + x * pixelBytes
      } else {
        let joined = buffer + windowRow * rowsPerTile * depth * elementSize
        joined.copyMemory(from: outside, byteCount: depth * elementSize)
        (joined + (first - x) * pixelBytes).copyMemory(
          from: line + first * pixelBytes, byteCount: (end - first) * pixelBytes)
        pointer = UnsafeRawPointer(joined)
      }
      pointers[windowRow * rowsPerTile] = pointer
    }
  }
}

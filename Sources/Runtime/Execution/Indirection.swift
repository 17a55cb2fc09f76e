import Format
import Kernels

/// Points the taps of output pixels at the inputs they see: the operand `inputs` of the igemm kernels, made on the fly
/// for one tile of rows.
///
/// Neighbouring columns of a window lie one behind the other in memory, so that with few channels a whole row of the
/// window becomes one tap: fewer pointers, and products long enough for the vectors. Where windows reach beyond the left
/// or right border, the input lines that a tile needs are copied with their padding; a line stays as long as following
/// tiles need it, so that each is copied about once.
///
/// Of a small image the pointers of all tiles are made once, because nothing moves between runs (`isFixed`). Where columns
/// are joined, each run then begins with copying all lines.
struct Indirection {
  let window: Window
  /// Bytes of an input element.
  let elementSize: Int
  /// Rows between the pointers of one tap and the next: the kernel's `mr`.
  let rowsPerTile: Int
  /// Taps and elements per tap, as the kernel counts them.
  let taps: Int
  let depth: Int
  /// What the kernel is to read of each tap: where inputs are copied, up to the end of its last step, for which the packed
  /// weights hold zeros. A step of its own for few inputs would cost more.
  let readDepth: Int
  /// Whether pointers are made once for all runs; otherwise for each tile as it comes.
  let isFixed: Bool
  /// Makes the copied lines of another type: input elements are then of `sourceSize`.
  private let conversion: LineConversion?
  /// Multiplies the rows of a tile by factors of their channels, into the workspace; for pointwise windows only.
  private let product: RowProduct?
  private var sourceSize: Int { conversion == nil ? elementSize : MemoryLayout<Float>.stride }
  /// Whether a tap is a whole row of the window.
  private let joinsColumns: Bool
  /// Lines copied with their padding: how many fit, and the bytes of each. None if lines are used where they lie.
  private let copiedLines: Int
  private let copiedLineBytes: Int

  /// Below this many channels the columns of a window are joined; above, vectors are full anyway.
  static let fewChannels = 32
  /// Copied lines should stay in the second-level cache.
  private static let mostCopiedBytes = 1 << 17
  /// Pointers made once should stay in the second-level cache beside everything else.
  private static let mostFixedBytes = 1 << 16
  private static let mostFixedImageBytes = 1 << 14

  /// - Parameters:
  ///   - conversion: makes `elementSize` inputs of f32 ones; only where lines are copied.
  ///   - product: with what is given to `fill` as factors; only for one image and a pointwise window.
  ///   - moves: whether inputs and outputs are elsewhere for each line, so that no pointers can be made once.
  init(
    _ shape: ProductShape, elementSize: Int, kernel: UnsafePointer<kernel>, conversion: LineConversion? = nil,
    product: RowProduct? = nil, moves: Bool = false
  ) {
    self.conversion = conversion
    self.product = product
    let window = shape.window
    self.window = window
    self.elementSize = elementSize
    rowsPerTile = Int(kernel.pointee.mr)
    let kr = Int(kernel.pointee.kr)
    var canJoin =
      shape.groups == 1 && window.dilationWidth == 1 && window.width > 1 && window.channels < Indirection.fewChannels
    var (lines, lineBytes) = (0, 0)
    if canJoin && window.leavesImageSideways {
      // Output lines that a tile's rows can lie in, less one.
      let span = (rowsPerTile - 1 + window.outputWidth - 1) / window.outputWidth
      lines = span * window.strideHeight + (window.height - 1) * window.dilationHeight + 1
      lineBytes = (window.paddedLinePixels * window.channels + kr - 1) * elementSize
      // Lines of two images of a batch could want the same room.
      canJoin = window.batch == 1 && lines <= Indirection.mostCopiedBytes / lineBytes
    }
    joinsColumns = canJoin
    taps = joinsColumns ? window.height : window.height * window.width
    depth = joinsColumns ? window.width * window.channels : window.channels / shape.groups

    let tiles = (window.pixels + rowsPerTile - 1) / rowsPerTile
    let fixedLineBytes = joinsColumns ? (window.paddedLinePixels * window.channels + kr - 1) * elementSize : 0
    // By quotients: a file may ask for more pointers than Int counts where it has 32 bits.
    isFixed =
      !moves && shape.placement == nil && shape.groups == 1 && window.batch == 1 && !window.isPointwise
      && tiles <= Indirection.mostFixedBytes / MemoryLayout<UnsafeRawPointer>.stride / (taps * rowsPerTile)
      && fixedLineBytes <= Indirection.mostFixedImageBytes / window.inputHeight
    if isFixed && joinsColumns {
      copiedLines = window.inputHeight
      copiedLineBytes = fixedLineBytes
    } else {
      copiedLines = canJoin ? lines : 0
      copiedLineBytes = canJoin ? lineBytes : 0
    }
    readDepth = copiedLines > 0 ? (depth + kr - 1) / kr * kr : depth
  }

  /// Bytes that one thread needs: the pointers, the numbers of the copied lines, and those lines. Fixed pointers need as
  /// many, once. Multiplied rows take the place of lines.
  var workspaceBytes: Int {
    product == nil
      ? pointerBytes + copiedLines * (MemoryLayout<Int>.stride + copiedLineBytes)
      : productOffset + rowsPerTile * pixelBytes
  }

  /// Where in the workspace the multiplied rows are.
  private var productOffset: Int { (pointerBytes + 63) & ~63 }

  /// Bytes of the pointers of a tile.
  var pointerBytes: Int { taps * rowsPerTile * MemoryLayout<UnsafeRawPointer>.stride }
  private var pixelBytes: Int { window.channels * elementSize }
  /// Bytes of a line of the input.
  var lineBytes: Int { window.inputWidth * window.channels * sourceSize }

  /// Whether kernels see copies of the input's lines only.
  var copiesLines: Bool { copiedLines > 0 }

  /// Makes `workspace` ready for tiles of an input that it has not seen.
  ///
  /// - Parameter outside: `readDepth` elements that stand for what is outside the image, all bytes equal.
  func begin(_ workspace: UnsafeMutableRawPointer, outside: UnsafeRawPointer) {
    guard copiedLines > 0 else { return }
    let numbers = (workspace + pointerBytes).assumingMemoryBound(to: Int.self)
    numbers.initialize(repeating: -1, count: copiedLines)
    UnsafeMutableRawPointer(numbers + copiedLines).initializeMemory(
      as: UInt8.self, repeating: outside.load(as: UInt8.self), count: copiedLines * copiedLineBytes)
  }

  /// Copies all lines that fixed pointers point at.
  func copyImage(_ workspace: UnsafeMutableRawPointer, input: UnsafeRawPointer, outside: UnsafeRawPointer) {
    guard copiedLines > 0 else { return }
    begin(workspace, outside: outside)
    for y in 0..<window.inputHeight { _ = joinedLine(y, of: input, workspace) }
  }

  /// Fills `pointers` with those for the output pixels `pixels`, at most `rowsPerTile`.
  ///
  /// - Parameters:
  ///   - pointers: `pointerBytes`, which may be the workspace's.
  ///   - input: the first image's first element of the first channel of the group.
  ///   - outside: as for `begin`.
  ///   - factors: one for each channel, if rows are multiplied.
  func fill(
    _ pointers: UnsafeMutableRawPointer, _ workspace: UnsafeMutableRawPointer, pixels: Range<Int>,
    input: UnsafeRawPointer, outside: UnsafeRawPointer, factors: UnsafeRawPointer? = nil
  ) {
    let pointers = pointers.assumingMemoryBound(to: UnsafeRawPointer.self)
    if window.isPointwise {
      var pixel = input + pixels.lowerBound * pixelBytes
      if let product, let factors {
        let rows = workspace + productOffset
        product.multiply(rows: pixels.count, count: window.channels, pixel, factors, to: rows)
        pixel = UnsafeRawPointer(rows)
      }
      point(pointers, pixels.count, from: pixel, by: pixelBytes)
      return
    }
    // Output line by output line.
    var first = pixels.lowerBound
    while first < pixels.upperBound {
      let (line, column) = first.quotientAndRemainder(dividingBy: window.outputWidth)
      let count = min(pixels.upperBound - first, window.outputWidth - column)
      let image = input + line / window.outputHeight * window.imageElements * sourceSize
      let y = line % window.outputHeight * window.strideHeight - window.top
      var target = pointers + (first - pixels.lowerBound)
      for windowRow in 0..<window.height {
        let inputY = y + windowRow * window.dilationHeight
        let isInside = inputY >= 0 && inputY < window.inputHeight
        if joinsColumns {
          let start = isInside ? joinedLine(inputY, of: image, workspace) : outside
          point(target, count, from: start + (isInside ? column * strideBytes : 0), by: isInside ? strideBytes : 0)
        } else if isInside {
          pointPlaces(target, count, column: column, in: image + inputY * lineBytes, outside)
        } else {
          for tap in 0..<window.width { point(target + tap * rowsPerTile, count, from: outside, by: 0) }
        }
        target += (joinsColumns ? 1 : window.width) * rowsPerTile
      }
      first += count
    }
  }

  /// Wraps only where the next pixel would be beyond the line, of which there is then none.
  private var strideBytes: Int { window.strideWidth &* pixelBytes }

  /// `count` pointers at equal distances.
  @inline(__always)
  private func point(
    _ target: UnsafeMutablePointer<UnsafeRawPointer>, _ count: Int, from start: UnsafeRawPointer, by step: Int
  ) {
    var pointer = start
    for row in 0..<count {
      target[row] = pointer
      pointer += step
    }
  }

  /// The pointers of one window row into the input line `line`, a tap for each column of the window.
  private func pointPlaces(
    _ target: UnsafeMutablePointer<UnsafeRawPointer>, _ count: Int, column: Int, in line: UnsafeRawPointer,
    _ outside: UnsafeRawPointer
  ) {
    for windowColumn in 0..<window.width {
      let tap = target + windowColumn * rowsPerTile
      let x = column * window.strideWidth - window.left + windowColumn * window.dilationWidth
      let lastX = x + (count - 1) * window.strideWidth
      if x >= 0 && lastX < window.inputWidth {
        point(tap, count, from: line + x * pixelBytes, by: strideBytes)
      } else {
        var inputX = x
        for row in 0..<count {
          tap[row] = inputX >= 0 && inputX < window.inputWidth ? line + inputX * pixelBytes : outside
          inputX += window.strideWidth
        }
      }
    }
  }

  /// Where the window of output column 0 begins on input line `y`: in the image, or in the copy with padding.
  private func joinedLine(
    _ y: Int, of image: UnsafeRawPointer, _ workspace: UnsafeMutableRawPointer
  ) -> UnsafeRawPointer {
    let line = image + y * lineBytes
    guard copiedLines > 0 else { return line }
    let numbers = (workspace + pointerBytes).assumingMemoryBound(to: Int.self)
    let slot = y % copiedLines
    let copy = UnsafeMutableRawPointer(numbers + copiedLines) + slot * copiedLineBytes
    if numbers[slot] != y {
      numbers[slot] = y
      // The padding around it is there since `begin`.
      let target = copy + window.left * pixelBytes
      if let conversion {
        conversion.convert(line, to: target, count: window.inputWidth * window.channels)
      } else {
        target.copyMemory(from: line, byteCount: lineBytes)
      }
    }
    return UnsafeRawPointer(copy)
  }
}

/// Quantizes a line of f32 as it is copied.
struct LineConversion {
  private let inverseScale: Float
  private let zeroPoint: Int32
  private let function: f32_quantize_function

  /// - Parameter kernel: of the family f32_quantize.
  init(_ quantization: Quantization, kernel: UnsafePointer<kernel>) {
    inverseScale = 1 / quantization.scales[0]
    zeroPoint = quantization.zeroPoint
    function = kernel.pointee.function.f32_quantize
  }

  func convert(_ line: UnsafeRawPointer, to copy: UnsafeMutableRawPointer, count: Int) {
    function(
      count, line.assumingMemoryBound(to: Float.self), copy.assumingMemoryBound(to: Int8.self), inverseScale, zeroPoint)
  }
}

import Format
import Kernels

/// A convolution or a matrix product as the igemm kernels see it: rows are output pixels, columns output channels.
struct ProductShape {
  let window: Window
  let groups: Int
  /// Output channels of one group.
  let columns: Int
  /// Where output pixels lie, if not at equal distances.
  var placement: OutputPlacement?

  var outputChannels: Int { groups * columns }
}

/// Output pixels that lie apart from each other, as those do that a transposed convolution makes with one part of its weights.
/// Everything in elements of the output.
struct OutputPlacement {
  /// Of the first pixel.
  let first: Int
  let pixelStride: Int
  let lineStride: Int
  let imageStride: Int
}

/// The operands of one call of an igemm kernel, apart from the epilogue.
struct ProductTile {
  let rows: Int
  let columns: Int
  /// [taps][mr] pointers.
  let inputs: UnsafeMutableRawPointer
  let weights: UnsafeRawPointer
  /// Where the result goes.
  let output: UnsafeMutableRawPointer
  /// Index of the result's first element in a tensor that has the output's shape and lies in one piece.
  let index: Int
  /// Elements between rows of the output.
  let outputStride: Int
  /// Index of the first column in arrays that have a value per column (`ProductStep.perColumn`).
  let column: Int
}

/// What products of all types are made from.
struct ProductPlan {
  let group: PixelGroup
  /// Of the group's shape.
  let indirection: Indirection
  let kernel: UnsafePointer<kernel>
  /// Input, output, workspace, and what a subclass adds.
  let values: [ValueIndex]
  let residual: ValueIndex?
  /// What the indirection multiplies rows by.
  var factors: ValueIndex?
  let map: ElementMap?
  /// Elements from one output pixel to the next; nil if nothing lies between them.
  let pixelStride: Int?
  let workspaceStride: Int
  let pieces: Pieces
  let weights: WeightSource
}

/// Indirect matrix product in tiles; `multiply` calls the kernel. `values` are those of the plan, then the residual and the
/// factors if there are.
class ProductStep: LineStep {
  final let shape: ProductShape
  final let indirection: Indirection
  final let kernel: UnsafePointer<kernel>
  /// Stands for what lies outside the image: zeros or zero points.
  final let outside: AlignedMemory
  /// Where in `values` the tensor is that the kernel adds to the product.
  private final let residualIndex: Int?
  private final let factorsIndex: Int?
  private final let packed: KernelWeights
  /// What becomes of the result, and the bytes of results that it waits for: as many as stay in the first-level cache.
  private final let map: ElementMap?
  private final let elementsPerMap: Int
  private final let outputSize: Int
  /// Elements from one output pixel to the next.
  private final let pixelStride: Int
  /// Pointers of all tiles of rows, if the indirection is fixed.
  private final let fixedPointers: AlignedMemory?
  private final let panelBytes: Int
  private final let groupBytes: Int
  private final let rowPieces: Partition
  private final let columnPieces: Partition
  /// Columns whose weights stay in the second-level cache while all rows of a tile pass.
  private final let columnsPerBlock: Int

  /// Of the second-level cache, which is 256 KB and more on CPUs that run networks, for weights.
  private static let cachedWeightBytes = 1 << 17
  /// Of the first-level cache, for results that a map is applied to at once.
  private static let mappedBytes = 1 << 13

  /// - Parameter pack: packs the weights of one group to the address given.
  init(
    _ plan: ProductPlan, outputSize: Int, pack: (_ group: Int, UnsafeMutableRawPointer) -> Void
  ) throws(RuntimeError) {
    let (shape, indirection, kernel, pieces) = (plan.group.shape, plan.indirection, plan.kernel, plan.pieces)
    self.shape = shape
    self.indirection = indirection
    self.kernel = kernel
    let (residual, factors) = (plan.residual.map { [$0] } ?? [], plan.factors.map { [$0] } ?? [])
    residualIndex = residual.isEmpty ? nil : plan.values.count
    factorsIndex = factors.isEmpty ? nil : plan.values.count + residual.count
    map = plan.map
    elementsPerMap = ProductStep.mappedBytes / outputSize
    self.outputSize = outputSize
    let pixelStride = plan.pixelStride ?? shape.outputChannels
    self.pixelStride = pixelStride
    let panelBytes = igemm_panel_size(kernel, indirection.taps, indirection.depth)
    let groupBytes = igemm_packed_size(kernel, shape.columns, indirection.taps, indirection.depth)
    self.panelBytes = panelBytes
    self.groupBytes = groupBytes
    packed = try plan.weights.weights(
      PackedWeights.Layout(
        kernel, .product, pixels: plan.group.pixels, taps: indirection.taps, depth: indirection.depth),
      count: groupBytes * shape.groups
    ) { base in
      for group in 0..<shape.groups { pack(group, base + group * groupBytes) }
    }
    outside = try AlignedMemory(count: indirection.readDepth * indirection.elementSize)
    outside.fill(0)

    let mr = Int(kernel.pointee.mr)
    fixedPointers =
      indirection.isFixed
      ? try AlignedMemory(count: (shape.window.pixels + mr - 1) / mr * indirection.pointerBytes) : nil
    let window = shape.window
    (rowPieces, columnPieces) = ProductStep.pieces(
      shape, kernel, pieces.divided(by: shape.groups), weightBytes: groupBytes,
      inputBytes: window.batch * window.imageElements * indirection.elementSize)
    columnsPerBlock = ProductStep.columnsPerBlock(kernel, panelBytes: panelBytes)
    super.init(
      window, inputLineBytes: indirection.lineBytes,
      outputLineBytes: window.outputWidth * pixelStride * outputSize,
      values: plan.values + residual + factors, kernelName: String(cString: kernel.pointee.name),
      workspaceStride: plan.workspaceStride, tiles: rowPieces.count * columnPieces.count * shape.groups)
  }

  /// Weights that are so many times the input are better divided among the threads than read by each of them.
  private static let dividedWeights = 8

  /// How threads share rows and columns.
  private static func pieces(
    _ shape: ProductShape, _ kernel: UnsafePointer<kernel>, _ pieces: Pieces, weightBytes: Int, inputBytes: Int
  ) -> (rows: Partition, columns: Partition) {
    let (pixels, nr) = (shape.window.pixels, Int(kernel.pointee.nr))
    let rows = Partition(pixels, granule: Int(kernel.pointee.mr), pieces: pieces)
    let columns = Partition(shape.columns, granule: nr, pieces: pieces)
    // Rows first: a thread then finds in its cache the rows that it made in the layer before. Few rows, as in late layers and
    // in dense ones, do not share evenly.
    let (rowShare, columnShare) = (rows.largestShare, columns.largestShare)
    let prefersColumns =
      weightBytes / dividedWeights > inputBytes ? columnShare <= rowShare : columnShare < 0.95 * rowShare
    if prefersColumns { return (Partition(whole: pixels), columns) }
    return (rows, Partition(shape.columns, granule: nr, pieces: pieces.divided(by: rows.count)))
  }

  private static func columnsPerBlock(_ kernel: UnsafePointer<kernel>, panelBytes: Int) -> Int {
    max(ProductStep.cachedWeightBytes / panelBytes, 1) * Int(kernel.pointee.nr)
  }

  /// Whether a pointwise product reads every row once: all columns are one block's, and threads share rows only.
  static func readsRowsOnce(
    _ shape: ProductShape, _ kernel: UnsafePointer<kernel>, _ pieces: Pieces, elementSize: Int
  ) -> Bool {
    let window = shape.window
    let panelBytes = igemm_panel_size(kernel, 1, window.channels)
    let (_, columns) = ProductStep.pieces(
      shape, kernel, pieces, weightBytes: igemm_packed_size(kernel, shape.columns, 1, window.channels),
      inputBytes: window.batch * window.imageElements * elementSize)
    return columns.count == 1 && shape.columns <= columnsPerBlock(kernel, panelBytes: panelBytes)
  }

  override final var weights: KernelWeights? { packed }
  override final var rowsPerTile: Int { Int(kernel.pointee.mr) }

  override final func didBind() {
    guard let fixedPointers else { return }
    let mr = Int(kernel.pointee.mr)
    let workspace = mutable(2)
    indirection.begin(workspace, outside: UnsafeRawPointer(outside.base))
    for first in stride(from: 0, to: shape.window.pixels, by: mr) {
      indirection.fill(
        fixedPointers.base + first / mr * indirection.pointerBytes, workspace,
        pixels: first..<min(first + mr, shape.window.pixels), input: address(0),
        outside: UnsafeRawPointer(outside.base))
    }
  }

  override func prepare() {
    guard fixedPointers != nil else { return }
    indirection.copyImage(mutable(2), input: address(0), outside: UnsafeRawPointer(outside.base))
  }

  override final func run(tile: Int, thread: Int) {
    let columns = columnPieces[tile % columnPieces.count]
    let group = tile / columnPieces.count % shape.groups
    let rows = rowPieces[tile / columnPieces.count / shape.groups]
    if fixedPointers == nil { begin(thread: thread) }
    compute(rows, columns, group, from: address(0), to: mutable(1), workspace(thread))
  }

  override final func begin(thread: Int) {
    indirection.begin(workspace(thread), outside: UnsafeRawPointer(outside.base))
  }

  override final func compute(_ lines: Range<Int>, from input: Lines, to output: Lines, thread: Int) {
    let isPointwise = window.isPointwise
    let width = window.outputWidth
    var first = lines.lowerBound
    while first < lines.upperBound {
      // As many as lie one behind the other. What is not pointwise sees a whole tensor.
      var count = min(lines.upperBound - first, output.run(from: first))
      if isPointwise { count = min(count, input.run(from: first)) }
      // Rows are counted from the first line, wherever that would be.
      let source = isPointwise ? input.line(first) - first * inputLineBytes : input.base
      let target = output.line(first) - first * outputLineBytes
      for group in 0..<shape.groups {
        compute(
          first * width..<(first + count) * width, 0..<shape.columns, group, from: UnsafeRawPointer(source), to: target,
          workspace(thread))
      }
      first += count
    }
  }

  /// Block by block of columns, and in each row by row of tiles, so that the weights of these columns stay in the cache.
  ///
  /// - Parameters:
  ///   - input, output: where row 0 would begin.
  private func compute(
    _ rows: Range<Int>, _ columns: Range<Int>, _ group: Int, from input: UnsafeRawPointer,
    to output: UnsafeMutableRawPointer, _ workspace: UnsafeMutableRawPointer
  ) {
    var first = columns.lowerBound
    while first < columns.upperBound {
      let end = min(first + columnsPerBlock, columns.upperBound)
      computeBlock(rows, first..<end, group, from: input, to: output, workspace)
      first = end
    }
  }

  private func computeBlock(
    _ rows: Range<Int>, _ columns: Range<Int>, _ group: Int, from input: UnsafeRawPointer,
    to output: UnsafeMutableRawPointer, _ workspace: UnsafeMutableRawPointer
  ) {
    let mr = Int(kernel.pointee.mr)
    let nr = Int(kernel.pointee.nr)
    let input = input + group * indirection.depth * indirection.elementSize
    let outside = UnsafeRawPointer(self.outside.base)
    let weights = packed.base + group * groupBytes + columns.lowerBound / nr * panelBytes
    let factors = factorsIndex.map { address($0) }
    var first = rows.lowerBound
    var mapped = first
    while first < rows.upperBound {
      let (place, stride, lineEnd) = outputPlace(first)
      let pixels = first..<min(first + mr, rows.upperBound, lineEnd)
      let inputs: UnsafeMutableRawPointer
      if let fixedPointers {
        inputs = fixedPointers.base + first / mr * indirection.pointerBytes
      } else {
        inputs = workspace
        indirection.fill(
          workspace, workspace, pixels: pixels, input: input, outside: outside, factors: factors)
      }
      let channel = group * shape.columns + columns.lowerBound
      multiply(
        ProductTile(
          rows: pixels.count, columns: columns.count, inputs: inputs, weights: weights,
          output: output + (place + channel) * outputSize, index: first * shape.outputChannels + channel,
          outputStride: stride,
          column: group * ProductStep.paddedColumns(shape, kernel) + columns.lowerBound))
      first = pixels.upperBound
      if map != nil && (first >= rows.upperBound || (first - mapped) * columns.count >= elementsPerMap) {
        applyMap(mapped..<pixels.upperBound, group * shape.columns + columns.lowerBound, columns.count, output)
        mapped = first
      }
    }
  }

  /// Applies the map to `count` columns of results from column `column`.
  private func applyMap(_ rows: Range<Int>, _ column: Int, _ count: Int, _ output: UnsafeMutableRawPointer) {
    guard let map else { return }
    let first = output + (rows.lowerBound * pixelStride + column) * outputSize
    if count == pixelStride {
      map.apply(first, count: rows.count * count)
    } else {
      for row in 0..<rows.count { map.apply(first + row * pixelStride * outputSize, count: count) }
    }
  }

  /// Where output pixel `pixel` begins, the distance to the next one, and the first pixel that is not at that distance.
  private func outputPlace(_ pixel: Int) -> (output: Int, stride: Int, end: Int) {
    guard let placement = shape.placement else { return (pixel * pixelStride, pixelStride, .max) }
    let (line, column) = pixel.quotientAndRemainder(dividingBy: shape.window.outputWidth)
    let (image, y) = line.quotientAndRemainder(dividingBy: shape.window.outputHeight)
    let output =
      placement.first + image * placement.imageStride + y * placement.lineStride + column * placement.pixelStride
    return (output, placement.pixelStride, pixel + shape.window.outputWidth - column)
  }

  /// The residual's elements that go to the result of `tile`.
  final func residual<Element>(_ tile: ProductTile, as type: Element.Type) -> UnsafePointer<Element>? {
    guard let residualIndex else { return nil }
    return address(residualIndex, as: type) + tile.index
  }

  func multiply(_ tile: ProductTile) { preconditionFailure("a product without a kernel") }

  /// Columns of a group in arrays with a value per column: kernels read up to a multiple of `nr`.
  private static func paddedColumns(_ shape: ProductShape, _ kernel: UnsafePointer<kernel>) -> Int {
    let nr = Int(kernel.pointee.nr)
    return (shape.columns + nr - 1) / nr * nr
  }

  /// `values`, one per output channel, with each group's padded for the kernel.
  static func perColumn(
    _ values: [Float], _ shape: ProductShape, _ kernel: UnsafePointer<kernel>
  ) throws(RuntimeError) -> AlignedMemory {
    let padded = paddedColumns(shape, kernel)
    let memory = try AlignedMemory(count: shape.groups * padded * MemoryLayout<Float>.stride)
    memory.fill(0)
    let floats = memory.base.assumingMemoryBound(to: Float.self)
    for group in 0..<shape.groups {
      for column in 0..<shape.columns { floats[group * padded + column] = values[group * shape.columns + column] }
    }
    return memory
  }
}

import Format
import Kernels

/// What convolutions by Winograd's tiles of all types are made from.
struct WinogradPlan {
  let tiling: WinogradTiling
  /// The f32_igemm or s16_gemm kernel that `tiling` was made for.
  let kernel: UnsafePointer<kernel>
  /// The kernels of the transforms.
  let input: UnsafePointer<kernel>
  let output: UnsafePointer<kernel>
  /// Input, output, workspace.
  let values: [ValueIndex]
  let residual: ValueIndex?
  /// Elements from one output pixel to the next; nil if nothing lies between them.
  let pixelStride: Int?
  let workspaceStride: Int
  let pieces: Pieces
  let weights: WeightSource
}

/// A 3 × 3 convolution of stride 1 by Winograd's F(4×4, 3×3): a quarter of the multiplications. `values` are those of the plan,
/// and the residual if there is one. A subclass calls the kernels.
class WinogradStep: Step {
  final let tiling: WinogradTiling
  final let kernel: UnsafePointer<kernel>
  /// Stands for what lies outside the image: zeros or zero points.
  final let outside: AlignedMemory
  /// Bytes of the weights of a panel of one place, and of a place.
  final let panelBytes: Int
  final let placeBytes: Int
  private final let packed: KernelWeights
  /// Whether threads share columns, for which they first transform a block's inputs together; tiles otherwise.
  final let sharesColumns: Bool
  private final let tilePieces: Partition
  private final let columnPieces: Partition
  private final let transformPieces: Partition
  private final let workspaceStride: Int
  /// Of columns that are shared: the block that is being computed, and whether its inputs are still being transformed.
  private final var sharedBlock = 0..<0
  private final var isTransforming = false
  /// Elements from one output pixel to the next.
  final let pixelStride: Int
  /// Where in `values` the tensor is that the output transform adds.
  private final let residualIndex: Int?

  /// - Parameter pack: packs the weights to the address given.
  init(
    _ plan: WinogradPlan, layout: PackedWeights.Layout, panelBytes: Int, placeBytes: Int,
    pack: (UnsafeMutableRawPointer) -> Void
  ) throws(RuntimeError) {
    let tiling = plan.tiling
    self.tiling = tiling
    kernel = plan.kernel
    workspaceStride = plan.workspaceStride
    pixelStride = plan.pixelStride ?? tiling.columns
    residualIndex = plan.residual == nil ? nil : plan.values.count
    self.panelBytes = panelBytes
    self.placeBytes = placeBytes
    packed = try plan.weights.weights(layout, count: WinogradTiling.places * placeBytes, pack: pack)
    outside = try AlignedMemory(count: tiling.window.channels * tiling.elementSize)
    outside.fill(0)
    // Tiles first: what a thread transforms is then what it made in the layer before. Where there are too few tiles for even
    // shares, columns; half of the transformed inputs then go from core to core, about 10 % of the time of 28×28×128.
    let tiles = Partition(tiling.tiles, granule: tiling.rowsPerCall, pieces: plan.pieces)
    let threads = plan.pieces.threads
    let columns = Partition(tiling.columns, granule: tiling.panel, pieces: Pieces(most: threads, threads: threads))
    sharesColumns = columns.largestShare < 0.8 * tiles.largestShare
    tilePieces = sharesColumns ? Partition(whole: tiling.tiles) : tiles
    columnPieces = sharesColumns ? columns : Partition(whole: tiling.columns)
    transformPieces = Partition(tiling.block, pieces: plan.pieces)
    super.init(
      values: plan.values + (plan.residual.map { [$0] } ?? []), kernelName: String(cString: plan.input.pointee.name),
      tiles: tilePieces.count * columnPieces.count)
  }

  override final var weights: KernelWeights? { packed }

  override final func execute(on workers: Workers) {
    guard sharesColumns else { return workers.run(self) }
    tiling.pointRows(workspace(0))
    var first = 0
    while first < tiling.tiles {
      sharedBlock = first..<min(first + tiling.block, tiling.tiles)
      isTransforming = true
      workers.run(self, tiles: (sharedBlock.count + transformPieces.piece - 1) / transformPieces.piece)
      isTransforming = false
      workers.run(self, tiles: columnPieces.count)
      first = sharedBlock.upperBound
    }
  }

  private final func workspace(_ thread: Int) -> WinogradTiling.Workspace {
    tiling.workspace(at: mutable(2) + thread * workspaceStride)
  }

  override final func run(tile: Int, thread: Int) {
    var workspace = workspace(thread)
    guard sharesColumns else {
      tiling.pointRows(workspace)
      let tiles = tilePieces[tile]
      var first = tiles.lowerBound
      while first < tiles.upperBound {
        let block = first..<min(first + tiling.block, tiles.upperBound)
        transformInputs(block, from: first, workspace)
        multiply(block, by: 0..<tiling.columns, workspace)
        first = block.upperBound
      }
      return
    }
    workspace.shareInputs(of: self.workspace(0))
    if isTransforming {
      let tiles = transformPieces[tile]
      let block =
        sharedBlock.lowerBound
        + tiles.lowerBound..<min(
          sharedBlock.lowerBound + tiles.upperBound, sharedBlock.upperBound)
      transformInputs(block, from: sharedBlock.lowerBound, workspace)
    } else {
      multiply(sharedBlock, by: columnPieces[tile], workspace)
    }
  }

  /// - Parameter first: the first tile of the block, whose inputs are in the workspace together.
  private final func transformInputs(_ tiles: Range<Int>, from first: Int, _ workspace: WinogradTiling.Workspace) {
    for tile in tiles {
      tiling.fill(workspace.patch, tile: tile, input: address(0), outside: UnsafeRawPointer(outside.base))
      transformInput(
        workspace.patch, to: workspace.inputs + (tile - first) * tiling.window.channels * tiling.transformedSize)
    }
  }

  /// Outputs of a block of tiles whose inputs are transformed.
  private final func multiply(
    _ block: Range<Int>, by columns: Range<Int>, _ workspace: WinogradTiling.Workspace
  ) {
    var first = columns.lowerBound
    while first < columns.upperBound {
      let chunk = first..<min(first + tiling.chunk, columns.upperBound)
      multiply(block.count, by: chunk, workspace)
      transformOutputs(block, chunk, workspace)
      first = chunk.upperBound
    }
  }

  private final func multiply(
    _ count: Int, by columns: Range<Int>, _ workspace: WinogradTiling.Workspace
  ) {
    // Panels of one call stay in the first-level cache for the next rows.
    let columnsPerCall = max((16 << 10) / panelBytes, 1) * tiling.panel
    let stride = tiling.productRow(columns.count)
    for place in 0..<WinogradTiling.places {
      let products = workspace.products.assumingMemoryBound(to: Int32.self) + place * tiling.productStride
      var column = 0
      while column < columns.count {
        let weights =
          packed.base + place * placeBytes + (columns.lowerBound + column) / tiling.panel * panelBytes
        var row = 0
        while row < count {
          multiply(
            rows: min(tiling.rowsPerCall, count - row), columns: min(columnsPerCall, columns.count - column),
            inputs: tiling.rows(workspace, place: place, from: row), weights: weights,
            output: UnsafeMutableRawPointer(products + row * stride + column), stride: stride)
          row += tiling.rowsPerCall
        }
        column += columnsPerCall
      }
    }
  }

  private final func transformOutputs(
    _ block: Range<Int>, _ columns: Range<Int>, _ workspace: WinogradTiling.Workspace
  ) {
    let window = tiling.window
    let products = workspace.products.assumingMemoryBound(to: Int32.self)
    for tile in block {
      let (image, y, x) = tiling.position(tile)
      let pixel = (image * window.outputHeight + y) * window.outputWidth + x
      transformOutput(
        WinogradTile(
          columns: columns,
          products: UnsafeRawPointer(products + (tile - block.lowerBound) * tiling.productRow(columns.count)),
          output: pixel * pixelStride + columns.lowerBound,
          lines: min(WinogradTiling.side, window.outputHeight - y),
          pixels: min(WinogradTiling.side, window.outputWidth - x)))
    }
  }

  /// The residual's elements that go to the result of `tile`; it has the output's shape.
  final func residual<Element>(_ tile: WinogradTile, as type: Element.Type) -> UnsafePointer<Element>? {
    guard let residualIndex else { return nil }
    return address(residualIndex, as: type) + tile.output
  }

  // MARK: What a type does

  /// Transforms a patch; places of the result are `tiling.inputStride` apart.
  func transformInput(_ patch: UnsafeMutablePointer<UnsafeRawPointer>, to output: UnsafeMutableRawPointer) {
    preconditionFailure("tiles without kernels")
  }

  /// Multiplies rows of a place.
  func multiply(
    rows: Int, columns: Int, inputs: UnsafeMutablePointer<UnsafeRawPointer>, weights: UnsafeRawPointer,
    output: UnsafeMutableRawPointer, stride: Int
  ) { preconditionFailure("tiles without kernels") }

  /// Makes outputs of the products of a tile.
  func transformOutput(_ tile: WinogradTile) { preconditionFailure("tiles without kernels") }
}

/// The operands of one call of an output's transform.
struct WinogradTile {
  let columns: Range<Int>
  /// [36] places, `WinogradTiling.productStride` apart.
  let products: UnsafeRawPointer
  /// Index of the result's first element in the output.
  let output: Int
  /// What of the tile lies inside the picture.
  let lines: Int
  let pixels: Int
}

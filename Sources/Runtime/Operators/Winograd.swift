import Format
import Kernels

/// How a convolution is cut into Winograd's tiles of 4 × 4 outputs, and whether that pays.
struct WinogradTiling {
  /// Sides of a tile of outputs and of the patch of inputs it sees; places of a patch.
  static let side = 4
  static let patchSide = 6
  static let places = patchSide * patchSide

  let window: Window
  let columns: Int
  /// Tiles below each other and side by side in an image.
  let lines: Int
  let tilesPerLine: Int
  /// Tiles whose transforms are in the workspace together.
  let block: Int
  /// Output channels that are multiplied together.
  let chunk: Int
  /// Elements between the places of transformed inputs, and of products. A line more than needed: powers of two would
  /// put all places of an element into one set of the first-level cache.
  let inputStride: Int
  let productStride: Int
  let rowsPerCall: Int

  /// Elements of a block's transforms, for inputs and for products, that leave the second-level cache room for weights.
  private static let blockElements = 96 << 10
  private static let lineElements = 16
  /// Transformed weights that the second-level cache holds.
  private static let nearElements = 192 << 10

  /// nil for a convolution that is not of Winograd's kind.
  ///
  /// - Parameter kernel: the f32_igemm kernel that multiplies.
  init?(_ shape: ProductShape, kernel: UnsafePointer<kernel>) {
    let window = shape.window
    guard
      shape.placement == nil && shape.groups == 1 && window.height == 3 && window.width == 3 && window.strideHeight == 1
        && window.strideWidth == 1 && window.dilationHeight == 1 && window.dilationWidth == 1
    else { return nil }
    self.window = window
    columns = shape.columns
    lines = (window.outputHeight + 3) / WinogradTiling.side
    tilesPerLine = (window.outputWidth + 3) / WinogradTiling.side
    rowsPerCall = Int(kernel.pointee.mr)
    let nr = Int(kernel.pointee.nr)
    let tiles = window.batch * lines * tilesPerLine
    // About as many as fit, in whole calls of the kernel; a few more rather than a small block at the end.
    let most = max(WinogradTiling.blockElements / (WinogradTiling.places * window.channels), rowsPerCall)
    let blocks = max((tiles + most / 2) / most, 1)
    block = blocks == 1 ? tiles : ((tiles + blocks - 1) / blocks + rowsPerCall - 1) / rowsPerCall * rowsPerCall
    chunk = min(max(WinogradTiling.blockElements / (WinogradTiling.places * block) / nr, 1) * nr, columns)
    inputStride = block * window.channels + WinogradTiling.lineElements
    productStride = block * chunk + WinogradTiling.lineElements
  }

  var tiles: Int { window.batch * lines * tilesPerLine }

  /// Whether tiles are faster than the product over all taps of the window. The unit is a multiply-accumulate of the
  /// product; the factors were measured (docs/kernels.md).
  var pays: Bool {
    let weights = window.channels * columns
    let product = tiles * WinogradTiling.places * weights
    let transforms = tiles * WinogradTiling.places * (window.channels + columns) * 10
    // Few tiles wait for weights that come from further than the second-level cache.
    let isNear = WinogradTiling.places * weights <= WinogradTiling.nearElements
    let loading = WinogradTiling.places * weights * (isNear ? 6 : 12)
    return window.channels >= 16 && product + transforms + loading < window.pixels * 9 * weights
  }

  private var groups: Int { (block + rowsPerCall - 1) / rowsPerCall }
  private var pointerBytes: Int {
    WinogradTiling.places * (groups * rowsPerCall + 1) * MemoryLayout<UnsafeRawPointer>.stride
  }
  /// Bytes that one thread needs: pointers, transformed inputs, products.
  var workspaceBytes: Int {
    ((pointerBytes + 63) & ~63) + WinogradTiling.places * (inputStride + productStride) * MemoryLayout<Float>.stride
  }

  /// One thread's part of the workspace.
  struct Workspace {
    /// [36] to the patch of one tile.
    let patch: UnsafeMutablePointer<UnsafePointer<Float>>
    /// [36][groups][rows per call] to the transformed inputs.
    let rows: UnsafeMutablePointer<UnsafePointer<Float>>
    let inputs: UnsafeMutablePointer<Float>
    let products: UnsafeMutablePointer<Float>
  }

  /// Lays out `base`, and points `rows` at the transformed inputs.
  func workspace(at base: UnsafeMutableRawPointer) -> Workspace {
    let patch = base.assumingMemoryBound(to: UnsafePointer<Float>.self)
    let inputs = (base + ((pointerBytes + 63) & ~63)).assumingMemoryBound(to: Float.self)
    let result = Workspace(
      patch: patch, rows: patch + WinogradTiling.places, inputs: inputs,
      products: inputs + WinogradTiling.places * inputStride)
    for place in 0..<WinogradTiling.places {
      let rows = result.rows + place * groups * rowsPerCall
      for tile in 0..<block { rows[tile] = UnsafePointer(inputs + place * inputStride + tile * window.channels) }
    }
    return result
  }

  /// The pointers of a group of rows of a place.
  func rows(_ workspace: Workspace, place: Int, from tile: Int) -> UnsafeMutablePointer<UnsafePointer<Float>> {
    workspace.rows + place * groups * rowsPerCall + tile
  }

  /// Where the patch of tile `tile` lies in its image, and the image's number.
  func position(_ tile: Int) -> (image: Int, y: Int, x: Int) {
    let line = tile / tilesPerLine
    return (line / lines, line % lines * WinogradTiling.side, tile % tilesPerLine * WinogradTiling.side)
  }

  /// Points `patch` at the inputs of tile `tile`, and at `outside` beyond the image.
  func fill(
    _ patch: UnsafeMutablePointer<UnsafePointer<Float>>, tile: Int, input: UnsafePointer<Float>,
    outside: UnsafePointer<Float>
  ) {
    let (image, top, left) = position(tile)
    let (firstY, firstX) = (top - window.top, left - window.left)
    var target = patch
    for y in firstY..<(firstY + WinogradTiling.patchSide) {
      let isInside = y >= 0 && y < window.inputHeight
      // Not an address before it is known to be inside.
      let line = image * window.imageElements + y * window.inputWidth * window.channels
      for x in firstX..<(firstX + WinogradTiling.patchSide) {
        target.pointee = isInside && x >= 0 && x < window.inputWidth ? input + (line + x * window.channels) : outside
        target += 1
      }
    }
  }
}

/// A 3 × 3 convolution of stride 1 by Winograd's F(4×4, 3×3): a quarter of the multiplications. `values` are input,
/// output, workspace, and the residual if there is one.
final class WinogradStep: Step {
  private let tiling: WinogradTiling
  private let kernel: UnsafePointer<kernel>
  private let transformInput: f32_winograd_input_function
  private let transformOutput: f32_winograd_output_function
  private let multiply: f32_igemm_function
  private let packed: KernelWeights
  private let bias: AlignedMemory
  private let outside: AlignedMemory
  private let bounds: ClosedRange<Float>
  private let tilePieces: Partition
  private let columnPieces: Partition
  private let workspaceStride: Int
  /// Where in `values` the tensor is that the output transform adds.
  private let residualIndex: Int?

  /// - Parameter kernel: the f32_igemm kernel that `tiling` was made for.
  init(
    _ tiling: WinogradTiling, kernel: UnsafePointer<kernel>, input: UnsafePointer<kernel>,
    output: UnsafePointer<kernel>, values: [ValueIndex], residual: ValueIndex?, workspaceStride: Int, pieces: Int,
    source: WeightSource, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, activation: FusedActivation
  ) throws(RuntimeError) {
    self.tiling = tiling
    self.kernel = kernel
    self.workspaceStride = workspaceStride
    residualIndex = residual == nil ? nil : values.count
    transformInput = input.pointee.function.f32_winograd_input
    transformOutput = output.pointee.function.f32_winograd_output
    multiply = kernel.pointee.function.f32_igemm
    bounds = activation.bounds
    let channels = tiling.window.channels
    let columns = tiling.columns
    packed = try source.weights(
      PackedWeights.Layout(kernel, .winograd, taps: 1, depth: channels),
      count: WinogradTiling.places * igemm_packed_size(kernel, columns, 1, channels)
    ) { f32_winograd_pack(kernel, columns, channels, weights, $0) }
    self.bias = try AlignedMemory(
      bias.map { Array(UnsafeBufferPointer(start: $0, count: columns)) } ?? [], paddedTo: columns)
    outside = try AlignedMemory(count: channels * MemoryLayout<Float>.stride)
    outside.fill(0)
    // Tiles first: threads then share weights, and none transforms an input that another has transformed. Where there
    // are too few tiles for even shares, columns.
    let mr = tiling.rowsPerCall
    tilePieces = Partition(tiling.tiles, granule: mr, pieces: tiling.tiles < 2 * mr * pieces ? 1 : pieces)
    columnPieces = Partition(columns, granule: Int(kernel.pointee.nr), pieces: max(pieces / tilePieces.count, 1))
    super.init(
      values: values + (residual.map { [$0] } ?? []), kernelName: String(cString: input.pointee.name),
      tiles: tilePieces.count * columnPieces.count)
  }

  override var weights: KernelWeights? { packed }

  override func run(tile: Int, thread: Int) {
    let workspace = tiling.workspace(at: mutable(2) + thread * workspaceStride)
    let tiles = tilePieces[tile / columnPieces.count]
    let columns = columnPieces[tile % columnPieces.count]
    var first = tiles.lowerBound
    while first < tiles.upperBound {
      let block = first..<min(first + tiling.block, tiles.upperBound)
      transformInputs(block, workspace)
      var column = columns.lowerBound
      while column < columns.upperBound {
        let chunk = column..<min(column + tiling.chunk, columns.upperBound)
        multiply(block.count, by: chunk, workspace)
        transformOutputs(block, chunk, workspace)
        column = chunk.upperBound
      }
      first = block.upperBound
    }
  }

  private func transformInputs(_ block: Range<Int>, _ workspace: WinogradTiling.Workspace) {
    let input = address(0, as: Float.self)
    let outside = UnsafePointer(self.outside.base.assumingMemoryBound(to: Float.self))
    var arguments = f32_winograd_input_arguments(
      channels: tiling.window.channels, inputs: workspace.patch, output: workspace.inputs,
      output_stride: tiling.inputStride)
    for tile in block {
      tiling.fill(workspace.patch, tile: tile, input: input, outside: outside)
      transformInput(&arguments)
      arguments.output += tiling.window.channels
    }
  }

  private func multiply(_ count: Int, by columns: Range<Int>, _ workspace: WinogradTiling.Workspace) {
    let nr = Int(kernel.pointee.nr)
    let channels = tiling.window.channels
    let panelBytes = igemm_panel_size(kernel, 1, channels)
    let placeBytes = igemm_packed_size(kernel, tiling.columns, 1, channels)
    // Panels of one call stay in the first-level cache for the next rows.
    let columnsPerCall = max((16 << 10) / panelBytes, 1) * nr
    var arguments = f32_igemm_arguments(
      rows: 0, columns: 0, taps: 1, depth: channels, inputs: workspace.rows, weights: packed.base,
      output: workspace.products, output_stride: columns.count, residual: nil, residual_stride: 0,
      minimum: -.infinity, maximum: .infinity)
    for place in 0..<WinogradTiling.places {
      let products = workspace.products + place * tiling.productStride
      var column = 0
      while column < columns.count {
        arguments.columns = min(columnsPerCall, columns.count - column)
        arguments.weights =
          packed.base + place * placeBytes + (columns.lowerBound + column) / nr * panelBytes
        var row = 0
        while row < count {
          arguments.rows = min(tiling.rowsPerCall, count - row)
          arguments.inputs = UnsafePointer(tiling.rows(workspace, place: place, from: row))
          arguments.output = products + row * columns.count + column
          multiply(&arguments)
          row += tiling.rowsPerCall
        }
        column += columnsPerCall
      }
    }
  }

  private func transformOutputs(_ block: Range<Int>, _ columns: Range<Int>, _ workspace: WinogradTiling.Workspace) {
    let window = tiling.window
    let output = mutable(1, as: Float.self)
    let residual = residualIndex.map { address($0, as: Float.self) }
    let bias = self.bias.base.assumingMemoryBound(to: Float.self) + columns.lowerBound
    for tile in block {
      let (image, y, x) = tiling.position(tile)
      let pixel = (image * window.outputHeight + y) * window.outputWidth + x
      let first = pixel * tiling.columns + columns.lowerBound
      var arguments = f32_winograd_output_arguments(
        channels: columns.count, input: workspace.products + (tile - block.lowerBound) * columns.count,
        input_stride: tiling.productStride, bias: bias, output: output + first,
        lines: min(WinogradTiling.side, window.outputHeight - y),
        pixels: min(WinogradTiling.side, window.outputWidth - x), line_stride: window.outputWidth * tiling.columns,
        pixel_stride: tiling.columns, residual: residual.map { $0 + first }, minimum: bounds.lowerBound,
        maximum: bounds.upperBound)
      transformOutput(&arguments)
    }
  }
}

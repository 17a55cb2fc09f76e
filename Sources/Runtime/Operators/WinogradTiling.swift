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
  /// Output channels that are multiplied together: whole panels.
  let chunk: Int
  /// Elements between the places of transformed inputs, and of products. A line more than needed: powers of two would
  /// put all places of an element into one set of the first-level cache.
  let inputStride: Int
  let productStride: Int
  let rowsPerCall: Int
  /// Columns of a panel.
  let panel: Int
  /// Bytes of an input, and of a transformed one; products are of 4.
  let elementSize: Int
  let transformedSize: Int

  /// Elements of a block's transforms, for inputs and for products, that leave the second-level cache room for weights.
  private static let blockElements = 96 << 10
  private static let lineElements = 16

  /// nil for a convolution that is not of Winograd's kind.
  ///
  /// - Parameter kernel: the f32_igemm or s16_gemm kernel that multiplies.
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
    panel = Int(kernel.pointee.nr)
    (elementSize, transformedSize) = kernel.pointee.family == .s16_gemm ? (1, 2) : (4, 4)
    let tiles = window.batch * lines * tilesPerLine
    // About as many as fit, in whole calls of the kernel; a few more rather than a small block at the end.
    let most = max(WinogradTiling.blockElements / (WinogradTiling.places * window.channels), rowsPerCall)
    let blocks = max((tiles + most / 2) / most, 1)
    block = blocks == 1 ? tiles : ((tiles + blocks - 1) / blocks + rowsPerCall - 1) / rowsPerCall * rowsPerCall
    let panels = (columns + panel - 1) / panel
    chunk = min(max(WinogradTiling.blockElements / (WinogradTiling.places * block) / panel, 1), panels) * panel
    inputStride = block * window.channels + WinogradTiling.lineElements
    productStride = block * chunk + WinogradTiling.lineElements
  }

  var tiles: Int { window.batch * lines * tilesPerLine }

  /// What tiles cost, in multiply-accumulates of the product over all taps of the window (docs/kernels.md): those of
  /// places, an element of a transform, the first use of a weight.
  struct Costs {
    /// In eighths.
    let product: Int
    let transform: Int
    /// Where the weights fit into the second-level cache, and where not.
    let nearWeight: Int
    let farWeight: Int
  }

  private static let fewestChannels = 16
  /// Transformed weights that the second-level cache holds.
  private static let nearBytes = 768 << 10
  /// So many that Int counts them, and the workspace's, also when they are rounded up to whole panels.
  private static let mostBytes = Double(Int.max / 16)

  /// Whether tiles are faster than the product over all taps of the window.
  func pays(_ costs: Costs) -> Bool {
    // In floating point: where Int has 32 bits, it does not count the operations of a large layer.
    let weights = Double(window.channels) * Double(columns)
    let weightPlaces = Double(WinogradTiling.places) * weights
    let tilePlaces = Double(WinogradTiling.places) * Double(tiles)
    let product = tilePlaces * weights * Double(costs.product) / 8
    let transforms = tilePlaces * Double(window.channels + columns) * Double(costs.transform)
    // Few tiles wait for weights that come from further than the second-level cache.
    let bytes = weightPlaces * Double(transformedSize)
    let isNear = bytes <= Double(WinogradTiling.nearBytes)
    let loading = weightPlaces * Double(isNear ? costs.nearWeight : costs.farWeight)
    return window.channels >= WinogradTiling.fewestChannels && bytes <= WinogradTiling.mostBytes
      && product + transforms + loading < Double(window.pixels) * 9 * weights
  }

  private var groups: Int { (block + rowsPerCall - 1) / rowsPerCall }
  private var pointerBytes: Int {
    WinogradTiling.places * (groups * rowsPerCall + 1) * MemoryLayout<UnsafeRawPointer>.stride
  }
  /// Bytes that one thread needs: pointers, transformed inputs, products.
  var workspaceBytes: Int {
    productOffset + WinogradTiling.places * productStride * MemoryLayout<Float>.stride
  }
  private var inputOffset: Int { (pointerBytes + 63) & ~63 }
  private var productOffset: Int { (inputOffset + WinogradTiling.places * inputStride * transformedSize + 63) & ~63 }

  /// One thread's part of the workspace.
  struct Workspace {
    /// [36] to the patch of one tile.
    let patch: UnsafeMutablePointer<UnsafeRawPointer>
    /// [36][groups][rows per call] to the transformed inputs.
    private(set) var rows: UnsafeMutablePointer<UnsafeRawPointer>
    private(set) var inputs: UnsafeMutableRawPointer
    let products: UnsafeMutableRawPointer

    /// Takes another thread's transformed inputs instead of its own.
    mutating func shareInputs(of other: Workspace) { (rows, inputs) = (other.rows, other.inputs) }
  }

  /// Lays out `base`.
  func workspace(at base: UnsafeMutableRawPointer) -> Workspace {
    let patch = base.assumingMemoryBound(to: UnsafeRawPointer.self)
    return Workspace(
      patch: patch, rows: patch + WinogradTiling.places, inputs: base + inputOffset, products: base + productOffset)
  }

  /// Points `rows` at the transformed inputs.
  func pointRows(_ workspace: Workspace) {
    for place in 0..<WinogradTiling.places {
      let rows = workspace.rows + place * groups * rowsPerCall
      let first = workspace.inputs + place * inputStride * transformedSize
      for tile in 0..<block { rows[tile] = UnsafeRawPointer(first + tile * window.channels * transformedSize) }
    }
  }

  /// The pointers of a group of rows of a place.
  func rows(_ workspace: Workspace, place: Int, from tile: Int) -> UnsafeMutablePointer<UnsafeRawPointer> {
    workspace.rows + place * groups * rowsPerCall + tile
  }

  /// Elements between the rows of the products of `count` columns.
  func productRow(_ count: Int) -> Int { (count + panel - 1) / panel * panel }

  /// Where the patch of tile `tile` lies in its image, and the image's number.
  func position(_ tile: Int) -> (image: Int, y: Int, x: Int) {
    let line = tile / tilesPerLine
    return (line / lines, line % lines * WinogradTiling.side, tile % tilesPerLine * WinogradTiling.side)
  }

  /// Points `patch` at the inputs of tile `tile`, and at `outside` beyond the image.
  func fill(
    _ patch: UnsafeMutablePointer<UnsafeRawPointer>, tile: Int, input: UnsafeRawPointer, outside: UnsafeRawPointer
  ) {
    let (image, top, left) = position(tile)
    let (firstY, firstX) = (top - window.top, left - window.left)
    var target = patch
    for y in firstY..<(firstY + WinogradTiling.patchSide) {
      let isInside = y >= 0 && y < window.inputHeight
      // Not an address before it is known to be inside.
      let line = (image * window.imageElements + y * window.inputWidth * window.channels) * elementSize
      let pixelBytes = window.channels * elementSize
      for x in firstX..<(firstX + WinogradTiling.patchSide) {
        target.pointee = isInside && x >= 0 && x < window.inputWidth ? input + (line + x * pixelBytes) : outside
        target += 1
      }
    }
  }
}

import Format
import OpenCLKernels

// 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3), see programs/winograd.cl: transforms of a block of tiles, 36
// products, a transform back.

/// The tiles of such a convolution, or of one of its gradients.
struct WinogradTiles {
  static let places = 36
  /// Elements between places: see PLACE_PITCH in programs/winograd.cl.
  private static let gap = 16
  private static let side = 4

  /// What is cut into patches of 6×6, and what the tiles of 4×4 make up.
  let input: ImageShape
  let output: ImageShape
  /// How far the first patch begins above and to the left of the input.
  private let top: Int
  private let left: Int
  private let across: Int
  private let perImage: Int

  /// Nil if the convolution is not of this kind, or cheaper without.
  ///
  /// - Parameter lanes: channels that cost as much as one.
  init?(_ geometry: ConvolutionGeometry, images: Int, lanes: Int) {
    guard geometry.isWinograd else { return nil }
    self.init(geometry.input, geometry.output, top: geometry.padding.top, left: geometry.padding.left)
    guard pays(images: images, lanes: lanes) else { return nil }
  }

  /// The convolution that makes the input's gradient of the output's.
  init?(inputGradientOf geometry: ConvolutionGeometry, images: Int, lanes: Int) {
    let padding = geometry.padding
    guard geometry.isWinograd, max(padding.top, padding.left, padding.bottom, padding.right) <= 2 else { return nil }
    self.init(geometry.output, geometry.input, top: 2 - padding.top, left: 2 - padding.left)
    guard pays(images: images, lanes: lanes) else { return nil }
  }

  private init(_ input: ImageShape, _ output: ImageShape, top: Int, left: Int) {
    self.input = input
    self.output = output
    self.top = top
    self.left = left
    across = ceilDivide(output.width, WinogradTiles.side)
    perImage = ceilDivide(output.height, WinogradTiles.side) * across
  }

  func count(images: Int) -> Int { images * perImage }

  /// Elements from one place to the next in the transforms of so many tiles.
  fileprivate static func pitch(tiles: Int, channels: Int) -> Int { tiles * channels + gap }

  /// Whether products and transforms (about ten operations for an element) are fewer than the direct convolution's.
  private func pays(images: Int, lanes: Int) -> Bool {
    let (inputs, outputs) = (roundUp(input.channels, lanes), roundUp(output.channels, lanes))
    let weights = inputs * outputs
    let tiles = count(images: images)
    let direct = 9 * images * output.height * output.width * input.channels * outputs
    return WinogradTiles.places * (tiles * weights + 10 * tiles * (inputs + outputs) + 12 * weights) < direct
  }

  /// The argument of a transform of some tiles that reads or writes `shape`.
  fileprivate func block(_ tiles: Range<Int>, _ shape: ImageShape) -> opencl_winograd {
    opencl_winograd(
      channels: Int32(shape.channels), height: Int32(shape.height), width: Int32(shape.width), top: Int32(top),
      left: Int32(left), tiles_across: Int32(across), tiles_per_image: Int32(perImage),
      first_tile: Int32(tiles.lowerBound), tiles: Int32(tiles.count))
  }
}

extension OpenCLBackend {
  /// Elements of a block's transforms: on a CPU they stay in the last cache, on a GPU they keep it busy.
  private var winogradElements: Int { isCPU ? 1 << 20 : 1 << 25 }

  /// output = activation(input ∗ weights + bias).
  func winogradForward(
    _ tiles: WinogradTiles, _ packing: opencl_winograd_packing, images: Int, input: DeviceSlice, weights: DeviceSlice,
    bias: DeviceSlice?, _ activation: Activation?, output: DeviceSlice
  ) {
    let (depth, columns, places) = (tiles.input.channels, tiles.output.channels, WinogradTiles.places)
    let block = blockSize(tiles, images: images)
    guard let matrix = pack(packing, weights),
      let patches = scratch(.patches, places * WinogradTiles.pitch(tiles: block, channels: depth)),
      let products = scratch(.products, places * WinogradTiles.pitch(tiles: block, channels: columns))
    else { return }
    let bounds = activation.bounds ?? (-.infinity, .infinity)
    for range in chunks(of: tiles.count(images: images), size: block) {
      transform("winograd_patches", tiles.block(range, tiles.input), input, patches)
      multiplyRows(
        opencl_patches(rows: range.count, of: depth), image: patches, matrix, groups: places,
        GroupPitches(
          image: WinogradTiles.pitch(tiles: range.count, channels: depth),
          output: WinogradTiles.pitch(tiles: range.count, channels: columns)), columns: columns,
        output: products)
      let argument = tiles.block(range, tiles.output)
      runVectors(
        .winograd, "winograd_outputs", columns: columns, rows: range.count,
        [products, bias ?? products, output, argument, bias == nil ? 0 : 1, bounds.low, bounds.high])
    }
    finishActivation(activation, output[0..<(images * tiles.output.count)])
  }

  func winogradWeightGradient(
    _ tiles: WinogradTiles, images: Int, input: DeviceSlice, outputGradient: DeviceSlice, into result: DeviceSlice
  ) {
    let (depth, outputs, places) = (tiles.input.channels, tiles.output.channels, WinogradTiles.places)
    let block = blockSize(tiles, images: images)
    guard let patches = scratch(.patches, places * WinogradTiles.pitch(tiles: block, channels: depth)),
      let gradients = scratch(.products, places * WinogradTiles.pitch(tiles: block, channels: outputs)),
      let sums = scratch(.sums, places * outputs * depth)
    else { return }
    for range in chunks(of: tiles.count(images: images), size: block) {
      transform("winograd_patches", tiles.block(range, tiles.input), input, patches)
      transform("winograd_gradients", tiles.block(range, tiles.output), outputGradient, gradients)
      multiplyWeights(
        opencl_patches(rows: range.count, of: depth), image: patches, gradient: gradients, groups: places,
        GroupPitches(
          image: WinogradTiles.pitch(tiles: range.count, channels: depth),
          gradient: WinogradTiles.pitch(tiles: range.count, channels: outputs)), outputs: outputs,
        adds: range.lowerBound > 0, into: sums[0..<(places * outputs * depth)])
    }
    runVectors(
      .winograd, "winograd_weight_gradients", columns: depth, rows: outputs, [sums, result, outputs, depth])
  }

  /// Tiles of a block: about alike in all blocks.
  private func blockSize(_ tiles: WinogradTiles, images: Int) -> Int {
    let count = tiles.count(images: images)
    let most = winogradElements / WinogradTiles.places / (tiles.input.channels + tiles.output.channels)
    return roundUp(ceilDivide(count, ceilDivide(count, max(most, 32))), 32)
  }

  private func chunks(of count: Int, size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }

  private func transform(_ kernel: String, _ block: opencl_winograd, _ images: DeviceSlice, _ result: DeviceSlice) {
    runVectors(
      .winograd, kernel, columns: Int(block.channels), rows: Int(block.tiles), [images, result, block])
  }

  /// The 36 matrices of transformed weights.
  private func pack(_ packing: opencl_winograd_packing, _ weights: DeviceSlice) -> GemmMatrix? {
    let (depth, columns) = (Int(packing.depth), Int(packing.columns))
    let panel = panelColumns ?? columns
    let width = roundUp(columns, panel)
    guard let packed = scratch(.packed, WinogradTiles.places * depth * width) else { return nil }
    var packing = packing
    packing.panel = Int32(panel)
    runVectors(.winograd, "winograd_weights", columns: width, rows: depth, [weights, packed, packing])
    return GemmMatrix(values: packed, pitch: panel, panelPitch: depth * panel, group: depth * width)
  }
}

extension opencl_winograd_packing {
  /// [input channels, output channels]
  static func forward(_ geometry: ConvolutionGeometry) -> opencl_winograd_packing {
    let (depth, columns) = (geometry.input.channels, geometry.output.channels)
    return opencl_winograd_packing(
      depth: Int32(depth), columns: Int32(columns), first: 0, depth_pitch: 1, column_pitch: Int32(9 * depth),
      tap_pitch: Int32(depth), panel: 0)
  }

  /// [output channels, input channels], taps from the last to the first.
  static func backward(_ geometry: ConvolutionGeometry) -> opencl_winograd_packing {
    let (depth, columns) = (geometry.output.channels, geometry.input.channels)
    return opencl_winograd_packing(
      depth: Int32(depth), columns: Int32(columns), first: Int32(8 * columns), depth_pitch: Int32(9 * columns),
      column_pitch: 1, tap_pitch: Int32(-columns), panel: 0)
  }
}

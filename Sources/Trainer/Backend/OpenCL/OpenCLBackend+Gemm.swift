import Format
import OpenCLKernels

/// A [depth, columns] matrix as the products read it.
struct GemmMatrix {
  var values: DeviceSlice
  /// Elements from one row to the next, from one panel of columns to the next, and from one group to the next.
  var pitch: Int
  var panelPitch: Int
  var group: Int
}

/// Elements from one group's matrices to the next group's, in one buffer each.
struct GroupPitches {
  var image: Int
  /// Of a product with rows of patches.
  var output = 0
  /// Of a weight gradient's other matrix.
  var gradient = 0
}

/// How weights become the matrix of a product.
struct WeightPacking {
  /// `panel` is set when it is known.
  fileprivate var packing: opencl_packing
  /// Weights of a group.
  fileprivate let group: Int

  private init(
    depth: Int, columns: Int, first: Int, middle: Int = 1, inner: Int, outerPitch: Int, middlePitch: Int = 0,
    innerPitch: Int, columnPitch: Int, group: Int
  ) {
    packing = opencl_packing(
      depth: Int32(depth), columns: Int32(columns), first: Int32(first), middle: Int32(middle), inner: Int32(inner),
      outer_pitch: Int32(outerPitch), middle_pitch: Int32(middlePitch), inner_pitch: Int32(innerPitch),
      column_pitch: Int32(columnPitch), panel: 0)
    self.group = group
  }

  /// [patch, outputs of a group]
  static func forward(_ geometry: ConvolutionGeometry) -> WeightPacking {
    transposed(rows: geometry.groupOutputs, columns: geometry.patch)
  }

  /// [inputs, outputs]
  static func forward(_ geometry: DenseGeometry) -> WeightPacking {
    transposed(rows: geometry.outputs, columns: geometry.inputs)
  }

  /// [taps from the last to the first × outputs of a group, inputs of a group]
  static func backward(_ geometry: ConvolutionGeometry) -> WeightPacking {
    let taps = geometry.kernel.height * geometry.kernel.width
    return WeightPacking(
      depth: taps * geometry.groupOutputs, columns: geometry.groupInputs, first: (taps - 1) * geometry.groupInputs,
      inner: geometry.groupOutputs, outerPitch: -geometry.groupInputs, innerPitch: geometry.patch, columnPitch: 1,
      group: geometry.groupOutputs * geometry.patch)
  }

  /// The same with the taps of a phase.
  static func backward(_ geometry: ConvolutionGeometry, _ phase: StridePhase) -> WeightPacking {
    let (channels, line) = (geometry.groupInputs, geometry.kernel.width * geometry.groupInputs)
    return WeightPacking(
      depth: phase.taps.height * phase.taps.width * geometry.groupOutputs, columns: channels,
      first: phase.lastTap.height * line + phase.lastTap.width * channels, middle: phase.taps.width,
      inner: geometry.groupOutputs, outerPitch: -geometry.stride.height * line,
      middlePitch: -geometry.stride.width * channels, innerPitch: geometry.patch, columnPitch: 1,
      group: geometry.groupOutputs * geometry.patch)
  }

  /// Of the transposed convolution, weights [C, taps, O]: [taps from the last to the first × O, C].
  static func transposedForward(_ geometry: ConvolutionGeometry) -> WeightPacking {
    let (taps, outputs) = (geometry.kernel.height * geometry.kernel.width, geometry.output.channels)
    return WeightPacking(
      depth: taps * outputs, columns: geometry.input.channels, first: (taps - 1) * outputs, inner: outputs,
      outerPitch: -outputs, innerPitch: 1, columnPitch: taps * outputs, group: 0)
  }

  /// [taps × C, O] of weights [C, taps, O].
  static func transposedBackward(_ geometry: ConvolutionGeometry) -> WeightPacking {
    let (taps, outputs) = (geometry.kernel.height * geometry.kernel.width, geometry.output.channels)
    return WeightPacking(
      depth: taps * geometry.input.channels, columns: outputs, first: 0, inner: geometry.input.channels,
      outerPitch: outputs, innerPitch: taps * outputs, columnPitch: 1, group: 0)
  }

  /// [C × taps, O] of [O, taps, C].
  static func transposedWeights(_ geometry: ConvolutionGeometry) -> WeightPacking {
    let (taps, channels) = (geometry.kernel.height * geometry.kernel.width, geometry.input.channels)
    return WeightPacking(
      depth: channels * taps, columns: geometry.output.channels, first: 0, inner: taps, outerPitch: 1,
      innerPitch: channels, columnPitch: taps * channels, group: 0)
  }

  /// For each row of taps [outputs, its taps × input channels].
  static func rowsOfTaps(outputs: Int, run: Int, number: Int) -> WeightPacking {
    WeightPacking(
      depth: outputs, columns: run, first: 0, inner: outputs, outerPitch: 0, innerPitch: number * run, columnPitch: 1,
      group: run)
  }

  private static func transposed(rows: Int, columns: Int) -> WeightPacking {
    WeightPacking(
      depth: columns, columns: rows, first: 0, inner: columns, outerPitch: 0, innerPitch: 1, columnPitch: columns,
      group: rows * columns)
  }
}

extension OpenCLBackend {
  /// Packs the weights of all groups into working memory.
  func pack(_ weights: WeightPacking, _ values: DeviceSlice, groups: Int) -> GemmMatrix? {
    let (depth, columns) = (Int(weights.packing.depth), Int(weights.packing.columns))
    // A panel of all columns is a row-major matrix.
    let panel = panelColumns ?? columns
    let group = depth * roundUp(columns, panel)
    guard let packed = scratch(.packed, groups * group) else { return nil }
    reorder(weights, values, panel: panel, groups: groups, into: packed)
    return GemmMatrix(values: packed, pitch: panel, panelPitch: depth * panel, group: group)
  }

  /// The matrix of weights, or of their gradients, row by row.
  func reorder(_ weights: WeightPacking, _ values: DeviceSlice, into result: DeviceSlice) {
    reorder(weights, values, panel: Int(weights.packing.columns), groups: 1, into: result)
  }

  private func reorder(
    _ weights: WeightPacking, _ values: DeviceSlice, panel: Int, groups: Int, into result: DeviceSlice
  ) {
    var packing = weights.packing
    packing.panel = Int32(panel)
    let (depth, width) = (Int(packing.depth), roundUp(Int(packing.columns), panel))
    let items = isCPU ? 1 : 32
    queue.run(
      program(.reduce), "pack",
      global: [roundUp(ceilDivide(width, lanes), items), ceilDivide(depth, OpenCLBackend.packDepth), groups],
      local: [items, 1, 1], [values, result, packing, weights.group, depth * width])
  }

  /// PACK_DEPTH of programs/reduce.cl.
  private static let packDepth = 16

  /// output [rows, groups · columns] = activation(patches · matrix + bias), group by group.
  ///
  /// - Parameter pitches: nil: groups lie side by side in each pixel.
  func multiplyRows(
    _ patches: opencl_patches, image: DeviceSlice, _ matrix: GemmMatrix, bias: DeviceSlice? = nil,
    _ activation: Activation? = nil, groups: Int, _ pitches: GroupPitches? = nil, columns: Int, output: DeviceSlice
  ) {
    let (rows, depth) = (Int(patches.rows), Int(patches.depth))
    let bounds = activation.bounds ?? (-.infinity, .infinity)
    let outputPitch = pitches == nil ? groups * columns : columns
    let pitches = pitches ?? GroupPitches(image: Int(patches.channels), output: columns)
    var product = opencl_product(
      columns: Int32(columns), matrix_pitch: Int32(matrix.pitch), panel_pitch: Int32(matrix.panelPitch),
      output_pitch: Int32(outputPitch), group_channels: Int32(pitches.image), group_matrix: Int32(matrix.group),
      group_columns: Int32(pitches.output), panels: 0, chunk: 0, has_bias: bias == nil ? 0 : 1)
    let output = output[0..<(rows * groups * columns)]
    let global: [Int]
    switch gemm.rows {
    case .panel(let tile):
      let rowPanels = ceilDivide(rows, tile.panelRows)
      let columnPanels = ceilDivide(columns, tile.columns(lanes))
      // All columns at once, so that patches are gathered once, unless there are too few work-groups.
      let blocks = min(max(wantedGroups / (rowPanels * groups), 1), columnPanels)
      product.panels = Int32(ceilDivide(columnPanels, blocks))
      product.chunk = Int32(patches.piece(atMost: tile.panelDepth))
      global = [rowPanels, (columnPanels + Int(product.panels) - 1) / Int(product.panels), groups]
    case .local(let tile):
      global = [
        ceilDivide(rows, tile.rows) * tile.items, ceilDivide(columns, tile.columns), groups,
      ]
    }
    queue.run(
      gemmProgram(gemm.rows), "gemm_rows", global: global, local: [gemm.rows.items, 1, 1],
      flops: 2 * rows * depth * columns * groups,
      [image, matrix.values, bias ?? matrix.values, output, patches, product, bounds.low, bounds.high])
    finishActivation(activation, output)
  }

  /// result [groups · outputs, depth] = gradientᵀ [outputs, rows] · patches [rows, depth], group by group.
  ///
  /// - Parameters:
  ///   - pitch: elements from one row of the gradient to the next; nil: as many as it has columns.
  ///   - pitches: nil: groups lie side by side in each pixel.
  ///   - adds: whether to add to what the result has.
  func multiplyWeights(
    _ patches: opencl_patches, image: DeviceSlice, gradient: DeviceSlice, pitch: Int? = nil, groups: Int,
    _ pitches: GroupPitches? = nil, outputs: Int, adds: Bool = false, into result: DeviceSlice
  ) {
    let (rows, depth) = (Int(patches.rows), Int(patches.depth))
    let pitch = pitch ?? (pitches == nil ? groups * outputs : outputs)
    let pitches = pitches ?? GroupPitches(image: Int(patches.channels), gradient: outputs)
    var (blockRows, blockColumns) = gemm.weights.weightBlock(outputs: outputs, patches)
    let blocks = ceilDivide(depth, blockColumns) * groups * ceilDivide(outputs, blockRows)
    // As many splits as keep the device busy, and as few as keep the parts small.
    let wanted = ceilDivide(wantedGroups, blocks)
    let splits = adds ? 1 : max(min(wanted, rows / 256, 1 << 24 / max(result.count, 1)), 1)
    if isCPU, splits == 1, wanted > 1 {
      (blockRows, blockColumns) = smallerBlock(outputs: outputs, patches, groups: groups, atMost: blockColumns)
    }
    let columnBlocks = ceilDivide(depth, blockColumns)
    let each = ceilDivide(rows, splits)
    let number = ceilDivide(rows, each)
    guard let parts = number == 1 ? result : scratch(.parts, number * result.count) else { return }
    let product = opencl_weight_product(
      outputs: Int32(outputs), gradient_pitch: Int32(pitch), group_channels: Int32(pitches.image),
      group_gradient: Int32(pitches.gradient), split_rows: Int32(each), split_pitch: Int32(result.count),
      block: Int32(blockColumns), output_block: Int32(blockRows), adds: adds ? 1 : 0)
    queue.run(
      gemmProgram(gemm.weights), "gemm_weights",
      global: [columnBlocks * gemm.weights.items, number, groups * ceilDivide(outputs, blockRows)],
      local: [gemm.weights.items, 1, 1],
      flops: 2 * rows * depth * outputs * groups,
      [image, gradient, parts, patches, product])
    if number > 1 { sumParts(parts, number: number, into: result) }
  }

  /// Work-groups of a product that keep all of the device's units busy to its end.
  var wantedGroups: Int { 8 * device.computeUnits }

  /// The block of a weight gradient whose rows are too few to be split: small enough for `wantedGroups`, and large enough that
  /// gathering patches for each of them costs little.
  private func smallerBlock(
    outputs: Int, _ patches: opencl_patches, groups: Int, atMost limit: Int
  ) -> (rows: Int, columns: Int) {
    let outputBlocks = ceilDivide(outputs, 32)
    let columns = min(max(Int(patches.depth) * groups * outputBlocks / wantedGroups, 64), limit)
    let block = patches.piece(atMost: columns)
    let needed = ceilDivide(wantedGroups, groups * ceilDivide(Int(patches.depth), block))
    return (roundUp(ceilDivide(outputs, min(needed, outputBlocks)), 8), block)
  }

  /// Columns of a panel of packed weights; nil if all columns make one.
  var panelColumns: Int? {
    switch gemm.rows {
    case .panel(let tile): tile.columns(lanes)
    case .local: nil
    }
  }

  private func gemmProgram(_ tiling: GemmTiling) -> OpenCLProgram? {
    queue.program(tiling.program, options: options + tiling.options)
  }
}

import OpenCLKernels

/// How matrix products are cut on a device: one way for products with rows of patches, one for weight gradients.
public struct GemmPlan: Equatable, Sendable, Codable {
  public var rows: GemmTiling
  public var weights: GemmTiling

  /// What suits the kind of device, without a measurement.
  static func standard(for device: OpenCLDevice) -> GemmPlan {
    guard device.isCPU else {
      let tile = GemmTiling.local(.standard(for: device))
      return GemmPlan(rows: tile, weights: tile)
    }
    let tile = PanelTiling().localMemory <= device.localMemory ? PanelTiling() : .small
    return GemmPlan(rows: .panel(tile), weights: .panel(tile))
  }
}

/// One way to cut a product: a program and its parameters.
public enum GemmTiling: Equatable, Sendable, Codable {
  /// programs/gemm_panel.cl: one work-item per work-group, vectors, panels in the cache.
  case panel(PanelTiling)
  /// programs/gemm_local.cl: tiles in local memory.
  case local(LocalTiling)
}

/// Parameters of programs/gemm_panel.cl.
public struct PanelTiling: Equatable, Sendable, Codable {
  /// The register tile: rows, and vectors of columns.
  public var rows = 8
  public var vectors = 2
  /// Rows and depth of a panel of patches.
  public var panelRows = 32
  public var panelDepth = 256
  /// For weight gradients, rows of a panel and its most columns.
  public var weightRows = 128
  public var block = 256

  /// For drivers that offer little local memory.
  static let small = PanelTiling(rows: 4, panelRows: 16, panelDepth: 128, weightRows: 32, block: 64)

  /// Bytes of local memory, with the slack of programs/gemm_panel.cl.
  var localMemory: Int { 4 * (max(panelRows * (panelDepth + 16), weightRows * (block + 16)) + 16) }

  /// Columns of a register tile.
  func columns(_ lanes: Int) -> Int { vectors * lanes }
}

/// Parameters of programs/gemm_local.cl.
public struct LocalTiling: Equatable, Sendable, Codable {
  /// A work-group's tile.
  public var rows = 64
  public var columns = 64
  public var depth = 16
  /// A work-item's.
  public var itemRows = 4
  public var itemColumns = 4

  /// Work-items of a work-group.
  var items: Int { rows / itemRows * (columns / itemColumns) }
  /// Bytes of local memory.
  var localMemory: Int { 4 * depth * (rows + 1 + columns) }

  /// The largest tile that the device's work-groups and local memory allow. All work-items of one gather alike: `depth` and
  /// `columns` divide their number.
  static func standard(for device: OpenCLDevice) -> LocalTiling {
    let tiles = [
      LocalTiling(), LocalTiling(columns: 32), LocalTiling(rows: 32, columns: 32),
      LocalTiling(rows: 32, columns: 16, depth: 8), LocalTiling(rows: 16, columns: 16, depth: 8),
      LocalTiling(rows: 16, columns: 8, depth: 4),
    ]
    return tiles.first { $0.items <= device.largestWorkGroup && $0.localMemory <= device.localMemory }
      ?? LocalTiling(rows: 1, columns: 1, depth: 1, itemRows: 1, itemColumns: 1)
  }
}

extension GemmTiling {
  var program: OpenCLProgramName {
    switch self {
    case .panel: .gemmPanel
    case .local: .gemmLocal
    }
  }

  var options: String {
    switch self {
    case .panel(let tile):
      " -DROWS=\(tile.rows) -DVECTORS=\(tile.vectors) -DPANEL_ROWS=\(tile.panelRows)"
        + " -DPANEL_DEPTH=\(tile.panelDepth) -DWEIGHT_ROWS=\(tile.weightRows) -DBLOCK=\(tile.block)"
    case .local(let tile):
      " -DTILE_ROWS=\(tile.rows) -DTILE_COLUMNS=\(tile.columns) -DTILE_DEPTH=\(tile.depth)"
        + " -DITEM_ROWS=\(tile.itemRows) -DITEM_COLUMNS=\(tile.itemColumns)"
    }
  }

  /// Work-items of a work-group.
  var items: Int {
    switch self {
    case .panel: 1
    case .local(let tile): tile.items
    }
  }

  /// Rows and columns of a weight gradient that a work-group computes.
  func weightBlock(outputs: Int, _ patches: opencl_patches) -> (rows: Int, columns: Int) {
    switch self {
    case .panel(let tile): (outputs, patches.piece(atMost: tile.block))
    case .local(let tile): (tile.rows, tile.columns)
    }
  }
}

extension opencl_patches {
  /// Into how long pieces of at most `limit` a patch is cut: whole runs where they fit, and of nearly one length.
  func piece(atMost limit: Int) -> Int {
    let (depth, run) = (Int(depth), Int(run))
    let even = ceilDivide(depth, ceilDivide(depth, limit))
    return run > limit ? even : min(roundUp(even, run), limit / run * run)
  }
}

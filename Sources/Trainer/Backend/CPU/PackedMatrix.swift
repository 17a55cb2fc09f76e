import Format
import TrainerKernels

/// A matrix [depth, columns] in the order that `trainer_packed_product` wants.
struct PackedMatrix {
  let columns: Int
  private let panels: UnsafeMutablePointer<Float>
  /// From one panel to the next.
  private let stride: Int

  private static let width = Int(TRAINER_PANEL)

  /// Floats of memory for it.
  static func count(depth: Int, columns: Int) -> Int { (columns + width - 1) / width * depth * width }

  /// - Parameters:
  ///   - memory: `count(depth:columns:)` floats, which the result uses.
  ///   - fill: packs columns `first`..<`first + count` into a panel of `depth` rows.
  init(
    depth: Int, columns: Int, memory: UnsafeMutablePointer<Float>, _ pool: ThreadPool,
    fill: (_ first: Int, _ count: Int, _ panel: UnsafeMutablePointer<Float>) -> Void
  ) {
    self.columns = columns
    panels = memory
    let (stride, width) = (depth * PackedMatrix.width, PackedMatrix.width)
    self.stride = stride
    pool.run(pieces: (columns + width - 1) / width) { panel, _ in
      fill(panel * width, min(width, columns - panel * width), memory + panel * stride)
    }
  }

  /// A row-major matrix [depth, columns].
  init(
    _ matrix: UnsafePointer<Float>, depth: Int, columns: Int, memory: UnsafeMutablePointer<Float>, _ pool: ThreadPool
  ) {
    self.init(depth: depth, columns: columns, memory: memory, pool) { first, count, panel in
      trainer_pack_panel(matrix + first, depth, columns, count, 1, panel)
    }
  }

  /// target [rows, columns] = a [rows, depth] · the matrix's rows from `row` on, or added to it.
  func multiply(
    rows: Int, depth: Int, _ a: UnsafePointer<Float>, stride aStride: Int, row: Int = 0,
    into target: UnsafeMutablePointer<Float>, stride targetStride: Int, adding: Bool = false
  ) {
    trainer_packed_product(
      rows, columns, depth, a, aStride, panels + row * PackedMatrix.width, stride, target, targetStride, adding ? 1 : 0)
  }
}

/// The weights of a recurrent layer, packed for its forward computation: a row [x, h] times `joint` is what x and h add to
/// gates that sum both. The GRU's candidate keeps the two apart, and has its own.
struct RecurrentPanels {
  let joint: PackedMatrix
  let candidate: PackedMatrix?

  private static func jointColumns(_ geometry: RecurrentGeometry) -> Int {
    geometry.cell == .gru ? 2 * geometry.units : geometry.gateRows
  }

  /// Floats of memory for them.
  static func count(_ geometry: RecurrentGeometry) -> Int {
    let (depth, columns) = (geometry.inputs + geometry.units, jointColumns(geometry))
    return PackedMatrix.count(depth: depth, columns: columns)
      + PackedMatrix.count(depth: depth, columns: geometry.gateRows - columns)
  }

  init(
    _ geometry: RecurrentGeometry, input: UnsafePointer<Float>, recurrent: UnsafePointer<Float>,
    memory: UnsafeMutablePointer<Float>, _ pool: ThreadPool
  ) {
    let (inputs, units) = (geometry.inputs, geometry.units)
    let columns = RecurrentPanels.jointColumns(geometry)
    func packed(_ gates: Range<Int>, _ memory: UnsafeMutablePointer<Float>) -> PackedMatrix {
      PackedMatrix(depth: inputs + units, columns: gates.count, memory: memory, pool) { first, count, panel in
        let gate = gates.lowerBound + first
        trainer_pack_panel(input + gate * inputs, inputs, 1, count, inputs, panel)
        trainer_pack_panel(
          recurrent + gate * units, units, 1, count, units, panel + inputs * Int(TRAINER_PANEL))
      }
    }
    joint = packed(0..<columns, memory)
    candidate =
      columns == geometry.gateRows
      ? nil
      : packed(columns..<geometry.gateRows, memory + PackedMatrix.count(depth: inputs + units, columns: columns))
  }
}

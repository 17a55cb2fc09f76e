import Format
import Kernels

// Recurrent layers: one product of all steps' inputs, then step by step a product of the last result and the cell.

extension Lowering {
  mutating func lower(_ op: Recurrent, _ node: Node) throws(RuntimeError) {
    let input = graph.tensors[node.inputs[0]].shape
    let output = graph.tensors[node.outputs[0]].shape
    let shape = RecurrentShape(
      cell: op.cell, isReversed: op.isReversed, batch: input[0], steps: input[1], features: input[3], units: output[3])
    let bias = graph.tensors[node.inputs[3]].constant!.elements(as: Float.self)
    let rows = shape.gates * shape.units
    var recurrentBias = [Float](repeating: 0, count: rows)
    // What a bias has more than the input's product belongs to the last blocks of the recurrent one.
    for (place, value) in bias[rows...].enumerated() { recurrentBias[2 * rows - bias.count + place] = value }

    let inputMatrix = try matrix(node.inputs[1], groups: 1, bias: Array(bias[..<rows]))
    let recurrentMatrix = try matrix(node.inputs[2], groups: shape.gates, bias: recurrentBias)
    let (workspace, stride) = try workspace(
      bytesPerThread: max(inputMatrix.workspaceBytes, recurrentMatrix.workspaceBytes))
    let rowBytes = rows * MemoryLayout<Float>.stride
    let values = RecurrentValues(
      x: node.inputs[0], y: node.outputs[0], h: node.inputs.count > 4 ? node.inputs[4] : nil,
      c: node.inputs.count > 5 ? node.inputs[5] : nil, cellState: node.outputs.count > 1 ? node.outputs[1] : nil,
      inputPart: buffer(bytes: shape.stepsAtOnce * shape.batch * rowBytes),
      recurrentPart: buffer(bytes: shape.batch * rowBytes), workspace: workspace)
    let cell: UnsafePointer<kernel> =
      switch op.cell {
      case .rnn: kernel(.f32_rnn_cell)
      case .lstm: kernel(.f32_lstm_cell)
      case .gru: kernel(.f32_gru_cell)
      }
    let zeros = try AlignedMemory(count: shape.units * MemoryLayout<Float>.stride)
    zeros.fill(0)
    let step = RecurrentStep(
      shape, values,
      InputProductStep(
        shape, values, inputMatrix, workspaceStride: stride,
        pieces: pieces(work: Lowering.work(shape.stepsAtOnce * shape.batch * rows, shape.features))),
      CellStep(
        shape, values, recurrentMatrix, cell: cell, zeros: zeros, workspaceStride: stride,
        pieces: pieces(work: Lowering.work(shape.batch * rows, shape.units))))
    append(
      step, reads: [values.x] + node.inputs.dropFirst(4), writes: node.outputs,
      scratch: [values.inputPart, values.recurrentPart, values.workspace])
  }

  private func matrix(_ index: TensorIndex, groups: Int, bias: [Float]) throws(RuntimeError) -> PackedMatrix {
    let weights = graph.tensors[index]
    let columns = weights.shape[0] / groups
    guard weights.type == .s8 else {
      return try FloatMatrix(
        kernel(.f32_igemm), groups: groups, columns: columns, depth: weights.shape[1],
        weights: weights.constantElements(as: Float.self), bias: bias)
    }
    return try Int8Matrix(
      kernel(.qs8_f32_igemm), range: kernel(.f32_range), quantize: kernel(.f32_quantize), groups: groups,
      columns: columns, depth: weights.shape[1], weights: weights.constantElements(as: Int8.self),
      scales: weights.quantization!.scales, bias: bias)
  }
}

/// The sizes of a recurrent layer.
struct RecurrentShape {
  let cell: Recurrent.Cell
  let isReversed: Bool
  let batch: Int
  let steps: Int
  let features: Int
  let units: Int

  var gates: Int { cell.gates }
  /// Columns of both products.
  var columns: Int { gates * units }

  /// Products of inputs that wait for their step should stay in the second-level cache.
  private static let waitingBytes = 1 << 17

  /// Steps whose inputs are multiplied together.
  var stepsAtOnce: Int {
    let bytes = Int64(batch) * Int64(columns) * Int64(MemoryLayout<Float>.stride)
    return min(steps, max(1, Int(Int64(RecurrentShape.waitingBytes) / bytes)))
  }

  /// The time step that is the `place`-th to run.
  func time(_ place: Int) -> Int { isReversed ? steps - 1 - place : place }
}

/// What a recurrent layer works on.
struct RecurrentValues {
  let x: ValueIndex
  let y: ValueIndex
  /// The state to begin with; zero where there is none.
  let h: ValueIndex?
  let c: ValueIndex?
  /// An LSTM's c: running, and in the end its second output.
  let cellState: ValueIndex?
  /// [stepsAtOnce][batch][columns], the products of inputs.
  let inputPart: ValueIndex
  /// [batch][columns]
  let recurrentPart: ValueIndex
  let workspace: ValueIndex

  /// Those of a `CellStep`: y, input part, recurrent part, workspace, then h to begin with and an LSTM's c, if they are there.
  var ofCell: [ValueIndex] {
    var values = [y, inputPart, recurrentPart, workspace]
    if let h { values.append(h) }
    if let cellState { values.append(cellState) }
    return values
  }
}

/// The whole layer. `values` are x, y, input part, recurrent part, workspace, then c if there is one, h and c to begin with.
final class RecurrentStep: Step {
  private let shape: RecurrentShape
  private let inputs: InputProductStep
  private let cell: CellStep
  private let cellState: Int?
  private let initialCellState: Int?

  init(
    _ shape: RecurrentShape, _ values: RecurrentValues, _ inputs: InputProductStep, _ cell: CellStep
  ) {
    self.shape = shape
    self.inputs = inputs
    self.cell = cell
    var list = [values.x, values.y, values.inputPart, values.recurrentPart, values.workspace]
    func place(_ value: ValueIndex?) -> Int? {
      guard let value else { return nil }
      list.append(value)
      return list.count - 1
    }
    cellState = place(values.cellState)
    initialCellState = place(values.c)
    _ = place(values.h)
    super.init(values: list, kernelName: String(cString: cell.matrix.kernel.pointee.name), tiles: 1)
  }

  override var packedBytes: Int { inputs.matrix.packed.bytes.count + cell.matrix.packed.bytes.count }

  override func didBind() {
    for part in [inputs, cell] as [Step] {
      part.bind { mutable(values.firstIndex(of: $0)!) }
    }
  }

  override func execute(on workers: Workers) {
    if let cellState {
      let bytes = shape.batch * shape.units * MemoryLayout<Float>.stride
      if let initialCellState {
        mutable(cellState).copyMemory(from: address(initialCellState), byteCount: bytes)
      } else {
        mutable(cellState).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      }
    }
    var place = 0
    while place < shape.steps {
      let end = min(place + shape.stepsAtOnce, shape.steps)
      inputs.places = place..<end
      workers.run(inputs)
      for step in place..<end {
        cell.place = step
        cell.placeInChunk = step - place
        workers.run(cell)
      }
      place = end
    }
  }
}

/// inputWeights · x + bias for some time steps, of all sequences of the batch: rows are (step, sequence).
final class InputProductStep: Step {
  /// The steps to run, in the order of running; at most `stepsAtOnce`.
  var places = 0..<0
  let matrix: PackedMatrix
  private let shape: RecurrentShape
  private let rowPieces: Partition
  private let columnPieces: Partition
  private let workspaceStride: Int

  init(
    _ shape: RecurrentShape, _ values: RecurrentValues, _ matrix: PackedMatrix, workspaceStride: Int, pieces: Pieces
  ) {
    self.shape = shape
    self.matrix = matrix
    self.workspaceStride = workspaceStride
    rowPieces = Partition(shape.stepsAtOnce * shape.batch, granule: matrix.mostRows, pieces: pieces)
    columnPieces = Partition(shape.columns, granule: matrix.granule, pieces: pieces.divided(by: rowPieces.count))
    super.init(
      values: [values.x, values.inputPart, values.workspace],
      kernelName: String(cString: matrix.kernel.pointee.name), tiles: rowPieces.count * columnPieces.count)
  }

  override func run(tile: Int, thread: Int) {
    let columns = columnPieces[tile % columnPieces.count]
    let all = rowPieces[tile / columnPieces.count]
    let end = min(all.upperBound, places.count * shape.batch)
    let workspace = mutable(2) + thread * workspaceStride
    let pointers = matrix.rows(workspace)
    var first = all.lowerBound
    while first < end {
      let count = min(matrix.mostRows, end - first)
      for row in 0..<count {
        let (place, sequence) = (first + row).quotientAndRemainder(dividingBy: shape.batch)
        let time = shape.time(places.lowerBound + place)
        pointers[row] = address(0, as: Float.self) + (sequence * shape.steps + time) * shape.features
      }
      matrix.prepare(count, workspace)
      matrix.multiply(
        count, group: 0, columns: columns,
        into: mutable(1, as: Float.self) + first * shape.columns + columns.lowerBound, stride: shape.columns, workspace)
      first += count
    }
  }
}

/// One time step: recurrentWeights · h + bias, and the cell. A tile is a run of units with all their gates, so that the cell
/// needs nothing of another tile.
final class CellStep: Step {
  /// The step to run, in the order of running.
  var place = 0
  /// Where its products of inputs are.
  var placeInChunk = 0
  let matrix: PackedMatrix
  private let shape: RecurrentShape
  private let cell: f32_cell_function
  private let unitPieces: Partition
  private let workspaceStride: Int
  /// The h to begin with where none is given.
  private let zeros: AlignedMemory
  private let initialState: Int?
  private let cellState: Int?

  init(
    _ shape: RecurrentShape, _ values: RecurrentValues, _ matrix: PackedMatrix, cell: UnsafePointer<kernel>,
    zeros: AlignedMemory, workspaceStride: Int, pieces: Pieces
  ) {
    self.shape = shape
    self.matrix = matrix
    self.zeros = zeros
    self.cell = cell.pointee.function.f32_cell
    self.workspaceStride = workspaceStride
    unitPieces = Partition(shape.units, granule: matrix.granule, pieces: pieces)
    initialState = values.h == nil ? nil : 4
    cellState = values.cellState == nil ? nil : values.ofCell.count - 1
    super.init(
      values: values.ofCell,
      kernelName: String(cString: matrix.kernel.pointee.name), tiles: unitPieces.count)
  }

  /// h of the step before, of one sequence.
  private func previous(_ sequence: Int) -> UnsafePointer<Float> {
    if place > 0 {
      return address(0, as: Float.self) + (sequence * shape.steps + shape.time(place - 1)) * shape.units
    }
    guard let initialState else { return UnsafePointer(zeros.base.assumingMemoryBound(to: Float.self)) }
    return address(initialState, as: Float.self) + sequence * shape.units
  }

  override func run(tile: Int, thread: Int) {
    let units = unitPieces[tile]
    let workspace = mutable(3) + thread * workspaceStride
    let products = mutable(2, as: Float.self) + units.lowerBound
    let inputs = address(1, as: Float.self) + placeInChunk * shape.batch * shape.columns + units.lowerBound
    let y = mutable(0, as: Float.self) + shape.time(place) * shape.units + units.lowerBound
    var first = 0
    while first < shape.batch {
      let count = min(matrix.mostRows, shape.batch - first)
      for row in 0..<count { matrix.rows(workspace)[row] = previous(first + row) }
      matrix.prepare(count, workspace)
      for gate in 0..<shape.gates {
        matrix.multiply(
          count, group: gate, columns: units, into: products + first * shape.columns + gate * shape.units,
          stride: shape.columns, workspace)
      }
      for sequence in first..<first + count {
        var arguments = f32_cell_arguments(
          units: units.count, input_part: inputs + sequence * shape.columns,
          recurrent_part: products + sequence * shape.columns, gate_stride: shape.units,
          previous: previous(sequence) + units.lowerBound,
          cell_state: cellState.map { mutable($0, as: Float.self) + sequence * shape.units + units.lowerBound },
          output: y + sequence * shape.steps * shape.units)
        cell(&arguments)
      }
      first += count
    }
  }
}

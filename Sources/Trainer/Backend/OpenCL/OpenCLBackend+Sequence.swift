import Format
import OpenCLKernels

// Recurrent layers: the products with the inputs are one for all steps, those with the state one per step over all images.

extension OpenCLBackend {
  public func recurrentForward(
    _ geometry: RecurrentGeometry, count: Int, input: DeviceSlice, weights: RecurrentWeights, initial: RecurrentState?,
    output: DeviceSlice, final: RecurrentState?, saved: DeviceSlice
  ) {
    let (units, rows) = (geometry.units, geometry.gateRows)
    let memory = SavedSteps(geometry, saved, images: count)
    let items = count * units
    begin(memory.hidden(0), with: initial?.hidden)
    begin(memory.cell(0), with: initial?.cell)
    reorder(geometry, count: count, width: geometry.inputs, input, to: memory.input, toSteps: true)
    guard let sums = scratch(.sums, geometry.steps * count * rows), let stepSums = scratch(.stepSums, count * rows),
      let matrix = pack(.forward(DenseGeometry(inputs: geometry.inputs, outputs: rows)), weights.input, groups: 1)
    else { return }
    multiplyRows(
      opencl_patches(rows: geometry.steps * count, of: geometry.inputs), image: memory.input, matrix, bias: nil, nil,
      groups: 1, columns: rows, output: sums)
    guard let recurrent = pack(.forward(DenseGeometry(inputs: units, outputs: rows)), weights.recurrent, groups: 1)
    else { return }
    for index in 0..<geometry.steps {
      multiplyRows(
        opencl_patches(rows: count, of: units), image: memory.hidden(index), recurrent, bias: nil, nil, groups: 1,
        columns: rows, output: stepSums)
      let step = geometry.step(index) * units
      runElements(
        .sequence, "\(geometry.cell)_forward", count: items,
        [
          sums[(index * count * rows)..<((index + 1) * count * rows)], stepSums, weights.bias, memory.gates(index),
          memory.hidden(index), memory.hidden(index + 1), memory.cell(index), memory.cell(index + 1),
          output[step..<output.count], items, units, geometry.steps * units,
        ])
    }
    guard let final else { return }
    copy(memory.hidden(geometry.steps), to: final.hidden[0..<items])
    if let cell = final.cell { copy(memory.cell(geometry.steps), to: cell[0..<items]) }
  }

  public func recurrentBackward(
    _ geometry: RecurrentGeometry, count: Int, weights: RecurrentWeights, saved: DeviceSlice,
    outputGradient: DeviceSlice?, finalGradient: RecurrentState?, weightGradient: RecurrentWeights,
    inputGradient: DeviceSlice?, initialGradient: RecurrentState?
  ) {
    let (units, rows, steps) = (geometry.units, geometry.gateRows, geometry.steps)
    let memory = SavedSteps(geometry, saved, images: count)
    let items = count * units
    guard let state = scratch(.state, 3 * items), let sums = scratch(.sums, steps * count * max(rows, geometry.inputs))
    else { return }
    let (hidden, carry, cell) = (state[0..<items], state[items..<(2 * items)], state[(2 * items)..<(3 * items)])
    begin(hidden, with: finalGradient?.hidden)
    begin(cell, with: finalGradient?.cell)
    queue.clear(carry)
    let own = geometry.cell == .gru
    // ∂J/∂(recurrentWeights·h) of all steps: the GRU's are not those that its biases have.
    let recurrentSums = own ? sums[0..<(steps * count * rows)] : memory.gates
    let matrix = GemmMatrix(values: weights.recurrent, pitch: units, panelPitch: panelColumns ?? 0, group: 0)
    for index in (0..<steps).reversed() {
      let step = geometry.step(index) * units
      let stepRange = (index * count * rows)..<((index + 1) * count * rows)
      let output = outputGradient.map { $0[step..<$0.count] }
      runElements(
        .sequence, "\(geometry.cell)_backward", count: items,
        [
          memory.gates(index), memory.hidden(index), memory.hidden(index + 1), memory.cell(index),
          memory.cell(index + 1), output ?? hidden, hidden, carry, cell, recurrentSums[stepRange], items, units,
          steps * units, output == nil ? 0 : 1,
        ])
      multiplyRows(
        opencl_patches(rows: count, of: rows), image: recurrentSums[stepRange], matrix, bias: nil, nil, groups: 1,
        columns: units, output: hidden)
    }
    if let initialGradient {
      add(hidden, carry, output: initialGradient.hidden[0..<items])
      if let target = initialGradient.cell { copy(cell, to: target[0..<items]) }
    }
    multiplyWeights(
      opencl_patches(rows: steps * count, of: units), image: memory.hidden(0), gradient: recurrentSums, groups: 1,
      outputs: rows, into: weightGradient.recurrent)
    multiplyWeights(
      opencl_patches(rows: steps * count, of: geometry.inputs), image: memory.input, gradient: memory.gates,
      pitch: geometry.biasCount, groups: 1, outputs: rows, into: weightGradient.input)
    columnSums(memory.gates, rows: steps * count, columns: geometry.biasCount, into: weightGradient.bias)
    guard let inputGradient else { return }
    let inputMatrix = GemmMatrix(
      values: weights.input, pitch: geometry.inputs, panelPitch: panelColumns ?? 0, group: 0)
    multiplyRows(
      opencl_patches(rows: steps * count, of: rows, pitch: geometry.biasCount), image: memory.gates, inputMatrix,
      bias: nil, nil, groups: 1, columns: geometry.inputs, output: sums)
    reorder(geometry, count: count, width: geometry.inputs, sums, to: inputGradient, toSteps: false)
  }

  public func embeddingForward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, weights: DeviceSlice, output: DeviceSlice
  ) {
    runGrid(
      .sequence, "embedding_forward", columns: geometry.width, rows: rows,
      [tokens, weights, output, rows, geometry.vocabulary, geometry.width])
  }

  public func embeddingBackward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, outputGradient: DeviceSlice,
    weightGradient: DeviceSlice
  ) {
    queue.clear(weightGradient[0..<(geometry.vocabulary * geometry.width)])
    queue.run(
      program(.sequence), "embedding_gradient", global: [roundUp(geometry.width, 16)], local: [16],
      [tokens, outputGradient, weightGradient, rows, geometry.vocabulary, geometry.width])
  }

  /// state = initial, or 0.
  private func begin(_ state: DeviceSlice, with initial: DeviceSlice?) {
    if let initial { copy(initial[0..<state.count], to: state) } else { queue.clear(state) }
  }

  private func reorder(
    _ geometry: RecurrentGeometry, count: Int, width: Int, _ source: DeviceSlice, to destination: DeviceSlice,
    toSteps: Bool
  ) {
    runGrid(
      .sequence, "reorder_steps", columns: width, rows: geometry.steps * count,
      [source, destination, count, geometry.steps, width, geometry.isReversed ? 1 : 0, toSteps ? 1 : 0])
  }
}

/// What is kept of a recurrent layer's forward, step by step in the order of computation, each of all images.
private struct SavedSteps {
  /// [T, N, B·H]
  let gates: DeviceSlice
  /// [T, N, F]
  let input: DeviceSlice
  /// [T + 1, N, H]: before every step, and behind the last.
  private let hiddens: DeviceSlice
  private let cells: DeviceSlice
  private let gateCount: Int
  private let stateCount: Int

  init(_ geometry: RecurrentGeometry, _ saved: DeviceSlice, images: Int) {
    var start = 0
    func take(_ count: Int) -> DeviceSlice {
      defer { start += count }
      return saved[start..<(start + count)]
    }
    gateCount = images * geometry.biasCount
    stateCount = images * geometry.units
    gates = take(geometry.steps * gateCount)
    hiddens = take((geometry.steps + 1) * stateCount)
    cells = take((geometry.steps + 1) * stateCount)
    input = take(geometry.steps * images * geometry.inputs)
  }

  func gates(_ index: Int) -> DeviceSlice { gates[(index * gateCount)..<((index + 1) * gateCount)] }
  func hidden(_ index: Int) -> DeviceSlice { hiddens[(index * stateCount)..<((index + 1) * stateCount)] }
  func cell(_ index: Int) -> DeviceSlice { cells[(index * stateCount)..<((index + 1) * stateCount)] }
}

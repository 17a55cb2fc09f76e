import Format
import TrainerKernels

// A recurrent layer, all steps of a few images at a time: a piece of work is a range of images, so that no thread waits for
// another between steps. Weights are packed once for all steps and pieces. What belongs to a step lies together, [T, N, …],
// so that the weights' gradient is one product over all steps and images.

extension CPUBackend {
  /// Images that make a product with packed weights worth a piece.
  private static let imagesOfPiece = 16

  public func recurrentForward(
    _ geometry: RecurrentGeometry, count: Int, input: DeviceSlice, weights: RecurrentWeights, initial: RecurrentState?,
    output: DeviceSlice, final: RecurrentState?, saved: DeviceSlice
  ) {
    let plan = RecurrentPlan(geometry, count: count, memory: floats(saved))
    let (x, y, bias) = (floats(input), floats(output), floats(weights.bias))
    let panels = RecurrentPanels(
      geometry, input: floats(weights.input), recurrent: floats(weights.recurrent),
      memory: parts(RecurrentPanels.count(geometry)), pool)
    let (h0, c0) = (initial.map { floats($0.hidden) }, initial?.cell.map(floats))
    let (hT, cT) = (final.map { floats($0.hidden) }, final?.cell.map(floats))
    forEachRange(of: count, atLeast: CPUBackend.imagesOfPiece) { images in
      plan.begin(images, x: x, hidden: h0, cell: c0)
      for index in 0..<geometry.steps {
        plan.multiplyForward(panels, images, index: index, hiddenIsZero: index == 0 && h0 == nil)
        plan.stepForward(images, index: index, bias: bias, output: y)
      }
      plan.end(images, hidden: hT, cell: cT)
    }
  }

  public func recurrentBackward(
    _ geometry: RecurrentGeometry, count: Int, weights: RecurrentWeights, saved: DeviceSlice,
    outputGradient: DeviceSlice?, finalGradient: RecurrentState?, weightGradient: RecurrentWeights,
    inputGradient: DeviceSlice?, initialGradient: RecurrentState?
  ) {
    let plan = RecurrentPlan(geometry, count: count, memory: floats(saved))
    let units = geometry.units
    let (dy, dx) = (outputGradient.map(floats), inputGradient.map(floats))
    let (dhT, dcT) = (finalGradient.map { floats($0.hidden) }, finalGradient?.cell.map(floats))
    let (dh0, dc0) = (initialGradient.map { floats($0.hidden) }, initialGradient?.cell.map(floats))
    // Memory: both packed weights, then the pieces' sums of bias gradients, then what the weights' gradient needs.
    let packedRecurrent = PackedMatrix.count(depth: geometry.gateRows, columns: units)
    let packedInput = dx == nil ? 0 : PackedMatrix.count(depth: geometry.gateRows, columns: geometry.inputs)
    let pieces = CPUBackend.pieces(count, atLeast: CPUBackend.imagesOfPiece)
    let biasStride = MemoryPlanner.aligned(geometry.biasCount)
    let memory = parts(packedRecurrent + packedInput + pieces * biasStride + plan.transposedCount)
    let recurrent = PackedMatrix(
      floats(weights.recurrent), depth: geometry.gateRows, columns: units, memory: memory, pool)
    let inputs = dx.map { _ in
      PackedMatrix(
        floats(weights.input), depth: geometry.gateRows, columns: geometry.inputs, memory: memory + packedRecurrent,
        pool)
    }
    let biasSums = memory + packedRecurrent + packedInput

    pool.run(pieces: pieces) { piece, worker in
      let images = CPUBackend.range(piece, of: pieces, over: count)
      let sums = biasSums + piece * biasStride
      sums.update(repeating: 0, count: geometry.biasCount)
      let dh = scratch(worker: worker, 2 * images.count * units)
      let dc = dh + images.count * units
      plan.load(dhT, images, into: dh)
      plan.load(dcT, images, into: dc)
      for index in (0..<geometry.steps).reversed() {
        plan.stepBackward(images, index: index, outputGradient: dy, hidden: dh, cell: dc)
        trainer_column_sums(plan.gates(index, images), images.count, geometry.biasCount, sums)
        if let inputs, let dx { plan.inputGradient(inputs, images, index: index, into: dx) }
        if index > 0 || dh0 != nil { plan.hiddenGradient(recurrent, images, index: index, into: dh) }
      }
      plan.store(dh, images, into: dh0)
      plan.store(dc, images, into: dc0)
    }
    trainer_sum_parts(biasSums, pieces, biasStride, floats(weightGradient.bias), geometry.biasCount)
    plan.weightGradient(
      into: floats(weightGradient.input), floats(weightGradient.recurrent), memory: biasSums + pieces * biasStride, pool
    )
  }

  public func embeddingForward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, weights: DeviceSlice, output: DeviceSlice
  ) {
    let (t, w, y, width) = (floats(tokens), floats(weights), floats(output), geometry.width)
    forEachRange(of: rows, atLeast: max(CPUBackend.run / width, 1)) { range in
      for row in range { (y + row * width).update(from: w + geometry.row(of: Double(t[row])) * width, count: width) }
    }
  }

  public func embeddingBackward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, outputGradient: DeviceSlice,
    weightGradient: DeviceSlice
  ) {
    let (t, dy, dw) = (floats(tokens), floats(outputGradient), floats(weightGradient))
    let width = geometry.width
    // A piece is a part of the vocabulary, so that no two of them add to one row.
    let least = max(CPUBackend.run / width, geometry.vocabulary * width * 4 / max(rows * width, 1), 1)
    forEachRange(of: geometry.vocabulary, atLeast: least) { vocabulary in
      (dw + vocabulary.lowerBound * width).update(repeating: 0, count: vocabulary.count * width)
      for row in 0..<rows {
        let entry = geometry.row(of: Double(t[row]))
        guard vocabulary.contains(entry) else { continue }
        trainer_add(dw + entry * width, dy + row * width, dw + entry * width, width)
      }
    }
  }
}

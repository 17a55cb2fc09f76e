import Format

// What the layers over sequences are in the inference graph.

extension RecurrentLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    var inputs = [exporter.image(input)]
    for parameter in parameters { inputs.append(try exporter.constant(parameter)) }
    let isLSTM = geometry.cell == .lstm
    let state = [1, 1, 1, geometry.units]
    if exporter.keepsStates {
      inputs.append(initialHidden.map { exporter.image($0) } ?? exporter.addInput(name + ".hidden", shape: state))
      if isLSTM {
        inputs.append(initialCell.map { exporter.image($0) } ?? exporter.addInput(name + ".cell", shape: state))
      }
    } else {
      for value in [initialHidden, initialCell].compactMap({ $0 }) { inputs.append(exporter.image(value)) }
    }
    let shape = [1, geometry.steps, 1, geometry.units]
    let outputs = exporter.add(
      .recurrent(Recurrent(cell: geometry.cell, isReversed: geometry.isReversed)), name: name, inputs: inputs,
      outputs: [(name, shape)] + (isLSTM ? [(name + ".cell.final", state)] : []))
    exporter.bind(output, to: outputs[0])
    if exporter.keepsStates {
      for (input, output) in zip(inputs.dropFirst(4), outputs) { exporter.addState(input: input, output: output) }
    }
    if let finalHidden {
      let last = exporter.step(geometry.step(geometry.steps - 1), of: outputs[0], name: name + ".hidden.final")
      exporter.bind(finalHidden, to: last)
    }
    if let finalCell { exporter.bind(finalCell, to: outputs[1]) }
  }
}

extension EmbeddingLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let inputs = [exporter.image(input), try exporter.constant(weights)]
    let shape = [1, output.shape.height, 1, geometry.width]
    exporter.bind(output, to: exporter.add(.embedding, name: name, inputs: inputs, shape: shape))
  }
}

extension StepLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    exporter.bind(output, to: exporter.step(step, of: exporter.image(input), name: name))
  }
}

extension GraphExporter {
  /// One step of a sequence [1, T, 1, F], as [1, 1, 1, F].
  fileprivate mutating func step(_ step: Int, of sequence: TensorIndex, name: String) -> TensorIndex {
    let shape = graph.tensors[sequence].shape
    if shape[1] == 1 { return sequence }
    return add(
      .slice(Slice(axis: 1, start: step, count: 1)), name: name, inputs: [sequence], shape: [1, 1, 1, shape[3]])
  }
}

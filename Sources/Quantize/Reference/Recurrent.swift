import Format

extension Recurrent.Cell {
  /// One step: the new h and c from a = inputWeights·x + bias, b = recurrentWeights·h + bias, and the old ones.
  func next<Number: GateNumber>(_ a: [Number], _ b: [Number], h: [Number], c: [Number]) -> (h: [Number], c: [Number]) {
    let units = h.indices
    func sum(_ gate: Int, _ unit: Int) -> Number { a[gate * h.count + unit] + b[gate * h.count + unit] }
    switch self {
    case .rnn: return (units.map { .hyperbolicTangent(sum(0, $0)) }, c)
    case .lstm:
      let new = units.map { unit -> Number in
        let forgotten = Number.sigmoid(sum(1, unit)) * c[unit]
        let learnt = Number.sigmoid(sum(0, unit)) * .hyperbolicTangent(sum(2, unit))
        return forgotten + learnt
      }
      return (units.map { .sigmoid(sum(3, $0)) * .hyperbolicTangent(new[$0]) }, new)
    case .gru:
      let new = units.map { unit -> Number in
        let candidate = 2 * h.count + unit
        let reset = Number.sigmoid(sum(0, unit)) * b[candidate]
        let n = Number.hyperbolicTangent(a[candidate] + reset)
        // (1 − z)·n + z·h
        let change = Number.sigmoid(sum(1, unit)) * (h[unit] - n)
        return n + change
      }
      return (new, c)
    }
  }

  /// The bias of a and that of b: a GRU's last block belongs to b's last.
  func biases(_ bias: [Float]) -> (input: [Float], recurrent: [Float]) {
    let units = bias.count / biases
    let (input, rest) = (Array(bias[..<(gates * units)]), Array(bias[(gates * units)...]))
    return (input, [Float](repeating: 0, count: input.count - rest.count) + rest)
  }
}

extension ReferenceRun {
  /// y, and c of an LSTM.
  func recurrent(_ op: Recurrent, _ node: Node) -> [TensorValue] {
    if case .s8 = value(node.inputs[1]) {
      recurrent(op, node, product: quantizedProduct)
    } else {
      recurrent(op, node, product: floatProduct)
    }
  }

  private func recurrent<Number: GateNumber>(
    _ op: Recurrent, _ node: Node, product: (TensorIndex, ArraySlice<Float>, [Float]) -> [Number]
  ) -> [TensorValue] {
    let shape = tensor(node.outputs[0]).shape
    let (batch, steps, units) = (shape[0], shape[1], shape[3])
    let x = f32(node.inputs[0])
    let biases = op.cell.biases(f32(node.inputs[3]))
    func initial(_ position: Int, _ n: Int) -> [Float] {
      guard node.inputs.indices ~= position else { return [Float](repeating: 0, count: units) }
      return Array(f32(node.inputs[position])[(n * units)..<((n + 1) * units)])
    }
    var y = [Float](repeating: 0, count: batch * steps * units)
    var lastC: [Float] = []
    for n in 0..<batch {
      var (h, c) = (initial(4, n), initial(5, n))
      for step in 0..<steps {
        let row = n * steps + (op.isReversed ? steps - 1 - step : step)
        let features = x.count / (batch * steps)
        let a = product(node.inputs[1], x[(row * features)..<((row + 1) * features)], biases.input)
        let b = product(node.inputs[2], h[...], biases.recurrent)
        let next = op.cell.next(a, b, h: h.map { Number($0) }, c: c.map { Number($0) })
        (h, c) = (next.h.map { Float($0) }, next.c.map { Float($0) })
        y.replaceSubrange((row * units)..<((row + 1) * units), with: h)
      }
      lastC += c
    }
    return op.cell == .lstm ? [.f32(y), .f32(lastC)] : [.f32(y)]
  }

  /// weights·x + bias.
  private func floatProduct(_ weights: TensorIndex, _ x: ArraySlice<Float>, _ bias: [Float]) -> [Double] {
    let sums = Dense().sums(
      x.map { Double($0) }, [1, x.count], weights: f32(weights).map { Double($0) }, tensor(weights).shape,
      output: [1, bias.count])
    return zip(sums, bias).map { $0 + Double($1) }
  }

  /// The same with s8 weights, x being quantized by its own range.
  private func quantizedProduct(_ weights: TensorIndex, _ x: ArraySlice<Float>, _ bias: [Float]) -> [Float] {
    let dynamic = Quantization(rangeOf: Array(x))
    let sums = Dense().sums(
      x.map { Int32(dynamic.quantize($0)) - dynamic.zeroPoint }, [1, x.count],
      weights: s8(weights).map { Int32($0) }, tensor(weights).shape, output: [1, bias.count])
    let scales = accumulatorScales(dynamic, weights: quantization(weights), channels: bias.count)
    return bias.indices.map { dynamicResult(sums[$0], scale: scales[$0], bias: bias[$0], activation: .none) }
  }
}

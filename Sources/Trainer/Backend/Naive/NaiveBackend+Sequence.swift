import Foundation
import Format

extension NaiveBackend {
  // `saved` is, per image: the kept gates of every step, then h and c before every step and behind the last, then the input.

  public func recurrentForward(
    _ geometry: RecurrentGeometry, count: Int, input: DeviceSlice, weights: RecurrentWeights, initial: RecurrentState?,
    output: DeviceSlice, final: RecurrentState?, saved: DeviceSlice
  ) {
    let (x, y, units) = (Doubles(input), Doubles(output), geometry.units)
    let (w, u, b) = (Doubles(weights.input), Doubles(weights.recurrent), Doubles(weights.bias))
    for n in 0..<count {
      let memory = SavedSteps(geometry, saved, image: n)
      for j in 0..<units {
        memory.hidden[j] = initial.map { Doubles($0.hidden)[n * units + j] } ?? 0
        memory.cell[j] = initial?.cell.map { Doubles($0)[n * units + j] } ?? 0
      }
      for index in 0..<geometry.steps {
        let step = n * geometry.steps + geometry.step(index)
        for f in 0..<geometry.inputs { memory.input[index * geometry.inputs + f] = x[step * geometry.inputs + f] }
        let (before, after) = (index * units, (index + 1) * units)
        // Row `row` of inputWeights·x and of recurrentWeights·h.
        func a(_ row: Int) -> Double {
          (0..<geometry.inputs).reduce(0) { $0 + w[row * geometry.inputs + $1] * x[step * geometry.inputs + $1] }
        }
        func r(_ row: Int) -> Double {
          (0..<units).reduce(0) { $0 + u[row * units + $1] * memory.hidden[before + $1] }
        }
        for j in 0..<units {
          let gate = (0..<geometry.cell.biases).map { index * geometry.biasCount + $0 * units + j }
          switch geometry.cell {
          case .rnn: memory.hidden[after + j] = tanh(a(j) + r(j) + b[j])
          case .lstm:
            let sums = (0..<4).map { a($0 * units + j) + r($0 * units + j) + b[$0 * units + j] }
            let (i, f, g, o) = (logistic(sums[0]), logistic(sums[1]), tanh(sums[2]), logistic(sums[3]))
            for (place, value) in zip(gate, [i, f, g, o]) { memory.gates[place] = value }
            memory.cell[after + j] = f * memory.cell[before + j] + i * g
            memory.hidden[after + j] = o * tanh(memory.cell[after + j])
          case .gru:
            let reset = logistic(a(j) + r(j) + b[j])
            let z = logistic(a(units + j) + r(units + j) + b[units + j])
            let q = r(2 * units + j) + b[3 * units + j]
            let candidate = tanh(a(2 * units + j) + b[2 * units + j] + reset * q)
            for (place, value) in zip(gate, [reset, z, candidate, q]) { memory.gates[place] = value }
            memory.hidden[after + j] = (1 - z) * candidate + z * memory.hidden[before + j]
          }
        }
        for j in 0..<units { y[step * units + j] = memory.hidden[after + j] }
      }
      guard let final else { continue }
      for j in 0..<units {
        Doubles(final.hidden)[n * units + j] = memory.hidden[geometry.steps * units + j]
        if let cell = final.cell { Doubles(cell)[n * units + j] = memory.cell[geometry.steps * units + j] }
      }
    }
  }

  public func recurrentBackward(
    _ geometry: RecurrentGeometry, count: Int, weights: RecurrentWeights, saved: DeviceSlice,
    outputGradient: DeviceSlice?, finalGradient: RecurrentState?, weightGradient: RecurrentWeights,
    inputGradient: DeviceSlice?, initialGradient: RecurrentState?
  ) {
    let (units, inputs) = (geometry.units, geometry.inputs)
    let (w, u) = (Doubles(weights.input), Doubles(weights.recurrent))
    let gradients = [weightGradient.input, weightGradient.recurrent, weightGradient.bias]
    for slice in gradients {
      for i in 0..<slice.count { Doubles(slice)[i] = 0 }
    }
    let (dw, du, db) = (Doubles(gradients[0]), Doubles(gradients[1]), Doubles(gradients[2]))
    for n in 0..<count {
      let memory = SavedSteps(geometry, saved, image: n)
      var dh = (0..<units).map { j in finalGradient.map { Doubles($0.hidden)[n * units + j] } ?? 0 }
      var dc = (0..<units).map { j in finalGradient?.cell.map { Doubles($0)[n * units + j] } ?? 0 }
      for index in (0..<geometry.steps).reversed() {
        let step = n * geometry.steps + geometry.step(index)
        if let dy = outputGradient.map(Doubles.init) {
          for j in 0..<units { dh[j] += dy[step * units + j] }
        }
        let sums = sumGradients(geometry, memory, index: index, hidden: &dh, cell: &dc)
        for (place, d) in sums.bias.enumerated() { db[place] += d }
        if let dx = inputGradient.map(Doubles.init) {
          for f in 0..<inputs { dx[step * inputs + f] = 0 }
        }
        for row in 0..<geometry.gateRows {
          for f in 0..<inputs {
            dw[row * inputs + f] += sums.input[row] * memory.input[index * inputs + f]
            inputGradient.map(Doubles.init)?[step * inputs + f] += sums.input[row] * w[row * inputs + f]
          }
          for k in 0..<units {
            du[row * units + k] += sums.recurrent[row] * memory.hidden[index * units + k]
            dh[k] += sums.recurrent[row] * u[row * units + k]
          }
        }
      }
      guard let initialGradient else { continue }
      for j in 0..<units {
        Doubles(initialGradient.hidden)[n * units + j] = dh[j]
        if let cell = initialGradient.cell { Doubles(cell)[n * units + j] = dc[j] }
      }
    }
  }

  /// The gradients of one step's sums: those of inputWeights·x, of recurrentWeights·h, and of the biases. On entry `hidden`
  /// and `cell` are the gradients of h and c behind the step, afterwards those before it but for the part through
  /// recurrentWeights.
  private func sumGradients(
    _ geometry: RecurrentGeometry, _ memory: SavedSteps, index: Int, hidden dh: inout [Double], cell dc: inout [Double]
  ) -> (input: [Double], recurrent: [Double], bias: [Double]) {
    let units = geometry.units
    let (before, after) = (index * units, (index + 1) * units)
    var bias = [Double](repeating: 0, count: geometry.biasCount)
    for j in 0..<units {
      let gate = (0..<geometry.cell.biases).map { memory.gates[index * geometry.biasCount + $0 * units + j] }
      switch geometry.cell {
      case .rnn:
        let h = memory.hidden[after + j]
        bias[j] = dh[j] * (1 - h * h)
        dh[j] = 0
      case .lstm:
        let (i, f, g, o) = (gate[0], gate[1], gate[2], gate[3])
        let t = tanh(memory.cell[after + j])
        let d = dc[j] + dh[j] * o * (1 - t * t)
        bias[j] = d * g * i * (1 - i)
        bias[units + j] = d * memory.cell[before + j] * f * (1 - f)
        bias[2 * units + j] = d * i * (1 - g * g)
        bias[3 * units + j] = dh[j] * t * o * (1 - o)
        dc[j] = d * f
        dh[j] = 0
      case .gru:
        let (r, z, candidate, q) = (gate[0], gate[1], gate[2], gate[3])
        let dn = dh[j] * (1 - z) * (1 - candidate * candidate)
        bias[j] = dn * q * r * (1 - r)
        bias[units + j] = dh[j] * (memory.hidden[before + j] - candidate) * z * (1 - z)
        bias[2 * units + j] = dn
        bias[3 * units + j] = dn * r
        dh[j] *= z
      }
    }
    guard geometry.cell == .gru else { return (bias, bias, bias) }
    return (Array(bias[..<(3 * units)]), Array(bias[..<(2 * units)] + bias[(3 * units)...]), bias)
  }

  public func embeddingForward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, weights: DeviceSlice, output: DeviceSlice
  ) {
    let (t, w, y) = (Doubles(tokens), Doubles(weights), Doubles(output))
    for row in 0..<rows {
      for k in 0..<geometry.width { y[row * geometry.width + k] = w[geometry.row(of: t[row]) * geometry.width + k] }
    }
  }

  public func embeddingBackward(
    _ geometry: EmbeddingGeometry, rows: Int, tokens: DeviceSlice, outputGradient: DeviceSlice,
    weightGradient: DeviceSlice
  ) {
    let (t, dy, dw) = (Doubles(tokens), Doubles(outputGradient), Doubles(weightGradient))
    for i in 0..<(geometry.vocabulary * geometry.width) { dw[i] = 0 }
    for row in 0..<rows {
      for k in 0..<geometry.width { dw[geometry.row(of: t[row]) * geometry.width + k] += dy[row * geometry.width + k] }
    }
  }
}

/// One image's part of what the naive backend keeps of a recurrent layer's forward, in the order of computation.
private struct SavedSteps {
  /// [T, B, H]
  let gates: Doubles
  /// [T + 1, H]
  let hidden: Doubles
  /// [T + 1, H]
  let cell: Doubles
  /// [T, F]
  let input: Doubles

  init(_ geometry: RecurrentGeometry, _ saved: DeviceSlice, image: Int) {
    var start = image * geometry.savedCount
    func take(_ count: Int) -> Doubles {
      defer { start += count }
      return Doubles(saved[start..<(start + count)])
    }
    gates = take(geometry.steps * geometry.biasCount)
    hidden = take((geometry.steps + 1) * geometry.units)
    cell = take((geometry.steps + 1) * geometry.units)
    input = take(geometry.steps * geometry.inputs)
  }
}

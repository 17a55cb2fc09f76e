import Foundation
import TrainerKernels

extension CPUBackend {
  public func oneHot(labels: DeviceSlice, count: Int, classes: Int, smoothing: Float, targets: DeviceSlice) {
    let (label, t) = (integers(labels), floats(targets))
    if classes == 1 {
      for n in 0..<count { t[n] = Float(label[n]) }
      return
    }
    let everywhere = smoothing / Float(classes)
    t.update(repeating: everywhere, count: count * classes)
    for n in 0..<count { t[n * classes + Int(label[n])] = 1 - smoothing + everywhere }
  }

  public func softmax(rows: Int, columns: Int, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (floats(input), floats(output))
    forEachRange(of: rows, atLeast: max(CPUBackend.run / columns, 1)) { range in
      let start = range.lowerBound * columns
      trainer_softmax(x + start, y + start, range.count, columns)
    }
  }

  public func loss(
    _ loss: Loss, count: Int, outputs: Int, values: DeviceSlice, targets: DeviceSlice, weights: DeviceSlice?,
    losses: DeviceSlice, hits: DeviceSlice, gradient: DeviceSlice
  ) {
    let (z, t, dz) = (floats(values), floats(targets), floats(gradient))
    let weights = weights.map(floats)
    let (losses, hits) = (floats(losses), floats(hits))
    let share = 1 / Float(count)
    forEachRange(of: count, atLeast: max(CPUBackend.run / outputs, 1)) { examples in
      for n in examples {
        let weight = weights?[n] ?? 1
        let row = LossRow(
          z: z + n * outputs, t: t + n * outputs, dz: dz + n * outputs, count: outputs, share: weight * share)
        let value =
          switch loss {
          case .softmaxCrossEntropy: row.softmaxCrossEntropy()
          case .sigmoidCrossEntropy: row.sigmoidCrossEntropy()
          case .meanSquaredError: row.meanSquaredError()
          case .hinge: outputs == 1 ? row.binaryHinge() : row.hinge()
          case .perceptron: row.perceptron()
          }
        losses[n] = weight * value
        hits[n] = row.isHit(threshold: loss == .meanSquaredError ? 0.5 : 0) ? 1 : 0
      }
    }
  }

  public func sumOfSquares(_ values: DeviceSlice, result: DeviceSlice) {
    let x = floats(values)
    let pieces = CPUBackend.pieces(values.count, atLeast: CPUBackend.run)
    let sums = UnsafeMutableRawPointer(parts(2 * pieces)).bindMemory(to: Double.self, capacity: pieces)
    pool.run(pieces: pieces) { piece, _ in
      let range = CPUBackend.range(piece, of: pieces, over: values.count)
      sums[piece] = trainer_sum_of_squares(x + range.lowerBound, range.count)
    }
    floats(result)[0] = Float((0..<pieces).reduce(0) { $0 + sums[$1] })
  }

  public func clipNorm(_ values: DeviceSlice, sumOfSquares: DeviceSlice, limit: Float) {
    let factor = limit / floats(sumOfSquares)[0].squareRoot()
    // Written so that NaN gets through: divergence is to be seen.
    if factor >= 1 { return }
    let x = floats(values)
    forEachRun(of: values.count) { start, count in trainer_scale(x + start, count, factor) }
  }

  public func clipValues(_ values: DeviceSlice, limit: Float) {
    let x = floats(values)
    forEachRun(of: values.count) { start, count in trainer_clamp(x + start, count, limit) }
  }

  public func moveAverage(_ average: DeviceSlice, towards values: DeviceSlice, share: Float) {
    let (a, x) = (floats(average), floats(values))
    forEachRun(of: values.count) { start, count in trainer_move_average(a + start, x + start, count, share) }
  }

  public func update(
    _ step: OptimizerStep, regularized: Int, weights: DeviceSlice, gradient: DeviceSlice, slots: [DeviceSlice]
  ) {
    let (w, g) = (floats(weights), floats(gradient))
    let first = slots.isEmpty ? w : floats(slots[0])
    let second = slots.count < 2 ? w : floats(slots[1])
    let rate = step.rate
    func move(_ range: Range<Int>, penalty: Float, decay: Float) {
      let (start, count) = (range.lowerBound, range.count)
      let (w, g, first, second) = (w + start, g + start, first + start, second + start)
      switch step.optimizer {
      case .sgd: trainer_sgd(w, g, count, rate, penalty, decay)
      case .momentum(let mu): trainer_momentum(w, g, first, count, rate, penalty, decay, mu)
      case .nesterov(let mu): trainer_nesterov(w, g, first, count, rate, penalty, decay, mu)
      case .adaGrad(let epsilon): trainer_root_mean_square(w, g, first, count, rate, penalty, decay, 1, 1, epsilon)
      case .rmsProp(let keep, let epsilon):
        trainer_root_mean_square(w, g, first, count, rate, penalty, decay, keep, 1 - keep, epsilon)
      case .adam(let beta1, let beta2, let epsilon), .adamW(let beta1, let beta2, let epsilon, _):
        let adam = trainer_adam_step(beta1, beta2, epsilon, step: step.step)
        trainer_adam(w, g, first, second, count, rate, penalty, decay, adam)
      }
    }
    forEachRun(of: weights.count) { start, count in
      let border = min(max(regularized, start), start + count)
      move(start..<border, penalty: step.penalty, decay: rate * step.decay)
      move(border..<(start + count), penalty: 0, decay: 0)
    }
  }
}

/// One example's outputs, targets and gradient. Each loss gives its value and writes its gradient times `share`.
private struct LossRow {
  let z: UnsafeMutablePointer<Float>
  let t: UnsafeMutablePointer<Float>
  let dz: UnsafeMutablePointer<Float>
  let count: Int
  let share: Float

  func softmaxCrossEntropy() -> Float {
    var largest = z[0]
    for k in 1..<max(count, 1) { largest = max(largest, z[k]) }
    var sum: Float = 0
    var total: Float = 0
    for k in 0..<count {
      dz[k] = exp(z[k] - largest)
      sum += dz[k]
      total += t[k]
    }
    let logSum = log(sum)
    let scale = total / sum
    var loss: Float = 0
    for k in 0..<count {
      // −log p = log Σ exp(z − max) − (z − max)
      loss += t[k] * (logSum - (z[k] - largest))
      dz[k] = (dz[k] * scale - t[k]) * share
    }
    return loss
  }

  func sigmoidCrossEntropy() -> Float {
    var loss: Float = 0
    for k in 0..<count {
      // −[t·log h + (1 − t)·log(1 − h)] without overflow.
      let power = exp(-abs(z[k]))
      loss += max(z[k], 0) - z[k] * t[k] + log1p(power)
      let h = z[k] >= 0 ? 1 / (1 + power) : power / (1 + power)
      dz[k] = (h - t[k]) * share
    }
    return loss
  }

  func meanSquaredError() -> Float {
    var loss: Float = 0
    let inverse = 1 / Float(count)
    for k in 0..<count {
      let difference = z[k] - t[k]
      loss += difference * difference * inverse
      dz[k] = 2 * difference * inverse * share
    }
    return loss
  }

  func binaryHinge() -> Float {
    let y: Float = t[0] > 0.5 ? 1 : -1
    let loss = max(0, 1 - y * z[0])
    dz[0] = loss > 0 ? -y * share : 0
    return loss
  }

  func hinge() -> Float {
    let right = largest(of: t)
    var loss: Float = 0
    var wrong: Float = 0
    for k in 0..<count {
      let excess = k == right ? 0 : max(0, 1 + z[k] - z[right])
      loss += excess
      dz[k] = excess > 0 ? share : 0
      if excess > 0 { wrong += 1 }
    }
    dz[right] = -wrong * share
    return loss
  }

  func perceptron() -> Float {
    var loss: Float = 0
    for k in 0..<count {
      let error = (z[k] > 0 ? 1 : 0) - t[k]
      loss += error * z[k]
      dz[k] = error * share
    }
    return loss
  }

  func isHit(threshold: Float) -> Bool {
    count == 1 ? (z[0] > threshold) == (t[0] > 0.5) : largest(of: z) == largest(of: t)
  }

  /// The place of the largest value, the first one if several are equal.
  private func largest(of values: UnsafeMutablePointer<Float>) -> Int {
    var best = 0
    for k in 1..<count where values[k] > values[best] { best = k }
    return best
  }
}

extension trainer_adam_step {
  /// - Parameter step: t, from 1.
  fileprivate init(_ beta1: Float, _ beta2: Float, _ epsilon: Float, step: Int) {
    self.init(
      beta1: beta1, beta2: beta2, epsilon: epsilon,
      correction1: Float(1 / (1 - pow(Double(beta1), Double(step)))),
      correction2: Float(1 / (1 - pow(Double(beta2), Double(step)))))
  }
}

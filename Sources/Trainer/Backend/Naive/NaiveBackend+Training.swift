import Foundation

extension NaiveBackend {
  public func oneHot(labels: DeviceSlice, count: Int, classes: Int, smoothing: Float, targets: DeviceSlice) {
    let (label, t) = (Doubles(labels), Doubles(targets))
    let everywhere = Double(smoothing) / Double(classes)
    for n in 0..<count {
      for k in 0..<classes {
        let isRight = Double(k) == label[n]
        t[n * classes + k] = classes == 1 ? label[n] : everywhere + (isRight ? 1 - Double(smoothing) : 0)
      }
    }
  }

  public func softmax(rows: Int, columns: Int, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (Doubles(input), Doubles(output))
    for row in 0..<rows {
      let values = (0..<columns).map { x[row * columns + $0] }
      for (k, p) in softmax(values).enumerated() { y[row * columns + k] = p }
    }
  }

  private func softmax(_ values: [Double]) -> [Double] {
    let largest = values.max() ?? 0
    let powers = values.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  public func loss(
    _ loss: Loss, count: Int, outputs: Int, values: DeviceSlice, targets: DeviceSlice, weights: DeviceSlice?,
    losses: DeviceSlice, hits: DeviceSlice, gradient: DeviceSlice
  ) {
    let (z, t, dz) = (Doubles(values), Doubles(targets), Doubles(gradient))
    let weights = weights.map(Doubles.init)
    let (losses, hits) = (Doubles(losses), Doubles(hits))
    for n in 0..<count {
      let row = (0..<outputs).map { n * outputs + $0 }
      let (values, targets) = (row.map { z[$0] }, row.map { t[$0] })
      var sum = 0.0
      switch loss {
      case .softmaxCrossEntropy:
        let probabilities = softmax(values)
        let total = targets.reduce(0, +)
        let largest = values.max() ?? 0
        let logSum = log(values.reduce(0) { $0 + exp($1 - largest) })
        for (k, index) in row.enumerated() {
          // −log p without the detour over p, which may be 0.
          sum += targets[k] * (logSum - (values[k] - largest))
          dz[index] = (probabilities[k] * total - targets[k]) / Double(count)
        }
      case .sigmoidCrossEntropy:
        for (k, index) in row.enumerated() {
          // −[t·log h + (1 − t)·log(1 − h)] without overflow.
          sum += max(values[k], 0) - values[k] * targets[k] + log1p(exp(-abs(values[k])))
          dz[index] = (1 / (1 + exp(-values[k])) - targets[k]) / Double(count)
        }
      case .meanSquaredError:
        for (k, index) in row.enumerated() {
          let difference = values[k] - targets[k]
          sum += difference * difference / Double(outputs)
          dz[index] = 2 * difference / Double(outputs * count)
        }
      case .hinge where outputs == 1:
        let y = targets[0] > 0.5 ? 1.0 : -1
        sum = max(0, 1 - y * values[0])
        dz[row[0]] = sum > 0 ? -y / Double(count) : 0
      case .hinge:
        let right = targets.firstIndex(of: targets.max()!)!
        for index in row { dz[index] = 0 }
        for k in 0..<outputs where k != right && 1 + values[k] - values[right] > 0 {
          sum += 1 + values[k] - values[right]
          dz[row[k]] = 1 / Double(count)
          dz[row[right]] -= 1 / Double(count)
        }
      case .perceptron:
        for (k, index) in row.enumerated() {
          let error = (values[k] > 0 ? 1 : 0) - targets[k]
          sum += error * values[k]
          dz[index] = error / Double(count)
        }
      }
      let weight = weights?[n] ?? 1
      losses[n] = weight * sum
      for index in row { dz[index] *= weight }
      hits[n] = loss.isHit(values, targets) ? 1 : 0
    }
  }

  public func sumOfSquares(_ values: DeviceSlice, result: DeviceSlice) {
    let x = Doubles(values)
    Doubles(result)[0] = (0..<values.count).reduce(0) { $0 + x[$1] * x[$1] }
  }

  public func clipNorm(_ values: DeviceSlice, sumOfSquares: DeviceSlice, limit: Float) {
    let x = Doubles(values)
    let factor = min(1, Double(limit) / Doubles(sumOfSquares)[0].squareRoot())
    for i in 0..<values.count { x[i] *= factor }
  }

  public func clipValues(_ values: DeviceSlice, limit: Float) {
    let x = Doubles(values)
    for i in 0..<values.count { x[i] = min(max(x[i], -Double(limit)), Double(limit)) }
  }

  public func moveAverage(_ average: DeviceSlice, towards values: DeviceSlice, share: Float) {
    let (a, x) = (Doubles(average), Doubles(values))
    for i in 0..<values.count { a[i] += Double(share) * (x[i] - a[i]) }
  }

  public func update(
    _ step: OptimizerStep, regularized: Int, weights: DeviceSlice, gradient: DeviceSlice, slots: [DeviceSlice]
  ) {
    let (w, g, slots) = (Doubles(weights), Doubles(gradient), slots.map(Doubles.init))
    let rate = Double(step.rate)
    for i in 0..<weights.count {
      let penalty = i < regularized ? Double(step.penalty) : 0
      let decay = i < regularized ? rate * Double(step.decay) : 0
      let g = g[i] + penalty * w[i]
      w[i] -= decay * w[i]
      switch step.optimizer {
      case .sgd:
        w[i] -= rate * g
      case .momentum(let mu):
        slots[0][i] = Double(mu) * slots[0][i] + g
        w[i] -= rate * slots[0][i]
      case .nesterov(let mu):
        slots[0][i] = Double(mu) * slots[0][i] + g
        w[i] -= rate * (g + Double(mu) * slots[0][i])
      case .adaGrad(let epsilon):
        slots[0][i] += g * g
        w[i] -= rate * g / (slots[0][i].squareRoot() + Double(epsilon))
      case .rmsProp(let decay, let epsilon):
        slots[0][i] = Double(decay) * slots[0][i] + (1 - Double(decay)) * g * g
        w[i] -= rate * g / (slots[0][i].squareRoot() + Double(epsilon))
      case .adam(let beta1, let beta2, let epsilon), .adamW(let beta1, let beta2, let epsilon, _):
        w[i] -= rate * adam(beta1, beta2, epsilon, t: step.step, g, &slots[0][i], &slots[1][i])
      }
    }
  }

  /// Adam's direction; `mean` and `square` move.
  private func adam(
    _ beta1: Float, _ beta2: Float, _ epsilon: Float, t: Int, _ g: Double, _ mean: inout Double, _ square: inout Double
  ) -> Double {
    let (beta1, beta2) = (Double(beta1), Double(beta2))
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * g * g
    let unbiasedMean = mean / (1 - pow(beta1, Double(t)))
    let unbiasedSquare = square / (1 - pow(beta2, Double(t)))
    return unbiasedMean / (unbiasedSquare.squareRoot() + Double(epsilon))
  }
}

extension Loss {
  /// Whether an example counts as classified right: see `Backend.loss`. The first of equal values is the largest.
  func isHit(_ values: [Double], _ targets: [Double]) -> Bool {
    if values.count == 1 {
      let threshold = self == .meanSquaredError ? 0.5 : 0.0
      return (values[0] > threshold) == (targets[0] > 0.5)
    }
    return values.firstIndex(of: values.max()!) == targets.firstIndex(of: targets.max()!)
  }
}

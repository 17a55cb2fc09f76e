import Foundation

extension OpenCLBackend {
  public func oneHot(labels: DeviceSlice, count: Int, classes: Int, smoothing: Float, targets: DeviceSlice) {
    let low = smoothing / Float(classes)
    runElements(
      .loss, "one_hot", count: count * classes, [labels, targets, count, classes, 1 - smoothing + low, low])
  }

  public func softmax(rows: Int, columns: Int, input: DeviceSlice, output: DeviceSlice) {
    runRows("softmax", rows, [input, output, rows, columns])
  }

  public func loss(
    _ loss: Loss, count: Int, outputs: Int, values: DeviceSlice, targets: DeviceSlice, weights: DeviceSlice?,
    losses: DeviceSlice, hits: DeviceSlice, gradient: DeviceSlice
  ) {
    let kernel =
      switch loss {
      case .softmaxCrossEntropy: "softmax_cross_entropy"
      case .sigmoidCrossEntropy: "sigmoid_cross_entropy"
      case .meanSquaredError: "mean_squared_error"
      case .hinge: "hinge"
      case .perceptron: "perceptron"
      }
    runRows(
      kernel, count,
      [values, targets, weights ?? targets, losses, hits, gradient, count, outputs, weights == nil ? 0 : 1])
  }

  /// One work-item per row of outputs.
  private func runRows(_ kernel: String, _ rows: Int, _ arguments: [any KernelArgument]) {
    queue.run(program(.loss), kernel, global: [roundUp(rows, 32)], local: [32], arguments)
  }

  public func sumOfSquares(_ values: DeviceSlice, result: DeviceSlice) {
    let each = max((values.count + 1023) / 1024, 1024)
    let number = max(ceilDivide(values.count, each), 1)
    guard let parts = scratch(.parts, number) else { return }
    queue.run(
      program(.reduce), "sum_of_squares", global: [roundUp(number, 16)], local: [16],
      [values, parts, values.count, each])
    sumParts(parts, number: number, into: result[0..<1])
  }

  public func clipNorm(_ values: DeviceSlice, sumOfSquares: DeviceSlice, limit: Float) {
    runElements(.optimizer, "clip_norm", count: values.count, [values, sumOfSquares, values.count, limit])
  }

  public func clipValues(_ values: DeviceSlice, limit: Float) {
    runElements(.optimizer, "clip_values", count: values.count, [values, values.count, limit])
  }

  public func moveAverage(_ average: DeviceSlice, towards values: DeviceSlice, share: Float) {
    runElements(.optimizer, "move_average", count: values.count, [average, values, values.count, share])
  }

  public func update(
    _ step: OptimizerStep, regularized: Int, weights: DeviceSlice, gradient: DeviceSlice, slots: [DeviceSlice]
  ) {
    let count = weights.count
    let common: [any KernelArgument] =
      [weights, gradient] + slots + [count, regularized, step.rate, step.penalty, step.rate * step.decay]
    func run(_ kernel: String, _ arguments: Float...) {
      runElements(.optimizer, kernel, count: count, common + arguments)
    }
    switch step.optimizer {
    case .sgd: run("sgd")
    case .momentum(let mu): run("momentum", mu)
    case .nesterov(let mu): run("nesterov", mu)
    case .adaGrad(let epsilon): run("root_mean_square", 1, 1, epsilon)
    case .rmsProp(let decay, let epsilon): run("root_mean_square", decay, 1 - decay, epsilon)
    case .adam(let beta1, let beta2, let epsilon), .adamW(let beta1, let beta2, let epsilon, _):
      func correction(_ beta: Float) -> Float { Float(1 / (1 - pow(Double(beta), Double(step.step)))) }
      run("adam", beta1, beta2, epsilon, correction(beta1), correction(beta2))
    }
  }

  // MARK: Sums in parts

  /// result [count] = Σ parts [number, count].
  func sumParts(_ parts: DeviceSlice, number: Int, into result: DeviceSlice) {
    runElements(.reduce, "sum_parts", count: result.count, [parts, result, number, result.count])
  }

  /// result [columns] = Σ over rows of values [rows, columns].
  func columnSums(_ values: DeviceSlice, rows: Int, columns: Int, into result: DeviceSlice) {
    columnSums("column_sums", [values[0..<(rows * columns)]], [], rows: rows, columns: columns, into: result)
  }

  /// Multiplies a gradient [rows, columns] by the slope of a function that cut `values` to bounds; result [columns] = Σ over
  /// rows of it.
  func cutGradientSums(
    _ gradient: DeviceSlice, _ values: DeviceSlice, _ bounds: (low: Float, high: Float), rows: Int, columns: Int,
    into result: DeviceSlice
  ) {
    columnSums(
      "cut_gradient_sums", [values, gradient], [bounds.low, bounds.high], rows: rows, columns: columns, into: result)
  }

  private func columnSums(
    _ kernel: String, _ matrices: [any KernelArgument], _ rest: [any KernelArgument], rows: Int, columns: Int,
    into result: DeviceSlice
  ) {
    let cut = parts(of: rows)
    let isWhole = cut.number == 1
    guard let sums = isWhole ? result : scratch(.parts, cut.number * columns) else { return }
    runLoops(
      .reduce, kernel, columns: columns, [cut.number], matrices + [sums, rows, columns, cut.rows] + rest)
    if !isWhole { sumParts(sums, number: cut.number, into: result[0..<columns]) }
  }
}

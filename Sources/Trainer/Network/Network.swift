/// A network on a backend: weights, and forward and backward computation as a list of layers over planned memory.
///
/// Device memory is allocated in `init` alone. The same description, seed and calls give the same bits on a backend,
/// whatever its number of threads.
///
///     let network = try Network(description, backend: CPUBackend(), batch: 64, seed: 1)
///     let result = try network.trainStep(inputs: images, labels: labels, count: 64, rate: 0.01)
public final class Network {
  public let description: NetworkDescription
  public let backend: any Backend
  /// The largest number of images in a step.
  public let batch: Int
  /// Elements of one image (of all inputs together, one behind the other), and of one image's output.
  public let inputCount: Int
  public let outputCount: Int
  /// Labels of one image: the steps of a sequence whose every step is classified, else 1.
  public let labelCount: Int
  /// Elements of the output that belong to one label.
  public var classCount: Int { outputCount / labelCount }
  /// m of `WeightPenalty.l2PerExample`; the step's own number of images if nil.
  public var trainingExamples: Int?
  /// Factors of each class's examples in the loss of a training step, one per class; nil: all count alike.
  public var classWeights: [Float]?
  /// Steps done.
  public internal(set) var step = 0
  /// Key of all random numbers: initial weights, dropout.
  public internal(set) var seed: UInt64
  /// Weights of frozen layers.
  public let frozenParameterCount: Int
  /// Bytes of all activations and their gradients, in one arena.
  public let activationBytes: Int

  let list: LayerList
  let parameters: [Parameter]
  let statistics: [RunningStatistics]
  /// All parameters, the regularized ones first; gradients and slots alike.
  let weights: DeviceSlice
  let gradient: DeviceSlice
  let slots: [DeviceSlice]
  /// Where each parameter starts in them.
  private let offsets: [Int]
  /// Memory of each running statistics.
  private let statisticsValues: [DeviceSlice]
  /// What predictions, evaluation and export use instead of the weights; nil where the recipe wants none.
  private(set) var average: WeightAverage?
  let regularizedCount: Int
  /// Elements of `weights` that training moves; those of frozen layers lie behind.
  private let trainedCount: Int
  let labels: DeviceSlice
  let targets: DeviceSlice
  private let predictions: DeviceSlice
  /// Examples that the device keeps.
  var stores: [any ResidentStore] = []
  /// Factors of each label's loss, [batch · labelCount], which the last `load` gave where `hasLossWeights`.
  let lossWeights: DeviceSlice
  var hasLossWeights = false
  /// Labels that the last `load` gave and that count, and which labels they are; nil: all.
  var countedLabels = 0
  var isCounted: [Bool]?
  /// Losses [batch · labelCount], hits [batch · labelCount], Σ w² [1], Σ g² [1].
  private let results: DeviceSlice
  /// Each label's loss.
  var lossValues: DeviceSlice { results[0..<rows] }
  /// Labels of a whole batch.
  private let rows: Int
  private var hostResults: [Float]

  /// - Parameters:
  ///   - batch: the largest number of images in a step, at least 1.
  ///   - seed: the same seed gives the same initial weights on every backend.
  ///   - freeze: the layer up to which nothing is trained, itself included.
  /// - Throws: `TrainerError.invalid` if the layers do not fit together, `.device` if memory does not suffice.
  public init(
    _ description: NetworkDescription, backend: any Backend, batch: Int, seed: UInt64, freeze: String? = nil
  ) throws(TrainerError) {
    guard batch > 0 else { throw .invalid(what: "batch", expected: "at least 1", found: "\(batch)") }
    let list = try LayerList(description, freeze: freeze)
    self.description = description
    self.backend = backend
    self.batch = batch
    self.seed = seed
    self.list = list
    inputCount = list.inputs.reduce(0) { $0 + $1.shape.count }
    outputCount = list.output.shape.count
    labelCount = list.labelCount
    let rows = batch * labelCount
    self.rows = rows
    let arena = try list.placeActivations(on: backend, batch: batch)
    activationBytes = arena * MemoryLayout<Float>.stride
    for layer in list.layers { try layer.allocate(on: backend, batch: batch) }

    let all = list.layers.flatMap(\.parameters)
    let frozen = list.layers.prefix(list.frozenCount).flatMap(\.parameters)
    let trained = all.dropFirst(frozen.count)
    parameters = trained.filter(\.regularized) + trained.filter { !$0.regularized } + frozen
    frozenParameterCount = frozen.reduce(0) { $0 + $1.count }
    let offsets = Network.offsets(of: parameters.map(\.count))
    let total = offsets.last!
    regularizedCount = offsets[trained.count(where: \.regularized)]
    trainedCount = offsets[trained.count]
    weights = try backend.reals(total)
    gradient = try backend.reals(total)
    var slots: [DeviceSlice] = []
    for _ in description.recipe.optimizer.slots { slots.append(try backend.reals(total)) }
    self.slots = slots
    self.offsets = offsets
    statistics = list.layers.flatMap(\.statistics)
    var statisticsValues: [DeviceSlice] = []
    for each in statistics { statisticsValues.append(try backend.reals(2 * each.channels)) }
    self.statisticsValues = statisticsValues

    labels = DeviceSlice(try backend.allocate(.int32, count: rows), count: rows)
    targets = try backend.reals(batch * outputCount)
    predictions = try backend.reals(batch * outputCount)
    lossWeights = try backend.reals(rows)
    results = try backend.reals(2 * rows + 2)
    hostResults = [Float](repeating: 0, count: 2 * rows + 2)
    place(weights: weights, statistics: statisticsValues)
    initialize()
    if let decay = description.recipe.averageDecay {
      average = try WeightAverage(decay: decay, of: weights, statistics: statisticsValues, on: backend)
    }
  }

  /// Lets all layers compute with these weights and statistics.
  private func place(weights: DeviceSlice, statistics values: [DeviceSlice]) {
    for (parameter, offset) in zip(parameters, offsets) {
      let range = offset..<(offset + parameter.count)
      parameter.place(weights: weights[range], gradient: gradient[range])
    }
    for (each, values) in zip(statistics, values) { each.place(values) }
  }

  /// Runs `body` with the averaged weights instead of the trained ones, where the recipe keeps an average.
  func withAverage<Result>(_ body: () throws(TrainerError) -> Result) throws(TrainerError) -> Result {
    guard let average else { return try body() }
    place(weights: average.weights, statistics: average.statistics)
    defer { place(weights: weights, statistics: statisticsValues) }
    return try body()
  }

  /// Those that training moves: all but frozen layers'.
  var movedStatistics: [RunningStatistics] { list.layers.dropFirst(list.frozenCount).flatMap(\.statistics) }

  /// Number of weights.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Starts of tensors of these sizes one behind the other, aligned, and the end.
  private static func offsets(of counts: [Int]) -> [Int] {
    counts.reduce(into: [0]) { $0.append($0.last! + MemoryPlanner.aligned($1)) }
  }

  private func initialize() {
    let random = Philox(key: seed)
    // A weight begins as it does in the network without frozen layers.
    let all = list.layers.flatMap(\.parameters)
    for (index, parameter) in (all.filter(\.regularized) + all.filter { !$0.regularized }).enumerated() {
      let values: [Float] =
        switch parameter.initial {
        case .constant(let value): [Float](repeating: value, count: parameter.count)
        case .given(let values): values
        case .normal(let deviation):
          random.normals(count: parameter.count, stream: UInt32(index)).map { $0 * deviation }
        }
      values.withUnsafeBufferPointer { backend.upload($0, to: parameter.weights) }
    }
    for each in statistics {
      each.initial.withUnsafeBufferPointer { backend.upload($0, to: each.values) }
    }
  }

  // MARK: Training

  /// One step of the recipe's optimizer on examples with class labels.
  ///
  /// - Parameters:
  ///   - inputs: [count, H, W, C]; with several inputs, those of an image one behind the other.
  ///   - labels: one per image, in 0..<outputs; with one output 0 or 1. Of a sequence, `labelCount` per image, and −1 at steps
  ///     that do not count; the loss is the mean over those that do.
  ///   - count: 1...batch.
  ///   - rate: this step's learning rate.
  public func trainStep(
    inputs: [Float], labels: [Int32], count: Int, rate: Float
  ) throws(TrainerError) -> StepResult {
    try load(inputs: inputs, labels: labels, count: count, isTraining: true)
    return try result(of: step(count: count, rate: rate))
  }

  /// One step on examples with targets [count, outputs] of their own, as mixed labels are; smoothing and class weights are
  /// applied to them as to labels.
  public func trainStep(
    inputs: [Float], targets: [Float], count: Int, rate: Float
  ) throws(TrainerError) -> StepResult {
    try load(inputs: inputs, targets: targets, count: count, isTraining: true)
    return try result(of: step(count: count, rate: rate))
  }

  /// Loss and hits without a step, computed as on the device: no dropout, running statistics, averaged weights where the
  /// recipe keeps them; labels are not smoothed, and all classes count alike.
  public func evaluate(inputs: [Float], labels: [Int32], count: Int) throws(TrainerError) -> StepResult {
    try load(inputs: inputs, labels: labels, count: count, isTraining: false)
    return try evaluateLoaded(count: count)
  }

  /// Loss and hits on examples with targets [count, outputs] of their own.
  public func evaluate(inputs: [Float], targets: [Float], count: Int) throws(TrainerError) -> StepResult {
    try load(inputs: inputs, targets: targets, count: count)
    return try evaluateLoaded(count: count)
  }

  /// The network's predictions [count, outputs]: probabilities if the loss is a cross-entropy.
  ///
  /// - Parameter count: any number of images; they are taken `batch` at a time.
  public func predict(inputs: [Float], count: Int) throws(TrainerError) -> [Float] {
    try check(inputs.count, count * inputCount, what: "inputs")
    var result = [Float](repeating: 0, count: count * outputCount)
    for start in stride(from: 0, to: count, by: batch) {
      let images = min(batch, count - start)
      inputs.withUnsafeBufferPointer {
        upload(inputs: UnsafeBufferPointer(rebasing: $0[(start * inputCount)...]), count: images)
      }
      try withAverage { forward(count: images, training: false) }
      applyHead(count: images)
      try download(predictions[0..<(images * outputCount)], into: &result, at: start * outputCount)
    }
    return result
  }

  /// A step with the examples that were loaded.
  func step(count: Int, rate: Float) -> PendingStep {
    forward(count: count, training: true)
    computeLoss(count: count)
    backward(count: count)
    update(rate: rate, count: count)
    return beginResult(count: count)
  }

  /// Loss and hits of the examples that were loaded.
  func evaluateLoaded(count: Int) throws(TrainerError) -> StepResult {
    try withAverage { forward(count: count, training: false) }
    computeLoss(count: count)
    return try result(of: beginResult(count: count))
  }

  // MARK: The parts of a step

  /// - Parameter first: place of the first image in the step's batch, if that is divided.
  func forward(count: Int, first: Int = 0, training: Bool) {
    let pass = self.pass(count: count, first: first, training: training)
    // Frozen layers compute as on the device: batch-norm keeps its statistics, nothing is dropped.
    let frozen = self.pass(count: count, first: first, training: false)
    for (index, layer) in list.layers.enumerated() { layer.forward(index < list.frozenCount ? frozen : pass) }
  }

  func computeLoss(count: Int) {
    backend.loss(
      description.recipe.loss, count: count * labelCount, outputs: classCount, values: list.output.data,
      targets: targets, weights: hasLossWeights ? lossWeights : nil, losses: results[0..<rows],
      hits: results[rows..<(2 * rows)], gradient: list.output.gradient!)
    if description.recipe.penalty != .none {
      backend.sumOfSquares(weights[0..<regularizedCount], result: results[(2 * rows)..<(2 * rows + 1)])
    }
  }

  /// - Parameters:
  ///   - first: as for `forward`.
  ///   - finished: told the place of each layer whose backward computation has begun, the last layer first; its gradients
  ///     can be downloaded.
  func backward(count: Int, first: Int = 0, finished: (Int) -> Void = { _ in }) {
    let pass = self.pass(count: count, first: first, training: true)
    for (place, layer) in list.layers.enumerated().reversed() where layer.outputs[0].needsGradient {
      layer.backward(pass)
      finished(place)
    }
  }

  func update(rate: Float, count: Int) {
    clipGradient()
    step += 1
    let rule = OptimizerStep(
      optimizer: description.recipe.optimizer, rate: rate, step: step, penalty: penalty(count: count),
      weightDecay: description.recipe.weightDecay)
    let trained = 0..<trainedCount
    backend.update(
      rule, regularized: regularizedCount, weights: weights[trained], gradient: gradient[trained],
      slots: slots.map { $0[trained] })
    average?.move(towards: weights, statistics: statisticsValues, step: step)
  }

  private func clipGradient() {
    switch description.recipe.clip {
    case .none: break
    case .norm(let limit):
      let sum = results[(2 * rows + 1)..<(2 * rows + 2)]
      backend.sumOfSquares(gradient, result: sum)
      backend.clipNorm(gradient, sumOfSquares: sum, limit: limit)
    case .value(let limit): backend.clipValues(gradient, limit: limit)
    }
  }

  /// Loss, penalty and hits of the last `computeLoss`, on their way to the host.
  func beginResult(count: Int) -> PendingStep {
    PendingStep(
      rows: count * labelCount, labels: countedLabels, isCounted: isCounted, penalty: penalty(count: count),
      download: backend.beginDownload(results))
  }

  /// Waits for what a step has come to.
  ///
  /// - Precondition: `step` is the last that was begun, or has a download of its own.
  func result(of step: PendingStep) throws(TrainerError) -> StepResult {
    if let download = step.download {
      try hostResults.withUnsafeMutableBufferPointer { (values) throws(TrainerError) in
        try download.wait(into: values)
      }
    } else {
      try download(results, into: &hostResults, at: 0)
    }
    var loss = 0.0
    var correct = 0
    for index in 0..<step.rows {
      loss += Double(hostResults[index])
      if step.isCounted?[index] ?? true { correct += Int(hostResults[rows + index]) }
    }
    return StepResult(
      loss: loss / Double(step.rows), penalty: 0.5 * Double(step.penalty) * Double(hostResults[2 * rows]),
      correct: correct, labels: step.labels)
  }

  // MARK: Small things

  private func pass(count: Int, first: Int, training: Bool) -> Pass {
    Pass(backend: backend, count: count, first: first, training: training, seed: seed, step: step)
  }

  private func penalty(count: Int) -> Float {
    description.recipe.penalty.coefficient(examples: trainingExamples ?? count)
  }

  private func applyHead(count: Int) {
    let values = list.output.data(count)
    let result = predictions[0..<(count * outputCount)]
    switch list.head {
    case .softmax: backend.softmax(rows: count * labelCount, columns: classCount, input: values, output: result)
    case .sigmoid: backend.activationForward(.sigmoid, input: values, output: result)
    case .threshold: backend.activationForward(.threshold, input: values, output: result)
    case .none: backend.copy(values, to: result)
    }
  }

  private func download(_ slice: DeviceSlice, into values: inout [Float], at offset: Int) throws(TrainerError) {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(TrainerError) in
      try backend.download(slice, into: UnsafeMutableBufferPointer(rebasing: buffer[offset..<(offset + slice.count)]))
    }
  }
}

extension Backend {
  /// A new buffer of reals, whole.
  func reals(_ count: Int) throws(TrainerError) -> DeviceSlice {
    DeviceSlice(try allocate(.real, count: count), count: count)
  }
}

/// What computes a training run: the devices of this process, and the processes beside it.
public struct TrainingDevices {
  public var backends: [any Backend]
  /// How much of a batch each backend gets, as in 1 : 4.
  public var shares: [Int]
  /// Nil if this process is alone.
  public var communicator: (any Communicator)?

  /// - Parameter shares: one above 0 for each backend; nil for equal parts.
  public init(_ backends: [any Backend], shares: [Int]? = nil, communicator: (any Communicator)? = nil) {
    precondition(!backends.isEmpty, "a network needs a device")
    self.backends = backends
    self.shares = shares ?? backends.map { _ in 1 }
    self.communicator = communicator
    precondition(self.shares.count == backends.count && self.shares.allSatisfy { $0 > 0 }, "a share for each device")
  }
}

/// One network trained on several devices, and by several processes, at once: each computes the gradient of its part of
/// the batch, the parts are added up in a fixed order, and one update moves the weights that all of them have.
///
/// With the same batch a step gives what one device gives, but for rounding (a sum over the batch is made in parts):
/// - the loss is a mean over the batch's labels, so a part's gradient counts as much as it has labels (examples, or the steps
///   of sequences that have one);
/// - dropout draws by an example's place in the whole batch;
/// - batch-norm normalizes by the statistics of the examples on its own device, as is usual; that is not what one device
///   computes. Its running statistics are, after each step, the mean of the devices' ones, on all of them;
/// - penalty, clipping, optimizer and averaged weights belong to the update, which the first device of a process makes.
///
/// States that a recurrent layer carries from one step of training to the next belong to places in the batch of one device;
/// networks with them cannot be divided.
///
/// The processes update alike, each its own copy; `synchronize` makes sure that they stay the same. In a process the
/// devices compute at the same time, and the others get the first one's weights after each step.
///
/// With one device and no other process this is `Network` itself and costs nothing.
public final class DataParallel {
  /// One network for each device; the first one's state is the state.
  private let replicas: [Network]
  private let shares: [Int]
  private let communicator: (any Communicator)?
  private let exchange: GradientExchange?
  /// One for each device.
  private let threads: ThreadPool?
  /// The part of this process.
  let share: RankShare

  /// - Parameters:
  ///   - batch: the largest number of examples in a step, over all devices and processes.
  ///   - freeze: the layer up to which nothing is trained, itself included.
  /// - Throws: `TrainerError.invalid` if the layers do not fit together or cannot be divided, `.device` if memory does not
  ///   suffice.
  public init(
    _ description: NetworkDescription, devices: TrainingDevices, batch: Int, seed: UInt64, freeze: String? = nil
  ) throws(TrainerError) {
    let (backends, communicator) = (devices.backends, devices.communicator)
    shares = devices.shares
    self.communicator = communicator
    share = RankShare(rank: communicator?.rank ?? 0, size: communicator?.size ?? 1)
    let local = Shards.largest(of: batch, shares: [Int](repeating: 1, count: share.size), index: share.rank)
    var replicas: [Network] = []
    for (index, backend) in backends.enumerated() {
      let size = Shards.largest(of: local, shares: shares, index: index)
      replicas.append(try Network(description, backend: backend, batch: size, seed: seed, freeze: freeze))
    }
    self.replicas = replicas
    let isAlone = backends.count == 1 && share.size == 1
    if !isAlone, let layer = replicas[0].list.layers.first(where: { !$0.carriedStates.isEmpty }) {
      throw .invalid(
        what: layer.name, expected: "one device and one process, for states that are carried from step to step",
        found: "\(backends.count) and \(share.size)")
    }
    exchange = isAlone ? nil : GradientExchange(replicas, communicator: communicator)
    threads = backends.count > 1 ? ThreadPool(threads: backends.count) : nil
  }

  private var first: Network { replicas[0] }
  public var parameterCount: Int { first.parameterCount }
  /// Weights of frozen layers.
  public var frozenParameterCount: Int { first.frozenParameterCount }
  public var outputCount: Int { first.outputCount }
  public var inputCount: Int { first.inputCount }

  /// m of `WeightPenalty.l2PerExample`; the step's own number of examples if nil.
  public var trainingExamples: Int? {
    get { first.trainingExamples }
    set { for replica in replicas { replica.trainingExamples = newValue } }
  }

  /// See `Network.classWeights`.
  public var classWeights: [Float]? {
    get { first.classWeights }
    set { for replica in replicas { replica.classWeights = newValue } }
  }

  /// Which of a step's `count` examples this process computes: it is these that `trainStep` gets.
  public func part(of count: Int) -> Range<Int> { share.part(of: count) }

  // MARK: Steps

  /// One step of the recipe's optimizer.
  ///
  /// - Parameters:
  ///   - batch: `part(of: count)` of the step's examples.
  ///   - count: the step's examples in all processes together, at least 1.
  /// - Returns: what the whole step did.
  public func trainStep(_ batch: Batch, of count: Int, rate: Float) throws(TrainerError) -> StepResult {
    try result(of: beginStep(batch, of: count, rate: rate))
  }

  /// A step that was begun: its result, or where it will be.
  enum Begun {
    case done(StepResult)
    case pending(PendingStep)

    /// Whether other steps may be begun before the result is asked for.
    var canWait: Bool {
      switch self {
      case .done: false
      case .pending(let step): step.canWait
      }
    }
  }

  /// As `trainStep`, but a single device may still be computing when this returns.
  func beginStep(_ batch: Batch, of count: Int, rate: Float) throws(TrainerError) -> Begun {
    guard let exchange else { return .pending(try first.beginStep(batch, rate: rate)) }
    return .done(try sharedStep(batch, of: count, rate: rate, exchange))
  }

  /// Waits for what a step has come to.
  func result(of step: Begun) throws(TrainerError) -> StepResult {
    switch step {
    case .done(let result): result
    case .pending(let step): try first.result(of: step)
    }
  }

  /// Examples that steps and evaluations may pick from then, if every device has room for them, and their number.
  func keep(_ examples: ResidentExamples) -> Int? {
    var number: Int?
    for (index, replica) in replicas.enumerated() {
      number = replica.keep(examples)
      guard number == nil else { continue }
      for replica in replicas[..<index] { replica.forgetLastStore() }
      return nil
    }
    return number
  }

  /// A step of several devices or processes.
  private func sharedStep(
    _ batch: Batch, of count: Int, rate: Float, _ exchange: GradientExchange
  ) throws(TrainerError) -> StepResult {
    let part = part(of: count)
    precondition(batch.count == part.count, "another part of the batch")
    let ranges = Shards.ranges(of: batch.count, shares: shares)
    let counted = ranges.map { Double(batch.countedLabels(in: $0, perExample: first.labelCount)) }
    var labels = Double(count)
    // Steps of sequences need not count: then only all processes together know how many do.
    if first.labelCount > 1 {
      var sums = [counted.reduce(0, +)]
      addUp(&sums)
      labels = max(sums[0], 1)
    }
    var results = [Result<StepResult, TrainerError>?](repeating: nil, count: replicas.count)
    compute(&results) { index throws(TrainerError) in
      let range = ranges[index]
      guard !range.isEmpty else {
        exchange.skip(index)
        return StepResult(loss: 0, correct: 0, labels: 0)
      }
      let network = replicas[index]
      let firstExample = part.lowerBound + range.lowerBound
      try network.load(range.count == batch.count ? batch : batch.part(range), isTraining: true)
      network.forward(count: range.count, first: firstExample, training: true)
      network.computeLoss(count: range.count)
      try exchange.backward(
        index, count: range.count, first: firstExample, weight: Float(counted[index] / labels),
        share: Float(Double(range.count) / Double(count)))
      return try network.result(of: network.beginResult(count: range.count))
    }
    // Losses and penalties weighted by labels, hits, labels.
    var sums = [0.0, 0, 0, 0]
    for result in results {
      let part = try result!.get()
      sums[0] += part.loss * Double(part.labels)
      // The weights are the same everywhere, but only who has examples has computed their penalty.
      sums[1] += part.penalty * Double(part.labels)
      sums[2] += Double(part.correct)
      sums[3] += Double(part.labels)
    }
    exchange.finish()
    addUp(&sums)
    first.update(rate: rate, count: count)
    try exchange.spreadWeights()
    return StepResult(loss: sums[0] / labels, penalty: sums[1] / labels, correct: Int(sums[2]), labels: Int(sums[3]))
  }

  /// Adds up a few numbers over the processes.
  public func addUp(_ values: inout [Double]) { communicator?.sum(&values) }

  /// Calls `body` for every device, at the same time.
  private func compute(
    _ results: inout [Result<StepResult, TrainerError>?], _ body: (Int) throws(TrainerError) -> StepResult
  ) {
    func result(_ index: Int) -> Result<StepResult, TrainerError> {
      do throws(TrainerError) { return .success(try body(index)) } catch { return .failure(error) }
    }
    guard let threads else {
      results[0] = result(0)
      return
    }
    results.withUnsafeMutableBufferPointer { results in
      threads.run(pieces: replicas.count) { index, _ in results[index] = result(index) }
    }
  }

  /// Loss and hits of examples, computed as on the device by the first backend: a mean over `batch` alone, without the
  /// other processes.
  public func evaluate(_ batch: Batch) throws(TrainerError) -> StepResult {
    var total = StepResult(loss: 0, correct: 0, labels: 0)
    for start in stride(from: 0, to: batch.count, by: first.batch) {
      let range = start..<min(start + first.batch, batch.count)
      let result = try first.evaluate(range.count == batch.count ? batch : batch.part(range))
      total.loss += result.loss * Double(result.labels)
      total.correct += result.correct
      total.labels += result.labels
    }
    total.loss /= Double(max(total.labels, 1))
    return total
  }

  // MARK: State

  /// Begins with a model's weights, as `Network.start` and `settle` do.
  ///
  /// - Parameter batches: of training examples, unchanged; the same in all processes.
  func start(from start: StartingPoint, settlingOn batches: [Batch]) throws(TrainerError) -> [TransferredTensor] {
    let (tensors, folded) = try first.start(from: start.graphs, except: start.newHead)
    var parts: [Batch] = []
    for batch in batches {
      for start in stride(from: 0, to: batch.count, by: first.batch) {
        parts.append(batch.part(start..<min(start + first.batch, batch.count)))
      }
    }
    try first.settle(folded, on: parts)
    let state = try first.state()
    for replica in replicas.dropFirst() { try replica.restore(state) }
    return tensors
  }

  /// See `Network.state`.
  public func state() throws(TrainerError) -> TrainingState { try first.state() }

  /// See `Network.restore`.
  public func restore(_ state: TrainingState) throws(TrainerError) {
    for replica in replicas { try replica.restore(state) }
  }

  /// Gives all processes the state of rank 0: CPUs of different kinds round differently, and would part in time.
  public func synchronize() throws(TrainerError) {
    guard let communicator, communicator.size > 1 else { return }
    var state = try first.state()
    for index in state.tensors.indices {
      state.tensors[index].values.withUnsafeMutableBytes { communicator.broadcast($0) }
    }
    try restore(state)
  }

  /// The network to export or to look into.
  public var network: Network { first }
}

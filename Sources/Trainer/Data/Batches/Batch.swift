/// The examples of one step as the network takes them. Its memory serves one step after another.
public struct Batch: Sendable {
  /// Examples in it; memory may have room for more.
  public var count: Int
  /// For each of the network's inputs [count, H, W, C]; empty where `picks` says it all.
  public var inputs: [[Float]]
  /// The examples among those that the network's devices keep under the number `store`, one per place; empty where `inputs`
  /// has them.
  public var picks: [ExamplePick]
  public private(set) var store = 0
  /// The classes, one per example; or one per step of a sequence.
  public var labels: [Int32]
  /// [count, outputs]: what the outputs are to be, in the place of `labels`; empty where those say it all.
  public var targets: [Float]
  /// Examples that there is memory for.
  private(set) var capacity: Int

  /// Memory for `size` examples.
  ///
  /// - Parameters:
  ///   - inputCounts: elements of each input of one example.
  ///   - labelCount: labels of one example.
  ///   - targetCount: elements of one example's targets, 0 if labels serve.
  public init(size: Int, inputCounts: [Int], labelCount: Int = 1, targetCount: Int = 0) {
    count = 0
    capacity = size
    inputs = inputCounts.map { [Float](repeating: 0, count: size * $0) }
    picks = []
    labels = [Int32](repeating: 0, count: size * labelCount)
    targets = [Float](repeating: 0, count: size * targetCount)
  }

  /// Memory for `size` examples that are picked from a store.
  init(size: Int, store: Int, targetCount: Int = 0) {
    self.init(size: size, inputCounts: [], targetCount: targetCount)
    self.store = store
    picks = [ExamplePick](repeating: ExamplePick(index: 0), count: size)
  }
}

extension Batch {
  /// Labels that count, those that are not −1, of the examples in `range`.
  func countedLabels(in range: Range<Int>, perExample labelCount: Int) -> Int {
    guard targets.isEmpty else { return range.count * labelCount }
    return labels[(range.lowerBound * labelCount)..<(range.upperBound * labelCount)].count { $0 >= 0 }
  }

  /// A copy of the examples in `range`.
  func part(_ range: Range<Int>) -> Batch {
    var part = self
    func cut<Element>(_ values: [Element]) -> [Element] {
      // Memory is for some number of examples, of which the first `count` are there.
      guard count > 0 else { return values }
      let size = values.count / capacity
      return Array(values[(range.lowerBound * size)..<(range.upperBound * size)])
    }
    part.count = range.count
    part.capacity = range.count
    part.inputs = inputs.map(cut)
    part.picks = cut(picks)
    part.labels = cut(labels)
    part.targets = cut(targets)
    return part
  }
}

/// Where the batches of a run come from: examples by number.
///
/// What it writes is a function of its arguments, whatever was asked for before, and on whatever thread.
public protocol BatchSource: Sendable {
  /// Examples there are.
  var count: Int { get }
  /// A batch with room for `size` examples.
  func makeBatch(size: Int) -> Batch
  /// Puts the examples at `indices` into `batch`, made by `makeBatch` for as many or more.
  ///
  /// - Parameter epoch: from 1; with the index it determines how a training example is changed. Nil leaves it as it is.
  func fill(_ batch: inout Batch, indices: ArraySlice<Int>, epoch: Int?)
  /// Labels of an example that count.
  func labels(of index: Int) -> Int
}

extension BatchSource {
  func labels(of index: Int) -> Int { 1 }
}

/// Examples whose inputs devices can make themselves.
protocol ResidentBatchSource: BatchSource {
  /// What devices keep for that; nil if only the host can make what the run asks for.
  var resident: ResidentExamples? { get }
  /// The number under which devices keep it; nil: the host makes the inputs.
  var store: Int? { get set }
}

extension Batch {
  /// The inputs of each example one behind the other, as a network takes them.
  fileprivate var joinedInputs: [Float] {
    guard inputs.count > 1 else { return inputs[0] }
    var joined: [Float] = []
    let sizes = inputs.map { $0.count / capacity }
    joined.reserveCapacity(count * sizes.reduce(0, +))
    for example in 0..<count {
      for (input, size) in zip(inputs, sizes) { joined += input[(example * size)..<((example + 1) * size)] }
    }
    return joined
  }
}

extension Network {
  /// Puts the examples on the device.
  func load(_ batch: Batch, isTraining: Bool) throws(TrainerError) {
    if batch.picks.isEmpty {
      try load(inputs: batch.joinedInputs, count: batch.count)
    } else {
      try load(picks: batch.picks, of: batch.store, count: batch.count)
    }
    if batch.targets.isEmpty {
      try load(labels: batch.labels, count: batch.count, isTraining: isTraining)
    } else {
      try load(targets: batch.targets, count: batch.count, isTraining: isTraining)
    }
  }

  /// One step of the recipe's optimizer.
  public func trainStep(_ batch: Batch, rate: Float) throws(TrainerError) -> StepResult {
    try result(of: beginStep(batch, rate: rate))
  }

  /// Gives the device one step of the recipe's optimizer, whose result may be there later.
  func beginStep(_ batch: Batch, rate: Float) throws(TrainerError) -> PendingStep {
    try load(batch, isTraining: true)
    return step(count: batch.count, rate: rate)
  }

  /// Loss and hits without a step, computed as on the device: no dropout, running statistics, averaged weights where the
  /// recipe keeps them; labels are not smoothed, and all classes count alike.
  public func evaluate(_ batch: Batch) throws(TrainerError) -> StepResult {
    try load(batch, isTraining: false)
    return try evaluateLoaded(count: batch.count)
  }
}

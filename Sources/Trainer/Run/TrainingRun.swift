import Format
import Foundation

/// Where a run stands after a step.
public struct StepReport: Sendable {
  /// From 1.
  public var epoch: Int
  /// In the epoch, from 1.
  public var step: Int
  public var stepsPerEpoch: Int
  /// Training images of the epoch that were used so far.
  public var images: Int
  /// Mean over those images.
  public var loss: Double
  /// Mean over the images of this step.
  public var stepLoss: Double
  /// Share of those images that were classified right, each before the step that learnt from it.
  public var accuracy: Double
  /// The step's learning rate.
  public var rate: Float
  /// After an epoch's last step.
  public var validation: ValidationReport?
}

/// How the network did on the examples that were held out.
public struct ValidationReport: Equatable, Sendable {
  /// Mean over the examples.
  public var loss: Double
  public var correct: Int
  public var count: Int
  /// No epoch before was better.
  public var isBest: Bool

  public var accuracy: Double { Double(correct) / Double(count) }
}

/// One training of one network on one data set, step by step.
///
/// Everything is a function of the description, its recipe and the data: the order of an epoch's images, which of them
/// are held out and how they are augmented is drawn from the recipe's seed (`RandomStream`), not from what was before.
///
/// ```swift
/// let run = try TrainingRun(description, data: data, backend: backend)
/// while !run.isFinished { print(try run.step().loss) }
/// let graph = try run.exportGraph()
/// ```
public final class TrainingRun {
  public let description: NetworkDescription
  public let preprocessing: Preprocessing
  private let network: Network
  private let train: Examples
  private let validation: Examples?
  private let reader: BatchReader
  private let settings: [String]

  /// Whole epochs done.
  public private(set) var epoch = 0
  /// Steps done in the epoch after them.
  public private(set) var stepInEpoch = 0
  private var lossSum = 0.0
  private var correct = 0
  private var best: Checkpoint.Best?

  private var order: [Int]
  private var inputs: [Float]
  private var labels: [Int32]

  /// A loss above this many times the first step's (or above this, if that was below 1) is taken as divergence.
  static let divergenceFactor = 100.0
  private var lossLimit = Double.infinity

  /// - Parameters:
  ///   - data: its images have the shape of the network's input.
  ///   - preprocessing: nil takes mean and deviation from the training images.
  public init(
    _ description: NetworkDescription, data: DataSet, preprocessing: Preprocessing? = nil, backend: any Backend
  ) throws(RunError) {
    let recipe = description.recipe
    guard data.shape == description.input else {
      throw .mismatch(
        what: "\(description.name): input", expected: "\(data.shape) as \(data.name) has",
        found: description.input.description)
    }
    let split = try data.train.split(validation: recipe.validation, seed: recipe.seed)
    let preprocessing = preprocessing ?? data.preprocessing
    let network = try Network(description, data: data, backend: backend)
    network.trainingExamples = split.train.count
    if case .given(let weights) = recipe.classWeights, weights.count != data.labels.count {
      throw .mismatch(
        what: "\(description.name): class-weights", expected: "\(data.labels.count), one per class of \(data.name)",
        found: "\(weights.count)")
    }
    network.classWeights = recipe.classWeights.factors(
      histogram: split.train.histogram(classCount: data.labels.count))
    self.network = network
    self.description = description
    self.preprocessing = preprocessing
    train = split.train
    validation = split.validation
    reader = BatchReader(preprocessing, augmentation: recipe.augmentation, seed: recipe.seed)
    settings = TrainingRun.settings(description, data: data, preprocessing: preprocessing)
    order = TrainingRun.order(of: train, epoch: 0, seed: recipe.seed)
    inputs = [Float](repeating: 0, count: recipe.batch * description.input.count)
    labels = [Int32](repeating: 0, count: recipe.batch)
  }

  private var recipe: TrainingRecipe { description.recipe }

  public var epochs: Int { recipe.epochs }
  public var parameterCount: Int { network.parameterCount }
  public var imagesPerEpoch: Int { train.count }
  /// Images used so far in the epoch after the whole ones.
  public var imagesInEpoch: Int { min(stepInEpoch * recipe.batch, train.count) }
  public var stepsPerEpoch: Int { (train.count + recipe.batch - 1) / recipe.batch }
  public var isFinished: Bool { epoch >= recipe.epochs }

  /// Takes one step; after an epoch's last it also measures the validation examples, if there are any.
  ///
  /// - Parameter rate: the learning rate, instead of what the recipe says.
  /// - Precondition: not `isFinished`.
  /// - Throws: `RunError.diverged`, after which the run must not go on; `RunError.network`.
  public func step(rate givenRate: Float? = nil) throws(RunError) -> StepReport {
    precondition(!isFinished, "the run is over")
    let start = stepInEpoch * recipe.batch
    let count = min(recipe.batch, train.count - start)
    reader.read(train, at: order[start..<(start + count)], epoch: epoch + 1, inputs: &inputs, labels: &labels)
    let rate =
      givenRate
      ?? recipe.schedule.rate(
        base: recipe.rate, step: epoch * stepsPerEpoch + stepInEpoch, stepsPerEpoch: stepsPerEpoch,
        epochs: recipe.epochs)
    let result: StepResult
    do {
      result = try network.trainStep(inputs: inputs, labels: labels, count: count, rate: rate)
    } catch {
      throw .network(error)
    }
    stepInEpoch += 1
    try checkLoss(result.loss, rate: rate)
    lossSum += result.loss * Double(count)
    correct += result.correct
    let images = start + count
    var report = StepReport(
      epoch: epoch + 1, step: stepInEpoch, stepsPerEpoch: stepsPerEpoch, images: images,
      loss: lossSum / Double(images), stepLoss: result.loss, accuracy: Double(correct) / Double(images), rate: rate)
    if stepInEpoch == stepsPerEpoch { report.validation = try finishEpoch() }
    return report
  }

  private func checkLoss(_ loss: Double, rate: Float) throws(RunError) {
    if lossLimit == .infinity { lossLimit = TrainingRun.divergenceFactor * max(loss, 1) }
    // Written so that NaN, which compares false with everything, is caught.
    guard loss <= lossLimit, loss.isFinite else {
      throw .diverged(epoch: epoch + 1, step: stepInEpoch, rate: rate, loss: loss, limit: lossLimit)
    }
  }

  private func finishEpoch() throws(RunError) -> ValidationReport? {
    epoch += 1
    stepInEpoch = 0
    lossSum = 0
    correct = 0
    order = TrainingRun.order(of: train, epoch: epoch, seed: recipe.seed)
    guard let validation else { return nil }
    let report = try evaluate(validation, isBetterThan: best?.correct)
    if report.isBest { best = Checkpoint.Best(epoch: epoch, correct: report.correct, state: try state()) }
    return report
  }

  private func evaluate(_ examples: Examples, isBetterThan before: Int?) throws(RunError) -> ValidationReport {
    var correct = 0
    var lossSum = 0.0
    for start in stride(from: 0, to: examples.count, by: recipe.batch) {
      let indices = Array(start..<min(start + recipe.batch, examples.count))
      reader.read(examples, at: indices[...], inputs: &inputs, labels: &labels)
      do {
        let result = try network.evaluate(inputs: inputs, labels: labels, count: indices.count)
        correct += result.correct
        lossSum += result.loss * Double(indices.count)
      } catch {
        throw .network(error)
      }
    }
    return ValidationReport(
      loss: lossSum / Double(examples.count), correct: correct, count: examples.count,
      isBest: correct > before ?? -1)
  }

  /// The images of epoch number `epoch` (counted from 0) in their order.
  private static func order(of train: Examples, epoch: Int, seed: UInt64) -> [Int] {
    var stream = RandomStream(seed: seed, .trainingOrder, number: epoch + 1)
    return stream.permutation(of: train.count)
  }

  // MARK: Stopping and going on

  private func state() throws(RunError) -> TrainingState {
    do { return try network.state() } catch { throw .network(error) }
  }

  /// The run as it stands. Taking it changes nothing.
  public func checkpoint() throws(RunError) -> Checkpoint {
    Checkpoint(
      settings: settings, epoch: epoch, step: stepInEpoch, lossSum: lossSum, correct: correct, state: try state(),
      best: best)
  }

  /// Goes on where `checkpoint` was taken: every number from here on is the one it would have been.
  ///
  /// - Throws: `RunError.otherRun` if the checkpoint is of a run with other settings or data.
  public func restore(_ checkpoint: Checkpoint) throws(RunError) {
    for line in 0..<max(settings.count, checkpoint.settings.count) {
      let mine = line < settings.count ? settings[line] : "nothing"
      let other = line < checkpoint.settings.count ? checkpoint.settings[line] : "nothing"
      guard mine == other else { throw .otherRun(expected: mine, found: other) }
    }
    guard checkpoint.step < stepsPerEpoch, checkpoint.epoch <= recipe.epochs else {
      throw .otherRun(
        expected: "at most \(recipe.epochs) epochs of \(stepsPerEpoch) steps",
        found: "\(checkpoint.epoch) and \(checkpoint.step) steps")
    }
    do { try network.restore(checkpoint.state) } catch { throw .network(error) }
    epoch = checkpoint.epoch
    stepInEpoch = checkpoint.step
    lossSum = checkpoint.lossSum
    correct = checkpoint.correct
    best = checkpoint.best
    order = TrainingRun.order(of: train, epoch: epoch, seed: recipe.seed)
  }

  /// All that the steps depend on. Comments in a `.net` file are no part of it.
  private static func settings(
    _ description: NetworkDescription, data: DataSet, preprocessing: Preprocessing
  ) -> [String] {
    let lines = description.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    let checksum = String(data.train.checksum, radix: 16)
    return lines + [
      "mean \(preprocessing.mean), deviation \(preprocessing.deviation)",
      "\(data.train.count) images with checksum \(checksum)",
    ]
  }

  // MARK: Result

  /// The trained network for batch size 1: the best epoch's if examples were held out, else the last.
  public func exportGraph() throws(RunError) -> Graph {
    do {
      if let best { try network.restore(best.state) }
      return try network.exportGraph()
    } catch {
      throw .network(error)
    }
  }
}

extension Network {
  /// A network with an output for each of the data's classes.
  fileprivate convenience init(
    _ description: NetworkDescription, data: DataSet, backend: any Backend
  ) throws(RunError) {
    do {
      try self.init(
        description, backend: backend, batch: description.recipe.batch, seed: description.recipe.seed)
    } catch {
      throw .network(error)
    }
    guard outputCount == data.labels.count || (outputCount == 1 && data.labels.count == 2) else {
      throw .mismatch(
        what: "\(description.name): outputs", expected: "\(data.labels.count), one per class of \(data.name)",
        found: "\(outputCount)")
    }
  }
}

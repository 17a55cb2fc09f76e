import Format
import Foundation

/// One training of one network on one data set, step by step.
///
/// Everything is a function of the description, its recipe and the data: the order of an epoch's images, which of them
/// are held out and how they are augmented is drawn from the recipe's seed (`RandomStream`), not from what was before.
///
/// ```swift
/// let run = try TrainingRun(description, data: data, backend: backend)
/// while !run.isFinished { print(try run.step().loss) }
/// let graph = try run.export().main
/// ```
public final class TrainingRun {
  public let description: NetworkDescription
  /// How the network wants images; nil for rows of numbers.
  public let preprocessing: Preprocessing?
  private let scales: RunData.Scales?
  /// Whether one output tells two classes apart.
  private let isBinary: Bool
  let network: DataParallel
  let train: any BatchSource
  private let validation: (any BatchSource)?
  private let prefetcher: Prefetcher
  /// The training examples of an epoch (from 1) in their order.
  let order: @Sendable (_ epoch: Int) -> [Int]
  /// What steps depend on beside the state, a thing a line: see `Checkpoint.settings`.
  let settings: [String]
  /// What became of each tensor where the run starts from a model.
  public private(set) var transferred: [TransferredTensor] = []
  /// Images in a step; the epoch's last may have fewer.
  public let batch: Int

  /// Whole epochs done.
  public internal(set) var epoch = 0
  /// Steps done in the epoch after them.
  public internal(set) var stepInEpoch = 0
  /// A step whose result has not been asked for.
  struct Late {
    var number: Int
    var rate: Float
    var step: DataParallel.Begun
  }
  var late: Late?
  /// Of the steps since the last report.
  var stepLosses: [Double] = []
  var lossSum = 0.0
  var correct = 0
  /// Labels of the epoch so far: of images one each.
  var labels = 0
  /// The run behind its best epoch so far; nil without validation examples.
  public internal(set) var best: Checkpoint?
  /// Of the last step.
  private(set) var rate: Float = 0
  var plateau = Plateau()

  /// A loss above this many times the first step's (or above this, if that was below 1) is taken as divergence.
  static let divergenceFactor = 100.0
  private(set) var lossLimit = Double.infinity

  /// - Parameters:
  ///   - data: its images have the shape of the network's input; of rows of numbers, as many columns as that has elements.
  ///   - preprocessing: nil takes mean and deviation from the training images.
  ///   - start: a trained model whose weights the run begins with.
  public convenience init(
    _ description: NetworkDescription, data: DataSet, preprocessing: Preprocessing? = nil,
    start: StartingPoint? = nil, backend: any Backend
  ) throws(RunError) {
    try self.init(
      description, data: data, preprocessing: preprocessing, start: start, devices: TrainingDevices([backend]))
  }

  /// - Parameters:
  ///   - data: its images have the shape of the network's input; the same in all processes.
  ///   - preprocessing: nil takes mean and deviation from the training images.
  ///   - start: a trained model whose weights the run begins with.
  ///   - devices: what computes; the recipe's batch is divided among all of them.
  public convenience init(
    _ description: NetworkDescription, data: DataSet, preprocessing: Preprocessing? = nil,
    start: StartingPoint? = nil, devices: TrainingDevices
  ) throws(RunError) {
    try RunData.check(data, description)
    let parts = try RunData(data, for: description, preprocessing: preprocessing)
    try self.init(description, parts, name: data.name, labels: data.labels, start: start, devices: devices)
    guard network.outputCount == data.labels.count || (network.outputCount == 1 && data.labels.count == 2) else {
      throw .otherOutputs(
        network: description.name, expected: data.labels.count, data: data.name, found: network.outputCount)
    }
  }

  /// - Parameters:
  ///   - data: made for this description's `SequenceShape`.
  ///   - start: a trained model whose weights the run begins with.
  public convenience init(
    _ description: NetworkDescription, sequences data: SequenceData, start: StartingPoint? = nil,
    devices: TrainingDevices
  ) throws(RunError) {
    try self.init(
      description, RunData(data, for: description), name: data.name,
      labels: data.task == .classes ? data.labels : [], start: start, devices: devices)
  }

  /// - Parameters:
  ///   - name: of the data, for errors.
  ///   - labels: the classes' names; empty where examples have no class of their own.
  private init(
    _ description: NetworkDescription, _ parts: RunData, name: String, labels: [String], start: StartingPoint? = nil,
    devices: TrainingDevices
  ) throws(RunError) {
    let recipe = description.recipe
    guard recipe.patience == nil || parts.validation != nil else {
      throw .mismatch(
        what: "\(description.name): early-stop", expected: "images held out to judge by: 'validation SHARE'",
        found: "none")
    }
    batch = min(recipe.batch, parts.train.count)
    try TrainingRun.checkExport(of: description, toldStepByStep: parts.isStream)
    let network: DataParallel
    do {
      network = try DataParallel(description, devices: devices, batch: batch, seed: recipe.seed, freeze: start?.freeze)
    } catch {
      throw .network(error)
    }
    network.trainingExamples = parts.train.count
    if case .given(let weights) = recipe.classWeights, weights.count != labels.count {
      throw .mismatch(
        what: "\(description.name): class-weights", expected: "\(labels.count), one per class of \(name)",
        found: "\(weights.count)")
    }
    network.classWeights = recipe.classWeights.factors(
      histogram: labels.indices.map { label in parts.classes.count { $0 == label } })
    isBinary = network.outputCount == 1 && labels.count == 2 && parts.scales?.targets == nil
    self.network = network
    self.description = description
    self.preprocessing = parts.preprocessing
    scales = parts.scales
    train = TrainingRun.resident(parts.train, in: network)
    validation = parts.validation.map { TrainingRun.resident($0, in: network) }
    let order = EpochOrder(recipe.sampling, classes: parts.classes, seed: recipe.seed)
    let (isStream, count) = (parts.isStream, parts.train.count)
    self.order = { isStream ? Array(0..<count) : order(epoch: $0) }
    prefetcher = Prefetcher(train, size: batch, share: network.share, order: self.order)
    // Comments in a `.net` file are no part of it.
    settings =
      description.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } + parts.settings
      + (start?.settings ?? [])
    if let start { try begin(from: start) }
  }

  /// Makes sure now that what is trained can be exported: hours of training must not end at that.
  ///
  /// - Parameter toldStepByStep: whether the network is to read a text of any length, token by token.
  private static func checkExport(of description: NetworkDescription, toldStepByStep: Bool) throws(RunError) {
    let exported: ExportedNetwork
    do { exported = try description.outline().exported } catch { throw .network(error) }
    guard !toldStepByStep || !exported.main.states.isEmpty else {
      throw .mismatch(
        what: "\(description.name): layers",
        expected: "2 steps or more of a text, a recurrent layer, and none that looks at later steps",
        found: "others, which cannot tell the next token of a text of any length")
    }
  }

  /// The same examples, kept by the devices if these have room for them and can make what is asked for.
  private static func resident(_ source: any BatchSource, in network: DataParallel) -> any BatchSource {
    guard var resident = source as? any ResidentBatchSource, let examples = resident.resident,
      let store = network.keep(examples)
    else { return source }
    resident.store = store
    return resident
  }

  var recipe: TrainingRecipe { description.recipe }

  public var epochs: Int { recipe.epochs }
  /// Whether numbers are predicted, and no classes: hits mean nothing then, and the best epoch is that of the lowest loss.
  public var predictsNumbers: Bool { scales?.targets != nil }
  public var parameterCount: Int { network.parameterCount }
  /// Of them, those of frozen layers.
  public var frozenParameterCount: Int { network.frozenParameterCount }
  public var imagesPerEpoch: Int { train.count }
  /// Images used so far in the epoch after the whole ones.
  public var imagesInEpoch: Int { min(stepInEpoch * batch, train.count) }
  public var stepsPerEpoch: Int { (train.count + batch - 1) / batch }
  public var isFinished: Bool { epoch >= recipe.epochs || isStoppedEarly }
  /// Whether the recipe's patience has run out.
  public var isStoppedEarly: Bool {
    recipe.patience.map { epochsWithoutBetter >= $0 } ?? false
  }
  /// Epochs since the best one on the examples held out; 0 where there are none.
  public var epochsWithoutBetter: Int { best.map { epoch - $0.epoch } ?? 0 }

  /// Examples on which batch-norm that was part of other layers is measured.
  private static let settlingExamples = 1024

  private func begin(from start: StartingPoint) throws(RunError) {
    var batches: [Batch] = []
    var stream = RandomStream(seed: recipe.seed, .sample)
    let order = stream.permutation(of: train.count).prefix(TrainingRun.settlingExamples)
    for first in stride(from: 0, to: order.count, by: batch) {
      var images = train.makeBatch(size: batch)
      train.fill(&images, indices: Array(order[first..<min(first + batch, order.count)])[...], epoch: nil)
      batches.append(images)
    }
    do {
      transferred = try network.start(from: start, settlingOn: batches)
    } catch {
      throw .network(error)
    }
    let isAnythingTaken = transferred.contains { if case .new = $0.outcome { false } else { true } }
    guard isAnythingTaken else { throw .nothingTaken(network: description.name, tensors: transferred.count) }
  }

  /// Takes one step; after an epoch's last it also measures the validation examples, if there are any.
  ///
  /// A device that computes by itself is given the step, and the result of the one before is waited for: while it computes
  /// the host prepares the next one. Nothing is waiting after an epoch's first and last step.
  ///
  /// - Parameter rate: the learning rate, instead of what the recipe says.
  /// - Precondition: not `isFinished`.
  /// - Throws: `RunError.diverged`, after which the run must not go on; `RunError.network`.
  public func step(rate givenRate: Float? = nil) throws(RunError) -> StepReport {
    precondition(!isFinished, "the run is over")
    if stepInEpoch == 0 { network.network.resetCarriedStates() }
    takeBatch()
    let count = min(batch, train.count - imagesInEpoch)
    let rate =
      givenRate
      ?? recipe.schedule.rate(
        base: recipe.rate, step: epoch * stepsPerEpoch + stepInEpoch, stepsPerEpoch: stepsPerEpoch,
        epochs: recipe.epochs, reductions: plateau.reductions)
    self.rate = rate
    let begun: DataParallel.Begun
    do { begun = try network.beginStep(prefetcher.batch, of: count, rate: rate) } catch { throw .network(error) }
    stepInEpoch += 1
    try takeLateResult()
    late = Late(number: stepInEpoch, rate: rate, step: begun)
    let mayBeLate = begun.canWait && givenRate == nil && labels > 0 && stepInEpoch < stepsPerEpoch
    if !mayBeLate { try takeLateResult() }
    var report = StepReport(
      epoch: epoch + 1, step: stepInEpoch, stepsPerEpoch: stepsPerEpoch, images: imagesInEpoch,
      loss: lossSum / Double(labels), stepLosses: stepLosses, accuracy: Double(correct) / Double(labels), rate: rate)
    stepLosses = []
    if stepInEpoch == stepsPerEpoch { report.validation = try finishEpoch(loss: report.loss) }
    return report
  }

  /// Waits for the result of the step that is late, if one is.
  func takeLateResult() throws(RunError) {
    guard let late else { return }
    let result: StepResult
    do { result = try network.result(of: late.step) } catch { throw .network(error) }
    // Who asks again gets the same error.
    self.late = Late(number: late.number, rate: late.rate, step: .done(result))
    try checkLoss(result.loss, step: late.number, rate: late.rate)
    self.late = nil
    stepLosses.append(result.loss)
    lossSum += result.loss * Double(result.labels)
    correct += result.correct
    labels += result.labels
  }

  /// Gets the step's examples, and lets the next step's be prepared while this one is computed.
  private func takeBatch() {
    let request = Prefetcher.Request(epoch: epoch + 1, step: stepInEpoch)
    prefetcher.take(request)
    if stepInEpoch + 1 < stepsPerEpoch {
      prefetcher.prepare(Prefetcher.Request(epoch: request.epoch, step: request.step + 1))
    } else if request.epoch < recipe.epochs {
      prefetcher.prepare(Prefetcher.Request(epoch: request.epoch + 1, step: 0))
    }
  }

  private func checkLoss(_ loss: Double, step: Int, rate: Float) throws(RunError) {
    if lossLimit == .infinity {
      // Perceptrons begin with a loss of 0 and cannot explode: a step's size does not depend on the loss.
      lossLimit =
        recipe.loss == .perceptron ? .greatestFiniteMagnitude : TrainingRun.divergenceFactor * max(loss, 1)
    }
    // Written so that NaN, which compares false with everything, is caught.
    guard loss <= lossLimit, loss.isFinite else {
      throw .diverged(epoch: epoch + 1, step: step, rate: rate, loss: loss, limit: lossLimit)
    }
  }

  /// - Parameter loss: the mean over the epoch's training images.
  private func finishEpoch(loss: Double) throws(RunError) -> ValidationReport? {
    let report = try validation.map { (examples) throws(RunError) in
      try evaluate(examples)
    }
    if let report { try checkLoss(report.loss, step: stepInEpoch, rate: rate) }
    if case .plateau(_, let patience) = recipe.schedule.shape {
      plateau.observe(loss: report?.loss ?? loss, patience: patience)
    }
    epoch += 1
    stepInEpoch = 0
    lossSum = 0
    correct = 0
    labels = 0
    do { try network.synchronize() } catch { throw .network(error) }
    if let report, report.isBest {
      best = try checkpoint(best: Checkpoint.Best(epoch: epoch, correct: report.correct, loss: report.loss))
    }
    return report
  }

  private func evaluate(_ examples: any BatchSource) throws(RunError) -> ValidationReport {
    var batch = examples.makeBatch(size: self.batch)
    var (correct, labels) = (0, 0)
    var lossSum = 0.0
    network.network.resetCarriedStates()
    let part = network.part(of: examples.count)
    for start in stride(from: part.lowerBound, to: part.upperBound, by: self.batch) {
      let indices = Array(start..<min(start + self.batch, part.upperBound))
      examples.fill(&batch, indices: indices[...], epoch: nil)
      do {
        let result = try network.evaluate(batch)
        correct += result.correct
        labels += result.labels
        lossSum += result.loss * Double(result.labels)
      } catch {
        throw .network(error)
      }
    }
    var sums = [lossSum, Double(correct), Double(labels)]
    network.addUp(&sums)
    (lossSum, correct, labels) = (sums[0], Int(sums[1]), Int(sums[2]))
    let loss = lossSum / Double(labels)
    return ValidationReport(loss: loss, correct: correct, count: labels, isBest: isBest(correct: correct, loss: loss))
  }

  /// Whether the epoch that ends is better than all before.
  private func isBest(correct: Int, loss: Double) -> Bool {
    guard let other = best?.best else { return true }
    return predictsNumbers ? loss < other.loss : correct > other.correct
  }

  // MARK: Result

  /// The trained network for batch size 1: the best epoch's if examples were held out, else the last. It has an output for
  /// each class, even where the network has one for two.
  public func export() throws(RunError) -> ExportedNetwork {
    do {
      if let best { try network.restore(best.state) }
      return finished(try network.network.export())
    } catch {
      throw .network(error)
    }
  }

  /// What `export` will give, but for the weights, which are all 0.
  public func outline() throws(RunError) -> ExportedNetwork {
    do { return finished(try description.outline().exported) } catch { throw .network(error) }
  }

  /// With the data's units, an output for each class, and a name of its own for every tensor.
  private func finished(_ network: ExportedNetwork) -> ExportedNetwork {
    var exported = network
    if let scales { exported.main = exported.main.inUnits(inputs: scales.inputs, outputs: scales.targets) }
    if isBinary {
      let hasScores = [.hinge, .perceptron].contains(recipe.loss) && self.network.network.list.head == .none
      exported.main = exported.main.withBothClasses(total: hasScores ? 0 : 1)
    }
    exported.main = exported.main.withNamesOfTheirOwn()
    return exported
  }
}

import Foundation
import Quantize
import Testing

@testable import Trainer

/// A report's numbers, bit by bit.
private func bits(_ step: StepReport) -> [UInt64] {
  [
    UInt64(step.epoch), UInt64(step.step), UInt64(step.images), step.loss.bitPattern, step.accuracy.bitPattern,
    UInt64(step.rate.bitPattern), step.validation?.loss.bitPattern ?? 0, UInt64(step.validation?.correct ?? 0),
    step.validation?.isBest ?? false ? 1 : 0,
  ]
}

/// The first word of the line on account of which a run does not take a checkpoint; nil if it takes it.
private func refused(_ run: TrainingRun, _ checkpoint: Checkpoint) -> String? {
  do throws(RunError) {
    try run.restore(checkpoint)
    return nil
  } catch {
    guard case .otherRun(let expected, _) = error else { return "\(error)" }
    return expected.split(separator: " ").first.map(String.init)
  }
}

@Suite struct RunTrainingTests {
  @Test func aRunLearnsAndUsesEveryImageOnce() throws {
    var description = RowProblem.description
    description.recipe.epochs = 20
    description.recipe.augmentation = [.flip]
    let run = try RowProblem.run(description)
    #expect(run.stepsPerEpoch == 6 && run.imagesPerEpoch == 81)
    var ends: [StepReport] = []
    while !run.isFinished {
      let step = try run.step()
      if step.step == step.stepsPerEpoch { ends.append(step) }
    }
    #expect(ends.count == 20)
    #expect(ends.allSatisfy { $0.images == 81 })
    #expect(ends.last!.loss < ends.first!.loss / 2)
    #expect(ends.last!.validation!.accuracy > 0.6)
  }

  @Test func theSameSeedGivesTheSameBitsAndAnotherDoesNot() throws {
    func losses(seed: UInt64) throws -> [[UInt64]] {
      var description = RowProblem.description
      description.recipe.seed = seed
      let run = try RowProblem.run(description)
      var result: [[UInt64]] = []
      while !run.isFinished { result.append(bits(try run.step())) }
      return result
    }
    let first = try losses(seed: 1)
    #expect(try losses(seed: 1) == first)
    #expect(try losses(seed: 2) != first)
  }

  /// Stopped after every possible number of steps, in the middle of epochs and between them, through the file.
  @Test func aResumedRunIsBitIdenticalToOneThatNeverStopped() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/checkpoint"
    let whole = try RowProblem.run()
    var reports: [[UInt64]] = []
    var files: [[UInt8]] = [try whole.checkpoint().encoded()]
    var bests: [Checkpoint?] = [nil]
    while !whole.isFinished {
      reports.append(bits(try whole.step()))
      files.append(try whole.checkpoint().encoded())
      bests.append(whole.best)
    }
    for stop in 0..<reports.count {
      try folder.write(files[stop], to: "checkpoint")
      let resumed = try RowProblem.run()
      try resumed.restore(Checkpoint(path: path), best: bests[stop])
      for step in stop..<reports.count { #expect(bits(try resumed.step()) == reports[step]) }
      #expect(resumed.isFinished)
      #expect(try resumed.checkpoint().encoded() == files.last!, "stopped after \(stop) steps")
    }
  }

  /// The best epoch's checkpoint is written before the run's own: one that is killed between the two has one of an epoch
  /// that its other file does not know. That run goes on behind its best epoch, with the very steps that it would have taken.
  @Test func theBestEpochMayBeAheadOfTheRun() throws {
    var description = RowProblem.description
    description.recipe.epochs = 8
    description.recipe.rate = 0.005
    description.recipe.validation = 0.4
    let whole = try RowProblem.run(description)
    var (reports, ends): ([[UInt64]], [(last: Checkpoint, best: Checkpoint?)]) = ([], [])
    ends.append((try whole.checkpoint(), nil))
    while !whole.isFinished {
      reports.append(bits(try whole.step()))
      if whole.stepInEpoch == 0 { ends.append((try whole.checkpoint(), whole.best)) }
    }
    let pairs = ends.indices.dropFirst().filter { ends[$0].best?.epoch == $0 }
    try #require(pairs.contains { $0 > 1 }, "no epoch but the first is better than those before")
    for epoch in pairs {
      let resumed = try RowProblem.run(description)
      try resumed.restore(ends[epoch - 1].last, best: ends[epoch].best)
      // Before the first epoch's end there is no best one to know of.
      #expect(resumed.epoch == (epoch == 1 ? 0 : epoch))
      for step in resumed.epoch * whole.stepsPerEpoch..<reports.count {
        #expect(bits(try resumed.step()) == reports[step])
      }
      #expect(try resumed.checkpoint() == whole.checkpoint() && resumed.best == whole.best)
    }
    // An older one, or none, is of no use.
    let last = try #require(pairs.last)
    #expect(throws: RunError.otherBest(expected: last, found: nil)) {
      try RowProblem.run(description).restore(ends[last].last, best: nil)
    }
    #expect(throws: RunError.otherBest(expected: last, found: 1)) {
      try RowProblem.run(description).restore(ends[last].last, best: ends[1].best)
    }
  }

  /// With another rate, too: no epoch of the old rate is the best one of a run that does not have it.
  @Test func theBestEpochAheadIsOfTheRunThatGoesOn() throws {
    var description = RowProblem.description
    description.recipe.epochs = 8
    description.recipe.rate = 0.005
    description.recipe.validation = 0.4
    let whole = try RowProblem.run(description)
    var before: (last: Checkpoint, best: Checkpoint?)?
    var best: Checkpoint?
    while best == nil {
      try #require(!whole.isFinished, "no epoch but the first is better than those before")
      if whole.stepInEpoch == 0 { before = (try whole.checkpoint(), whole.best) }
      if try whole.step().validation?.isBest == true && before?.best != nil { best = whole.best }
    }
    description.recipe.rate = 0.0001
    func finish(_ last: Checkpoint) throws -> TrainingRun {
      let run = try RowProblem.run(description)
      try run.restore(last, best: best, changes: [.rate])
      #expect(run.epoch == best?.epoch && run.epochsWithoutBetter == 0)
      while !run.isFinished { _ = try run.step() }
      return run
    }
    let (torn, ended) = (try finish(#require(before).last), try finish(whole.checkpoint()))
    #expect(try torn.checkpoint() == ended.checkpoint() && torn.best == ended.best)
  }

  /// A finished run goes on with more epochs, as if there had been as many from the start.
  @Test func aFinishedRunGoesOn() throws {
    var description = RowProblem.description
    description.recipe.schedule = Schedule()
    let short = try RowProblem.run(description)
    while !short.isFinished { _ = try short.step() }
    description.recipe.epochs = 5
    let whole = try RowProblem.run(description)
    while !whole.isFinished { _ = try whole.step() }
    let longer = try RowProblem.run(description)
    #expect(refused(longer, try short.checkpoint()) == "epochs")
    try longer.restore(short.checkpoint(), best: short.best, changes: [.epochs])
    #expect(longer.epoch == 3 && !longer.isFinished)
    while !longer.isFinished { _ = try longer.step() }
    #expect(try longer.checkpoint() == whole.checkpoint() && longer.best?.state == whole.best?.state)
    // Fewer than are done are no run.
    description.recipe.epochs = 2
    #expect(throws: RunError.self) {
      try RowProblem.run(description).restore(short.checkpoint(), best: short.best, changes: [.epochs])
    }
  }

  @Test func aCheckpointIsForItsOwnRunOnly() throws {
    let checkpoint = try RowProblem.run().checkpoint()
    func setting(_ change: (inout NetworkDescription) -> Void) throws -> String? {
      var description = RowProblem.description
      change(&description)
      return refused(try RowProblem.run(description), checkpoint)
    }
    #expect(try setting { _ in } == nil)
    #expect(try setting { $0.layers[0].line = 7 } == nil)
    #expect(try setting { $0.recipe.rate = 0.04 } == "rate")
    #expect(try setting { $0.recipe.epochs = 4 } == "epochs")
    #expect(try setting { $0.recipe.batch = 8 } == "batch")
    #expect(try setting { $0.recipe.seed = 9 } == "seed")
    #expect(try setting { $0.recipe.optimizer = .sgd } == "optimizer")
    #expect(try setting { $0.recipe.averageDecay = 0.8 } == "ema")
    #expect(try setting { $0.recipe.clip = .value(1) } == "clip")
    #expect(try setting { $0.recipe.classWeights = .given([1, 2, 1]) } == "class-weights")
    #expect(try setting { $0.recipe.augmentation = [.shift(pixels: 1)] } == "augment")
    #expect(try setting { $0.layers[3].kind = .dropout(rate: 0.3) } == "dropout")

    var data = RowProblem.data
    var pixels = data.train.pixels
    pixels[5] ^= 1
    data.train = Trainer.Examples(shape: data.train.shape, pixels: pixels, classes: data.train.classes)
    let other = try TrainingRun(
      RowProblem.description, data: data, preprocessing: RowProblem.data.imagePreprocessing,
      backend: CPUBackend(threads: 2))
    #expect(refused(other, checkpoint) == "90")
  }

  @Test func everyDamageOfACheckpointIsAnError() throws {
    let folder = try TemporaryFolder()
    let whole = try RowProblem.run().checkpoint().encoded()
    let path = folder.path + "/checkpoint"
    for length in stride(from: 0, to: whole.count, by: 7) {
      try folder.write(Array(whole.prefix(length)), to: "checkpoint")
      #expect(throws: RunError.self, "a prefix of \(length) bytes") { _ = try Checkpoint(path: path) }
    }
    for bit in stride(from: 0, to: 8 * whole.count, by: 41) {
      var damaged = whole
      damaged[bit / 8] ^= 1 << (bit % 8)
      try folder.write(damaged, to: "checkpoint")
      #expect(throws: RunError.self, "bit \(bit) flipped") { _ = try Checkpoint(path: path) }
    }
    #expect(throws: RunError.cannotReadCheckpoint(path: "no/such", reason: "No such file or directory")) {
      _ = try Checkpoint(path: "no/such")
    }
    #expect(throws: RunError.cannotWriteCheckpoint(path: "/dev/full", reason: "No space left on device")) {
      try RowProblem.run().checkpoint().write(to: "/dev/full")
    }
  }

  /// Whatever the checksum says: lengths inside are bounded by the bytes that are there.
  @Test func absurdCountsInACheckpointAreAnError() throws {
    let folder = try TemporaryFolder()
    let whole = try RowProblem.run().checkpoint().encoded()
    for offset in stride(from: 20, to: min(whole.count - 8, 2000), by: 1) {
      var damaged = whole
      for byte in 0..<8 { damaged[offset + byte] = byte == 7 ? 0x7f : 0xff }
      let checksum = damaged[20...].withUnsafeBytes { Checkpoint.checksum(of: $0) }
      for byte in 0..<8 { damaged[12 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
      // Some of these are numbers of which any value is as good as another: reading must end, one way or the other.
      _ = try? Checkpoint(path: folder.write(damaged, to: "checkpoint"))
    }
  }

  @Test func divergenceNamesStepAndRate() throws {
    var description = RowProblem.description
    description.recipe.rate = 1e6
    description.recipe.schedule = Schedule()
    let run = try RowProblem.run(description)
    let error = #expect(throws: RunError.self) {
      while !run.isFinished { _ = try run.step() }
    }
    guard case .diverged(let epoch, let step, let rate, let loss, let limit) = error else {
      Issue.record("found \(String(describing: error))")
      return
    }
    #expect(epoch == 1 && step > 1 && rate == 1e6 && !(loss <= limit))
  }

  /// Weights that are no numbers do not replace a checkpoint that somebody could go on from.
  @Test func aDivergedRunGivesNoCheckpoint() throws {
    var description = RowProblem.description
    description.recipe.rate = 1e30
    description.recipe.clip = .none
    description.recipe.schedule = Schedule()
    let run = try RowProblem.run(description)
    #expect(throws: RunError.self) { while !run.isFinished { _ = try run.step() } }
    #expect(throws: RunError.self) { _ = try run.checkpoint() }
  }

  /// After a divergence one goes on from the last checkpoint at another rate, if asked to.
  @Test func aRunGoesOnAtAnotherRate() throws {
    let run = try RowProblem.run()
    for _ in 0..<7 { _ = try run.step() }
    let checkpoint = try run.checkpoint()
    var description = RowProblem.description
    description.recipe.rate = 0.01
    let slower = try RowProblem.run(description)
    #expect(refused(slower, checkpoint) == "rate")
    try slower.restore(checkpoint, best: run.best, changes: [.rate])
    #expect(slower.epoch == 1 && slower.stepInEpoch == 1)
    #expect(abs(try slower.step().rate * 5 - run.step().rate) < 1e-6)
    description.recipe.seed = 7
    let other = try RowProblem.run(description)
    #expect(throws: RunError.otherRun(expected: "seed 7", found: "seed 1")) {
      try other.restore(checkpoint, best: run.best, changes: [.rate])
    }
  }

  @Test func aBatchOfAllIsOneStepAnEpoch() throws {
    var description = RowProblem.description
    description.recipe.batch = TrainingRecipe.wholeSet
    let run = try RowProblem.run(description)
    #expect(run.batch == 81 && run.stepsPerEpoch == 1)
    #expect(try run.step().images == 81)
    #expect(run.epoch == 1)
    description.recipe.batch = 1
    #expect(try RowProblem.run(description).stepsPerEpoch == 81)
  }

  /// A rate of nearly 0 learns nothing: no epoch after the first is better.
  @Test func trainingEndsWhenPatienceDoes() throws {
    var description = RowProblem.description
    description.recipe.epochs = 50
    description.recipe.rate = 1e-12
    description.recipe.averageDecay = nil
    description.recipe.patience = 3
    description.layers.removeSubrange(1...1)
    let run = try RowProblem.run(description)
    while !run.isFinished { _ = try run.step() }
    #expect(run.epoch == 4 && run.isStoppedEarly && run.epochsWithoutBetter == 3)
    let resumed = try RowProblem.run(description)
    try resumed.restore(run.checkpoint(), best: run.best)
    #expect(resumed.isFinished)

    description.recipe.validation = 0
    #expect(
      throws: RunError.mismatch(
        what: "rows: early-stop", expected: "images held out to judge by: 'validation SHARE'", found: "none")
    ) { _ = try RowProblem.run(description) }
  }

  /// The same, with a schedule that lowers the rate on plateaus: through a checkpoint, too.
  @Test func theRateFallsOnPlateaus() throws {
    var description = RowProblem.description
    description.recipe.epochs = 8
    description.recipe.rate = 1e-12
    description.recipe.averageDecay = nil
    description.recipe.schedule = Schedule(.plateau(factor: 0.5, patience: 1))
    description.layers.removeSubrange(1...1)
    func rates(of run: TrainingRun, epochs: Int) throws -> [Float] {
      var rates: [Float] = []
      while rates.count < epochs {
        let step = try run.step()
        if step.step == step.stepsPerEpoch { rates.append(step.rate) }
      }
      return rates
    }
    let run = try RowProblem.run(description)
    #expect(try rates(of: run, epochs: 4) == [1e-12, 1e-12, 1e-12, 5e-13])
    let resumed = try RowProblem.run(description)
    try resumed.restore(run.checkpoint(), best: run.best)
    #expect(try rates(of: resumed, epochs: 4) == rates(of: run, epochs: 4))
    // Without examples held out, the training loss decides; dropout lets it move.
    description.recipe.validation = 0
    description.layers.removeAll { $0.kind == .dropout(rate: 0.2) }
    description.recipe.augmentation = []
    #expect(try rates(of: RowProblem.run(description), epochs: 4) == [1e-12, 1e-12, 1e-12, 5e-13])
  }

  @Test func theDescriptionMayStateTheNormalization() throws {
    var description = RowProblem.description
    description.normalization = Normalization(mean: [0.25], deviation: [0.5])
    let run = try RowProblem.run(description)
    #expect(run.preprocessing?.mean == [0.25] && run.preprocessing?.deviation == [0.5])
    #expect(try RowProblem.run().preprocessing?.mean != [0.25])
  }

  @Test func theBestEpochIsExported() throws {
    var description = RowProblem.description
    description.recipe.epochs = 6
    let run = try RowProblem.run(description)
    var best: (correct: Int, epoch: Int) = (-1, 0)
    while !run.isFinished {
      guard let validation = try run.step().validation else { continue }
      #expect(validation.isBest == (validation.correct > best.correct))
      if validation.isBest { best = (validation.correct, run.epoch) }
    }
    #expect(try run.checkpoint().best?.epoch == best.epoch)
    #expect(try run.checkpoint().best?.correct == best.correct)
  }

  /// A class of 10 examples beside two of 40 counts four times as much, and on the mean an example counts 1.
  @Test func classWeights() {
    let balanced = ClassWeights.balanced.factors(histogram: [40, 40, 10])!
    for (factor, expected) in zip(balanced, [0.75, 0.75, 3] as [Float]) { #expect(abs(factor - expected) < 1e-6) }
    let given = ClassWeights.given([1, 2]).factors(histogram: [30, 10])!
    for (factor, expected) in zip(given, [0.8, 1.6] as [Float]) { #expect(abs(factor - expected) < 1e-6) }
    #expect(ClassWeights.equal.factors(histogram: [1, 2]) == nil)
    // A class without examples takes nothing from the others.
    #expect(ClassWeights.balanced.factors(histogram: [0, 6])![1] == 1)
  }

  /// Layers may be called what the head is called, and what stands behind it: tensors are told by their names.
  @Test(arguments: ["softmax: dense 3\nsoftmax", "conv1.weights: dense 3"])
  func everyTensorHasANameOfItsOwn(end: String) throws {
    let run = try RowProblem.run(describe("input 3x4x1\nconv 3x3x2\nflatten\n\(end)\ntrain\nepochs 1"))
    let graph = try run.export().main
    #expect(Set(graph.tensors.map(\.name)).count == graph.tensors.count, "\(graph.tensors.map(\.name))")
    #expect(Set(graph.nodes.map(\.name)).count == graph.nodes.count)
    #expect(graph.tensors.contains { $0.name == "conv1.weights" && $0.shape == [2, 3, 3, 1] })
  }

  /// One output for two classes: the exported graph has scores of both, and is as often right as the run was.
  @Test(arguments: [
    ("sigmoid-cross-entropy", ""), ("mean-squared-error", ""), ("hinge", ""), ("perceptron", ""),
    ("perceptron", " threshold"),
  ]) func oneOutputForTwoClasses(loss: String, end: String) throws {
    func binary(_ examples: Trainer.Examples) -> Trainer.Examples {
      examples.subset(examples.classes.indices.filter { examples.classes[$0] < 2 })
    }
    let rows = RowProblem.data
    let data = DataSet(name: "rows", labels: ["top", "middle"], train: binary(rows.train), test: binary(rows.test))
    let description = try describe(
      "input 3x4x1\nflatten\nclasses: dense 1\(end)\ntrain\nepochs 30\nbatch 8\nrate 0.02\nloss \(loss)")
    let run = try RowProblem.run(description, data: data)
    while !run.isFinished { _ = try run.step() }
    let graph = try run.export().main
    #expect(graph.tensors[graph.outputs[0]].shape == [1, 2])
    #expect(Set(graph.tensors.map(\.name)).count == graph.tensors.count)
    let interpreter = try ReferenceInterpreter(graph)
    let reader = BatchReader(run.preprocessing)
    var scores: [Float] = []
    for index in 0..<data.test.count {
      var input = [Float](repeating: 0, count: 12)
      input.withUnsafeMutableBufferPointer { reader.read(data.test, at: index, into: $0) }
      guard case .f32(let values) = try interpreter.run([.f32(input)])[0] else { continue }
      scores += values
      if ["sigmoid-cross-entropy", "mean-squared-error"].contains(loss) {
        #expect(abs(values[0] + values[1] - 1) < 1e-5)
      }
    }
    let report = ClassificationReport(labels: data.labels, truths: data.test.classes, scores: scores)
    #expect(report.accuracy > 0.9, "\(report.accuracy)")
  }

  @Test func networkAndDataMustFit() throws {
    var data = RowProblem.data
    data.labels.append("none")
    #expect(
      throws: RunError.otherOutputs(network: "rows", expected: 4, data: "rows", found: 3)
    ) { _ = try RowProblem.run(data: data) }
    var description = RowProblem.description
    description.recipe.classWeights = .given([1, 2])
    #expect(
      throws: RunError.mismatch(what: "rows: class-weights", expected: "3, one per class of rows", found: "2")
    ) { _ = try RowProblem.run(description) }
    description.input.height = 5
    #expect(throws: RunError.mismatch(what: "rows: input", expected: "3x4x1 as rows has", found: "5x4x1")) {
      _ = try RowProblem.run(description)
    }
  }
}

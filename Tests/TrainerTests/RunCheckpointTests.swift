import Testing

@testable import Trainer

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

/// Runs that are interrupted, gone on with, or go on in another way; checkpoints on disk.
@Suite struct RunCheckpointTests {
  /// Stopped after every possible number of steps, in the middle of epochs and between them, through the file.
  @Test func aResumedRunIsBitIdenticalToOneThatNeverStopped() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/checkpoint"
    let whole = try RowProblem.run()
    var reports: [[UInt64]] = []
    var files: [[UInt8]] = [try whole.checkpoint().encoded()]
    var bests: [Checkpoint?] = [nil]
    while !whole.isFinished {
      reports.append(try whole.step().bits)
      files.append(try whole.checkpoint().encoded())
      bests.append(whole.best)
    }
    for stop in 0..<reports.count {
      try folder.write(files[stop], to: "checkpoint")
      let resumed = try RowProblem.run()
      try resumed.restore(Checkpoint(path: path), best: bests[stop])
      for step in stop..<reports.count { #expect(try resumed.step().bits == reports[step]) }
      #expect(resumed.isFinished)
      #expect(try resumed.checkpoint().encoded() == files.last!, "stopped after \(stop) steps")
    }
  }

  /// Eight epochs with a best one among them.
  private var validated: NetworkDescription {
    var description = RowProblem.description
    description.recipe.epochs = 8
    description.recipe.rate = 0.005
    description.recipe.validation = 0.4
    return description
  }

  /// The best epoch's checkpoint is written before the run's own: one that is killed between the two has one of an epoch
  /// that its other file does not know. That run goes on behind its best epoch, with the very steps that it would have taken.
  @Test func theBestEpochMayBeAheadOfTheRun() throws {
    let description = validated
    let whole = try RowProblem.run(description)
    var (reports, ends): ([[UInt64]], [(last: Checkpoint, best: Checkpoint?)]) = ([], [])
    ends.append((try whole.checkpoint(), nil))
    while !whole.isFinished {
      reports.append(try whole.step().bits)
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
        #expect(try resumed.step().bits == reports[step])
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
    var description = validated
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
}

// Stopping a run and going on with it.

extension TrainingRun {
  /// The run as it stands. Taking it changes nothing.
  ///
  /// - Throws: `RunError.diverged` if a weight is no number any more: nobody could go on from there.
  public func checkpoint() throws(RunError) -> Checkpoint { try checkpoint(best: best?.best) }

  /// - Parameter best: what it tells of the best epoch.
  func checkpoint(best: Checkpoint.Best?) throws(RunError) -> Checkpoint {
    try takeLateResult()
    let state: TrainingState
    do { state = try network.state() } catch { throw .network(error) }
    guard state.tensors.allSatisfy({ $0.values.allSatisfy(\.isFinite) }) else {
      throw .diverged(epoch: epoch + 1, step: stepInEpoch, rate: rate, loss: .nan, limit: lossLimit)
    }
    return Checkpoint(
      settings: settings, epoch: epoch, step: stepInEpoch, lossSum: lossSum, correct: correct, state: state,
      best: best, plateau: plateau)
  }

  /// What may be other than in the run that a checkpoint is of.
  public enum Change: String, Sendable {
    /// The learning rate, as after a divergence.
    case rate
    /// More epochs. A schedule without end goes on as it would have; another is that of the larger number from here on.
    case epochs
  }

  /// Goes on where `checkpoint` was taken: every number from here on is the one it would have been.
  ///
  /// - Parameters:
  ///   - best: the checkpoint of the run's best epoch, if `checkpoint` tells of one. A run that ended between writing the two
  ///     leaves that of a later epoch: the run goes on behind that one, because the epochs before it are those that the
  ///     best one has come from. Done again with `changes`, they would be others.
  ///   - changes: settings that may differ.
  /// - Throws: `RunError.otherRun` if a checkpoint is of a run with other settings or data.
  public func restore(
    _ checkpoint: Checkpoint, best: Checkpoint? = nil, changes: Set<Change> = []
  ) throws(RunError) {
    var checkpoint = checkpoint
    try check(checkpoint.settings, changes)
    if let told = checkpoint.best {
      guard let best, let other = best.best, other == told || other.epoch > checkpoint.epoch else {
        throw .otherBest(expected: told.epoch, found: best?.best?.epoch)
      }
      try check(best.settings, changes)
      if other.epoch > checkpoint.epoch { checkpoint = best }
    }
    guard checkpoint.step < stepsPerEpoch, checkpoint.epoch <= recipe.epochs else {
      throw .otherRun(
        expected: "at most \(recipe.epochs) epochs of \(stepsPerEpoch) steps",
        found: "\(checkpoint.epoch) and \(checkpoint.step) steps")
    }
    late = nil
    stepLosses = []
    do { try network.restore(checkpoint.state) } catch { throw .network(error) }
    epoch = checkpoint.epoch
    stepInEpoch = checkpoint.step
    lossSum = checkpoint.lossSum
    correct = checkpoint.correct
    labels = order(epoch + 1).prefix(imagesInEpoch).reduce(0) { $0 + train.labels(of: $1) }
    self.best = checkpoint.best == nil ? nil : best
    plateau = checkpoint.plateau
  }

  /// - Parameter other: the settings of a checkpoint.
  private func check(_ other: [String], _ changes: Set<Change>) throws(RunError) {
    for line in 0..<max(settings.count, other.count) {
      let mine = line < settings.count ? settings[line] : "nothing"
      let other = line < other.count ? other[line] : "nothing"
      let mayDiffer = changes.contains { mine.hasPrefix($0.rawValue + " ") && other.hasPrefix($0.rawValue + " ") }
      guard mine == other || mayDiffer else { throw .otherRun(expected: mine, found: other) }
    }
  }
}

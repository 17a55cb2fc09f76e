import Foundation
import Terminal
import Trainer

/// Where a run's state is saved: in two files, each replaced in one go.
struct RunPaths {
  /// The run as it stood last.
  let last: String
  /// The run behind its best epoch, where examples are held out.
  let best: String

  init(_ arguments: Arguments) throws {
    if let path = arguments.string("checkpoint") {
      last = path
    } else if let folder = arguments.string("run") {
      last = OutputFolder.path(of: "last.checkpoint", in: folder)
      best = OutputFolder.path(of: "best.checkpoint", in: folder)
      return
    } else {
      last = try TrainCommand.command.required("output", of: arguments) + ".checkpoint"
    }
    best = last + ".best"
  }
}

/// What was saved of a run that is to go on.
struct SavedRun {
  let last: Checkpoint
  let best: Checkpoint?

  /// - Parameter job: rank 0 alone needs the files.
  init(_ paths: RunPaths, _ job: (any Communicator)?) throws {
    func read(_ path: String) throws -> Checkpoint {
      guard let job else { return try Checkpoint(path: path) }
      return try Checkpoint(path: path, communicator: job)
    }
    last = try read(paths.last)
    best = last.best == nil ? nil : try read(paths.best)
  }
}

/// What a run leaves behind.
struct RunOutputs {
  var folder: RunFolder?
  let model: OutputFile
  let paths: RunPaths
  /// All that are written.
  private let files: [OutputFile]
  /// The best epoch whose checkpoint this process has written.
  private var savedBest: Int?

  /// - Throws: what tells now that a file could not be written later.
  init(_ arguments: Arguments) throws {
    folder = try arguments.string("run").map {
      try RunFolder(path: $0, isResumed: arguments.has("resume"), checkpoint: RunPaths(arguments).last)
    }
    let name = arguments.string("output") ?? folder?.path(of: "model.bin")
    model = try OutputFile(path: name ?? TrainCommand.command.required("output", of: arguments))
    paths = try RunPaths(arguments)
    let checkpoints = try [paths.last, paths.best].map { try OutputFile(path: $0) }
    for file in checkpoints where file.isSame(as: model) {
      throw UsageError(
        "--checkpoint", expected: "another file than the model's, which stays when the checkpoint goes",
        found: file.path, command: TrainCommand.command.name)
    }
    files = try [model] + checkpoints + (folder?.files ?? [])
    // A run that was killed leaves at most one such file, but runs that are started and killed by a machine leave many.
    for file in files { file.removeRemains(age: RunOutputs.ageOfRemains) }
  }

  /// Seconds in which a process that lives has written one of these files.
  private static let ageOfRemains = 60

  /// Saves the run and its log. What goes on from the run cuts the log off, so that comes first, and then the best epoch: the
  /// other file, which tells of it, must not be there without.
  mutating func save(_ run: TrainingRun) throws(RunError) {
    folder?.writeLog()
    if let best = run.best {
      if best.epoch != savedBest { try best.write(to: paths.best) }
      savedBest = best.epoch
    } else {
      // Of an earlier run.
      OutputFile.remove(paths.best)
    }
    try run.checkpoint().write(to: paths.last)
  }

  /// Tells a run that has diverged where it could go on.
  func noteKept() {
    guard let kept = try? Checkpoint(path: paths.last) else { return }
    note(
      "\(paths.last) is kept, of epoch \(kept.epoch + 1) after \(kept.step) steps: "
        + "--resume with a smaller --rate goes on from there")
  }

  /// The model is written: what went before it stays in a run's folder only, without what processes that were killed had
  /// half written.
  func endCheckpoints() {
    for file in files { file.removeRemains(age: 0) }
    guard folder == nil else { return }
    OutputFile.remove(paths.last)
    OutputFile.remove(paths.best)
  }
}

/// When a run is saved: behind an epoch, and in the middle of long ones after a minute, but so seldom that it takes no more than
/// a twentieth of the time. Epochs of small networks take less time than a file.
struct SavingPace {
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant?
  private var cost = Duration.zero
  private let start: ContinuousClock.Instant

  init() { start = clock.now }

  func isDue(epochEnds: Bool) -> Bool {
    let elapsed = clock.now - (last ?? start)
    return elapsed >= cost * 19 && (epochEnds || elapsed > .seconds(60))
  }

  /// Calls `save`, which takes its time.
  mutating func measure(_ save: () throws(RunError) -> Void) throws(RunError) {
    let start = clock.now
    defer {
      last = clock.now
      cost = clock.now - start
    }
    try save()
  }
}

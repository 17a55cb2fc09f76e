import Format
import Terminal
import Trainer

/// What a person, a log or a program sees of a training run.
///
/// A person at a terminal gets a line that is rewritten ten times a second; a log one plain line per epoch; both on
/// standard error. With `--json` a program gets one document a line on standard output.
final class Progress {
  private enum Style {
    case bar
    case lines
    case json
    case none
  }

  private let run: TrainingRun
  private let style: Style
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var epochStart: ContinuousClock.Instant
  private var lastDraw: ContinuousClock.Instant
  /// Images since the start, and of the current epoch's images those that an earlier process had taken.
  private var imagesDone = 0
  private var imagesBefore: Int
  /// Of the epoch's steps so far.
  private var stepLosses: ClosedRange<Double>?
  private var isLineOpen = false
  private let isResumed: Bool
  /// What several examples are called.
  private var noun = "images"

  /// - Parameter isSilent: whether another process shows it.
  init(_ run: TrainingRun, _ arguments: Arguments, isSilent: Bool) {
    self.run = run
    style =
      isSilent
      ? .none
      : arguments.has("json")
        ? .json : arguments.has("quiet") ? .none : Terminal.Stream.error.isTerminal ? .bar : .lines
    start = clock.now
    epochStart = start
    lastDraw = start
    imagesBefore = run.imagesInEpoch
    isResumed = run.epoch > 0 || run.stepInEpoch > 0
  }

  func begin(data: TrainingData, device: String, processes: Int) {
    noun = data.noun
    guard style == .bar || style == .lines else { return }
    note(
      "\(data.name): \(run.imagesPerEpoch) \(data.noun) \(data.contents); "
        + "\(run.description.name): \(shortCount(run.parameterCount)) parameters; \(device)"
        + (processes > 1 ? " in each of \(processes) processes" : ""))
    let recipe = run.description.recipe
    if processes > 1 { note("a batch of \(recipe.batch) over all processes, rate \(recipe.rate)") }
    if run.isFinished {
      note("nothing is left to train: the run has done its \(run.epoch) epochs (more --epochs go on with it)")
    } else if isResumed {
      note("going on in epoch \(run.epoch + 1) after \(run.stepInEpoch) of \(run.stepsPerEpoch) steps")
    }
  }

  /// A line for people, before the first epoch.
  func tell(_ text: String) {
    if style == .bar || style == .lines { note(text) }
  }

  /// - Returns: after an epoch's last step, what the epoch came to.
  func show(_ step: StepReport) -> EpochRecord? {
    let isEpochEnd = step.step == step.stepsPerEpoch
    for loss in step.stepLosses {
      let before = stepLosses ?? loss...loss
      stepLosses = min(before.lowerBound, loss)...max(before.upperBound, loss)
    }
    switch style {
    case .none: break
    case .bar:
      if isEpochEnd {
        draw(line(step))
        endLine()
      } else if clock.now - lastDraw > .milliseconds(100) {
        lastDraw = clock.now
        draw(bar(step))
      }
    case .lines:
      if isEpochEnd { note(line(step)) }
    case .json:
      if isEpochEnd { write(json(step)) }
    }
    guard isEpochEnd else { return nil }
    let record = record(step)
    imagesDone += step.images - imagesBefore
    imagesBefore = 0
    epochStart = clock.now
    stepLosses = nil
    return record
  }

  /// Since the start.
  var seconds: Double { (clock.now - start).seconds }

  /// Leaves the bar, so that something else can be written.
  func interrupt() { endLine() }

  func end(_ result: TrainingData.Result, path: String) {
    let (model, assessment) = (result.model, result.assessment)
    if run.isStoppedEarly && run.epoch < run.epochs && (style == .bar || style == .lines) {
      note("stopped early after epoch \(run.epoch): \(run.epochsWithoutBetter) epochs in a row were not better")
    }
    let bytes = (try? model.encoded().count) ?? 0
    guard style != .json else {
      var json = JSONWriter(isOneLine: true)
      json.object { json in
        json.field("event", "model")
        json.field("model", path)
        json.field("bytes", bytes)
        if case .classes(let report) = assessment {
          json.field("test_accuracy", report.accuracy, decimals: 6)
        } else {
          assessment.write(to: &json, confusion: false)
        }
        json.field("seconds", seconds, decimals: 3)
      }
      write(json.text)
      return
    }
    write("\(path): \(byteSize(bytes)), \(assessment.summary) test examples, \(fixed(seconds, decimals: 1)) s\n")
    for sample in result.samples { write("\n\(sample)\n") }
  }

  // MARK: Lines

  private func line(_ step: StepReport) -> String {
    var text = "epoch \(step.epoch)/\(run.epochs)  \(figures(step))"
    if let validation = step.validation {
      text += "  validation " + (run.predictsNumbers ? "" : "\(percent(validation.accuracy)) ")
      text += "loss \(fixed(validation.loss, decimals: 4))"
      if validation.isBest { text += " (best)" }
    }
    return text + "  \(Int(imagesPerSecond(step))) \(noun)/s  \(fixed(epochSeconds, decimals: 1)) s"
  }

  private func bar(_ step: StepReport) -> String {
    let width = 10
    let filled = step.step * width / step.stepsPerEpoch
    let drawn = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
    return "epoch \(step.epoch)/\(run.epochs) [\(drawn)] \(figures(step))  \(Int(imagesPerSecond(step))) \(noun)/s"
      + "  \(timeLeft(step)) left"
  }

  private func figures(_ step: StepReport) -> String {
    "loss \(fixed(step.loss, decimals: 4))" + (run.predictsNumbers ? "" : "  accuracy \(percent(step.accuracy))")
  }

  private func json(_ step: StepReport) -> String {
    var json = JSONWriter(isOneLine: true)
    json.object { json in
      json.field("event", "epoch")
      json.field("epochs", run.epochs)
      record(step).write(to: &json)
    }
    return json.text
  }

  // MARK: Figures

  private func record(_ step: StepReport) -> EpochRecord {
    EpochRecord(
      epoch: step.epoch, loss: step.loss, stepLosses: stepLosses ?? step.stepLoss...step.stepLoss,
      accuracy: run.predictsNumbers ? .nan : step.accuracy, rate: Double(step.rate),
      validation: step.validation.map {
        .init(loss: $0.loss, accuracy: run.predictsNumbers ? .nan : $0.accuracy, isBest: $0.isBest)
      },
      imagesPerSecond: imagesPerSecond(step), seconds: epochSeconds)
  }

  private var epochSeconds: Double { (clock.now - epochStart).seconds }

  /// In this epoch.
  private func imagesPerSecond(_ step: StepReport) -> Double {
    Double(step.images - imagesBefore) / max(epochSeconds, 1e-9)
  }

  /// At the mean speed since the start: "4:07".
  private func timeLeft(_ step: StepReport) -> String {
    let done = imagesDone + step.images - imagesBefore
    let left = (run.epochs - step.epoch + 1) * run.imagesPerEpoch - step.images
    let seconds = Int((clock.now - start).seconds * Double(left) / Double(max(done, 1)))
    let (minutes, rest) = (seconds / 60, seconds % 60)
    let tail = (rest < 10 ? ":0" : ":") + "\(rest)"
    return minutes < 60
      ? "\(minutes)" + tail : "\(minutes / 60):" + (minutes % 60 < 10 ? "0" : "") + "\(minutes % 60)" + tail
  }

  private func draw(_ text: String) {
    // To the line's start, then erase what a longer line left.
    write("\r" + text + "\u{1b}[K", to: .error)
    isLineOpen = true
  }

  private func endLine() {
    if isLineOpen { write("\n", to: .error) }
    isLineOpen = false
  }
}

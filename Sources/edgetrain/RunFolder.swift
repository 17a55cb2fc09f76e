import Format
import Foundation
import Platform
import Terminal
import Trainer
import Vision

/// What `--run` keeps of a training run: `network.net` and `config.json` (what was trained, and how to get it again),
/// `log.csv` and `log.jsonl` (a line for each epoch), `report.html`; and beside them the checkpoints and the model.
struct RunFolder {
  private let folder: OutputFolder
  /// Where the run's state is saved, from the root: in the folder, unless `--checkpoint` names another place.
  private let checkpoint: String
  /// Whether a run was begun here that cannot be gone on with.
  private var hasRemains = false
  private var log = RunLog()
  private var csv: LogFile
  private var jsonLines: LogFile

  /// - Parameter checkpoint: where the run's state is to be saved.
  /// - Throws: `Problem` if the folder has another run, which is finished or can be gone on with; or, where one is to be
  ///   continued, a log that is none.
  init(path: String, isResumed: Bool, checkpoint: String) throws {
    folder = try OutputFolder(path: path)
    self.checkpoint = URL(fileURLWithPath: checkpoint).path
    let file = folder.path(of: "log.csv")
    csv = LogFile(try OutputFile(path: file), head: RunLog.csvHead) { $0.csvLine }
    jsonLines = LogFile(try OutputFile(path: folder.path(of: "log.jsonl"))) { $0.jsonLine }
    guard isResumed else {
      if let found = traces.first(where: { FileManager.default.fileExists(atPath: $0) }) {
        throw Problem(
          "\(path): expected a new folder, found \(found) of a run",
          hint: "give another folder, or go on with that run by --resume")
      }
      hasRemains = FileManager.default.fileExists(atPath: file)
      return
    }
    guard FileManager.default.fileExists(atPath: file) else { return }
    // A line for each epoch, of which there may be a million.
    let text = try contents(ofFile: file, what: "the log of a run", limit: 1 << 30)
    guard let log = RunLog(csv: text) else {
      throw Problem("\(file): expected the log of a run, found another text")
    }
    self.log = log
  }

  /// Files of which one is there if a run is finished, or can be gone on with. One that was killed, or diverged, before its
  /// first checkpoint has none of them.
  private var traces: [String] {
    var paths = [folder.path(of: "last.checkpoint"), folder.path(of: "report.html")]
    // A model beside a log is the run's; one that is alone may have come from anywhere.
    if FileManager.default.fileExists(atPath: folder.path(of: "log.csv")) { paths.append(folder.path(of: "model.bin")) }
    if let config = try? contents(ofFile: folder.path(of: "config.json"), what: "settings"),
      let fields = try? JSONSerialization.jsonObject(with: Data(config.utf8)) as? [String: Any],
      let checkpoint = fields["checkpoint"] as? String
    {
      paths.append(checkpoint)
    }
    return paths
  }

  func path(of name: String) -> String { folder.path(of: name) }

  /// Those that this writes.
  var files: [OutputFile] {
    get throws {
      try ["network.net", "config.json", "log.csv", "log.jsonl", "report.html"].map {
        try OutputFile(path: folder.path(of: $0))
      }
    }
  }

  /// Writes down what is trained.
  mutating func begin(_ run: TrainingRun, data: TrainingData, device: String) throws {
    if hasRemains {
      note("\(folder.path) has the log of a run that left no checkpoint; it is replaced: the run begins anew")
    }
    // Before anything is added: what is there may be of another run, go beyond the checkpoint, or end in the midst of a line.
    log.truncate(to: run.epoch)
    writeLog()
    try folder.write(run.description.text, to: "network.net")
    var json = JSONWriter()
    json.object { json in
      json.field("tool", "edgetrain \(Edgetrain.version)")
      json.array("arguments") { json in for word in processArguments() { json.value(word) } }
      json.field("network", run.description.name)
      json.field("parameters", run.parameterCount)
      json.field("data", data.name)
      json.field("training_images", run.imagesPerEpoch)
      json.field("held_out_images", data.trainCount - run.imagesPerEpoch)
      json.field("test_images", data.testCount)
      json.array("labels") { json in for label in data.labels { json.value(label) } }
      json.field("epochs", run.epochs)
      json.field("steps_per_epoch", run.stepsPerEpoch)
      json.field("seed", run.description.recipe.seed)
      json.field("device", device)
      json.field("checkpoint", checkpoint)
    }
    try folder.write(json.text, to: "config.json")
  }

  /// Logs an epoch; `writeLog` writes it.
  mutating func append(_ record: EpochRecord) { log.append(record) }

  /// A log that cannot be written is no reason to lose the training: a warning tells of it.
  mutating func writeLog() {
    do {
      try csv.write(log)
      try jsonLines.write(log)
    } catch {
      note("warning: \(Problem(error).description); going on without")
    }
  }

  /// Writes the report.
  func end(_ run: TrainingRun, data: TrainingData, _ result: TrainingData.Result) throws {
    let (model, assessment) = (result.model, result.assessment)
    let trained = log.records.reduce(0) { $0 + $1.seconds }
    let images = log.records.reduce(0) { $0 + $1.seconds * $1.imagesPerSecond }
    let report = RunReport(
      title: "\(run.description.name) on \(data.name)",
      summary: "\(run.epoch) epochs of \(run.imagesPerEpoch) \(data.noun) in steps of \(run.batch), "
        + "seed \(run.description.recipe.seed)"
        + (run.imagesPerEpoch < data.trainCount
          ? "; \(data.trainCount - run.imagesPerEpoch) \(data.noun) held out, the best epoch on them kept." : "."),
      figures: assessment.figures + [
        .init("weights and biases", shortCount(run.parameterCount)),
        .init("multiply-accumulates", shortCount(model.graph.multiplyAccumulates)),
        .init("model file", byteSize(try model.encoded().count)), .init("training", duration(trained)),
        .init("\(data.noun) a second", shortCount(Int(images / max(trained, 1e-9)))),
      ],
      log: log, classification: assessment.classes,
      mistakes: result.mistakes,
      settings: RunReport.examples(result.samples) + [
        ("Command", Edgetrain.commandLine), ("Network", run.description.text),
      ])
    try folder.write(try report.html(), to: "report.html")
  }

  /// As in "48.1 s", "12 min 5 s".
  private func duration(_ seconds: Double) -> String {
    guard seconds >= 100 else { return fixed(seconds, decimals: 1) + " s" }
    let whole = Int(seconds.rounded())
    return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
  }
}

extension Assessment {
  /// How well the model did, for the top of a page.
  fileprivate var figures: [RunReport.Figure] {
    switch self {
    case .classes(let report):
      [
        .init(
          "accuracy on \(report.count) test examples",
          "\(percent(report.accuracy, decimals: 2)) ± \(fixed(report.standardError * 100, decimals: 2))"),
        .init("among the first three", percent(report.topThreeAccuracy, decimals: 2)),
      ]
    case .sequences(let report, _): report.figures.map { RunReport.Figure($0.name, $0.value) }
    case .numbers(let report):
      report.targets.flatMap { target in
        [
          .init("\(target.name): root mean squared error on \(report.count) rows", target.rootMeanSquare.significant),
          .init(
            "\(target.name): share of the variance explained", target.explained.map { fixed($0, decimals: 4) } ?? "–"),
        ]
      }
    }
  }

  /// With pictures; none of rows of numbers.
  func worstMistakes(in examples: Examples, scores: [Float]) -> [(mistake: Mistake, image: Image)] {
    guard case .classes(let report) = self, !examples.holdsNumbers else { return [] }
    return Mistake.worst(RunReport.mistakeCount, of: report, scores: scores).map { ($0, examples.image($0.index)) }
  }
}

extension RunReport {
  /// What a model makes of some examples, as a part of a page.
  static func examples(_ samples: [String]) -> [(heading: String, text: String)] {
    samples.isEmpty ? [] : [("Examples", samples.joined(separator: "\n\n"))]
  }

  /// Of a model file on the examples that it was measured on.
  init(_ file: ModelFile, _ assessment: Assessment, examples: Examples, scores: [Float]) throws {
    try self.init(
      path: file.path, file.model, data: file.data.name, assessment,
      mistakes: assessment.worstMistakes(in: examples, scores: scores))
  }

  init(
    path: String, _ model: Model, data: String, _ assessment: Assessment,
    mistakes: [(mistake: Mistake, image: Image)] = [], samples: [String] = []
  ) throws {
    let metadata = model.metadata
    self.init(
      title: "\(metadata.name) on \(data)", summary: "\(path), \(metadata.provenance.tool).",
      figures: assessment.figures + [
        .init("multiply-accumulates", shortCount(model.graph.multiplyAccumulates)),
        .init("model file", byteSize(try model.encoded().count)),
      ], log: RunLog(), classification: assessment.classes, mistakes: mistakes,
      settings: RunReport.examples(samples) + [("Command", Edgetrain.commandLine)])
  }
}

import Format
import Foundation
import Platform
import Terminal
import Trainer

enum TrainCommand {
  static let command = Command(
    name: "edgetrain train",
    summary: "Trains the network that NET describes and exports it as a model file for `edgerun`.",
    operands: [Operand("NET", count: 0...1)],
    options: [
      CommonOptions.dataOrSequences,
      Option(
        "from", value: "MODEL", help: "begin with the weights of a float model file, and without NET with its network"),
      Option("freeze", value: "LAYER", help: "with --from: hold the weights of this layer and all before it"),
      Option("output", letter: "o", value: "MODEL", help: "the model file to write (default: model.bin in --run)"),
      Option("run", value: "DIR", help: "a folder for the run's settings, log, checkpoints and report.html"),
      Option("epochs", value: "N", help: "times that every training image is used (default: as NET says)"),
      Option("batch", value: "N", help: "images in a step, or all (default: as NET says)"),
      Option("rate", value: "R", help: "learning rate before the schedule (default: as NET says)"),
      Option("seed", value: "N", help: "first weights, order and augmentation of images (default: as NET says)"),
      Option(
        "validation", value: "SHARE", help: "share of the training images held out; the best epoch on them is kept"),
      Option("limit", value: "N", help: "only N training images, drawn at random but always the same"),
      Option(
        "checkpoint", value: "FILE",
        help: "where to save the run's state (default: MODEL.checkpoint, or last.checkpoint in --run)"),
      Option("resume", help: "go on from the checkpoint, exactly as if the run had not stopped; or with more --epochs"),
      DeviceOption.device, DeviceOption.shares,
      Option("threads", value: "N", help: "default: as many as the CPU has; the result is the same for any number"),
      DeviceOption.retune, DeviceOption.profile,
      Option(
        "rate-scaling", value: "KIND",
        help: "under mpirun, where each process adds a batch: linear (default), the rate grows alike; or none"),
      Option("json", help: "one JSON document a line on standard output, one for each epoch and one for the model"),
      Option("quiet", letter: "q", help: "no progress"),
    ] + CommonOptions.reading,
    examples: [
      "edgetrain train nets/lenet5.net --data fashion-mnist -o lenet5.bin",
      "edgetrain train nets/fashion_cnn.net --data photos --validation 0.1 -o photos.bin",
      "edgetrain train nets/lenet5.net --data fashion-mnist -o lenet5.bin --resume",
      "edgetrain train nets/fashion_cnn.net --data photos --from fashion_cnn.bin --freeze conv3 -o photos.bin",
      "edgetrain train nets/lenet5.net --data fashion-mnist --validation 0.1 --run runs/1    # then open report.html",
      "edgetrain train nets/numbers.net --data numbers -o numbers.bin",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let name = try command.required("data", of: arguments)
    let base = try Base(arguments)
    var (description, path) = try network(arguments, base)
    try override(&description.recipe, with: arguments)
    let limit = try arguments.integer("limit", in: 1...Int.max)
    let options = try CommonOptions.dataOptions(arguments, for: name, command: command)
    let device = try DeviceOption(arguments, of: command)
    let scalesRate = try scalesRate(arguments)
    OpenBLASEnvironment.establish()
    let job = try Job.join()
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange) ?? Job.threads(job)
    // Files are rank 0's affair.
    var outputs = job.map { $0.rank == 0 } ?? true ? try RunOutputs(arguments) : nil
    let saved = arguments.has("resume") ? try SavedRun(RunPaths(arguments), job) : nil
    if arguments.has("rate-scaling"), job == nil, saved == nil {
      throw UsageError(
        "--rate-scaling", expected: "several processes, started by mpirun", found: "one", command: command.name)
    }
    try enlargeBatch(&description.recipe, job, saved?.last, scalesRate: scalesRate)
    let devices = try device.devices(threads: threads, communicator: job)

    let data = try TrainingData(
      name, for: description, path: path, base: base?.model, options: options, limit: limit)
    if outputs != nil, case .set(let data) = data { noteSkipped(data) }
    let start = try base?.startingPoint(for: &description, data: data)
    let run = try data.run(
      description, preprocessing: base?.preprocessing(for: description), start: start,
      devices: devices)
    try data.checkExport(of: run, base: base?.model)
    if let saved {
      let changes = [TrainingRun.Change.rate, .epochs].filter { arguments.has($0.rawValue) }
      try run.restore(saved.last, best: saved.best, changes: Set(changes))
    } else if let path = outputs?.paths.last, FileManager.default.fileExists(atPath: path) {
      note("\(path) is of a run that did not end; it will be replaced (--resume would have continued it)")
    }

    let progress = Progress(run, arguments, isSilent: outputs == nil)
    progress.begin(data: data, device: devices.name, processes: job?.size ?? 1)
    if let base { progress.tell(base.text(run)) }
    try outputs?.folder?.begin(run, data: data, device: devices.name)
    try train(run, progress: progress, outputs: &outputs, processes: job?.size ?? 1)
    if let outputs {
      let result = try data.export(run, base: base?.model)
      try result.model.write(to: outputs.model.path)
      try outputs.folder?.end(run, data: data, result)
      outputs.endCheckpoints()
      progress.end(result, path: outputs.model.path)
      for backend in devices.profiled(by: device) { write(try profileText(backend), to: .error) }
    }
    Job.leave(job)
  }

  private static func scalesRate(_ arguments: Arguments) throws -> Bool {
    switch arguments.string("rate-scaling") {
    case nil, "linear": return true
    case "none": return false
    case let other?:
      throw UsageError("--rate-scaling", expected: "linear or none", found: other, command: command.name)
    }
  }

  /// Each process brings a batch. A run that goes on keeps the batch that it was begun with, whatever the number of
  /// processes now.
  private static func enlargeBatch(
    _ recipe: inout TrainingRecipe, _ job: (any Communicator)?, _ saved: Checkpoint?, scalesRate: Bool
  ) throws {
    let before = saved?.batch.map { $0 / recipe.batch }
    recipe.enlargeBatch(by: max(before ?? job?.size ?? 1, 1), scalesRate: scalesRate)
  }

  /// What is trained, and where its text stands.
  private static func network(_ arguments: Arguments, _ base: Base?) throws -> (NetworkDescription, path: String) {
    if let path = arguments.operands.first { return (try NetworkDescription(path: path), path) }
    guard let base else {
      throw UsageError(
        "NET", expected: "a network description, or --from MODEL", found: "nothing", command: command.name)
    }
    guard SequenceShape(base.model) == nil else {
      throw UsageError(
        "NET",
        expected: "a network description: a model for sequences does not tell the steps that it was trained with",
        found: "nothing", command: command.name)
    }
    return (try NetworkDescription(base.model), base.path)
  }

  /// Steps until the run is finished. Its state is saved as `SavingPace` says, when it is over, and before Ctrl-C ends the
  /// program; by one process, if there are several.
  private static func train(
    _ run: TrainingRun, progress: Progress, outputs: inout RunOutputs?, processes: Int
  ) throws {
    Interrupt.catchSignals()
    var pace = SavingPace()
    while !run.isFinished {
      let step: StepReport
      do {
        step = try run.step()
      } catch {
        progress.interrupt()
        outputs?.folder?.writeLog()
        if case .diverged = error { outputs?.noteKept() }
        throw error
      }
      let epoch = progress.show(step)
      guard outputs != nil else { continue }
      if let epoch { outputs?.folder?.append(epoch) }
      if Interrupt.isRequested && !run.isFinished {
        progress.interrupt()
        try outputs?.save(run)
        note("stopped in epoch \(run.epoch + 1) after \(run.stepInEpoch) of \(run.stepsPerEpoch) steps")
        note("to go on: \(commandToGoOn(processes: processes))")
        exit(.failure)
      }
      guard run.isFinished || pace.isDue(epochEnds: run.stepInEpoch == 0) else { continue }
      do {
        try pace.measure { () throws(RunError) in try outputs?.save(run) }
      } catch {
        // A full disk may have room again when the model is to be written: the work goes on.
        progress.interrupt()
        note("warning: \(error.description); going on without")
      }
    }
  }

  private static func override(_ recipe: inout TrainingRecipe, with arguments: Arguments) throws {
    if let epochs = try arguments.integer("epochs", in: 1...1_000_000) { recipe.epochs = epochs }
    if arguments.string("batch") == "all" {
      recipe.batch = TrainingRecipe.wholeSet
    } else if let batch = try arguments.integer("batch", in: 1...65_536) {
      recipe.batch = batch
    }
    if let seed = try arguments.integer("seed", in: 0...Int.max) { recipe.seed = UInt64(seed) }
    if let rate = try CommonOptions.rate("rate", of: arguments) { recipe.rate = Float(rate) }
    let share = try arguments.number(
      "validation", expected: "a number of at least 0 and below 1", where: { (0..<1).contains(Float($0)) })
    if let share { recipe.validation = Float(share) }
  }

  /// This process's command line, to be typed again, with the program as it was found. Where several processes were started,
  /// it starts as many: with what else `mpirun` was told they are not.
  private static func commandToGoOn(processes: Int) -> String {
    var words = ["edgetrain"]
    if let name = platform_argument(0) { words = [String(cString: name)] }
    words += processArguments()
    if !words.contains("--resume") { words.append("--resume") }
    return Edgetrain.shellText((processes > 1 ? ["mpirun", "-n", "\(processes)"] : []) + words)
  }
}

extension TrainingData {
  /// Reads what `name` tells, brought to what the network at `path` takes.
  ///
  /// - Parameters:
  ///   - base: a model whose weights the network begins with.
  ///   - limit: training examples at most; of a running text they are its beginning.
  init(
    _ name: String, for description: NetworkDescription, path: String, base: Model?, options: DataOptions, limit: Int?
  ) throws {
    if let source = SequenceSource(name) {
      let texts = try SequenceTexts(source, splitSeed: options.splitSeed)
      var shape = try SequenceShape(description)
      if let base { shape.begin(with: base, on: texts) }
      var data = try SequenceData(texts, for: shape)
      data.train = data.train.sample(limit, of: data.task)
      self = .sequences(data)
      return
    }
    var data = try DataSet(DataSource(name), for: description, path: path, base: base, options: options)
    data.train = data.train.sample(limit)
    self = .set(data)
  }
}

extension DataSet {
  /// Reads the data, brought to the input size of the network that the file at `path` describes.
  ///
  /// - Parameter base: a model whose weights the network begins with: what it does with pictures is done with these.
  init(
    _ source: DataSource, for description: NetworkDescription, path: String, base: Model? = nil, options: DataOptions
  ) throws {
    let input = description.input
    guard !source.holdsNumbers else {
      try self.init(source, options: options)
      return
    }
    guard input.channels == 1 || input.channels == 3 else {
      throw Problem("\(path): input: expected 1 or 3 channels, as images have, found \(input.channels)")
    }
    let geometry =
      base?.preprocessing(for: input)
      ?? Preprocessing(
        width: input.width, height: input.height, channels: input.channels, fit: .crop, mean: [], deviation: [])
    try self.init(source, geometry: geometry, options: options)
  }
}

extension NetworkDescription {
  /// Reads a `.net` file.
  init(path: String) throws {
    try self.init(parsing: contents(ofFile: path, what: "a network description"), file: path)
    // Some steps of compiling take the square of the layers' number.
    guard layers.count <= NetworkDescription.mostLayers else {
      throw Problem("\(path): expected at most \(NetworkDescription.mostLayers) layers, found \(layers.count)")
    }
  }

  private static let mostLayers = 10_000
}

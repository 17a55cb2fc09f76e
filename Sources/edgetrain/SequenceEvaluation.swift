import Format
import Terminal
import Trainer

/// `edgetrain evaluate` on a task over sequences.
enum SequenceEvaluation {
  /// - Parameter name: of `source`, as it was typed.
  static func run(_ source: SequenceSource, name: String, _ arguments: Arguments, command: Command) throws {
    let limit = try arguments.integer("limit", in: 1...Int.max)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange)
    let options = try CommonOptions.dataOptions(arguments, for: name, command: command)
    let page = try arguments.string("report").map { try OutputFile(path: $0) }

    let beam = try arguments.integer("beam", in: 1...1000)

    /// A model with its data, and what runs it.
    func load(_ path: String) throws -> (file: SequenceModelFile, evaluator: SequenceEvaluator) {
      let file = try SequenceModelFile(path: path, data: source, options: options)
      return (file, try SequenceEvaluator(file.model, beam: beam ?? 1, threads: threads))
    }

    let path = arguments.operands[0]
    let (file, evaluator) = try load(path)
    let data = file.data
    guard beam == nil || data.task == .answers else {
      throw UsageError(
        "--beam", expected: "data with answers, as numbers", found: "\(name), of \(data.task.rawValue)",
        command: command.name)
    }
    try EvaluateCommand.checkConfusion(arguments, hasClasses: !data.labels.isEmpty, data: name)
    let examples = data.test.sample(limit, of: data.task)
    let start = ContinuousClock().now
    let assessment = evaluator.assess(data, examples)
    let seconds = (ContinuousClock().now - start).seconds
    let samples = evaluator.samples(data, examples)
    let other = try arguments.string("compare").map { path in
      let (file, evaluator) = try load(path)
      return (path: path, assessment: evaluator.assess(file.data, file.data.test.sample(limit, of: file.data.task)))
    }
    try page?.write(RunReport(path: path, file.model, data: data.name, assessment, samples: samples).html())
    guard !arguments.has("json") else {
      EvaluateCommand.writeJSON(
        model: path, data: data.name, assessment, confusion: arguments.has("confusion"), other: other)
      return
    }
    write(
      "\(path) on \(data.name): \(assessment.summary) test examples in \(fixed(seconds, decimals: 2)) s\n")
    EvaluateCommand.writeText(assessment, confusion: arguments.has("confusion"), other: other)
    for sample in samples { write("\n\(sample)\n") }
  }
}

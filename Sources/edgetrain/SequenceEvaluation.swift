import Format
import Terminal
import Trainer

/// `edgetrain evaluate` on a task over sequences.
enum SequenceEvaluation {
  static func run(_ source: SequenceSource, _ arguments: Arguments, command: Command) throws {
    let limit = try arguments.integer("limit", in: 1...Int.max)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange)
    let options = try CommonOptions.dataOptions(arguments, command: command)
    let page = try arguments.string("report").map { try OutputFile(path: $0) }

    let beam = try arguments.integer("beam", in: 1...1000)

    /// A model with its data, how it did, and samples.
    func measure(
      _ path: String
    ) throws -> (file: SequenceModelFile, assessment: Assessment, samples: [String]) {
      let file = try SequenceModelFile(path: path, data: source, options: options)
      guard beam == nil || file.data.task == .answers else {
        throw Problem("--beam: expected a model that answers, found one for \(file.data.task.rawValue)")
      }
      let examples = file.data.test.sample(limit, of: file.data.task)
      let evaluator = try SequenceEvaluator(file.model, beam: beam ?? 1, threads: threads)
      return (file, evaluator.assess(file.data, examples), evaluator.samples(file.data, examples))
    }

    let path = arguments.operands[0]
    let clock = ContinuousClock()
    let start = clock.now
    let result = try measure(path)
    let seconds = (clock.now - start).seconds
    try page?.write(
      RunReport(
        path: path, result.file.model, data: result.file.data.name, result.assessment, samples: result.samples
      ).html())
    let other = try arguments.string("compare").map { (path: $0, assessment: try measure($0).assessment) }
    guard !arguments.has("json") else {
      EvaluateCommand.writeJSON(
        model: path, data: result.file.data.name, result.assessment, confusion: arguments.has("confusion"), other: other
      )
      return
    }
    write(
      "\(path) on \(result.file.data.name): \(result.assessment.summary) test examples in \(fixed(seconds, decimals: 2)) s\n"
    )
    EvaluateCommand.writeText(result.assessment, confusion: arguments.has("confusion"), other: other)
    for sample in result.samples { write("\n\(sample)\n") }
  }
}

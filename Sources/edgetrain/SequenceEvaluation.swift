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

    /// A model's data, how it did, and samples.
    func measure(_ path: String) throws -> (model: Model, data: SequenceData, assessment: Assessment, samples: [String])
    {
      let model = try Model(readingFrom: path)
      guard let shape = SequenceShape(model) else {
        throw Problem("\(path): expected a model for sequences, as \(source.name) is, found another")
      }
      let data = try SequenceData(source, for: shape, splitSeed: options.splitSeed)
      let examples = data.test.sample(limit, of: data.task)
      let evaluator = try SequenceEvaluator(model, threads: threads)
      return (model, data, evaluator.assess(data, examples), evaluator.samples(data, examples))
    }

    let path = arguments.operands[0]
    let clock = ContinuousClock()
    let start = clock.now
    let result = try measure(path)
    let seconds = (clock.now - start).seconds
    try page?.write(
      RunReport(path: path, result.model, data: result.data.name, result.assessment).html())
    let other = try arguments.string("compare").map { (path: $0, assessment: try measure($0).assessment) }
    guard !arguments.has("json") else {
      EvaluateCommand.writeJSON(
        model: path, data: result.data.name, result.assessment, confusion: arguments.has("confusion"), other: other)
      return
    }
    write(
      "\(path) on \(result.data.name): \(result.assessment.summary) test examples in \(fixed(seconds, decimals: 2)) s\n"
    )
    EvaluateCommand.writeText(result.assessment, confusion: arguments.has("confusion"), other: other)
    for sample in result.samples { write("\n\(sample)\n") }
  }
}

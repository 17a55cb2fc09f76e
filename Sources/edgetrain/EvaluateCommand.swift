import Format
import Terminal
import Trainer

enum EvaluateCommand {
  static let command = Command(
    name: "edgetrain evaluate",
    summary: "Measures a model file, float or int8, on a data set's test examples, computing as the device does.",
    operands: [Operand("MODEL")],
    options: [
      CommonOptions.dataOrSequences,
      Option("limit", value: "N", help: "only N test examples, drawn at random but always the same"),
      Option("beam", value: "N", help: "search for answers among N beginnings at a time, as edgerun does (default 1)"),
      Option("confusion", help: "print the confusion matrix"),
      Option(
        "report", value: "HTML",
        help: "write a page with what is printed, and confusion matrix and worst mistakes of images"),
      Option("compare", value: "OTHER", help: "a second model on the same examples, with McNemar's paired test"),
      CommonOptions.threads, CommonOptions.json,
    ] + CommonOptions.reading,
    examples: [
      "edgetrain evaluate lenet5.bin --data fashion-mnist --confusion",
      "edgetrain evaluate lenet5.int8.bin --data fashion-mnist --compare lenet5.bin",
      "edgetrain evaluate lenet5.int8.bin --data fashion-mnist --report lenet5.html",
      "edgetrain evaluate captions.int8.bin --data captions:fashion-mnist --beam 4",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let name = try command.required("data", of: arguments)
    if let source = SequenceSource(name) {
      return try SequenceEvaluation.run(source, name: name, arguments, command: command)
    }
    guard !arguments.has("beam") else {
      throw UsageError("--beam", expected: "data with answers, as numbers", found: name, command: command.name)
    }
    let source = try DataSource(name)
    let limit = try arguments.integer("limit", in: 1...Int.max)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange)
    let options = try CommonOptions.dataOptions(arguments, for: name, command: command)
    let page = try arguments.string("report").map { try OutputFile(path: $0) }

    let file = try ModelFile(path: arguments.operands[0], data: source, options: options)
    noteSkipped(file.data)
    try checkConfusion(arguments, hasClasses: file.data.train.targetCount == 0, data: name)
    let examples = file.data.test.sample(limit)
    let clock = ContinuousClock()
    var scores: [Float] = []
    let evaluator = try Evaluator(file.model, path: file.path, threads: threads)
    let time = clock.measure { scores = evaluator.scores(examples) }
    let assessment = Assessment(examples, labels: file.data.labels, scores: scores)
    var other: (path: String, assessment: Assessment)?
    if let path = arguments.string("compare") {
      // Its own recipe may ask for another size.
      let second = try ModelFile(path: path, data: source, options: options)
      let evaluator = try Evaluator(second.model, path: path, threads: threads)
      other = (path, evaluator.assess(second.data.test.sample(limit), labels: second.data.labels))
    }
    try page?.write(RunReport(file, assessment, examples: examples, scores: scores).html())
    if arguments.has("json") {
      writeJSON(
        model: file.path, data: file.data.name, assessment, confusion: arguments.has("confusion"), other: other)
    } else {
      let speed = "\(fixed(time.seconds, decimals: 2)) s"
      write("\(file.path) on \(file.data.name): \(assessment.summary) test \(examples.noun) in \(speed)\n")
      writeText(assessment, confusion: arguments.has("confusion"), other: other)
    }
  }

  /// - Throws: `UsageError` if a confusion matrix is asked for where there are no classes to confuse.
  static func checkConfusion(_ arguments: Arguments, hasClasses: Bool, data: String) throws(UsageError) {
    guard !hasClasses, arguments.has("confusion") else { return }
    throw UsageError("--confusion", expected: "data with classes or tags", found: data, command: command.name)
  }

  static func writeText(
    _ assessment: Assessment, confusion: Bool, other: (path: String, assessment: Assessment)?
  ) {
    switch assessment {
    case .classes(let report):
      write("top 3: \(percent(report.topThreeAccuracy, decimals: 2))\n\n\(report.classTable)")
      if confusion { write("\n\(report.confusionTable)") }
    case .numbers(let report): write("\n\(report.table)")
    case .sequences(_, let tags):
      if let tags { write("\n\(tags.classTable)") }
      if confusion, let tags { write("\n\(tags.confusionTable)") }
    }
    guard let other else { return }
    write("\n\(other.path): \(other.assessment.summary)\n")
    if let test = assessment.paired(with: other.assessment) { write("\(test.text("the first", "the second"))\n") }
  }

  static func writeJSON(
    model: String, data: String, _ assessment: Assessment, confusion: Bool,
    other: (path: String, assessment: Assessment)?
  ) {
    var json = JSONWriter()
    json.object { json in
      json.field("model", model)
      json.field("data", data)
      assessment.write(to: &json, confusion: confusion)
      if let other {
        json.object("compare") { json in
          json.field("model", other.path)
          other.assessment.write(to: &json, confusion: confusion)
          assessment.paired(with: other.assessment)?.write(to: &json, "first", "second")
        }
      }
    }
    write(json.text)
  }
}

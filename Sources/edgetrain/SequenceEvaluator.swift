import Dispatch
import Format
import Foundation
import Runtime
import Trainer

/// Measures a model for sequences on examples, as the device would run it: several sessions, every one with its share.
struct SequenceEvaluator {
  let model: Model
  private let runners: [SequenceRunner]
  /// Beginnings of answers that are searched at a time.
  private let beam: Int

  /// - Parameter threads: nil takes as many as the CPU has.
  init(_ model: Model, beam: Int = 1, threads: Int? = nil) throws {
    self.model = model
    self.beam = beam
    runners = try (0..<(threads ?? availableThreads())).map { _ throws in try SequenceRunner(model) }
  }

  func assess(_ data: SequenceData, _ examples: SequenceExamples) -> Assessment {
    switch data.task {
    case .classes:
      let decisions = each(examples) { runner, index in
        runner.reset()
        return ClassificationReport.Decision(
          truth: examples.labels[index].first!, scores: runner.scores(examples.text(index), rows: 1))
      }
      var report = ClassificationReport(labels: data.labels, decisions: decisions)
      report.noun = "texts"
      return .classes(report)
    case .tags:
      let parts = each(examples) { runner, index in
        runner.reset()
        var (report, decisions) = rate(runner, examples.text(index), examples.labels[index])
        report.isExact = [report.correct == report.labels]
        return (report, decisions)
      }
      var tags = ClassificationReport(labels: data.labels, decisions: parts.flatMap { $0.1 })
      tags.noun = "tokens"
      return .sequences(sum(parts.map { $0.0 }), tags: tags)
    case .nextToken:
      // One text, read through: each example goes on where the one before ended.
      runners[0].reset()
      return .sequences(
        sum((0..<examples.count).map { rate(runners[0], examples.text($0), examples.labels[$0]).report }), tags: nil)
    case .answers:
      let reports = each(examples) { runner, index in
        let expected = examples.labels[index].prefix { $0 >= 0 }
        let said = runner.answer(examples.input(index, model), beam: beam)
        var report = runner.report(expected: expected)
        report.isExact = [data.answer(said) == data.answer(expected)]
        return report
      }
      return .sequences(sum(reports), tags: nil)
    }
  }

  private func sum(_ reports: [SequenceReport]) -> SequenceReport {
    var sum = SequenceReport()
    for report in reports { sum.append(report) }
    return sum
  }

  /// How the labels of an example are told; those of −1 do not count.
  private func rate(
    _ runner: SequenceRunner, _ text: [Int], _ labels: ArraySlice<Int32>
  ) -> (report: SequenceReport, decisions: [ClassificationReport.Decision]) {
    var report = SequenceReport()
    var decisions: [ClassificationReport.Decision] = []
    let counted = labels.countOfLabels
    let scores = runner.scores(text, rows: counted)
    for (step, label) in labels.prefix(counted).enumerated() where label >= 0 {
      let row = scores[(step * runner.classCount)..<((step + 1) * runner.classCount)]
      let decision = ClassificationReport.Decision(truth: label, scores: row)
      report.add(
        isCorrect: decision.prediction == label,
        logarithm: log(Double(max(row[row.startIndex + Int(label)], .leastNormalMagnitude))))
      decisions.append(decision)
    }
    return (report, decisions)
  }

  /// Calls `body` with a runner for every example; results are in their order.
  private func each<Result>(
    _ examples: SequenceExamples, _ body: (SequenceRunner, Int) -> Result
  ) -> [Result] {
    let share = (examples.count + runners.count - 1) / max(runners.count, 1)
    return withoutActuallyEscaping(body) { body in
      [Result](unsafeUninitializedCapacity: examples.count) { result, initialized in
        // Safe: each iteration has a runner of its own and writes the results of its own examples.
        nonisolated(unsafe) let result = result
        nonisolated(unsafe) let body = body
        nonisolated(unsafe) let runners = runners
        DispatchQueue.concurrentPerform(iterations: runners.count) { part in
          for index in (part * share)..<max(part * share, min((part + 1) * share, examples.count)) {
            (result.baseAddress! + index).initialize(to: body(runners[part], index))
          }
        }
        initialized = examples.count
      }
    }
  }

  /// Some examples with what the model makes of them, a line or two each; of a running text what it would write.
  func samples(_ data: SequenceData, _ examples: SequenceExamples, count: Int = 5) -> [String] {
    let runner = runners[0]
    switch data.task {
    case .classes: return []
    case .nextToken: return [written(data, characters: 300)]
    case .tags:
      return (0..<min(count, examples.count)).map { index in
        runner.reset()
        let labels = examples.labels[index].prefix { $0 >= 0 }
        let scores = runner.scores(examples.text(index), rows: labels.count)
        let tags = (0..<labels.count).map { step in
          data.labels[scores[(step * runner.classCount)..<((step + 1) * runner.classCount)].indexOfLargest]
        }
        return "\(text(data, examples, index).prefix(labels.count))\n\(tags.joined())"
      }
    case .answers:
      return (0..<min(count, examples.count)).map { index in
        let (said, expected) = (
          data.answer(runner.answer(examples.input(index, model), beam: beam)), data.answer(examples.labels[index])
        )
        let subject = examples.images == nil ? "\"\(text(data, examples, index))\"" : "images \(index)"
        return "\(subject): \"\(said)\"" + (said == expected ? "" : ", not \"\(expected)\"")
      }
    }
  }

  private func text(_ data: SequenceData, _ examples: SequenceExamples, _ index: Int) -> String {
    data.inputVocabulary?.text(of: examples.text(index).filter { $0 != 0 }) ?? ""
  }

  /// A text that the model writes.
  private func written(_ data: SequenceData, characters: Int) -> String {
    guard let vocabulary = data.vocabulary else { return "" }
    // Behind a line's end, where a text begins.
    let start = vocabulary.texts.firstIndex(of: "\n") ?? 0
    return vocabulary.text(of: runners[0].written(after: start, count: characters))
  }
}

extension SequenceExamples {
  /// The tokens of text `index`.
  func text(_ index: Int) -> [Int] { tokens[0][index].map(Int.init) }

  /// What the model reads of example `index`.
  func input(_ index: Int, _ model: Model) -> [Float] {
    guard let images else { return tokens[0][index].map(Float.init) }
    var input = [Float](repeating: 0, count: images.shape.count)
    input.withUnsafeMutableBufferPointer { BatchReader(model.metadata.preprocessing).read(images, at: index, into: $0) }
    return input
  }

  /// What `model` reads of example `index`, run by run: the whole of it, or one token after another up to the last that has
  /// a label.
  func runs(_ index: Int, _ model: Model) -> [ArraySlice<Float>] {
    let input = input(index, model)
    let size = model.graph.tensors[model.graph.inputs[0]].count
    let count = size == 1 ? labels[index].countOfLabels : input.count / size
    return (0..<count).map { input[($0 * size)..<(($0 + 1) * size)] }
  }
}

extension ArraySlice<Int32> {
  /// Up to the last label, −1 being none.
  fileprivate var countOfLabels: Int { (lastIndex { $0 >= 0 }.map { $0 + 1 } ?? startIndex) - startIndex }
}

import Dispatch
import Format
import Foundation
import Runtime
import Trainer

/// Measures a model for sequences on examples, as the device would run it: several sessions, every one with its share.
struct SequenceEvaluator {
  let model: Model
  private let runners: [SequenceRunner]

  /// - Parameter threads: nil takes as many as the CPU has.
  init(_ model: Model, threads: Int? = nil) throws {
    self.model = model
    runners = try (0..<(threads ?? availableThreads())).map { _ throws in try SequenceRunner(model) }
  }

  func assess(_ data: SequenceData, _ examples: SequenceExamples) -> Assessment {
    switch data.task {
    case .classes:
      let scores = each(examples) { runner, index in
        runner.reset()
        return runner.scores(examples.text(index), rows: 1)
      }
      return .classes(
        ClassificationReport(labels: data.labels, truths: examples.labels.values, scores: scores.flatMap { $0 }))
    case .tags:
      let reports = each(examples) { runner, index in
        runner.reset()
        var report = rate(runner, examples.text(index), examples.labels[index])
        report.examples = 1
        report.exact = report.correct == report.labels ? 1 : 0
        return report
      }
      return .sequences(reports.reduce(SequenceReport(), +))
    case .nextToken:
      // One text, read through: each example goes on where the one before ended.
      runners[0].reset()
      var report = SequenceReport()
      for index in 0..<examples.count {
        report = report + rate(runners[0], examples.text(index), examples.labels[index])
      }
      return .sequences(report)
    case .answers:
      let exact = each(examples) { runner, index in
        data.answer(runner.answer(examples.input(index, model))) == data.answer(examples.labels[index])
      }
      var report = SequenceReport()
      report.examples = exact.count
      report.exact = exact.count { $0 }
      return .sequences(report)
    }
  }

  /// How the labels of an example are told; those of −1 do not count.
  private func rate(_ runner: SequenceRunner, _ text: [Int], _ labels: ArraySlice<Int32>) -> SequenceReport {
    var report = SequenceReport()
    let counted = (labels.lastIndex { $0 >= 0 }.map { $0 + 1 } ?? labels.startIndex) - labels.startIndex
    let scores = runner.scores(text, rows: counted)
    for (step, label) in labels.prefix(counted).enumerated() where label >= 0 {
      let row = scores[(step * runner.classCount)..<((step + 1) * runner.classCount)]
      report.labels += 1
      report.correct += row.indexOfLargest == Int(label) ? 1 : 0
      report.lossSum -= log(Double(max(row[row.startIndex + Int(label)], .leastNormalMagnitude)))
    }
    return report
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
          data.answer(runner.answer(examples.input(index, model))), data.answer(examples.labels[index])
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
}

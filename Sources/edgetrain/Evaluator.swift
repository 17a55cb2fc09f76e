import Dispatch
import Format
import Runtime
import Terminal
import Trainer

/// Runs a model on many examples, as the device would: several sessions of one thread each, every one with its share.
struct Evaluator {
  let model: Model
  private let sessions: [Session]

  /// - Parameters:
  ///   - path: names the model in errors.
  ///   - threads: nil takes as many as the CPU has.
  /// - Throws: `Problem` if the model has not one input and one output.
  init(_ model: Model, path: String, threads: Int? = nil) throws {
    let graph = model.graph
    let count = model.metadata.preprocessing?.inputCount
    guard graph.inputs.count == 1, case let input = graph.tensors[graph.inputs[0]], input.type == .f32,
      input.count == count ?? input.count
    else {
      throw Problem("\(path): expected one f32 input\(count.map { " of \($0) elements" } ?? ""), found another")
    }
    guard graph.outputs.count == 1, graph.tensors[graph.outputs[0]].type == .f32 else {
      throw Problem("\(path): expected one f32 output, found another")
    }
    self.model = model
    sessions = try (0..<(threads ?? availableThreads())).map { _ throws in
      try Session(model, options: SessionOptions(threads: 1))
    }
  }

  /// Elements of the output of one image.
  var classCount: Int { model.graph.tensors[model.graph.outputs[0]].count }

  /// The model's outputs, `classCount` per example.
  ///
  /// - Precondition: the examples have as many elements as the model's input.
  func scores(_ examples: Examples) -> [Float] {
    let reader = BatchReader(model.metadata.preprocessing)
    let classCount = classCount
    let share = (examples.count + sessions.count - 1) / sessions.count
    return [Float](unsafeUninitializedCapacity: examples.count * classCount) { result, initialized in
      // Safe: each iteration has a session of its own and writes the outputs of its own examples.
      nonisolated(unsafe) let result = result
      nonisolated(unsafe) let sessions = sessions
      DispatchQueue.concurrentPerform(iterations: sessions.count) { part in
        let session = sessions[part]
        for index in (part * share)..<max(part * share, min((part + 1) * share, examples.count)) {
          reader.read(examples, at: index, into: session.input(0).bindMemory(to: Float.self))
          session.run()
          let output = session.output(0).bindMemory(to: Float.self)
          for place in 0..<classCount { result[index * classCount + place] = output[place] }
        }
      }
      initialized = examples.count * classCount
    }
  }

  /// How well the model does on examples of classes, or numbers, called `labels`.
  func assess(_ examples: Examples, labels: [String]) -> Assessment {
    Assessment(examples, labels: labels, scores: scores(examples))
  }
}

import Dispatch
import Format
import Runtime
import Terminal
import Trainer

/// Runs a model on many images, as the device would: several sessions of one thread each, every one with its share.
struct Evaluator {
  let model: Model
  let preprocessing: Preprocessing
  private let sessions: [Session]

  /// - Parameters:
  ///   - path: names the model in errors.
  ///   - threads: nil takes as many as the CPU has.
  /// - Throws: `Problem` if the model does not tell how images are prepared, or is no classifier of one image.
  init(_ model: Model, path: String, threads: Int? = nil) throws {
    guard let preprocessing = model.metadata.preprocessing else {
      throw Problem("\(path): expected a preprocessing recipe in the model file, found none")
    }
    let graph = model.graph
    guard graph.inputs.count == 1, graph.tensors[graph.inputs[0]].type == .f32,
      graph.tensors[graph.inputs[0]].count == preprocessing.inputCount
    else {
      throw Problem("\(path): expected one f32 input of \(preprocessing.inputCount) elements, found another")
    }
    guard graph.outputs.count == 1, graph.tensors[graph.outputs[0]].type == .f32 else {
      throw Problem("\(path): expected one f32 output, found another")
    }
    self.model = model
    self.preprocessing = preprocessing
    sessions = try (0..<(threads ?? availableThreads())).map { _ throws in
      try Session(model, options: SessionOptions(threads: 1))
    }
  }

  /// Elements of the output of one image.
  var classCount: Int { model.graph.tensors[model.graph.outputs[0]].count }

  /// The model's outputs, `classCount` per example.
  ///
  /// - Precondition: the examples have the shape of `preprocessing`.
  func scores(_ examples: Examples) -> [Float] {
    let reader = BatchReader(preprocessing)
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

  /// How well the model classifies examples of classes called `labels`.
  func report(_ examples: Examples, labels: [String]) -> ClassificationReport {
    ClassificationReport(labels: labels, truths: examples.classes, scores: scores(examples))
  }
}

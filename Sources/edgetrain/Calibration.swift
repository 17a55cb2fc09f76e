import Format
import Quantize
import Runtime
import Trainer

/// Observes a float model's activations on training images, with the code that the device runs.
struct Calibration {
  private let session: Session
  private let reader: BatchReader

  init(_ model: Model) throws {
    session = try Session(model, options: SessionOptions(threads: 1, computesEveryTensor: true))
    reader = BatchReader(model.metadata.preprocessing)
  }

  /// The range of every activation over `examples`.
  func ranges(_ examples: Examples, observer: ObserverKind) throws -> [CalibrationRange] {
    var calibrator = Calibrator(graph: session.graph, observer: observer)
    for index in 0..<examples.count {
      reader.read(examples, at: index, into: session.input(0).bindMemory(to: Float.self))
      calibrator.observeRun(of: session)
    }
    return try calibrator.ranges()
  }
}

extension Calibrator {
  /// Runs a session that computes every tensor on the input it holds, and observes what is float.
  mutating func observeRun(of session: Session) {
    session.run { tensor, bytes in
      guard session.graph.tensors[tensor].type == .f32 else { return }
      observe(tensor: tensor, values: bytes.bindMemory(to: Float.self))
    }
  }
}

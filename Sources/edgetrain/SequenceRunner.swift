import Format
import Runtime
import Trainer

/// Runs a model for sequences on one example at a time, as the device does. For one thread.
final class SequenceRunner {
  private let model: Model
  private let main: Session
  private let decoder: Session?

  /// - Throws: `RuntimeError` if there is too little memory.
  init(_ model: Model) throws {
    self.model = model
    main = try Session(model, options: SessionOptions(threads: 1))
    decoder = try model.decoder.map { decoder throws in
      try Session(Model(graph: decoder.graph), options: SessionOptions(threads: 1))
    }
  }

  private var isStepwise: Bool { !model.graph.states.isEmpty }

  /// Outputs per step, or per example.
  var classCount: Int { model.graph.tensors[model.graph.outputs[0]].shape.last! }

  /// Forgets what was read: a new text begins.
  func reset() { main.resetStates() }

  /// The model's outputs for a text, one row of `classCount` after another, or for an image.
  ///
  /// - Parameter steps: of a model that takes one step at a time, how many are wanted.
  func scores(_ input: [Float], steps: Int) -> [Float] {
    guard isStepwise else {
      read(input[...])
      return Array(main.output(0).bindMemory(to: Float.self))
    }
    let features = main.input(0).count / MemoryLayout<Float>.stride
    var scores: [Float] = []
    scores.reserveCapacity(steps * classCount)
    for step in 0..<steps {
      read(input[(step * features)..<((step + 1) * features)])
      scores += main.output(0).bindMemory(to: Float.self)
    }
    return scores
  }

  private func read(_ input: ArraySlice<Float>) {
    _ = main.input(0).bindMemory(to: Float.self).update(fromContentsOf: input)
    main.run()
  }

  /// What the decoder says of an input, always taking the likeliest token; the end token is left out.
  func answer(_ input: [Float]) -> [Int32] {
    guard let description = model.decoder, let decoder else { return [] }
    read(input[...])
    decoder.resetStates()
    for link in description.links {
      decoder.input(link.input).copyMemory(from: UnsafeRawBufferPointer(main.output(link.output)))
    }
    var tokens: [Int32] = []
    var token = description.startToken
    while tokens.count < description.maximumLength {
      decoder.input(0).bindMemory(to: Float.self)[0] = Float(token)
      decoder.run()
      token = decoder.output(0).bindMemory(to: Float.self).indexOfLargest
      if token == description.endToken { break }
      tokens.append(Int32(token))
    }
    return tokens
  }
}

extension Collection where Element == Float, Index == Int {
  /// Where the first of the largest elements is, from 0.
  var indexOfLargest: Int {
    var best = startIndex
    for index in indices where self[index] > self[best] { best = index }
    return best - startIndex
  }
}

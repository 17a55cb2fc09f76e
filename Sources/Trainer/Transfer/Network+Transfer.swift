import Format

/// What a tensor of a network that starts from a model became.
public struct TransferredTensor: Equatable, Sendable {
  public enum Outcome: Equatable, Sendable {
    /// The model's.
    case taken
    /// From the batch-norm that the model has as part of the layer before it.
    case unfolded
    /// As untrained networks begin; why.
    case new(String)
  }

  public var name: String
  public var outcome: Outcome
}

extension Network {
  /// Batch-norm that the model has as part of the layer before it.
  struct FoldedNorm {
    let layer: BatchNormLayer
    /// What that part adds to the layer's result.
    let bias: [Float]
  }

  /// Takes the weights of an exported network, those of the same name and shape; what it has no such tensor for stays as
  /// it is.
  ///
  /// Exported graphs have batch-norm folded into the layer before it. Where this network has it as a layer, it gets the
  /// parameters that make both together compute what the folded layer does; `settle` then finds those with which it
  /// does so in training, too.
  ///
  /// - Parameters:
  ///   - graphs: a model's, its decoder's behind it if it has one.
  ///   - head: the layer that is not to be taken over.
  /// - Returns: what became of each tensor, and the batch-norms for `settle`.
  /// - Throws: `TrainerError.invalid` if the graphs have no weights, or others than float.
  func start(
    from graphs: [Graph], except head: String?
  ) throws(TrainerError) -> (tensors: [TransferredTensor], folded: [FoldedNorm]) {
    let constants = graphs.flatMap { graph in graph.tensors.filter { $0.constant != nil } }
    if let other = constants.first(where: { $0.type != .f32 }) {
      throw .invalid(what: "model to start from", expected: "float weights", found: "int8 ones, as \(other.name)")
    }
    let given = Dictionary(
      constants.map { ($0.name, ($0.shape, $0.constant!)) }, uniquingKeysWith: { first, _ in first })
    guard !given.isEmpty else {
      throw .invalid(what: "model to start from", expected: "float weights", found: "none")
    }
    func values(_ name: String, _ shape: [Int]) -> [Float]? {
      given[name].flatMap { $0.0 == shape ? $0.1.elements(as: Float.self) : nil }
    }
    var (result, folded): ([TransferredTensor], [FoldedNorm]) = ([], [])
    for layer in list.layers {
      if let norm = layer as? BatchNormLayer, let bias = foldedBias(of: norm, head: head, values) {
        folded.append(FoldedNorm(layer: norm, bias: bias))
        let channels = norm.geometry.channels
        upload([Float](repeating: 1, count: channels), to: norm.scale.weights)
        upload(bias, to: norm.shift.weights)
        // So that the square root is 1.
        let still =
          [Float](repeating: 0, count: channels) + [Float](repeating: 1 - norm.geometry.epsilon, count: channels)
        upload(still, to: norm.running.values)
        result += [norm.scale.name, norm.shift.name, norm.running.name].map { .init(name: $0, outcome: .unfolded) }
        continue
      }
      for parameter in layer.parameters {
        let outcome: TransferredTensor.Outcome
        if layer.name == head {
          outcome = .new("the head of other classes")
        } else if let values = values(parameter.name, parameter.shape) {
          upload(values, to: parameter.weights)
          outcome = .taken
        } else if let found = given[parameter.name]?.0 {
          outcome = .new("shape \(parameter.shape.crosses) instead of \(found.crosses)")
        } else {
          outcome = .new("not in the model")
        }
        result.append(.init(name: parameter.name, outcome: outcome))
      }
      for each in layer.statistics {
        let parts = [".mean", ".variance"].compactMap { values(each.name + $0, [each.channels]) }
        if parts.count == 2 { upload(parts[0] + parts[1], to: each.values) }
        result.append(.init(name: each.name, outcome: parts.count == 2 ? .taken : .new("not in the model")))
      }
    }
    average?.restart(from: weights, statistics: statistics.map(\.values))
    return (result, folded)
  }

  /// What a batch-norm must add that the model has folded into the layer before; nil if it has done nothing of the kind, or if
  /// that layer is the head, which begins anew.
  private func foldedBias(
    of norm: BatchNormLayer, head: String?, _ values: (_ name: String, _ shape: [Int]) -> [Float]?
  ) -> [Float]? {
    let channels = [norm.geometry.channels]
    guard values(norm.scale.name, channels) == nil,
      let before = list.layers.first(where: { $0.outputs.contains { $0 === norm.input } }), before.name != head,
      let weights = before.parameters.first, values(weights.name, weights.shape) != nil
    else { return nil }
    // A layer with a bias has taken all of it.
    if before.parameters.count > 1 { return [Float](repeating: 0, count: channels[0]) }
    return values(before.name + ".bias", channels)
  }

  /// Measures what goes into unfolded batch-norms, and gives them the parameters with which they compute the same from the
  /// statistics of a step: scale = √(variance + ε), shift = bias + mean.
  ///
  /// - Parameter batches: of training examples, unchanged.
  func settle(_ folded: [FoldedNorm], on batches: [Batch]) throws(TrainerError) {
    guard !folded.isEmpty else { return }
    var means = folded.map { [Double](repeating: 0, count: $0.bias.count) }
    var squares = means
    let examples = Double(batches.reduce(0) { $0 + $1.count })
    let largest = folded.map(\.bias.count).max()!
    let (running, saved) = (try backend.reals(2 * largest), try backend.reals(2 * largest))
    for batch in batches {
      try load(batch, isTraining: false)
      let pass = Pass(backend: backend, count: batch.count, first: 0, training: false, seed: seed, step: step)
      for layer in list.layers {
        if let index = folded.firstIndex(where: { $0.layer === layer }) {
          let norm = folded[index].layer
          let channels = norm.geometry.channels
          var geometry = norm.geometry
          geometry.momentum = 1
          backend.batchNormForward(
            geometry, count: batch.count, input: norm.input.data, scale: norm.scale.weights, shift: norm.shift.weights,
            running: running[0..<(2 * channels)], saved: saved[0..<(2 * channels)], output: norm.output.data)
          let found = try backend.values(of: running[0..<(2 * channels)]).map(Double.init)
          let share = Double(batch.count) / examples
          for channel in 0..<channels {
            means[index][channel] += share * found[channel]
            squares[index][channel] += share * (found[channels + channel] + found[channel] * found[channel])
          }
        }
        layer.forward(pass)
      }
    }
    for (index, each) in folded.enumerated() {
      let mean = means[index]
      let variance = zip(squares[index], mean).map { max($0 - $1 * $1, 0) }
      let epsilon = Double(each.layer.geometry.epsilon)
      upload(variance.map { Float(($0 + epsilon).squareRoot()) }, to: each.layer.scale.weights)
      upload(zip(each.bias, mean).map { $0 + Float($1) }, to: each.layer.shift.weights)
      upload((mean + variance).map(Float.init), to: each.layer.running.values)
    }
    average?.restart(from: weights, statistics: statistics.map(\.values))
  }

  private func upload(_ values: [Float], to slice: DeviceSlice) {
    values.withUnsafeBufferPointer { backend.upload($0, to: slice) }
  }
}

extension [Int] {
  /// As in "10×84".
  fileprivate var crosses: String { map(String.init).joined(separator: "×") }
}

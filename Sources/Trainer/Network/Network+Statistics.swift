extension Network {
  /// Gives batch-norm layers the running statistics of these images under the present weights, as if each had been
  /// trained on them for ever. What an untrained network needs for activations of a sane size at inference.
  ///
  /// - Parameters:
  ///   - inputs: [count, H, W, C].
  ///   - count: 1...batch.
  /// - Precondition: the batch-norm layers were described with momentum 1.
  public func settleStatistics(inputs: [Float], count: Int) throws(TrainerError) {
    try load(inputs: inputs, labels: [Int32](repeating: 0, count: count * labelCount), count: count, isTraining: false)
    forward(count: count, training: true)
    try backend.finish()
  }
}

extension NetworkDescription {
  /// The same network with untrained weights and batch-norm statistics measured on `images` random inputs of normal
  /// distribution: as fast as a trained one, so that speed can be measured without training.
  ///
  /// - Throws: `TrainerError.invalid` if the layers do not fit together, `.device` if memory does not suffice.
  public func untrained(backend: any Backend, images: Int, seed: UInt64) throws(TrainerError) -> Network {
    var description = self
    // An average would begin with the statistics that are to be replaced.
    description.recipe.averageDecay = nil
    for index in description.layers.indices {
      guard case .batchNorm(var norm) = description.layers[index].kind else { continue }
      norm.momentum = 1
      description.layers[index].kind = .batchNorm(norm)
    }
    let network = try Network(description, backend: backend, batch: images, seed: seed)
    try network.settleStatistics(
      inputs: randomInputs(count: images, seed: seed), count: images)
    return network
  }

  /// `count` inputs [count, H, W, C], or of several inputs one behind the other, of independent normal numbers, the same for
  /// the same seed. As tokens they are rows 0 and few others.
  public func randomInputs(count: Int, seed: UInt64) -> [Float] {
    var size = input.count
    for layer in layers {
      if case .input(let shape) = layer.kind { size += shape.count }
    }
    return Philox(key: seed).normals(count: count * size, stream: UInt32.max)
  }
}

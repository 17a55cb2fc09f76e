import Format

extension RunData {
  /// What a run takes of a task over sequences. Of a text that is learnt token by token the end is held out; elsewhere
  /// examples are drawn.
  ///
  /// - Throws: `RunError.mismatch` if nothing would be left to train on.
  init(_ data: SequenceData, for description: NetworkDescription) throws(RunError) {
    let recipe = description.recipe
    guard recipe.augmentation.isEmpty, recipe.loss == .softmaxCrossEntropy else {
      throw .mismatch(
        what: "\(description.name): recipe",
        expected: "softmax-cross-entropy and no 'augment', as sequences are learnt",
        found: recipe.loss == .softmaxCrossEntropy ? "'augment'" : recipe.loss.rawValue)
    }
    isStream = data.task == .nextToken
    let order = try RunData.split(data, description)
    let examples = data.train
    var preprocessing = data.preprocessing
    if let normalization = description.normalization {
      preprocessing?.mean = normalization.mean
      preprocessing?.deviation = normalization.deviation
    }
    train = SequenceBatches(examples.subset(order.train), preprocessing)
    validation = order.validation.isEmpty ? nil : SequenceBatches(examples.subset(order.validation), preprocessing)
    classes =
      data.task == .classes
      ? order.train.map { examples.labels[$0].first! } : [Int32](repeating: 0, count: order.train.count)
    self.preprocessing = preprocessing
    scales = nil
    settings =
      (preprocessing.map { ["mean \($0.mean), deviation \($0.deviation)"] } ?? [])
      + ["\(examples.count) sequences with checksum \(String(examples.checksum, radix: 16))"]
  }

  /// The examples to train on and those held out.
  private static func split(
    _ data: SequenceData, _ description: NetworkDescription
  ) throws(RunError) -> (train: [Int], validation: [Int]) {
    let (recipe, count) = (description.recipe, data.train.count)
    guard recipe.validation > 0 else { return (Array(0..<count), []) }
    // Parts of a text that are read side by side end at the same place.
    let unit = data.task == .nextToken ? min(recipe.batch, count) : 1
    let heldOut = max(1, Int((Float(count / unit) * recipe.validation).rounded())) * unit
    guard heldOut < count else {
      throw .mismatch(
        what: "\(description.name): validation", expected: "a share that leaves something to train on",
        found: "\(heldOut) of \(count)")
    }
    guard data.task != .nextToken else { return (Array(0..<(count - heldOut)), Array((count - heldOut)..<count)) }
    var stream = RandomStream(seed: recipe.seed, .validationSplit)
    let order = stream.permutation(of: count)
    return (order[heldOut...].sorted(), order[..<heldOut].sorted())
  }
}

extension SequenceExamples {
  /// A number that tells these examples from all others.
  var checksum: UInt64 {
    (tokens + [labels]).reduce(images?.checksum ?? 0) { seed, rows in
      rows.values.withUnsafeBytes { XXH64.hash($0, seed: seed) }
    }
  }
}

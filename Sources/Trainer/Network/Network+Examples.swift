/// Examples on their way to the device: what a step computes with.
extension Network {
  func load(inputs: [Float], labels: [Int32], count: Int, isTraining: Bool) throws(TrainerError) {
    try load(inputs: inputs, count: count)
    try load(labels: labels, count: count, isTraining: isTraining)
  }

  func load(inputs: [Float], targets: [Float], count: Int, isTraining: Bool = false) throws(TrainerError) {
    try load(inputs: inputs, count: count)
    try load(targets: targets, count: count, isTraining: isTraining)
  }

  func load(inputs: [Float], count: Int) throws(TrainerError) {
    try check(inputs.count, count * inputCount, what: "inputs")
    try checkBatch(count)
    inputs.withUnsafeBufferPointer { upload(inputs: $0, count: count) }
  }

  /// Lets the device make the inputs of examples that it keeps.
  ///
  /// - Parameter store: as `keep` has numbered them.
  func load(picks: [ExamplePick], of store: Int, count: Int) throws(TrainerError) {
    try checkBatch(count)
    stores[store].gather(Array(picks.prefix(count)), into: list.inputs[0].data[0..<(count * inputCount)])
  }

  /// Examples that steps may pick from then, if the device has room for them, and their number; else nil.
  func keep(_ examples: ResidentExamples) -> Int? {
    guard list.inputs.count == 1, examples.shape.count == inputCount, let store = backend.keep(examples) else {
      return nil
    }
    stores.append(store)
    return stores.count - 1
  }

  /// Removes what `keep` added last.
  func forgetLastStore() { stores.removeLast() }

  func load(labels: [Int32], count: Int, isTraining: Bool) throws(TrainerError) {
    let rows = count * labelCount
    try check(labels.count, rows, what: "labels")
    let labels = labels.prefix(rows)
    let classes = max(classCount, 2)
    let least = labelCount > 1 ? -1 : 0
    for label in labels where label < least || label >= classes {
      throw .invalid(what: "label", expected: "\(least)...\(classes - 1)", found: "\(label)")
    }
    // A label that does not count may be any: the factor of its loss is 0.
    labels.map { max($0, 0) }.withUnsafeBufferPointer { backend.upload($0, to: self.labels[0..<rows]) }
    backend.oneHot(
      labels: self.labels, count: rows, classes: classCount,
      smoothing: isTraining ? description.recipe.labelSmoothing : 0, targets: targets)
    weighLosses(labels, classWeights: isTraining ? classWeights : nil)
  }

  /// Gives each label's loss its factor: its class's, and rows / counted rows, because the loss divides by all of them; 0 for
  /// labels that do not count.
  private func weighLosses(_ labels: ArraySlice<Int32>, classWeights: [Float]?) {
    countedLabels = labels.count { $0 >= 0 }
    isCounted = countedLabels < labels.count ? labels.map { $0 >= 0 } : nil
    hasLossWeights = classWeights != nil || isCounted != nil
    guard hasLossWeights else { return }
    let share = Float(labels.count) / Float(max(countedLabels, 1))
    let factors = labels.map { $0 < 0 ? 0 : share * (classWeights?[Int($0)] ?? 1) }
    factors.withUnsafeBufferPointer { backend.upload($0, to: lossWeights[0..<factors.count]) }
  }

  func load(targets: [Float], count: Int, isTraining: Bool) throws(TrainerError) {
    try check(targets.count, count * outputCount, what: "targets")
    let smoothing = isTraining ? description.recipe.labelSmoothing : 0
    (smoothing > 0 ? Network.smoothed(targets, classes: classCount, by: smoothing) : targets).withUnsafeBufferPointer {
      values in
      let used = count * outputCount
      backend.upload(UnsafeBufferPointer(rebasing: values[..<used]), to: self.targets[0..<used])
    }
    hasLossWeights = isTraining && classWeights != nil
    if let classWeights, isTraining {
      let factors = Network.lossWeights(targets, count: count * labelCount, outputs: classCount, classWeights)
      factors.withUnsafeBufferPointer { backend.upload($0, to: lossWeights[0..<factors.count]) }
    }
    countedLabels = count * labelCount
    isCounted = nil
  }

  func upload(inputs: UnsafeBufferPointer<Float>, count: Int) {
    guard list.inputs.count > 1 else {
      let used = count * inputCount
      backend.upload(UnsafeBufferPointer(rebasing: inputs[..<used]), to: list.inputs[0].data[0..<used])
      return
    }
    var start = 0
    for input in list.inputs {
      let size = input.shape.count
      var values: [Float] = []
      values.reserveCapacity(count * size)
      for image in 0..<count { values += inputs[(image * inputCount + start)..<(image * inputCount + start + size)] }
      values.withUnsafeBufferPointer { backend.upload($0, to: input.data[0..<values.count]) }
      start += size
    }
  }

  func check(_ found: Int, _ expected: Int, what: String) throws(TrainerError) {
    guard found >= expected else {
      throw .invalid(what: what, expected: "at least \(expected) elements", found: "\(found)")
    }
  }

  private func checkBatch(_ count: Int) throws(TrainerError) {
    guard (1...batch).contains(count) else {
      throw .invalid(what: "images in a step", expected: "1...\(batch)", found: "\(count)")
    }
  }

  // MARK: What is done to labels is done to targets that lie between labels

  /// (1 − s)·t + s/classes for each target t.
  private static func smoothed(_ targets: [Float], classes: Int, by share: Float) -> [Float] {
    classes == 1 ? targets : targets.map { $0 * (1 - share) + share / Float(classes) }
  }

  /// The factor of each example's loss: the mean of its classes' weights, each as much as the target has of the class.
  private static func lossWeights(_ targets: [Float], count: Int, outputs: Int, _ classWeights: [Float]) -> [Float] {
    (0..<count).map { example in
      if outputs == 1 { return classWeights[0] * (1 - targets[example]) + classWeights[1] * targets[example] }
      return (0..<outputs).reduce(0) { $0 + targets[example * outputs + $1] * classWeights[$1] }
    }
  }
}

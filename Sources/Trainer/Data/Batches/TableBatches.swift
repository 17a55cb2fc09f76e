/// Batches of rows of numbers, standardized; and so are the numbers that are predicted.
struct TableBatches: ResidentBatchSource {
  private let examples: Examples
  private let inputs: Standardization
  private let targets: Standardization?
  var store: Int?

  /// - Parameter targets: nil where classes are predicted.
  init(_ examples: Examples, inputs: Standardization, targets: Standardization?) {
    self.examples = examples
    self.inputs = inputs
    self.targets = targets
  }

  var count: Int { examples.count }

  var resident: ResidentExamples? {
    let values = examples.values.enumerated().map { inputs.applied(to: $1, at: $0 % examples.shape.count) }
    return ResidentExamples(shape: examples.shape, values: .numbers(values))
  }

  func makeBatch(size: Int) -> Batch {
    if let store { return Batch(size: size, store: store, targetCount: examples.targetCount) }
    return Batch(size: size, inputCounts: [examples.shape.count], targetCount: examples.targetCount)
  }

  func fill(_ batch: inout Batch, indices: ArraySlice<Int>, epoch: Int?) {
    let (size, targetCount) = (examples.shape.count, examples.targetCount)
    batch.count = indices.count
    for (place, index) in indices.enumerated() {
      batch.labels[place] = examples.classes[index]
      if store != nil { batch.picks[place] = ExamplePick(index: index) }
      for element in 0..<(store == nil ? size : 0) {
        batch.inputs[0][place * size + element] = inputs.applied(
          to: examples.values[index * size + element], at: element)
      }
      guard let targets else { continue }
      for element in 0..<targetCount {
        batch.targets[place * targetCount + element] = targets.applied(
          to: examples.targets[index * targetCount + element], at: element)
      }
    }
  }
}

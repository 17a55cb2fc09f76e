import Format

/// Batches of images, normalised as on the device and augmented.
struct ImageBatches: ResidentBatchSource {
  private let examples: Examples
  private let writer: ImageWriter
  private let augmentation: [Augmentation]
  private let seed: UInt64
  private let classCount: Int
  var store: Int?

  /// - Parameters:
  ///   - classCount: outputs of the network: length of a mixed label.
  ///   - seed: draws how training images are changed.
  init(
    _ examples: Examples, _ recipe: Preprocessing, classCount: Int, augmentation: [Augmentation] = [], seed: UInt64 = 0
  ) {
    self.examples = examples
    writer = ImageWriter(recipe)
    self.classCount = classCount
    self.augmentation = augmentation
    self.seed = seed
  }

  var count: Int { examples.count }

  private var isMixed: Bool {
    augmentation.contains { if case .mixup = $0 { true } else { false } }
  }

  /// Nil where images are changed by more than moving their pixels.
  var resident: ResidentExamples? {
    guard augmentation.allSatisfy(\.movesPixels) else { return nil }
    return ResidentExamples(shape: examples.shape, values: .pixels(examples.pixels, table: writer.table))
  }

  func makeBatch(size: Int) -> Batch {
    if let store { return Batch(size: size, store: store) }
    return Batch(size: size, inputCounts: [examples.shape.count], targetCount: isMixed ? classCount : 0)
  }

  func fill(_ batch: inout Batch, indices: ArraySlice<Int>, epoch: Int?) {
    let size = examples.shape.count
    batch.count = indices.count
    for (place, index) in indices.enumerated() { batch.labels[place] = examples.classes[index] }
    if store != nil {
      for (place, index) in indices.enumerated() {
        batch.picks[place] = ExamplePick(
          index, epoch.map { change(index, epoch: $0) } ?? ImageChange(), width: examples.shape.width)
      }
      return
    }
    // The partner, where there is one.
    var other = [Float](repeating: 0, count: batch.targets.isEmpty ? 0 : size)
    for (place, index) in indices.enumerated() {
      let change = epoch.map { self.change(index, epoch: $0) } ?? ImageChange()
      batch.inputs[0].withUnsafeMutableBufferPointer { inputs in
        let image = inputs.baseAddress! + place * size
        write(index, change, to: image)
        guard let partner = change.partner else { return }
        other.withUnsafeMutableBufferPointer { other in
          write(partner.index, self.change(partner.index, epoch: epoch!), to: other.baseAddress!)
          for element in 0..<size {
            image[element] = image[element] * (1 - partner.share) + other[element] * partner.share
          }
        }
      }
      if !batch.targets.isEmpty { mixLabels(&batch.targets, place: place, index, change.partner) }
    }
  }

  /// What happens to an image in an epoch.
  private func change(_ index: Int, epoch: Int) -> ImageChange {
    guard !augmentation.isEmpty else { return ImageChange() }
    var stream = RandomStream(seed: seed, .augmentation, number: epoch, index: index)
    return ImageChange(augmentation, shape: examples.shape, count: examples.count, from: &stream)
  }

  private func write(_ index: Int, _ change: ImageChange, to output: UnsafeMutablePointer<Float>) {
    examples.pixels.withUnsafeBufferPointer { pixels in
      writer.write(pixels.baseAddress! + index * examples.shape.count, examples.shape, change, to: output)
    }
  }

  /// The label's share and the partner's, one-hot; with one output, their sum.
  private func mixLabels(_ targets: inout [Float], place: Int, _ index: Int, _ partner: ImageChange.Partner?) {
    let row = place * classCount
    for output in 0..<classCount { targets[row + output] = 0 }
    func add(_ label: Int32, _ share: Float) {
      if classCount == 1 { targets[row] += Float(label) * share } else { targets[row + Int(label)] += share }
    }
    let share = partner?.share ?? 0
    add(examples.classes[index], 1 - share)
    if let partner { add(examples.classes[partner.index], share) }
  }
}

extension ExamplePick {
  /// - Parameter change: moves whole pixels and does no more.
  fileprivate init(_ index: Int, _ change: ImageChange, width: Int) {
    self.init(index: index)
    let move = PixelMove(change.map, width: width)
    (first, step, down) = (Int32(move.first), Int32(move.step), Int32(move.down))
  }
}

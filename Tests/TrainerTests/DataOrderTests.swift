import Format
import Testing

@testable import Trainer

@Suite struct DataOrderTests {
  func order(of count: Int, seed: UInt64, epoch: Int) -> [Int] {
    var stream = RandomStream(seed: seed, .trainingOrder, number: epoch)
    return stream.permutation(of: count)
  }

  @Test func anOrderIsAPermutationAndDependsOnSeedAndEpochOnly() {
    for count in [0, 1, 2, 3, 64, 1000] {
      #expect(order(of: count, seed: 1, epoch: 2).sorted() == Array(0..<count))
    }
    let first = order(of: 1000, seed: 1, epoch: 2)
    #expect(first == order(of: 1000, seed: 1, epoch: 2))
    #expect(first != order(of: 1000, seed: 1, epoch: 3))
    #expect(first != order(of: 1000, seed: 2, epoch: 2))
    #expect(first != order(of: 1000, seed: 2, epoch: 1))
    var other = RandomStream(seed: 1, .sample, number: 2)
    #expect(first != other.permutation(of: 1000))
  }

  /// All 24 orders of four things, each expected 1,000 times: χ² with 23 degrees of freedom is below 49.7 in 999 of
  /// 1,000 experiments; the seeds are fixed, so this one either always passes or never.
  @Test func ordersAreUniform() {
    var counts: [[Int]: Int] = [:]
    for epoch in 0..<24_000 { counts[order(of: 4, seed: 42, epoch: epoch), default: 0] += 1 }
    #expect(counts.count == 24)
    let chiSquare = counts.values.reduce(0.0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
    #expect(chiSquare < 49.7)
  }

  @Test func boundedNumbersReachEveryValueAndNoOther() {
    var stream = RandomStream(seed: 7, .sample)
    var seen = Set<Int>()
    for _ in 0..<1000 { seen.insert(stream.next(below: 7)) }
    #expect(seen == Set(0..<7))
  }

  /// Neither a number nor a block may come twice where the counter says that there are new ones.
  @Test func blocksFollowEachOther() {
    var stream = RandomStream(seed: 3, .sample)
    let found = (0..<8).map { _ in stream.next() }
    let philox = Philox(key: 3)
    let expected = (0..<2).flatMap { block in
      let words = philox(UInt32(block), 0, 0, RandomStream.Purpose.sample.rawValue)
      return (0..<4).map { words[$0] }
    }
    #expect(found == expected)
  }

  @Test func statisticsAreThoseOfTheDefinition() {
    let pixels: [UInt8] = [0, 10, 255, 20, 128, 30, 64, 40, 1, 50, 2, 60]
    let examples = Trainer.Examples(
      shape: ImageShape(height: 2, width: 1, channels: 2), pixels: pixels, classes: [0, 1, 0])
    let (mean, deviation) = examples.statistics()
    for channel in 0..<2 {
      let values = stride(from: channel, to: 12, by: 2).map { Double(pixels[$0]) / 255 }
      let expected = values.reduce(0, +) / 6
      let variance = values.reduce(0) { $0 + ($1 - expected) * ($1 - expected) } / 6
      #expect(abs(Double(mean[channel]) - expected) < 1e-6)
      #expect(abs(Double(deviation[channel]) - variance.squareRoot()) < 1e-6)
    }
  }

  @Test func aConstantChannelCanStillBeDividedBy() {
    let flat = Trainer.Examples(shape: ImageShape(height: 1, width: 2, channels: 1), pixels: [9, 9], classes: [0])
    #expect(flat.statistics().deviation == [1 / 255])
  }

  @Test func batchesAreNormalisedAsTheRecipeSays() {
    let examples = Trainer.Examples(
      shape: ImageShape(height: 1, width: 1, channels: 3), pixels: [0, 128, 255, 10, 20, 30], classes: [4, 5])
    let recipe = Preprocessing(
      width: 1, height: 1, channels: 3, mean: [0.5, 0.25, 0], deviation: [0.5, 2, 1])
    let source = ImageBatches(examples, recipe, classCount: 6)
    var batch = source.makeBatch(size: 2)
    source.fill(&batch, indices: [1, 0][...], epoch: nil)
    #expect(batch.labels == [5, 4] && batch.targets.isEmpty && batch.count == 2)
    let expected = zip([10, 20, 30, 0, 128, 255] as [Float], [0, 1, 2, 0, 1, 2]).map { pixel, channel in
      (pixel / 255 - recipe.mean[channel]) / recipe.deviation[channel]
    }
    for (found, wanted) in zip(batch.inputs[0], expected) { #expect(abs(found - wanted) < 1e-6) }
  }

  /// 2 × 3 pixels with the values 1...6; the recipe leaves values as they are, times 1/255.
  func augmented(_ augmentation: [Augmentation], seed: UInt64, epoch: Int) -> [Int] {
    let examples = Trainer.Examples(
      shape: ImageShape(height: 2, width: 3, channels: 1), pixels: [1, 2, 3, 4, 5, 6], classes: [0])
    let recipe = Preprocessing(width: 3, height: 2, channels: 1, mean: [0], deviation: [1])
    let source = ImageBatches(examples, recipe, classCount: 1, augmentation: augmentation, seed: seed)
    var batch = source.makeBatch(size: 1)
    source.fill(&batch, indices: [0][...], epoch: epoch)
    return batch.inputs[0].map { Int(($0 * 255).rounded()) }
  }

  @Test func flipMirrorsHalfOfTheImages() {
    let found = (0..<400).map { augmented([.flip], seed: 5, epoch: $0) }
    #expect(Set(found) == [[1, 2, 3, 4, 5, 6], [3, 2, 1, 6, 5, 4]])
    let mirrored = found.count { $0[0] == 3 }
    #expect((160...240).contains(mirrored))
    #expect(found == (0..<400).map { augmented([.flip], seed: 5, epoch: $0) })
  }

  @Test func shiftMovesInAllDirectionsAndBlackComesIn() {
    let found = Set((0..<400).map { augmented([.shift(pixels: 1)], seed: 5, epoch: $0) })
    #expect(found.count == 9)
    #expect(found.contains([0, 1, 2, 0, 4, 5]) && found.contains([2, 3, 0, 5, 6, 0]))
    #expect(found.contains([0, 0, 0, 1, 2, 3]) && found.contains([0, 0, 0, 0, 1, 2]))
  }

  /// Shifting and then flipping is shifting the mirrored image the other way.
  @Test func changesApplyInTheirOrder() {
    let found = Set((0..<2000).map { augmented([.shift(pixels: 1), .flip], seed: 5, epoch: $0) })
    #expect(found.count == 18)
    #expect(found.contains([2, 1, 0, 5, 4, 0]) && found.contains([0, 3, 2, 0, 6, 5]))
  }

  /// Classes of 70, 20 and 10 examples.
  @Test func balancedSamplingTakesEveryClassAsOften() {
    let classes = (0..<100).map { Int32($0 < 70 ? 0 : $0 < 90 ? 1 : 2) }
    let order = EpochOrder(.balanced, classes: classes, seed: 3)
    var taken = [Int](repeating: 0, count: 100)
    for epoch in 1...30 {
      let epochOrder = order(epoch: epoch)
      #expect(epochOrder == EpochOrder(.balanced, classes: classes, seed: 3)(epoch: epoch))
      let counts = (0..<3).map { label in epochOrder.count { classes[$0] == label } }
      #expect(counts.reduce(0, +) == 100 && counts.allSatisfy { (33...34).contains($0) })
      // Nothing comes twice before all of its class have come once, and classes are not in runs.
      #expect(Set(epochOrder.filter { classes[$0] == 2 }).count == 10)
      #expect(Set(epochOrder.filter { classes[$0] == 0 }).count == counts[0])
      #expect(Set(epochOrder.prefix(30).map { classes[$0] }).count == 3)
      for index in epochOrder { taken[index] += 1 }
    }
    #expect(taken.allSatisfy { $0 > 0 })
    #expect(order(epoch: 1) != order(epoch: 2))
    // A class without examples takes no part.
    #expect(EpochOrder(.balanced, classes: [5, 5, 9], seed: 1)(epoch: 1).count == 3)
  }

  @Test func aSplitKeepsOrderAndLosesNothing() throws {
    let examples = Trainer.Examples(
      shape: ImageShape(height: 1, width: 1, channels: 1), pixels: (0..<100).map(UInt8.init),
      classes: (0..<100).map(Int32.init))
    let (train, validation) = try examples.split(validation: 0.1, seed: 1)
    #expect(train.count == 90 && validation?.count == 10)
    #expect((train.pixels + (validation?.pixels ?? [])).sorted() == examples.pixels)
    #expect(train.pixels == train.pixels.sorted())
    #expect(try examples.split(validation: 0.1, seed: 2).train.pixels != train.pixels)
    #expect(try examples.split(validation: 0, seed: 1).validation == nil)
    #expect(try examples.split(validation: 0.001, seed: 1).validation?.count == 1)
    #expect(throws: RunError.self) { _ = try examples.split(validation: 0.999, seed: 1) }
  }

  @Test func aSampleIsAlwaysTheSame() {
    let examples = Trainer.Examples(
      shape: ImageShape(height: 1, width: 1, channels: 1), pixels: (0..<100).map(UInt8.init),
      classes: (0..<100).map(Int32.init))
    #expect(examples.sample(10).pixels == examples.sample(10).pixels)
    #expect(Set(examples.sample(10).pixels).count == 10 && examples.sample(10).pixels != Array(0..<10))
    #expect(examples.sample(nil).count == 100 && examples.sample(1000).count == 100)
  }
}

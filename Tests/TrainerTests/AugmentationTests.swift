import Format
import Foundation
import Testing

@testable import Trainer

@Suite struct AugmentationTests {
  let shape = ImageShape(height: 6, width: 8, channels: 1)
  let plain = Preprocessing(width: 8, height: 6, channels: 1, mean: [0], deviation: [1])

  /// What `change` makes of an image, as pixel values.
  func write(_ pixels: [UInt8], _ shape: ImageShape, _ change: ImageChange, mean: Float = 0) -> [Float] {
    let recipe = Preprocessing(
      width: shape.width, height: shape.height, channels: shape.channels,
      mean: [Float](repeating: mean, count: shape.channels), deviation: [Float](repeating: 0.5, count: shape.channels))
    var output = [Float](repeating: .nan, count: shape.count)
    output.withUnsafeMutableBufferPointer { ImageWriter(recipe).write(pixels, shape, change, to: $0.baseAddress!) }
    return output.map { ($0 * 0.5 + mean) * 255 }
  }

  func close(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 0.01 }
  }

  /// Draws of one augmentation for 2,000 images.
  func changes(_ augmentation: Augmentation, _ shape: ImageShape) -> [ImageChange] {
    (0..<2000).map { index in
      var stream = RandomStream(seed: 11, .augmentation, number: 1, index: index)
      return ImageChange([augmentation], shape: shape, count: 50, from: &stream)
    }
  }

  // MARK: Geometry

  @Test func aQuarterTurnTakesTheTopToTheRight() {
    let square = ImageShape(height: 3, width: 3, channels: 1)
    var change = ImageChange()
    change.map = .rotation(angle: .pi / 2)
    let found = write([1, 2, 3, 4, 5, 6, 7, 8, 9], square, change)
    #expect(close(found, [7, 4, 1, 8, 5, 2, 9, 6, 3]), "\(found)")
  }

  @Test func halfAPixelIsTheMeanOfTwo() {
    var change = ImageChange()
    change.map = .shift(right: 0.5, down: 0)
    let row = ImageShape(height: 1, width: 4, channels: 1)
    let found = write([10, 20, 40, 80], row, change)
    #expect(close(found, [5, 15, 30, 60]), "\(found)")
  }

  /// A whole number of pixels moves the same way by copying and by interpolating, in colour too.
  @Test func copyingAndInterpolatingAgree() {
    let colour = ImageShape(height: 6, width: 8, channels: 3)
    let pixels = (0..<colour.count).map { UInt8(truncatingIfNeeded: 37 * $0 + 11) }
    for map in [PixelMap(), .mirrored, .shift(right: 3, down: -2), .mirrored.followed(by: .shift(right: -9, down: 1))] {
      var (exact, turned) = (ImageChange(), ImageChange())
      exact.map = map
      // Turned by next to nothing it is no longer exact.
      turned.map = map.followed(by: .rotation(angle: 1e-6))
      #expect(exact.map.isExact && !turned.map.isExact)
      let (a, b) = (write(pixels, colour, exact), write(pixels, colour, turned))
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 0.1 }, "\(map)")
    }
  }

  @Test func anglesFillTheRange() {
    let angles = changes(.rotate(degrees: 15), shape).map { Double(atan2($0.map.xy, $0.map.xx)) / .pi * 180 }
    #expect(angles.allSatisfy { abs($0) <= 15.001 })
    #expect(angles.min()! < -14 && angles.max()! > 14)
    #expect(abs(angles.reduce(0, +) / 2000) < 1)
  }

  @Test func cropsAreInsideAndOfTheirSize() {
    let found = changes(.crop(share: 0.25), shape).map(\.map)
    for map in found {
      // The corners of the new image, in the old one.
      #expect(map.xx * 3.5 + abs(map.x) <= 3.5001 && map.yy * 2.5 + abs(map.y) <= 2.5001)
      #expect((0.2499...1.0001).contains(map.xx * map.yy))
      #expect((0.7499...1.3334).contains(map.yy / map.xx))
    }
    let areas = found.map { $0.xx * $0.yy }
    #expect(areas.min()! < 0.3 && areas.max()! > 0.9)
    #expect(found.contains { $0.x > 1 } && found.contains { $0.x < -1 } && found.contains { $0.y > 0.7 })
  }

  // MARK: Colour

  @Test func jitterIsItsDefinition() {
    let colour = ImageShape(height: 1, width: 2, channels: 3)
    let pixels: [UInt8] = [100, 50, 20, 200, 10, 60]
    let greys = [100 * 0.299 + 50 * 0.587 + 20 * 0.114, 200 * 0.299 + 10 * 0.587 + 60 * 0.114] as [Float]
    func jittered(_ brightness: Float, _ contrast: Float, _ saturation: Float) -> [Float] {
      var change = ImageChange()
      change.jitters = [.init(brightness: brightness, contrast: contrast, saturation: saturation)]
      return write(pixels, colour, change, mean: 0.4)
    }
    let values = pixels.map(Float.init)
    #expect(close(jittered(1, 1, 1), values))
    #expect(close(jittered(0.5, 1, 1), values.map { $0 / 2 }))
    #expect(close(jittered(2, 1, 1), values.map { min($0 * 2, 255) }))
    #expect(close(jittered(1, 0, 1), [Float](repeating: (greys[0] + greys[1]) / 2, count: 6)))
    #expect(close(jittered(1, 1, 0), [greys[0], greys[0], greys[0], greys[1], greys[1], greys[1]]))
    // A grey image has no saturation.
    var change = ImageChange()
    change.jitters = [.init(brightness: 1, contrast: 1, saturation: 0)]
    #expect(close(write([10, 200], ImageShape(height: 1, width: 2, channels: 1), change), [10, 200]))
    for change in changes(.jitter(strength: 0.3), shape) {
      let factors = [change.jitters[0].brightness, change.jitters[0].contrast, change.jitters[0].saturation]
      #expect(factors.allSatisfy { (0.6999...1.3001).contains($0) })
    }
  }

  // MARK: Holes

  @Test func aHoleIsTheMeanColourAndNothingElseChanges() {
    var change = ImageChange()
    change.holes = [.init(rows: 1..<3, columns: 2..<5)]
    let pixels = (0..<shape.count).map { UInt8(100 + $0) }
    let found = write(pixels, shape, change, mean: 0.4)
    let expected = pixels.indices.map { index in
      (1..<3).contains(index / 8) && (2..<5).contains(index % 8) ? 0.4 * 255 : Float(pixels[index])
    }
    #expect(close(found, expected))
  }

  @Test func cutoutIsASquareAboutAnyPixel() {
    let holes = changes(.cutout(side: 3), shape).map { $0.holes[0] }
    #expect(holes.allSatisfy { (2...3).contains($0.rows.count) && (2...3).contains($0.columns.count) })
    #expect(holes.allSatisfy { $0.rows.upperBound <= 6 && $0.columns.upperBound <= 8 })
    // 6 × 8 places, each equally often.
    let centres = Set(holes.map { [$0.rows.lowerBound, $0.rows.count, $0.columns.lowerBound, $0.columns.count] })
    #expect(centres.count == 48)
  }

  @Test func erasedRectanglesAreOfTheirSize() {
    let large = ImageShape(height: 40, width: 40, channels: 1)
    let found = changes(.erase(probability: 0.5), large).flatMap(\.holes)
    #expect((900...1100).contains(found.count))
    for hole in found {
      #expect((0.015...0.42).contains(Double(hole.rows.count * hole.columns.count) / 1600))
      #expect((0.25...4).contains(Double(hole.rows.count) / Double(hole.columns.count)))
      #expect(hole.rows.upperBound <= 40 && hole.columns.upperBound <= 40)
    }
    #expect(changes(.erase(probability: 0), large).flatMap(\.holes).isEmpty)
  }

  // MARK: Mixing

  /// Var Beta(α, α) = 1 / (4 (2α + 1)).
  @Test(arguments: [0.01, 0.2, 1]) func mixingSharesAreBetaDistributed(alpha: Double) {
    let shares = changes(.mixup(alpha: Float(alpha)), shape).map { Double($0.partner!.share) }
    let mean = shares.reduce(0, +) / 2000
    let variance = shares.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / 2000
    #expect(abs(mean - 0.5) < 0.04 && abs(variance * 4 * (2 * alpha + 1) - 1) < 0.1, "\(mean), \(variance)")
    #expect(shares.allSatisfy { (0...1).contains($0) })
  }

  func examples(_ count: Int) -> Trainer.Examples {
    Trainer.Examples(
      shape: shape, pixels: (0..<(count * shape.count)).map { UInt8(truncatingIfNeeded: 31 * $0 + $0 / 48) },
      classes: (0..<count).map { Int32($0 % 3) })
  }

  @Test func aMixedImageIsASumAndSoIsItsLabel() throws {
    let examples = examples(7)
    let mixed = ImageBatches(examples, plain, classCount: 3, augmentation: [.flip, .mixup(alpha: 1)], seed: 4)
    // The same draws but for the partner.
    let alone = ImageBatches(examples, plain, classCount: 3, augmentation: [.flip], seed: 4)
    var (batch, single) = (mixed.makeBatch(size: 7), alone.makeBatch(size: 7))
    mixed.fill(&batch, indices: [0, 1, 2, 3, 4, 5, 6][...], epoch: 2)
    alone.fill(&single, indices: [0, 1, 2, 3, 4, 5, 6][...], epoch: 2)
    for index in 0..<7 {
      var stream = RandomStream(seed: 4, .augmentation, number: 2, index: index)
      let change = ImageChange([.flip, .mixup(alpha: 1)], shape: shape, count: 7, from: &stream)
      let partner = try #require(change.partner)
      for element in 0..<48 {
        let expected =
          single.inputs[0][index * 48 + element] * (1 - partner.share)
          + single.inputs[0][partner.index * 48 + element] * partner.share
        #expect(abs(batch.inputs[0][index * 48 + element] - expected) < 1e-6)
      }
      var target: [Float] = [0, 0, 0]
      target[index % 3] += 1 - partner.share
      target[partner.index % 3] += partner.share
      #expect(Array(batch.targets[(3 * index)..<(3 * index + 3)]) == target)
    }
  }

  /// One-hot targets are labels: with smoothing and class weights they give the same step, to the last bits.
  @Test(arguments: [1, 3]) func targetsAreTreatedAsLabels(outputs: Int) throws {
    var recipe = TrainingRecipe()
    recipe.loss = outputs == 1 ? .sigmoidCrossEntropy : .softmaxCrossEntropy
    recipe.labelSmoothing = outputs == 1 ? 0 : 0.2
    let description = NetworkDescription(name: "x", input: shape, recipe: recipe) {
      LayerDescription(.dense(DenseDescription(outputs: outputs)))
    }
    let labels: [Int32] = outputs == 1 ? [1, 0, 1] : [2, 0, 1]
    var targets = labels.map(Float.init)
    if outputs == 3 { targets = [0, 0, 1, 1, 0, 0, 0, 1, 0] }
    let inputs = (0..<(3 * 48)).map { Float($0 % 7) / 7 }
    let (a, b) = (
      try Network(description, backend: CPUBackend(threads: 1), batch: 3, seed: 1),
      try Network(description, backend: CPUBackend(threads: 1), batch: 3, seed: 1)
    )
    let weights: [Float] = outputs == 1 ? [0.5, 2] : [0.5, 2, 1]
    (a.classWeights, b.classWeights) = (weights, weights)
    for _ in 0..<3 {
      let one = try a.trainStep(inputs: inputs, labels: labels, count: 3, rate: 0.1)
      let two = try b.trainStep(inputs: inputs, targets: targets, count: 3, rate: 0.1)
      #expect(abs(one.loss - two.loss) < 1e-5 && one.correct == two.correct)
    }
  }

  static let all: [Augmentation] = [
    .flip, .shift(pixels: 2), .rotate(degrees: 12.5), .crop(share: 0.5), .jitter(strength: 0.25), .cutout(side: 3),
    .erase(probability: 0.5), .mixup(alpha: 0.25),
  ]

  /// An image's change does not depend on who is beside it; it does depend on epoch and seed.
  @Test(arguments: all) func aChangeIsAFunctionOfSeedEpochAndIndex(augmentation: Augmentation) {
    let examples = examples(40)
    func batch(_ indices: [Int], epoch: Int?, seed: UInt64 = 8) -> Batch {
      let source = ImageBatches(examples, plain, classCount: 3, augmentation: [augmentation], seed: seed)
      var batch = source.makeBatch(size: indices.count)
      source.fill(&batch, indices: indices[...], epoch: epoch)
      return batch
    }
    let all = Array(0..<40)
    let first = batch(all, epoch: 1)
    for index in [0, 17, 39] {
      #expect(batch([5, index], epoch: 1).inputs[0][48...] == first.inputs[0][(48 * index)..<(48 * index + 48)])
    }
    #expect(batch(all, epoch: 2).inputs != first.inputs)
    #expect(batch(all, epoch: 1, seed: 9).inputs != first.inputs)
    #expect(batch(all, epoch: nil, seed: 9).inputs == batch(all, epoch: nil).inputs)
  }

  // MARK: Text

  @Test func descriptionsHaveThem() throws {
    var recipe = TrainingRecipe()
    recipe.augmentation = Self.all
    recipe.sampling = .balanced
    let description = NetworkDescription(name: "x", input: shape, recipe: recipe) {
      LayerDescription(.dense(DenseDescription(outputs: 3)))
    }
    #expect(try NetworkDescription(parsing: description.text, file: "x.net") == description)
  }

  @Test(arguments: [
    ("augment turn", "expected one of flip, shift, rotate, crop, jitter, cutout, erase, mixup, found 'turn'"),
    ("augment rotate 0", "expected degrees above 0, at most 180, found '0'"),
    ("augment crop 1.5", "expected a share of the area in 0.01...1, found '1.5'"),
    ("augment cutout", "expected a positive number of pixels, found the end of the line"),
    ("augment mixup 2", "expected alpha in 0.01...1, found '2'"),
    ("sampling fair", "expected one of shuffled, balanced, found 'fair'"),
  ])
  func wrongLinesAreErrors(line: String, error: String) {
    let text = "input 6x8x1\ndense 3\ntrain\n\(line)\n"
    let found = #expect(throws: TrainerError.self) { try NetworkDescription(parsing: text, file: "x.net") }
    #expect(found?.description.hasSuffix(error) == true, "\(String(describing: found))")
  }
}

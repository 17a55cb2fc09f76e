@testable import Trainer

/// A problem that is learnt in seconds: which of three rows of a noisy 3×4 picture is the bright one.
struct RowProblem {
  static let shape = ImageShape(height: 3, width: 4, channels: 1)

  static func examples(_ count: Int, seed: UInt64) -> Trainer.Examples {
    var stream = RandomStream(seed: seed, .sample)
    var examples = Trainer.Examples(shape: shape)
    for _ in 0..<count {
      let row = stream.next(below: 3)
      let pixels = (0..<shape.count).map { UInt8(stream.next(below: 100) + ($0 / 4 == row ? 100 : 0)) }
      examples.append(pixels: pixels, class: Int32(row))
    }
    return examples
  }

  static var data: DataSet {
    DataSet(
      name: "rows", labels: ["top", "middle", "bottom"], train: examples(90, seed: 1), test: examples(30, seed: 2))
  }

  /// Batch-norm, dropout, momentum, averaged weights, clipping, augmentation, mixed labels, balanced sampling and a last
  /// batch of 1 (81 training images, batches of 16): everything
  /// that has a state or draws random numbers.
  static var description: NetworkDescription {
    var recipe = TrainingRecipe()
    recipe.epochs = 3
    recipe.batch = 16
    recipe.rate = 0.05
    recipe.schedule = Schedule(.cosine())
    recipe.validation = 0.1
    recipe.augmentation = [.flip, .rotate(degrees: 5), .cutout(side: 1), .mixup(alpha: 0.2)]
    recipe.sampling = .balanced
    recipe.averageDecay = 0.9
    recipe.clip = .norm(1)
    recipe.labelSmoothing = 0.1
    recipe.classWeights = .balanced
    return NetworkDescription(name: "rows", input: shape, recipe: recipe) {
      LayerDescription(.convolution(ConvolutionDescription(kernel: Extent(3), outputs: 4, padding: .same)))
      LayerDescription(.batchNorm(BatchNormDescription(activation: .relu)))
      LayerDescription(.flatten)
      LayerDescription(.dropout(rate: 0.2))
      LayerDescription(.dense(DenseDescription(outputs: 3)))
      LayerDescription(.softmax)
    }
  }

  static func run(_ description: NetworkDescription = description, data: DataSet = data) throws -> TrainingRun {
    try TrainingRun(description, data: data, backend: CPUBackend(threads: 2))
  }
}

extension StepReport {
  /// The numbers, bit by bit.
  var bits: [UInt64] {
    [
      UInt64(epoch), UInt64(step), UInt64(images), loss.bitPattern, accuracy.bitPattern, UInt64(rate.bitPattern),
      validation?.loss.bitPattern ?? 0, UInt64(validation?.correct ?? 0), validation?.isBest ?? false ? 1 : 0,
    ]
  }
}

/// How a network is trained: the `train` section of its description.
public struct TrainingRecipe: Equatable, Sendable {
  public var epochs = 10
  /// Images in a step: stochastic gradient descent with 1, full-batch gradient descent with `wholeSet` or any number that
  /// is not below that of the training images.
  public var batch = 64
  /// A batch of all training images.
  public static let wholeSet = Int.max
  public var optimizer = Optimizer.momentum(0.9)
  /// Learning rate before the schedule.
  public var rate: Float = 0.01
  public var schedule = Schedule()
  public var penalty = WeightPenalty.none
  /// Decoupled weight decay: λ of w ← w − η·λ·w before each step, on the weights that the penalty counts.
  public var weightDecay: Float = 0
  public var loss = Loss.softmaxCrossEntropy
  /// Share of each target that is spread evenly over all classes, in [0, 1) (label smoothing, Szegedy et al. 2016); in
  /// training only, and with softmax cross-entropy only.
  public var labelSmoothing: Float = 0
  public var classWeights = ClassWeights.equal
  public var clip = GradientClip.none
  /// Decay of the moving average of weights that is evaluated and exported instead of the weights; nil: there is none.
  public var averageDecay: Float?
  public var seed: UInt64 = 1
  /// Share of the training set that is held out, in [0, 1).
  public var validation: Float = 0
  /// Epochs in a row without a better one, on the examples that are held out, after which training ends; nil: it never ends
  /// early.
  public var patience: Int?
  public var sampling = Sampling.shuffled
  /// Changes made to training images, in this order.
  public var augmentation: [Augmentation] = []

  public init() {}
}

/// A network and how it is trained, as `nets/*.net` files say it; the grammar is told in docs/networks.md.
///
///     let xor = NetworkDescription(name: "xor", input: ImageShape(height: 1, width: 1, channels: 2)) {
///       LayerDescription(.dense(DenseDescription(outputs: 4, activation: .tanh)))
///       LayerDescription(.dense(DenseDescription(outputs: 1)))
///     }
public struct NetworkDescription: Equatable, Sendable {
  public var name: String
  public var input: ImageShape
  /// How pixels become inputs; nil takes mean and deviation from the training images.
  public var normalization: Normalization?
  public var layers: [LayerDescription]
  public var recipe: TrainingRecipe

  public init(
    name: String, input: ImageShape, recipe: TrainingRecipe = TrainingRecipe(), layers: [LayerDescription]
  ) {
    self.name = name
    self.input = input
    self.layers = layers
    self.recipe = recipe
  }

  public init(
    name: String, input: ImageShape, recipe: TrainingRecipe = TrainingRecipe(),
    @LayerListBuilder layers: () -> [LayerDescription]
  ) {
    self.init(name: name, input: input, recipe: recipe, layers: layers())
  }
}

/// Inputs are (pixel / 255 − mean) / deviation, channel by channel.
public struct Normalization: Equatable, Sendable {
  /// One per channel, in units of the pixel range [0, 1].
  public var mean: [Float]
  /// One per channel, positive.
  public var deviation: [Float]

  public init(mean: [Float], deviation: [Float]) {
    self.mean = mean
    self.deviation = deviation
  }
}

/// Lists layers in code, with `for` and `if`.
@resultBuilder
public enum LayerListBuilder {
  public static func buildExpression(_ layer: LayerDescription) -> [LayerDescription] { [layer] }
  public static func buildExpression(_ kind: LayerKind) -> [LayerDescription] { [LayerDescription(kind)] }
  public static func buildBlock(_ parts: [LayerDescription]...) -> [LayerDescription] { parts.flatMap { $0 } }
  public static func buildArray(_ parts: [[LayerDescription]]) -> [LayerDescription] { parts.flatMap { $0 } }
  public static func buildOptional(_ part: [LayerDescription]?) -> [LayerDescription] { part ?? [] }
  public static func buildEither(first: [LayerDescription]) -> [LayerDescription] { first }
  public static func buildEither(second: [LayerDescription]) -> [LayerDescription] { second }
}

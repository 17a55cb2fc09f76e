import Format

/// What a training run takes of a data set: batches, and what they depend on.
struct RunData {
  let train: any BatchSource
  /// Examples that are held out.
  let validation: (any BatchSource)?
  /// Of each training example; all 0 where numbers are predicted.
  let classes: [Int32]
  /// How the network wants images; nil for rows of numbers.
  let preprocessing: Preprocessing?
  /// Units of rows of numbers; nil for images.
  let scales: Scales?
  /// Whether examples are windows of a text that is read through: they come in their order, not in a random one.
  let isStream: Bool
  /// What the batches are a function of beside the description, a thing a line.
  let settings: [String]

  struct Scales: Equatable {
    var inputs: Standardization
    /// Nil where classes are predicted.
    var targets: Standardization?
  }

  /// - Parameters:
  ///   - preprocessing: for images; nil takes mean and deviation from the training images.
  /// - Throws: `RunError.mismatch` if nothing would be left to train on.
  init(
    _ data: DataSet, for description: NetworkDescription, preprocessing: Preprocessing?
  ) throws(RunError) {
    let recipe = description.recipe
    isStream = false
    // The data's own validation examples take the place of a share.
    let split: (train: Examples, validation: Examples?) =
      data.validation != nil
      ? (data.train, data.validation) : try data.train.split(validation: recipe.validation, seed: recipe.seed)
    classes = split.train.classes
    let checksum = String(data.train.checksum, radix: 16)
    var settings = ["\(data.train.count) examples with checksum \(checksum)"]
    if let validation = data.validation {
      settings.append("\(validation.count) held out with checksum \(String(validation.checksum, radix: 16))")
    }
    guard data.train.holdsNumbers else {
      var recipeOfImages = preprocessing ?? data.imagePreprocessing
      if let normalization = description.normalization {
        (recipeOfImages.mean, recipeOfImages.deviation) = (normalization.mean, normalization.deviation)
      }
      let outputs = try RunData.outputCount(description)
      train = ImageBatches(
        split.train, recipeOfImages, classCount: outputs, augmentation: recipe.augmentation, seed: recipe.seed)
      validation = split.validation.map { ImageBatches($0, recipeOfImages, classCount: outputs) }
      self.preprocessing = recipeOfImages
      scales = nil
      self.settings = ["mean \(recipeOfImages.mean), deviation \(recipeOfImages.deviation)"] + settings
      return
    }
    let examples = data.train
    let scales = Scales(
      inputs: Standardization(examples.values, columns: description.input.channels),
      targets: examples.targetCount == 0 ? nil : Standardization(examples.targets, columns: examples.targetCount))
    train = TableBatches(split.train, inputs: scales.inputs, targets: scales.targets)
    validation = split.validation.map { TableBatches($0, inputs: scales.inputs, targets: scales.targets) }
    self.preprocessing = nil
    self.scales = scales
    self.settings = settings
  }

  private static func outputCount(_ description: NetworkDescription) throws(RunError) -> Int {
    do { return try LayerList(description).output.shape.count } catch { throw .network(error) }
  }

  /// - Throws: `RunError.mismatch` if network and data do not fit.
  static func check(_ data: DataSet, _ description: NetworkDescription) throws(RunError) {
    func expect(_ condition: Bool, _ what: String, _ expected: String, _ found: String) throws(RunError) {
      guard condition else {
        throw .mismatch(what: "\(description.name): \(what)", expected: expected, found: found)
      }
    }
    let recipe = description.recipe
    let (wanted, given) = (description.input, data.shape)
    guard data.train.holdsNumbers else {
      return try expect(given == wanted, "input", "\(given) as \(data.name) has", "\(wanted)")
    }
    try expect(
      given.count == wanted.count, "input", "\(given) as \(data.name) has columns, or as many elements", "\(wanted)")
    try expect(
      recipe.augmentation.isEmpty, "augment", "images", "rows of numbers, which are not augmented")
    guard data.train.targetCount > 0 else { return }
    try expect(
      recipe.loss == .meanSquaredError, "loss", "mean-squared-error, as numbers are predicted", recipe.loss.rawValue)
    try expect(
      recipe.sampling == .shuffled && recipe.classWeights == .equal, "recipe", "classes to balance",
      "numbers that are predicted")
  }
}

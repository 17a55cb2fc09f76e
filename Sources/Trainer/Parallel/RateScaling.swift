extension TrainingRecipe {
  /// Epochs over which the rate of an enlarged batch rises, at most a quarter of the training.
  static let enlargedWarmUp: Float = 5

  /// Makes the batch `factor` times as large, as so many processes make it that each bring a batch of their own. A batch of
  /// the whole set is as large as it can be: they share that.
  ///
  /// - Parameter scalesRate: whether the rate follows by the linear scaling rule (Goyal et al. 2017, "Accurate, large
  ///   minibatch SGD: training ImageNet in 1 hour"): it is multiplied by `factor`, too, and rises to that linearly over the
  ///   first 5 epochs, at most a quarter of the training, where the schedule has no longer warm-up or a rise of its own
  ///   (`Schedule.Shape.oneCycle`). Else the rate stays as it is.
  public mutating func enlargeBatch(by factor: Int, scalesRate: Bool) {
    guard batch != TrainingRecipe.wholeSet, factor > 1 else { return }
    batch *= factor
    guard scalesRate else { return }
    rate *= Float(factor)
    if case .oneCycle = schedule.shape { return }
    schedule.warmUp = max(schedule.warmUp, min(TrainingRecipe.enlargedWarmUp, Float(epochs) / 4))
  }
}

extension Checkpoint {
  /// The recipe's number of images in a step.
  public var batch: Int? {
    settings.lazy.compactMap { line in
      let words = line.split(separator: " ")
      return words.count == 2 && words[0] == "batch" ? Int(words[1]) : nil
    }.first
  }
}

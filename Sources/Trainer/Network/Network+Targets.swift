// What is done to labels is done to targets that lie between labels.
extension Network {
  /// (1 − s)·t + s/classes for each target t.
  static func smoothed(_ targets: [Float], classes: Int, by share: Float) -> [Float] {
    classes == 1 ? targets : targets.map { $0 * (1 - share) + share / Float(classes) }
  }

  /// The factor of each example's loss: the mean of its classes' weights, each as much as the target has of the class.
  static func lossWeights(_ targets: [Float], count: Int, outputs: Int, _ classWeights: [Float]) -> [Float] {
    (0..<count).map { example in
      if outputs == 1 { return classWeights[0] * (1 - targets[example]) + classWeights[1] * targets[example] }
      return (0..<outputs).reduce(0) { $0 + targets[example * outputs + $1] * classWeights[$1] }
    }
  }
}

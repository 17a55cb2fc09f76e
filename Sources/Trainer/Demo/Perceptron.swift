/// A threshold unit with two inputs: y = 1 if w·x + b > 0, else 0. A network of one layer that learns by the perceptron rule
/// (Rosenblatt 1958), w ← w + (t − y)·x and b ← b + (t − y) for each point in turn.
final class Perceptron {
  private let network: Network

  /// - Parameter start: w and b.
  init(start: (weights: [Float], bias: Float) = ([0, 0], 0), backend: any Backend) throws(TrainerError) {
    var recipe = TrainingRecipe()
    recipe.loss = .perceptron
    recipe.optimizer = .sgd
    network = try Network(
      NetworkDescription(
        name: "threshold unit", input: ImageShape(height: 1, width: 1, channels: 2), recipe: recipe,
        layers: [LayerDescription(.dense(DenseDescription(outputs: 1)), name: "unit")]), backend: backend, batch: 1,
      seed: 1)
    var state = try network.state()
    for index in state.tensors.indices {
      state.tensors[index].values = state.tensors[index].name == "unit.bias" ? [start.bias] : start.weights
    }
    try network.restore(state)
  }

  /// w·x + b of each point, which the threshold at 0 makes the output of.
  func activations(_ points: [Point]) throws(TrainerError) -> [Double] {
    try network.predict(inputs: points.flatMap { [Float($0.x), Float($0.y)] }, count: points.count).map { Double($0) }
  }

  /// One pass over the data. If a line parts the classes, finitely many passes find one (Novikoff 1962); else there is no
  /// end.
  ///
  /// - Returns: how many points were on the wrong side when it was their turn.
  func learn(_ data: PlaneData) throws(TrainerError) -> Int {
    var corrections = 0
    for (point, label) in zip(data.points, data.labels) {
      let step = try network.trainStep(
        inputs: [Float(point.x), Float(point.y)], labels: [label], count: 1, rate: 1)
      corrections += 1 - step.correct
    }
    return corrections
  }
}

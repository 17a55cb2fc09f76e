/// A threshold unit with two inputs and its learning rule (Rosenblatt 1958): y = 1 if w·x + b ≥ 0, else 0.
struct Perceptron {
  private(set) var weights: Point
  private(set) var bias: Double

  init(weights: Point = Point(x: 0, y: 0), bias: Double = 0) {
    self.weights = weights
    self.bias = bias
  }

  /// w·x + b, which the threshold at 0 makes the output of.
  func activation(_ input: Point) -> Double { weights.x * input.x + weights.y * input.y + bias }

  func output(_ input: Point) -> Int32 { activation(input) >= 0 ? 1 : 0 }

  /// One pass over the data: w ← w + (t − y)·x and b ← b + (t − y) for each point in turn. If a line parts the classes,
  /// finitely many passes find one (Novikoff 1962); else there is no end.
  ///
  /// - Returns: how many points were on the wrong side when it was their turn.
  mutating func learn(_ data: PlaneData) -> Int {
    var corrections = 0
    for (point, label) in zip(data.points, data.labels) {
      let error = Double(label - output(point))
      guard error != 0 else { continue }
      weights = Point(x: weights.x + error * point.x, y: weights.y + error * point.y)
      bias += error
      corrections += 1
    }
    return corrections
  }
}

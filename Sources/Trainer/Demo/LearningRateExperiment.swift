/// Gradient descent on the squared error of a linear unit with two weights, whose bowl can be seen, at several rates.
///
/// The error is (1/m) Σ (w·x − t)², its curvature H = (2/m) Σ x xᵀ. A step multiplies the distance to the minimum by
/// 1 − η·λ along each eigenvector of H: above 2/λ, λ being the largest eigenvalue, it grows.
struct LearningRateExperiment {
  struct Descent {
    let name: String
    let rate: Double
    /// The weights before each step and after the last.
    let path: [Point]
    let losses: [Double]
  }

  let inputs: [Point]
  let targets: [Double]
  /// 2/λ: the rate from which on descent diverges.
  let limit: Double
  private(set) var descents: [Descent] = []

  static let steps = 40
  private static let start = Point(x: -1.3, y: 2.1)
  private static let minimum = Point(x: 1.2, y: -0.6)

  init(seed: UInt64, backend: any Backend) throws(TrainerError) {
    let count = 64
    let noise = Philox(key: seed).normals(count: 3 * count, stream: PlaneData.noiseStream + 1).map { Double($0) }
    let inputs = (0..<count).map { Point(x: noise[3 * $0], y: 0.5 * noise[3 * $0] + 0.45 * noise[3 * $0 + 1]) }
    self.inputs = inputs
    targets = inputs.indices.map { index in
      let x = inputs[index]
      return Self.minimum.x * x.x + Self.minimum.y * x.y + 0.1 * noise[3 * index + 2]
    }
    limit = 2 / Self.largestCurvature(inputs)
    for (name, share) in [("too small", 0.02), ("good", 0.6), ("large", 0.97), ("too large", 1.06)] {
      descents.append(try descend(name, rate: share * limit, backend: backend))
    }
  }

  private static func largestCurvature(_ inputs: [Point]) -> Double {
    func mean(_ value: (Point) -> Double) -> Double { inputs.reduce(0) { $0 + value($1) } / Double(inputs.count) }
    let (a, b, c) = (2 * mean { $0.x * $0.x }, 2 * mean { $0.x * $0.y }, 2 * mean { $0.y * $0.y })
    return (a + c) / 2 + ((a - c) * (a - c) / 4 + b * b).squareRoot()
  }

  func loss(_ weights: Point) -> Double {
    zip(inputs, targets).reduce(0) { sum, example in
      let error = weights.x * example.0.x + weights.y * example.0.y - example.1
      return sum + error * error
    } / Double(inputs.count)
  }

  private func descend(_ name: String, rate: Double, backend: any Backend) throws(TrainerError) -> Descent {
    var recipe = TrainingRecipe()
    recipe.loss = .meanSquaredError
    recipe.optimizer = .sgd
    let description = NetworkDescription(
      name: "linear unit", input: ImageShape(height: 1, width: 1, channels: 2), recipe: recipe,
      layers: [LayerDescription(.dense(DenseDescription(outputs: 1, hasBias: false)))])
    let network = try Network(description, backend: backend, batch: inputs.count, seed: 1)
    var state = try network.state()
    state.tensors[0].values = [Float(Self.start.x), Float(Self.start.y)]
    try network.restore(state)
    let values = inputs.flatMap { [Float($0.x), Float($0.y)] }
    var path = [Self.start]
    for _ in 0..<Self.steps {
      _ = try network.trainStep(
        inputs: values, targets: targets.map { Float($0) }, count: inputs.count, rate: Float(rate))
      let weights = try network.state().tensors[0].values
      path.append(Point(x: Double(weights[0]), y: Double(weights[1])))
    }
    return Descent(name: name, rate: rate, path: path, losses: path.map(loss))
  }

  /// The error over the weights, and the ways down.
  var surface: Drawing {
    let (x, y) = (-2.0...3.2, -2.4...2.8)
    let points = Field.points(columns: 81, rows: 81, x: x, y: y)
    return ContourPlot(
      title: "The error over both weights",
      field: Field(columns: 81, rows: 81, x: x, y: y, values: points.map(loss)), x: "w₁", y: "w₂",
      paths: descents.enumerated().map { ContourPlot.Path(name: label($1), points: $1.path, color: $0) }
    ).drawing()
  }

  var curves: Drawing {
    LineChart(
      title: "Error against steps", x: Axis("step", values: [0, Double(Self.steps)], isTight: true),
      y: Axis("mean squared error", scale: .logarithmic, values: descents.flatMap { $0.losses }),
      series: descents.map { descent in
        LineChart.Series(
          name: label(descent), points: descent.losses.enumerated().map { Point(x: Double($0), y: $1) })
      }, height: 420
    ).drawing()
  }

  private func label(_ descent: Descent) -> String { "\(descent.name): \(shortNumber(descent.rate, digits: 3))" }
}

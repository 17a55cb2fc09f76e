import Foundation

/// A network that is to learn points of the plane by full-batch gradient descent.
struct PlaneExperiment {
  let data: PlaneData
  /// What learns, in a few words: "8 tanh units".
  let model: String
  /// Layers between the two inputs and the logistic unit at the end.
  let hidden: [DenseDescription]
  let optimizer: Optimizer
  let rate: Float
  let steps: Int
  let seed: UInt64

  init(
    _ data: PlaneData, _ model: String, hidden: [DenseDescription] = [], optimizer: Optimizer = .sgd, rate: Float,
    steps: Int, seed: UInt64
  ) {
    self.data = data
    self.model = model
    self.hidden = hidden
    self.optimizer = optimizer
    self.rate = rate
    self.steps = steps
    self.seed = seed
  }

  /// The network: `hidden`, then one output with the cross-entropy of logistic regression.
  private var description: NetworkDescription {
    var recipe = TrainingRecipe()
    recipe.loss = .sigmoidCrossEntropy
    recipe.optimizer = optimizer
    return NetworkDescription(
      name: data.name, input: ImageShape(height: 1, width: 1, channels: 2), recipe: recipe,
      layers: (hidden + [DenseDescription(outputs: 1)]).map { LayerDescription(.dense($0)) })
  }

  func run(on backend: any Backend) throws(TrainerError) -> PlaneResult {
    let count = data.points.count
    let network = try Network(description, backend: backend, batch: count, seed: seed)
    let inputs = data.inputs
    var losses: [Double] = []
    for _ in 0..<steps {
      losses.append(try network.trainStep(inputs: inputs, labels: data.labels, count: count, rate: rate).loss)
    }
    let end = try network.evaluate(inputs: inputs, labels: data.labels, count: count)
    /// On which side of one half an output falls that is one half to rounding would be chance: it is one half.
    func outputs(_ points: [Point]) throws(TrainerError) -> [Double] {
      let values = points.flatMap { [Float($0.x), Float($0.y)] }
      return try network.predict(inputs: values, count: points.count).map { output in
        abs(output - 0.5) < 1e-6 ? 0.5 : Double(output)
      }
    }
    let field = try data.field { (points) throws(TrainerError) in try outputs(points) }
    return PlaneResult(
      data: data, model: model, parameters: network.parameterCount, steps: steps, losses: losses + [end.loss],
      outputs: try outputs(data.points), field: field,
      collapsed: AffineNeuron(collapsing: try network.state()))
  }
}

/// What an experiment came to.
struct PlaneResult {
  let data: PlaneData
  let model: String
  let parameters: Int
  let steps: Int
  /// Before each step, and after the last.
  let losses: [Double]
  /// The probability of class 1: at the points, and everywhere.
  let outputs: [Double]
  let field: Field
  /// The neuron that the layers amount to if all of them are linear.
  let collapsed: AffineNeuron

  var samples: [DecisionPlot.Sample] { data.samples(answers: outputs.map { $0 >= 0.5 ? 1 : 0 }) }
  var accuracy: Double { samples.accuracy }
  var loss: Double { losses[losses.count - 1] }

  /// The largest difference between the network's probabilities and those of `collapsed`.
  var distanceToOneNeuron: Double {
    let points = Field.points(columns: field.columns, rows: field.rows, x: field.x, y: field.y)
    return zip(points, field.values).reduce(0) { max($0, (collapsed.probability($1.0) - $1.1).magnitude) }
  }
}

/// One logistic unit: h = 1 / (1 + exp(−(w·x + b))).
struct AffineNeuron: Equatable {
  let weights: Point
  let bias: Double

  /// The product of all layers' weights, with their biases carried through: W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂).
  init(collapsing state: TrainingState) {
    // Weights and biases stand in the order of their layers; an optimizer's slots have a / in their names.
    let parameters = state.tensors.filter { !$0.name.contains("/") }
    let matrices = parameters.filter { $0.shape.count == 2 }
    let biases = parameters.filter { $0.shape.count == 1 }
    // Columns: the images of (1, 0) and (0, 1), and the bias.
    var columns = [[1.0, 0], [0, 1], [0, 0]]
    for (matrix, bias) in zip(matrices, biases) {
      let inputs = matrix.shape[1]
      columns = columns.enumerated().map { index, column in
        (0..<matrix.shape[0]).map { row in
          (0..<inputs).reduce(index == 2 ? Double(bias.values[row]) : 0) {
            $0 + Double(matrix.values[row * inputs + $1]) * column[$1]
          }
        }
      }
    }
    weights = Point(x: columns[0][0], y: columns[1][0])
    bias = columns[2][0]
  }

  func probability(_ input: Point) -> Double { 1 / (1 + exp(-(weights.x * input.x + weights.y * input.y + bias))) }
}

import Format

/// What neural networks can and cannot learn, shown on points of the plane: one neuron, linear layers, hidden layers,
/// initial weights, learning rates. Everything is trained on the spot by the code that trains real networks.
public struct Demo {
  /// One network on one data set.
  public struct Row: Equatable, Sendable {
    public let data: String
    public let model: String
    /// Weights and biases.
    public let parameters: Int
    public let steps: Int
    /// Mean cross-entropy over the points at the end; nil where the model has none.
    public let loss: Double?
    /// Share of the points on the right side.
    public let accuracy: Double
  }

  /// In the order of the page.
  public let rows: [Row]
  /// The page (`index.html`) and its drawings, each on its own as SVG: names and contents.
  public let files: [(name: String, text: String)]
  /// For the tests, which know what must have come out.
  let neurons: Neurons
  let depths: [PlaneResult]
  let hidden: HiddenLayers
  let starts: [PlaneResult]
  let rates: LearningRateExperiment

  /// Trains everything; takes seconds.
  ///
  /// - Parameter seed: of points and of initial weights.
  public init(seed: UInt64, backend: any Backend) throws(TrainerError) {
    neurons = try Neurons(seed: seed, backend: backend)
    depths = try Demo.depths(seed: seed, backend: backend)
    hidden = try HiddenLayers(seed: seed, backend: backend)
    starts = try Demo.starts(seed: seed, backend: backend)
    rates = try LearningRateExperiment(seed: seed, backend: backend)
    rows = neurons.perceptrons.map { $0.row } + (neurons.logistic + depths + hidden.all + starts).map { $0.row }
    var page = DemoPage(seed: seed)
    page.add(neurons)
    page.add(depths: depths)
    page.add(hidden)
    page.add(starts: starts)
    page.add(rates)
    page.add(rows)
    files = page.files
  }

  /// Circles by one, two and four linear layers.
  private static func depths(seed: UInt64, backend: any Backend) throws(TrainerError) -> [PlaneResult] {
    var results: [PlaneResult] = []
    for (depth, model) in [(1, "one neuron"), (2, "2 linear layers"), (4, "4 linear layers")] {
      let hidden = (1..<depth).map { _ in DenseDescription(outputs: 8) }
      results.append(
        try PlaneExperiment(
          .circles(seed: seed), model, hidden: hidden, rate: 0.3, steps: 500, seed: seed
        ).run(on: backend))
    }
    return results
  }

  /// XOR by two hidden sigmoid units, from eight different initial weights.
  private static func starts(seed: UInt64, backend: any Backend) throws(TrainerError) -> [PlaneResult] {
    var results: [PlaneResult] = []
    for start in 1...8 {
      results.append(
        try PlaneExperiment(
          .xor, "2 sigmoid units, start \(start)",
          hidden: [DenseDescription(outputs: 2, activation: .sigmoid, weightInit: .normal(deviation: 1))], rate: 2,
          steps: 2000, seed: seed &* 1000 &+ UInt64(start)
        ).run(on: backend))
    }
    return results
  }
}

/// Gates by single neurons.
struct Neurons {
  /// A threshold unit and how its learning went.
  struct Learnt {
    let data: PlaneData
    /// Corrections of each pass.
    let corrections: [Int]
    /// What the threshold at 0 gets: at the points, and everywhere.
    let activations: [Double]
    let field: Field

    var samples: [DecisionPlot.Sample] { data.samples(answers: activations.map { $0 > 0 ? 1 : 0 }) }
    var accuracy: Double { samples.accuracy }
  }

  let perceptrons: [Learnt]
  let logistic: [PlaneResult]

  static let mostPasses = 30

  init(seed: UInt64, backend: any Backend) throws(TrainerError) {
    let gates = [PlaneData.and, .or, .xor]
    let start = Philox(key: seed).normals(count: 3, stream: PlaneData.noiseStream + 2)
    var perceptrons: [Learnt] = []
    for data in gates {
      let unit = try Perceptron(start: (Array(start[..<2]), start[2]), backend: backend)
      var corrections: [Int] = []
      while corrections.count < Neurons.mostPasses && corrections.last != 0 { corrections.append(try unit.learn(data)) }
      perceptrons.append(
        Learnt(
          data: data, corrections: corrections, activations: try unit.activations(data.points),
          field: try data.field { (points) throws(TrainerError) in try unit.activations(points) }))
    }
    self.perceptrons = perceptrons
    var results: [PlaneResult] = []
    for data in gates {
      results.append(try PlaneExperiment(data, "logistic unit", rate: 1, steps: 1000, seed: seed).run(on: backend))
    }
    logistic = results
  }
}

/// What a line cannot part, by networks with hidden layers.
struct HiddenLayers {
  let xor: PlaneResult
  /// By activation.
  let circles: [PlaneResult]
  /// By size.
  let spirals: [PlaneResult]

  var all: [PlaneResult] { [xor] + circles + spirals }

  init(seed: UInt64, backend: any Backend) throws(TrainerError) {
    func run(_ experiment: PlaneExperiment) throws(TrainerError) -> PlaneResult { try experiment.run(on: backend) }
    xor = try run(
      PlaneExperiment(
        .xor, "4 tanh units", hidden: [DenseDescription(outputs: 4, activation: .tanh)], rate: 0.5, steps: 1000,
        seed: seed))
    var circles: [PlaneResult] = []
    for (name, activation) in [("sigmoid", Activation.sigmoid), ("tanh", .tanh), ("ReLU", .relu)] {
      circles.append(
        try run(
          PlaneExperiment(
            .circles(seed: seed), "8 \(name) units", hidden: [DenseDescription(outputs: 8, activation: activation)],
            optimizer: .adam(), rate: 0.03, steps: 500, seed: seed)))
    }
    self.circles = circles
    var spirals: [PlaneResult] = []
    for (model, units) in [("2 tanh units", [2]), ("8 tanh units", [8]), ("two layers of 24", [24, 24])] {
      spirals.append(
        try run(
          PlaneExperiment(
            .spirals(seed: seed), model,
            hidden: units.map { DenseDescription(outputs: $0, activation: .tanh, weightInit: .he) },
            optimizer: .adam(), rate: 0.02, steps: 1500, seed: seed)))
    }
    self.spirals = spirals
  }
}

extension Neurons.Learnt {
  var row: Demo.Row {
    Demo.Row(
      data: data.name, model: "threshold unit", parameters: 3, steps: corrections.count * data.points.count, loss: nil,
      accuracy: accuracy)
  }
}

extension PlaneResult {
  var row: Demo.Row {
    Demo.Row(data: data.name, model: model, parameters: parameters, steps: steps, loss: loss, accuracy: accuracy)
  }
}

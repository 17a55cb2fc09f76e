import Terminal

/// The demo as a page, and its drawings as files.
struct DemoPage {
  private var page: Page
  private let seed: UInt64
  private var drawings: [(name: String, text: String)] = []

  init(seed: UInt64) {
    self.seed = seed
    page = Page(
      title: "What neural networks learn",
      summary:
        "Points of the plane in two classes, and what networks of one neuron up to two hidden layers make of them. "
        + "Shades show the output of a network everywhere, from class 0 (orange, diamonds) to class 1 (blue, discs); the "
        + "black line is the decision boundary; a ring is around each point on the wrong side of it.")
  }

  var files: [(name: String, text: String)] { [("index.html", page.html)] + drawings }

  private mutating func show(_ named: [(name: String, drawing: Drawing)], caption: String? = nil) {
    page.drawings(named.map { $0.drawing }, caption: caption)
    drawings += named.map { ($0.name + ".svg", $0.drawing.file) }
  }

  mutating func add(_ neurons: Neurons) {
    page.heading("One neuron")
    page.paragraph(
      "A threshold unit answers 1 where w·x + b > 0: its boundary is a line. The perceptron rule corrects the weights "
        + "after each wrong answer, w ← w + (t − y)·x. AND and OR can be parted by a line, and the rule finds one after a "
        + "few passes over the four points. XOR cannot: the rule never comes to rest.")
    show(
      neurons.perceptrons.map { ("\($0.data.name.lowercased())-threshold", $0.drawing) }
        + [("perceptron-corrections", Self.corrections(neurons.perceptrons))])
    page.paragraph(
      "A logistic unit says how sure it is: h = 1 / (1 + exp(−(w·x + b))). Gradient descent on the cross-entropy "
        + "−[t·log h + (1 − t)·log(1 − h)] makes it surer with every step where a line can part the classes. On XOR the "
        + "best that it can say is one half, everywhere: a loss of log 2 = 0.693 and no boundary; one half counts as class 1."
    )
    show(
      neurons.logistic.map { ("\($0.data.name.lowercased())-logistic", $0.drawing) }
        + [("logistic-loss", Self.losses("Cross-entropy against steps", neurons.logistic) { $0.data.name })])
  }

  mutating func add(depths: [PlaneResult]) {
    page.heading("Linear layers stay linear")
    page.paragraph(
      "More layers do not help as long as they are linear: W₂(W₁x + b₁) + b₂ is one matrix W₂W₁ and one bias. Multiplying "
        + "the layers of each network into one neuron gives the same probabilities, up to the rounding of single "
        + "precision. A disc inside a ring cannot be parted by a line.")
    show(depths.map { ("circles-linear-\($0.parameters)", $0.drawing) })
    page.table(
      [
        .init(title: "network", isNumber: false), .init(title: "weights and biases"), .init(title: "accuracy"),
        .init(title: "as one neuron: w₁"), .init(title: "w₂"), .init(title: "b"),
        .init(title: "largest difference of probabilities"),
      ],
      rows: depths.map { result in
        let neuron = result.collapsed
        return [
          result.model, "\(result.parameters)", percent(result.accuracy), fixed(neuron.weights.x, decimals: 4),
          fixed(neuron.weights.y, decimals: 4), fixed(neuron.bias, decimals: 4),
          shortNumber(result.distanceToOneNeuron),
        ]
      })
  }

  mutating func add(_ hidden: HiddenLayers) {
    page.heading("A hidden layer bends the boundary")
    page.paragraph(
      "With a non-linear activation between two layers, the hidden units learn features that part what no line can. ReLU "
        + "units fold the plane along lines, so that the boundary has corners; sigmoid and tanh units bend it.")
    show(
      [("xor-hidden", hidden.xor.drawing)]
        + zip(hidden.circles, ["sigmoid", "tanh", "relu"]).map { ("circles-\($1)", $0.drawing) })
    show([
      (
        "hidden-loss",
        Self.losses("Cross-entropy against steps", [hidden.xor] + hidden.circles, width: 500) {
          "\($0.data.name), \($0.model)"
        }
      )
    ])
    page.paragraph("The more units, the more complex the function: two arms of a spiral need more than a few.")
    show(
      zip(hidden.spirals, ["2", "8", "24-24"]).map { ("spirals-\($1)", $0.drawing) }
        + [("spirals-loss", Self.losses("Cross-entropy against steps", hidden.spirals) { $0.model })])
  }

  mutating func add(starts: [PlaneResult]) {
    page.heading("Where descent starts")
    let solved = starts.count { $0.accuracy == 1 }
    page.paragraph(
      "Initial weights are drawn from N(0, σ²), here with σ = 1. Two hidden sigmoid units are just enough for XOR, and "
        + "from \(solved) of \(starts.count) starts gradient descent finds the way in \(starts[0].steps) steps; the others "
        + "rest on a plateau or in a local minimum. A wider layer has hardly any of those.")
    show(
      [
        (
          "xor-starts",
          Self.losses("XOR, 2 sigmoid units: cross-entropy against steps", starts, width: 500) { result in
            String(result.model.split(separator: " ").suffix(2).joined(separator: " "))
          }
        )
      ] + starts.prefix(2).enumerated().map { ("xor-start-\($0 + 1)", $1.drawing) })
  }

  mutating func add(_ rates: LearningRateExperiment) {
    page.heading("The learning rate")
    page.paragraph(
      "The squared error of a linear unit is a bowl over its two weights. A step multiplies the distance to the bottom by "
        + "1 − ηλ along each axis of the bowl, λ being its curvature there. A small rate converges slowly; a large one "
        + "overshoots and swings from side to side; above 2/λ = \(shortNumber(rates.limit, digits: 3)), with the largest λ, "
        + "each swing is wider than the one before, and descent diverges.")
    show([("rates-surface", rates.surface), ("rates-loss", rates.curves)])
  }

  mutating func add(_ rows: [Demo.Row]) {
    page.heading("All of them")
    page.table(
      [
        .init(title: "data", isNumber: false), .init(title: "network", isNumber: false),
        .init(title: "weights and biases"), .init(title: "steps"), .init(title: "cross-entropy"),
        .init(title: "accuracy"),
      ],
      rows: rows.map { row in
        [
          row.data, row.model, "\(row.parameters)", "\(row.steps)", row.loss.map { fixed($0, decimals: 4) } ?? "–",
          percent(row.accuracy),
        ]
      })
    page.paragraph("Made by:")
    page.code("edgetrain demo --seed \(seed)")
  }

  private static func corrections(_ learnt: [Neurons.Learnt]) -> Drawing {
    LineChart(
      title: "Corrections per pass",
      x: Axis("pass", values: [0, Double(Neurons.mostPasses)], isTight: true),
      y: Axis("corrections", values: [0, 4]),
      series: learnt.map { learnt in
        LineChart.Series(
          name: learnt.data.name,
          points: learnt.corrections.enumerated().map { Point(x: Double($0 + 1), y: Double($1)) }, hasDots: true)
      }, width: 286, height: 306
    ).drawing()
  }

  private static func losses(
    _ title: String, _ results: [PlaneResult], width: Double = 286, name: (PlaneResult) -> String
  ) -> Drawing {
    let longest = results.reduce(0) { max($0, $1.steps) }
    return LineChart(
      title: title, x: Axis("step", values: [0, Double(longest)], isTight: true),
      y: Axis("loss", scale: .logarithmic, values: results.flatMap { $0.losses }),
      series: results.map { result in
        LineChart.Series(
          name: name(result), points: result.losses.enumerated().map { Point(x: Double($0), y: $1) })
      }, width: width, height: 306
    ).drawing()
  }
}

extension Neurons.Learnt {
  /// The boundary, and on which side of it the unit says 1.
  var drawing: Drawing {
    let passes =
      corrections.last == 0
      ? "\(corrections.count) pass\(corrections.count == 1 ? "" : "es")" : "no rest after \(corrections.count) passes"
    return DecisionPlot(
      title: "\(data.name), threshold unit", note: "\(percent(accuracy, decimals: 0)), \(passes)", field: field,
      threshold: 0, bands: Bands(at: 0), samples: samples
    ).drawing()
  }
}

extension PlaneResult {
  var drawing: Drawing {
    DecisionPlot(
      title: "\(data.name), \(model)", note: "accuracy \(percent(accuracy)), loss \(shortNumber(loss, digits: 3))",
      field: field, samples: samples
    ).drawing()
  }
}

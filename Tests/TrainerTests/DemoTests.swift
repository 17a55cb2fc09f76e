import Foundation
import Testing

@testable import Trainer

/// What the course says must come out, whatever the seed.
@Suite(.serialized) struct DemoTests {
  static let seeds: [UInt64] = [1, 2, 3]

  @Test(arguments: seeds) func oneNeuronLearnsWhatALineParts(seed: UInt64) throws {
    let neurons = try Neurons(seed: seed, backend: NaiveBackend())
    for learnt in neurons.perceptrons {
      let isParted = learnt.data.name != "XOR"
      #expect((learnt.accuracy == 1) == isParted, "\(learnt.data.name)")
      #expect((learnt.corrections.last == 0) == isParted, "\(learnt.data.name)")
    }
    for result in neurons.logistic {
      if result.data.name == "XOR" {
        #expect(result.accuracy <= 0.75)
        #expect(abs(result.loss - 0.6931472) < 1e-4)
        #expect(result.field.values.allSatisfy { abs($0 - 0.5) < 0.01 })
      } else {
        #expect(result.accuracy == 1 && result.loss < 0.1, "\(result.data.name): \(result.loss)")
      }
    }
  }

  /// The perceptron's convergence theorem (Novikoff 1962): at most R²/γ² corrections, R being the longest input with its
  /// constant 1 and γ the margin of any unit vector that parts the classes.
  @Test func perceptronCorrectsNoMoreThanTheTheoremAllows() throws {
    let partings: [(PlaneData, [Double])] = [(.and, [1, 1, -1.5]), (.or, [1, 1, -0.5])]
    for (data, parting) in partings {
      let length = parting.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let margin = zip(data.points, data.labels).map { point, label in
        (parting[0] * point.x + parting[1] * point.y + parting[2]) / length * (label == 1 ? 1 : -1)
      }.min()
      let gamma = try #require(margin)
      let unit = try Perceptron(backend: NaiveBackend())
      var corrections = 0
      while true {
        let inPass = try unit.learn(data)
        guard inPass > 0 else { break }
        corrections += inPass
        try #require(Double(corrections) <= 3 / (gamma * gamma), "\(data.name)")
      }
    }
  }

  @Test(arguments: seeds) func linearLayersAreOneNeuron(seed: UInt64) throws {
    for depth in [1, 2, 4] {
      let result = try PlaneExperiment(
        .circles(seed: seed), "linear", hidden: (1..<depth).map { _ in DenseDescription(outputs: 8) }, rate: 0.1,
        steps: 200, seed: seed
      ).run(on: NaiveBackend())
      #expect(result.accuracy <= 0.75, "depth \(depth)")
      #expect(result.distanceToOneNeuron < 1e-5, "depth \(depth)")
      // The boundary is straight: all of its points lie on one line.
      for line in result.field.lines(at: 0.5) {
        #expect(line.simplified(tolerance: 0.01).points.count == 2, "depth \(depth)")
      }
    }
  }

  /// So that the test above can fail: with an activation, the layers are not one neuron.
  @Test func hiddenLayerIsNotOneNeuron() throws {
    let result = try PlaneExperiment(
      .xor, "tanh", hidden: [DenseDescription(outputs: 4, activation: .tanh)], rate: 0.5, steps: 500, seed: 1
    ).run(on: NaiveBackend())
    #expect(result.distanceToOneNeuron > 0.1)
  }

  @Test(arguments: seeds) func hiddenLayerLearnsWhatNoLineParts(seed: UInt64) throws {
    let hidden = try HiddenLayers(seed: seed, backend: CPUBackend(threads: 1))
    #expect(hidden.xor.accuracy == 1 && hidden.xor.loss < 0.1, "\(hidden.xor.loss)")
    for result in hidden.circles {
      #expect(result.accuracy == 1 && result.loss < 0.1, "\(result.model): \(result.loss)")
    }
    let spirals = hidden.spirals.map { $0.accuracy }
    #expect(spirals[0] < 0.8 && spirals[2] == 1, "\(spirals)")
  }

  @Test(arguments: seeds) func learningRateDecides(seed: UInt64) throws {
    let experiment = try LearningRateExperiment(seed: seed, backend: NaiveBackend())
    let ends = experiment.descents.map { $0.losses[LearningRateExperiment.steps] / $0.losses[0] }
    let (small, good, large, tooLarge) = (ends[0], ends[1], ends[2], ends[3])
    #expect(good < 0.05)
    #expect(small > 2 * good && small < 1)
    #expect(large > good && large < 1)
    #expect(tooLarge > 1)
    let rise = zip(experiment.descents[3].losses, experiment.descents[3].losses.dropFirst()).suffix(10)
    #expect(rise.allSatisfy { $0 < $1 })
  }

  /// An accuracy and the rings of its drawing count the same points.
  @Test(arguments: seeds) func ringsAreTheWrongPoints(seed: UInt64) throws {
    let neurons = try Neurons(seed: seed, backend: CPUBackend(threads: 1))
    let plots =
      neurons.logistic.map { ($0.drawing.file, $0.accuracy) }
      + neurons.perceptrons.map { ($0.drawing.file, $0.accuracy) }
    for (svg, accuracy) in plots {
      let rings = svg.components(separatedBy: "class=\"wrong\"").count - 1
      #expect(Double(4 - rings) / 4 == accuracy)
    }
    // Where all is one half, there is no boundary, and every point gets one and the same answer.
    let undecided = try #require(neurons.logistic.last)
    #expect(undecided.data.name == "XOR" && undecided.accuracy == 0.5)
    #expect(undecided.field.lines(at: 0.5).isEmpty)
  }

  @Test func pageShowsAllOfIt() throws {
    let demo = try Demo(seed: 1, backend: CPUBackend(threads: 1))
    #expect(demo.files.map { $0.name }.first == "index.html")
    #expect(Set(demo.files.map { $0.name }).count == demo.files.count)
    let html = demo.files[0].text
    let page = try ParsedXML(String(html.dropFirst("<!DOCTYPE html>\n".count)))
    #expect(page.elements["svg", default: 0] >= demo.files.count - 1)
    for file in demo.files.dropFirst() { _ = try ParsedXML(file.text) }
    for row in demo.rows { #expect(page.text.contains(row.model), "\(row.model)") }
    for result in demo.starts { #expect([0.5, 0.75, 1].contains(result.accuracy)) }
    try PlotGallery.save(demo.files.map { ("demo/" + $0.name, $0.text) })
    // The same seed gives the same page.
    #expect(try Demo(seed: 1, backend: CPUBackend(threads: 2)).files.map { $0.text } == demo.files.map { $0.text })
  }
}

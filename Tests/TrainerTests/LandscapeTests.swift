import Format
import Quantize
import Testing

@testable import Trainer

@Suite struct LandscapeTests {
  static let text = """
    input 6x6x1
    conv 3x3x4 pad same
    batchnorm relu
    depthwise 3x3 relu
    globalavgpool
    dense 3
    """

  static func network(loss: String) throws -> Network {
    let network = try Network(
      describe(text + "\ntrain\n  loss \(loss)\n"), backend: NaiveBackend(), batch: 8, seed: 2)
    try network.settleStatistics(inputs: network.description.randomInputs(count: 8, seed: 5), count: 8)
    return network
  }

  /// At (0, 0) stands the loss of the network: that which training computes.
  @Test(arguments: ["softmax-cross-entropy", "sigmoid-cross-entropy", "mean-squared-error"])
  func centreIsTheLoss(kind: String) throws {
    let network = try LandscapeTests.network(loss: kind)
    let inputs = network.description.randomInputs(count: 8, seed: 6)
    let labels: [Int32] = [0, 1, 2, 1, 0, 2, 2, 1]
    let expected = try network.evaluate(inputs: inputs, labels: labels, count: 8).loss
    let plane = WeightPlane(try network.exportGraph(), seed: 1)
    func loss(_ a: Double, _ b: Double) throws -> Double {
      let interpreter = try ReferenceInterpreter(plane.graph(at: a, b))
      let losses = try labels.indices.map { index in
        let values = try interpreter.run([.f32(Array(inputs[(index * 36)..<((index + 1) * 36)]))])[0]
        return values.constant.elements(as: Float.self).withUnsafeBufferPointer {
          plane.head.loss(of: $0, label: Int(labels[index]))
        }
      }
      return losses.reduce(0, +) / Double(labels.count)
    }
    #expect(abs(try loss(0, 0) - expected) < 1e-5 * max(expected, 1))
    #expect(abs(try loss(1, 0) - expected) > 1e-3)
    #expect(abs(try loss(0, 1) - expected) > 1e-3)
  }

  /// A step of 1 moves each filter by its own length, in a direction that the seed tells, and nothing else.
  @Test func directionsAreFilterNormalized() throws {
    let model = try LandscapeTests.network(loss: "softmax-cross-entropy").exportGraph()
    let (plane, same, other) = (WeightPlane(model, seed: 1), WeightPlane(model, seed: 1), WeightPlane(model, seed: 2))
    let graph = plane.graph
    var moved = 0
    for index in graph.tensors.indices {
      guard let weights = graph.tensors[index].constant?.elements(as: Float.self) else { continue }
      func values(_ plane: WeightPlane, _ a: Double, _ b: Double) -> [Float] {
        plane.graph(at: a, b).tensors[index].constant!.elements(as: Float.self)
      }
      #expect(values(plane, 0, 0) == weights)
      #expect(values(plane, 0.3, -0.7) == values(same, 0.3, -0.7))
      guard let node = graph.nodes.first(where: { $0.inputs[1...].first == index }) else {
        #expect(values(plane, 1, 1) == weights, "biases stay")
        continue
      }
      moved += 1
      #expect(values(plane, 1, 0) != values(other, 1, 0))
      #expect(values(plane, 1, 0) != values(plane, 0, 1))
      let shape = graph.tensors[index].shape
      let filters = shape.count == 3 ? shape[2] : shape[0]
      for (a, b) in [(1.0, 0.0), (0.0, 1.0)] {
        let direction = zip(values(plane, a, b), weights).map { Double($0) - Double($1) }
        for filter in 0..<filters {
          let places = weights.indices.filter {
            (shape.count == 3 ? $0 % filters : $0 / (weights.count / filters)) == filter
          }
          let length = places.reduce(0) { $0 + direction[$1] * direction[$1] }.squareRoot()
          let norm = places.reduce(0) { $0 + Double(weights[$1]) * Double(weights[$1]) }.squareRoot()
          #expect(abs(length - norm) < 1e-5 * norm, "\(node.name), filter \(filter)")
        }
      }
    }
    #expect(moved == 3)
  }

  @Test func gridHasTheNetworkInTheMiddle() {
    let points = LossLandscape.points(side: 5)
    #expect(points[12] == (0, 0))
    #expect(points[0] == (-1, -1) && points[4] == (1, -1) && points[24] == (1, 1) && points[3] == (0.5, -1))
    #expect(LossLandscape(side: 3, losses: [9, 8, 7, 6, 5, 4, 3, 2, 1]).centre == 5)
  }

  /// Probabilities that f32 rounds to 0 and 1 still have finite losses.
  @Test func headLossesOfExtremes() {
    func loss(_ head: ModelHead, _ values: [Float], _ label: Int) -> Double {
      values.withUnsafeBufferPointer { head.loss(of: $0, label: label) }
    }
    #expect(loss(.softmax, [1000, 0, -1000], 2) == 2000)
    #expect(loss(.softmax, [1000, 0, -1000], 0) == 0)
    #expect(loss(.sigmoid, [800, -800], 1) == 1600)
    #expect(loss(.sigmoid, [800], 1) == 0)
    #expect(loss(.linear, [0.5, 0.5], 0) == 0.25)
  }
}

import Foundation
import Testing

@testable import Trainer

/// Twenty steps on Fashion-MNIST as PyTorch takes them in double precision: `tools/golden/losses.py` wrote
/// Golden/losses.json, and tells how the weights are made.
struct GoldenLossesTests {
  struct Golden: Decodable {
    let batch: Int
    let cases: [Case]
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let name: String
    let network: String
    let rate: Float
    let parameters: [Parameter]
    let losses: [Double]

    var testDescription: String { name }
  }

  struct Parameter: Decodable {
    let name: String
    let salt: UInt64
    let scale: Float
    let gradient_norm: Double
    /// Elements of the first step's gradient by their place.
    let gradient: [String: Double]

    /// The initial values; a batch-norm's scale begins at 1.
    func values(count: Int) -> [Float] {
      if name.hasSuffix(".scale") { return [Float](repeating: 1, count: count) }
      return (0..<UInt64(count)).map { place in
        var hash = (place * 2_654_435_761 + salt * 40503) & 0xFFFF_FFFF
        hash ^= hash >> 15
        hash = hash * 2_246_822_519 & 0xFFFF_FFFF
        hash ^= hash >> 13
        return Float(Double(hash) / 0x1p31 - 1) * scale
      }
    }
  }

  static let golden = Result {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/losses.json")
    return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
  }

  static let images = Result { try DataSet(DataSource("fashion-mnist")).train }

  /// Largest relative difference of a loss, and of a gradient relative to its norm.
  static let tolerance = 1e-4

  @Test(arguments: try golden.get().cases) func twentyStepsAgree(golden: Case) throws {
    let batch = try Self.golden.get().batch
    let examples = try Self.images.get()
    let network = try Network(
      NetworkDescription(parsing: golden.network, file: golden.name), backend: CPUBackend(threads: 2), batch: batch,
      seed: 1)
    var state = try network.state()
    for parameter in golden.parameters {
      let place = try #require(state.tensors.firstIndex { $0.name == parameter.name }, "\(parameter.name)")
      state.tensors[place].values = parameter.values(count: state.tensors[place].values.count)
    }
    try network.restore(state)

    for (step, expected) in golden.losses.enumerated() {
      let images = step * batch..<(step + 1) * batch
      let pixels = examples.pixels[(images.lowerBound * 784)..<(images.upperBound * 784)]
      let result = try network.trainStep(
        inputs: pixels.map { Float($0) / 255 }, labels: Array(examples.classes[images]), count: batch,
        rate: golden.rate)
      #expect(
        abs(result.loss - expected) <= Self.tolerance * expected, "step \(step + 1): \(result.loss), not \(expected)")
      if step == 0 { try compareGradients(network.state(), golden) }
    }
  }

  /// After the first step the velocity of SGD with momentum is the gradient.
  private func compareGradients(_ state: TrainingState, _ golden: Case) throws {
    for parameter in golden.parameters {
      let velocity = try #require(state.tensors.first { $0.name == parameter.name + "/velocity" }).values
      let norm = velocity.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let bound = Self.tolerance * parameter.gradient_norm
      #expect(abs(norm - parameter.gradient_norm) <= bound, "\(parameter.name)")
      for (place, expected) in parameter.gradient {
        let found = Double(velocity[try #require(Int(place))])
        #expect(abs(found - expected) <= bound, "\(parameter.name)[\(place)]: \(found), not \(expected)")
      }
    }
  }
}

import Foundation
import Testing

@testable import Trainer

/// Twenty steps on Fashion-MNIST as PyTorch takes them in double precision: `tools/golden/losses.py` wrote
/// Golden/losses.json, and tells how the weights are made.
struct GoldenLossesTests {
  struct Golden: Decodable {
    let batch: Int
    let cases: [Case]
    let criteria: [Criterion]
  }

  /// A loss of made-up outputs.
  struct Criterion: Decodable, CustomTestStringConvertible {
    let loss: String
    let options: String
    let outputs: Int
    let labels: [Int32]
    let scale: Float
    let salt: UInt64
    let value: Double
    let gradient: [Double]

    var testDescription: String { "\(loss) \(options), \(outputs) outputs" }
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
      return numbers(count: count, salt: salt).map { $0 * scale }
    }
  }

  /// `numbers` of the script.
  static func numbers(count: Int, salt: UInt64) -> [Float] {
    (0..<UInt64(count)).map { place in
      var hash = (place * 2_654_435_761 + salt * 40503) & 0xFFFF_FFFF
      hash ^= hash >> 15
      hash = hash * 2_246_822_519 & 0xFFFF_FFFF
      hash ^= hash >> 13
      return Float(Double(hash) / 0x1p31 - 1)
    }
  }

  /// A network of one step: the backend's loss of given outputs, with the recipe's smoothing and class weights.
  @Test(arguments: try golden.get().criteria) func lossAndGradientAgree(golden: Criterion) throws {
    let options = golden.options.hasPrefix("smoothing") ? " " + golden.options : "\n" + golden.options
    let recipe = try describe("input 1x1x1\ndense 2\ntrain\nloss \(golden.loss)\(options)").recipe
    let (count, outputs) = (golden.labels.count, golden.outputs)
    let z = Self.numbers(count: count * outputs, salt: golden.salt).map { $0 * golden.scale }
    let histogram = (0..<max(outputs, 2)).map { label in golden.labels.count { $0 == Int32(label) } }
    let factors = recipe.classWeights.factors(histogram: histogram)
    for backend in [NaiveBackend(), CPUBackend(threads: 1)] as [any Backend] {
      let labels = DeviceSlice(try backend.allocate(.int32, count: count), count: count)
      golden.labels.withUnsafeBufferPointer { backend.upload($0, to: labels) }
      let targets = try backend.reals(count * outputs)
      backend.oneHot(
        labels: labels, count: count, classes: outputs, smoothing: recipe.labelSmoothing, targets: targets)
      let (losses, hits) = (try backend.reals(count), try backend.reals(count))
      let gradient = try backend.reals(count * outputs)
      backend.loss(
        recipe.loss, count: count, outputs: outputs, values: try backend.filled(z), targets: targets,
        weights: try factors.map { factors in try backend.filled(golden.labels.map { factors[Int($0)] }) },
        losses: losses, hits: hits, gradient: gradient)
      let loss = try backend.values(of: losses).reduce(0) { $0 + Double($1) } / Double(count)
      #expect(abs(loss - golden.value) <= 1e-6 * golden.value, "\(backend.name): \(loss), not \(golden.value)")
      for (found, expected) in zip(try backend.values(of: gradient), golden.gradient) {
        #expect(abs(Double(found) - expected) <= 1e-7, "\(backend.name): \(found), not \(expected)")
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

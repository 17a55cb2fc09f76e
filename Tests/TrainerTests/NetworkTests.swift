import Foundation
import Testing

@testable import Trainer

@Suite struct NetworkTests {
  static let files = ["mlp", "lenet5", "fashion_cnn", "resnet_small"]

  @Test(arguments: files) func fileTrains(_ name: String) throws {
    let text = try String(contentsOf: networksFolder.appendingPathComponent(name + ".net"), encoding: .utf8)
    let description = try NetworkDescription(parsing: text, file: name + ".net")
    let network = try Network(description, backend: CPUBackend(threads: 2), batch: 16, seed: 1)
    let examples = Examples(network, count: 16, seed: 2)
    var losses: [Double] = []
    for _ in 0..<20 {
      losses.append(
        try network.trainStep(inputs: examples.inputs, labels: examples.labels, count: 16, rate: 0.005).loss)
    }
    #expect(losses.last! < 0.7 * losses.first!)
  }
}

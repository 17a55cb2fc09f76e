import Foundation
import Format
import Testing

@testable import Trainer

/// The networks of `nets/` are those of their papers: a wrong stride or width shows in the multiply-accumulates.
struct NetworkFilesTests {
  /// Multiply-accumulates of one image, as the literature and other implementations count them, in millions.
  static let millions: [(file: String, expected: Double)] = [
    ("mobilenet_v1", 569), ("mobilenet_v2", 301), ("resnet18", 1814), ("squeezenet1_1", 349),
    ("efficientnet_lite0", 385), ("mobilenet_v3_small", 56.5), ("fashion_cnn", 29.9), ("lenet5", 0.42), ("mlp", 0.235),
    ("logistic", 0.00784), ("perceptron", 0.00784), ("convnetjs_cifar", 3.92),
    ("resnet8", 12.5),
    ("ds_cnn", 2.66), ("mobilenet_v1_025_96", 7.49), ("autoencoder", 0.264),
    // Over sequences, counted by hand: a whole sequence, one step of a text, or what is computed before the first token.
    ("lstm_rows", 2.238), ("languages", 2.704), ("dates", 1.690), ("characters", 0.1874), ("numbers", 0.129),
    ("captions", 3.516),
  ]

  @Test(arguments: millions) func hasTheWorkOfItsPaper(network: (file: String, expected: Double)) throws {
    let file = networksFolder.appendingPathComponent(network.file + ".net")
    let description = try NetworkDescription(parsing: String(contentsOf: file, encoding: .utf8), file: file.path)
    let graph = try Network(description, backend: CPUBackend(threads: 1), batch: 1, seed: 1).exportGraph()
    let found = Double(graph.nodes.reduce(0) { $0 + graph.multiplyAccumulates(of: $1) }) / 1e6
    #expect(abs(found - network.expected) <= 0.01 * network.expected, "\(network.file): \(found)")
  }

  /// What is told of a network without its weights is what is true of it with them.
  @Test(arguments: [
    "fashion_cnn", "mobilenet_v3_small", "resnet_small", "logistic", "characters", "captions", "numbers", "lstm_rows",
  ]) func theOutlineIsTheExportedNetworks(name: String) throws {
    let file = networksFolder.appendingPathComponent(name + ".net")
    let description = try NetworkDescription(parsing: String(contentsOf: file, encoding: .utf8), file: file.path)
    let network = try Network(description, backend: CPUBackend(threads: 1), batch: 1, seed: 1)
    let (exported, outline) = (try network.export(), try description.outline())
    #expect(outline.parameterCount == network.parameterCount)
    #expect(outline.exported.links == exported.links)
    #expect((outline.exported.decoder == nil) == (exported.decoder == nil))
    func lines(_ graph: Graph?) -> [String] {
      guard let graph else { return [] }
      return graph.nodes.map { node in
        let shapes = (node.inputs + node.outputs).map { "\(graph.tensors[$0].name) \(graph.tensors[$0].shape)" }
        return
          "\(node.name) \(node.op) \(shapes) \(graph.parameterCount(of: node)) \(graph.multiplyAccumulates(of: node))"
      } + ["\(graph.inputs) \(graph.outputs) \(graph.states)"]
    }
    #expect(lines(outline.exported.main) == lines(exported.main))
    #expect(lines(outline.exported.decoder) == lines(exported.decoder))
  }

  /// More weights than a model file holds are told of before memory is asked for.
  @Test func tooManyWeightsAreNoOutline() throws {
    let description = try describe("input 1x1x20000\ndense 20000\ndense 10")
    let error = #expect(throws: TrainerError.self) { _ = try description.outline() }
    #expect(
      error?.description.contains("expected at most 268435456 weights, as a model file holds, found 400220010") == true)
  }

  @Test func everyFileIsInTheList() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: networksFolder.path)
    let names = Set(files.filter { $0.hasSuffix(".net") }.map { String($0.dropLast(4)) })
    #expect(names == Set(NetworkFilesTests.millions.map(\.file) + ["resnet_small", "resnet12"]))
  }
}

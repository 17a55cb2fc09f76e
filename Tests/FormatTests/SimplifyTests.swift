import Quantize
import TestSupport
import Testing

@testable import Format

@Test(arguments: 0..<150 as Range<UInt64>)
func simplifyingKeepsTheFunction(seed: UInt64) throws {
  let graph = Graph.random(seed: seed)
  try graph.verify()
  let simple = graph.simplified()
  try simple.verify()
  #expect(simple.nodes.count <= graph.nodes.count)

  var random = SeededGenerator(seed: seed)
  let inputs = graph.inputs.map { TensorValue.f32(random.floats(graph.tensors[$0].count, in: -2...2)) }
  let expected = try ReferenceInterpreter(graph).run(inputs)
  let found = try ReferenceInterpreter(simple).run(inputs)
  for (expected, found) in zip(expected, found) {
    guard case .f32(let expected) = expected, case .f32(let found) = found else {
      Issue.record("f32 outputs expected")
      return
    }
    let tolerance = 1e-4 * max(1, expected.map { abs($0) }.max() ?? 0)
    #expect(zip(expected, found).allSatisfy { abs($0 - $1) <= tolerance })
  }
}

@Test(arguments: 0..<50 as Range<UInt64>)
func simplifyingTwiceChangesNothing(seed: UInt64) throws {
  let once = Graph.random(seed: seed).simplified()
  #expect(try Model(graph: once.simplified()).encoded() == Model(graph: once).encoded())
}

/// x → conv2d → batch-norm → relu6 → y, the conv without bias.
private func chain(relu: Activation = .relu6) -> Graph {
  var graph = Graph()
  let x = graph.add(.floats("x", [1, 1, 1, 2]))
  let weights = graph.add(.floats("w", [2, 1, 1, 2], [1, 2, 3, 4]))
  let conv = graph.add(
    .conv2D(Conv2D()), name: "conv", inputs: [x, weights], output: .floats("c", [1, 1, 1, 2]))
  let gamma = graph.add(.floats("gamma", [2], [2, 1]))
  let beta = graph.add(.floats("beta", [2], [10, 20]))
  let mean = graph.add(.floats("mean", [2], [1, 2]))
  let variance = graph.add(.floats("variance", [2], [3.5, 0.5]))
  let normal = graph.add(
    .batchNorm(BatchNorm(epsilon: 0.5)), name: "norm", inputs: [conv, gamma, beta, mean, variance],
    output: .floats("n", [1, 1, 1, 2]))
  let y = graph.add(.activation(relu), name: "relu", inputs: [normal], output: .floats("y", [1, 1, 1, 2]))
  graph.inputs = [x]
  graph.outputs = [y]
  return graph
}

@Test func batchNormAndReLUBecomePartOfTheConvolution() throws {
  let simple = chain().simplified()
  #expect(simple.nodes.count == 1)
  let node = try #require(simple.nodes.first)
  #expect(node.name == "conv")
  #expect(node.op == .conv2D(Conv2D(activation: .relu6)))
  #expect(simple.tensors[node.outputs[0]].name == "y")
  #expect(simple.tensors.count == 4)
  // gamma / √(variance + epsilon) is 1 for both channels; gamma · mean is taken off beta.
  let weights = try #require(simple.tensors[node.inputs[1]].constant)
  #expect(weights.elements(as: Float.self) == [1, 2, 3, 4])
  let bias = try #require(simple.tensors[node.inputs[2]].constant)
  #expect(bias.elements(as: Float.self) == [9, 18])
  #expect(simple.tensors[node.inputs[2]].name == "conv.bias")
}

@Test func whatSomethingElseSeesIsNotFolded() {
  var graph = chain()
  graph.outputs.append(2)
  #expect(graph.simplified().nodes.map { $0.op.name } == ["conv2d", "batch_norm", "relu6"])

  graph = chain()
  let branch = graph.add(.activation(.tanh), name: "tanh", inputs: [2], output: .floats("t", [1, 1, 1, 2]))
  graph.outputs.append(branch)
  #expect(graph.simplified().nodes.map { $0.op.name } == ["conv2d", "batch_norm", "relu6", "tanh"])
}

@Test func functionsThatAreNoClampStay() {
  #expect(chain(relu: .sigmoid).simplified().nodes.map { $0.op.name } == ["conv2d", "sigmoid"])
}

@Test func aBatchNormThatWouldOverflowStays() throws {
  var graph = chain()
  graph.tensors[3].constant = Constant([.greatestFiniteMagnitude, 1] as [Float])
  graph.tensors[6].constant = Constant([0, 0.5] as [Float])
  let simple = graph.simplified()
  #expect(simple.nodes.map { $0.op.name } == ["conv2d", "batch_norm", "relu6"])
  try simple.verify()
}

@Test func aSecondActivationStays() {
  var graph = chain()
  let z = graph.add(.activation(.relu), name: "again", inputs: [8], output: .floats("z", [1, 1, 1, 2]))
  graph.outputs = [z]
  #expect(graph.simplified().nodes.map { $0.op } == [.conv2D(Conv2D(activation: .relu6)), .activation(.relu)])
}

@Test func aNodeThatNothingNeedsDoesNotStandInTheWay() {
  var graph = chain()
  graph.add(.activation(.tanh), name: "dead", inputs: [2], output: .floats("dead", [1, 1, 1, 2]))
  #expect(graph.simplified().nodes.count == 1)
}

@Test func whatNoOutputNeedsIsDroppedButInputsStay() throws {
  var graph = chain()
  let unused = graph.add(.floats("unused", [1, 3]))
  graph.inputs.append(unused)
  graph.add(.activation(.tanh), name: "dead", inputs: [0], output: .floats("dead", [1, 1, 1, 2]))
  _ = graph.add(.floats("dead constant", [1], [1]))
  try graph.verify()
  let simple = graph.simplified()
  #expect(simple.nodes.count == 1)
  #expect(simple.inputs.map { simple.tensors[$0].name } == ["x", "unused"])
  #expect(!simple.tensors.contains { $0.name.hasPrefix("dead") })
  try simple.verify()
}

@Test func costsAreCounted() {
  let graph = quantizedModel().graph
  #expect(graph.multiplyAccumulates(of: graph.nodes[1]) == 4 * 4 * 2 * 9)
  #expect(graph.multiplyAccumulates(of: graph.nodes[2]) == 4 * 4 * 2)
  #expect(graph.multiplyAccumulates(of: graph.nodes[6]) == 0)
  #expect(graph.multiplyAccumulates == 4 * 4 * 2 * 10)
  #expect(graph.parameterCount(of: graph.nodes[1]) == 18 + 2)
  #expect(graph.parameterCount(of: graph.nodes[0]) == 0)
}

/// The second graph of an encoder–decoder model: it makes the answer one token at a time.
///
/// The main graph runs once. Then the decoder's graph runs once per token: its first input, f32 [1, 1, 1, 1], is
/// `startToken`, afterwards the token chosen last; its first output, f32, has a number for each of the V tokens, which a softmax
/// makes probabilities. It ends with `endToken` (which is no part of the answer), or after `maximumLength` tokens.
///
/// Every other input has its value from a link, from a state, or both: a state that is linked begins with the main graph's
/// output instead of zero, a link without a state is a constant context.
public struct Decoder: Sendable {
  /// Output `output` of the main graph, by its place in `Graph.outputs`, is handed over to input `input` of the decoder's.
  public struct Link: Equatable, Sendable {
    public var output: Int
    public var input: Int

    public init(output: Int, input: Int) {
      self.output = output
      self.input = input
    }
  }

  public var graph: Graph
  public var links: [Link]
  public var startToken: Int
  public var endToken: Int
  public var maximumLength: Int

  public init(graph: Graph, links: [Link], startToken: Int, endToken: Int, maximumLength: Int) {
    self.graph = graph
    self.links = links
    self.startToken = startToken
    self.endToken = endToken
    self.maximumLength = maximumLength
  }

  /// V, the number of tokens that an answer is made of.
  public var tokenCount: Int {
    let shape = graph.tensors[graph.outputs[0]].shape
    return shape[shape.count - 1]
  }
}

extension Decoder {
  /// Makes sure that the graph can be run, and belongs to the graph `main`, which is verified.
  func verify(main: Graph) throws(FormatError) {
    do throws(FormatError) {
      try graph.verify()
      let token = graph.tensors[graph.inputs[0]]
      guard token.type == .f32, token.shape == [1, 1, 1, 1] else {
        throw .invalid(
          what: "first input", expected: "f32 1x1x1x1", found: "\(token.type.name) \(shapeText(token.shape))")
      }
      let output = graph.tensors[graph.outputs[0]]
      guard output.type == .f32, output.count == tokenCount else {
        throw .invalid(
          what: "first output", expected: "f32, one number per token",
          found: "\(output.type.name) \(shapeText(output.shape))")
      }
      try verifyLinks(main)
      for (what, value, range) in [
        ("start token", startToken, 0...(Limits.dimension - 1)), ("end token", endToken, 0...(tokenCount - 1)),
        ("maximum length", maximumLength, 1...Limits.answerLength),
      ] where !(range ~= value) {
        throw .invalid(what: what, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
      }
    } catch {
      throw error.within("decoder")
    }
  }

  private func verifyLinks(_ main: Graph) throws(FormatError) {
    var hasValue = [Bool](repeating: false, count: graph.inputs.count)
    hasValue[0] = true
    for (index, link) in links.enumerated() {
      guard main.outputs.indices ~= link.output, graph.inputs.indices ~= link.input, !hasValue[link.input] else {
        throw .invalid(
          what: "link \(index)", expected: "an output of the graph and a free input of the decoder",
          found: "\(link.output) and \(link.input)")
      }
      hasValue[link.input] = true
      let (from, to) = (main.tensors[main.outputs[link.output]], graph.tensors[graph.inputs[link.input]])
      guard from.shape == to.shape, from.type == .f32, to.type == .f32 else {
        throw .invalid(
          what: "link \(index)", expected: "f32 of one shape",
          found: "\(from.type.name) \(shapeText(from.shape)) and \(to.type.name) \(shapeText(to.shape))")
      }
    }
    for (place, input) in graph.inputs.enumerated() where !hasValue[place] && !graph.isState(input: input) {
      throw .invalid(what: "input \(place)", expected: "a link or a state", found: "neither")
    }
  }
}

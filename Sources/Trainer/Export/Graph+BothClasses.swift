import Format

extension Graph {
  /// The graph with scores of both classes, (total − p, p), in the place of its one output p, which tells class 1 from class 0:
  /// what everybody who reads a classifier's file expects.
  ///
  /// - Parameter total: 1 where p is on one side of ½ for class 1 and on the other for class 0, 0 where that is so of 0.
  func withBothClasses(total: Float) -> Graph {
    var graph = self
    var output = outputs[0]
    if tensors[output].shape != [1, 1] {
      let flat = Tensor(name: tensors[output].name + ".reshape", type: .f32, shape: [1, 1])
      output = graph.add(.reshape, name: flat.name, inputs: [output], output: flat)
    }
    let weights = graph.add(
      Tensor(name: "classes.weights", type: .f32, shape: [2, 1], constant: Constant([-1, 1] as [Float])))
    let bias = graph.add(Tensor(name: "classes.bias", type: .f32, shape: [2], constant: Constant([total, 0])))
    let scores = Tensor(name: "classes", type: .f32, shape: [1, 2])
    graph.outputs = [
      graph.add(.dense(Dense()), name: scores.name, inputs: [output, weights, bias], output: scores)
    ]
    return graph
  }
}

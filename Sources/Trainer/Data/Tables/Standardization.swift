import Format

/// x ↦ (x − mean) / deviation for each of some numbers.
public struct Standardization: Equatable, Sendable {
  public var mean: [Float]
  /// Positive.
  public var deviation: [Float]

  /// Of the columns of a matrix with rows one behind the other; a column that is the same everywhere keeps its unit.
  init(_ values: [Float], columns: Int) {
    let rows = values.count / max(columns, 1)
    var (mean, deviation): ([Float], [Float]) = ([], [])
    for column in 0..<columns {
      let numbers = stride(from: column, to: values.count, by: columns).map { Double(values[$0]) }
      let middle = numbers.reduce(0, +) / Double(max(rows, 1))
      let variance = numbers.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(max(rows, 1))
      let root = Float(variance.squareRoot())
      mean.append(Float(middle))
      deviation.append(root.isNormal ? root : 1)
    }
    self.mean = mean
    self.deviation = deviation
  }

  /// Element `index` of a row-major matrix with as many columns as there are means.
  func applied(to value: Float, at index: Int) -> Float {
    let column = index % mean.count
    return (value - mean[column]) / deviation[column]
  }

  var columns: Int { mean.count }
}

extension Graph {
  /// The graph with numbers in their own units: `inputs` standardizes what its one input is given, and its one output is
  /// brought back by the reverse of `outputs`. The last axis has the columns.
  func inUnits(inputs: Standardization, outputs: Standardization?) -> Graph {
    var graph = self
    let given = graph.inputs[0]
    let raw = graph.add(Tensor(name: "numbers", type: .f32, shape: graph.tensors[given].shape))
    let parameters = graph.parameters(
      "standardize", scale: inputs.deviation.map { 1 / $0 }, shift: inputs.mean.map { _ in 0 }, mean: inputs.mean)
    graph.nodes.insert(
      Node(name: "standardize", op: .batchNorm(Graph.exact), inputs: [raw] + parameters, outputs: [given]), at: 0)
    graph.inputs = [raw]
    guard let outputs else { return graph }
    let result = graph.outputs[0]
    let scaling = graph.parameters(
      "units", scale: outputs.deviation, shift: outputs.mean, mean: outputs.mean.map { _ in 0 })
    let scaled = graph.add(
      .batchNorm(Graph.exact), name: "units", inputs: [result] + scaling,
      output: Tensor(name: "units", type: .f32, shape: graph.tensors[result].shape))
    graph.outputs = [scaled]
    return graph.simplified()
  }

  /// So small that it adds nothing to a variance of 1.
  private static let exact = BatchNorm(epsilon: 1e-12)

  /// Scale, shift, mean and a variance of 1 as constants.
  private mutating func parameters(_ name: String, scale: [Float], shift: [Float], mean: [Float]) -> [TensorIndex] {
    let values = [("scale", scale), ("shift", shift), ("mean", mean), ("variance", mean.map { _ in 1 })]
    return values.map { part, numbers in
      add(Tensor(name: "\(name).\(part)", type: .f32, shape: [numbers.count], constant: Constant(numbers)))
    }
  }
}

import Format
import Quantize

extension Graph {
  /// Whether the numbers of the first output are probabilities: a softmax made them.
  public var endsWithSoftmax: Bool {
    var tensor = outputs[0]
    while let node = nodes.last(where: { $0.outputs.contains(tensor) }) {
      switch node.op {
      case .softmax, .lookupSoftmax: return true
      case .reshape, .slice: tensor = node.inputs[0]
      case .conv2D, .depthwiseConv2D, .dense, .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat,
        .activation, .batchNorm, .quantize, .dequantize, .lookup, .embedding, .recurrent, .transposedConv2D, .resize:
        return false
      }
    }
    return false
  }
}

/// The natural logarithms of probabilities that the first output of a session gives for each token.
struct TokenProbabilities {
  private let session: Session
  private let areProbabilities: Bool
  /// The last dimension of the output.
  let count: Int

  init(_ session: Session) {
    self.session = session
    areProbabilities = session.graph.endsWithSoftmax
    let shape = session.graph.tensors[session.graph.outputs[0]].shape
    count = shape[shape.count - 1]
  }

  /// Those of row `row` of the output, which is f32.
  func logarithms(row: Int = 0) -> [Double] {
    let output = session.output(0).assumingMemoryBound(to: Float.self)
    let values = (0..<count).map { Double(output[row * count + $0]) }
    if areProbabilities { return values.map { naturalLogarithm(max($0, Double(Float.leastNormalMagnitude))) } }
    var largest = values[0]
    for value in values where value > largest { largest = value }
    var sum = 0.0
    for value in values { sum += exponential(value - largest) }
    let logarithm = largest + naturalLogarithm(sum)
    return values.map { $0 - logarithm }
  }
}

import Format
import Foundation

/// The plane θ + a·δ + b·η through a network's weights θ, along two random directions that are normalized filter by
/// filter (Li et al. 2018, "Visualizing the loss landscape of neural nets"): each filter of δ and η is a Gaussian vector
/// as long as the filter of θ, so that a step of 1 means the same to filters of any scale. Biases stay. Batch-norm that is
/// folded into the weights moves with them, which is the same as keeping its statistics.
public struct WeightPlane: Sendable {
  /// The network at (0, 0), simplified, with `head` taken off: its output is what the loss sees.
  public let graph: Graph
  public let head: ModelHead
  private let tensors: [Moved]

  private struct Moved {
    let tensor: TensorIndex
    let weights: [Float]
    /// δ and η.
    let directions: [[Float]]
  }

  /// - Parameters:
  ///   - model: a verified float graph, simplified or not.
  ///   - seed: draws the directions.
  public init(_ model: Graph, seed: UInt64) {
    let (graph, head) = model.withoutHead()
    self.graph = graph
    self.head = head
    let random = Philox(key: seed)
    var moved: [TensorIndex: Moved] = [:]
    for weights in graph.nodes.flatMap({ $0.filters }) {
      guard moved[weights.tensor] == nil,
        let values = graph.tensors[weights.tensor].constant?.elements(as: Float.self)
      else { continue }
      let count = graph.tensors[weights.tensor].shape[weights.axis]
      let directions = (0..<2).map { direction in
        // The upper half of the streams: initial weights of the same seed are drawn from the lower half.
        let stream = 1 << 31 | UInt32(2 * weights.tensor + direction)
        return WeightPlane.normalized(
          random.normals(count: values.count, stream: stream), like: values, filters: count,
          areInterleaved: weights.axis > 0)
      }
      moved[weights.tensor] = Moved(tensor: weights.tensor, weights: values, directions: directions)
    }
    tensors = moved.values.sorted { $0.tensor < $1.tensor }
  }

  /// `noise`, each filter scaled to the length of that of `weights`.
  ///
  /// - Parameter areInterleaved: whether filters are the last dimension, not the first.
  private static func normalized(
    _ noise: [Float], like weights: [Float], filters: Int, areInterleaved: Bool
  ) -> [Float] {
    var result = noise
    let size = weights.count / filters
    for filter in 0..<filters {
      let places =
        areInterleaved
        ? stride(from: filter, to: weights.count, by: filters)
        : stride(from: filter * size, to: (filter + 1) * size, by: 1)
      func norm(_ values: [Float]) -> Double {
        places.reduce(0) { $0 + Double(values[$1]) * Double(values[$1]) }.squareRoot()
      }
      let factor = norm(weights) / max(norm(noise), .leastNormalMagnitude)
      for place in places { result[place] = Float(Double(noise[place]) * factor) }
    }
    return result
  }

  /// The network with the weights θ + a·δ + b·η; at (0, 0) those of `graph`, to the bit.
  public func graph(at a: Double, _ b: Double) -> Graph {
    var graph = self.graph
    for moved in tensors {
      let values = moved.weights.indices.map { index in
        Float(
          Double(moved.weights[index]) + a * Double(moved.directions[0][index]) + b
            * Double(moved.directions[1][index]))
      }
      graph.tensors[moved.tensor].constant = Constant(values)
    }
    return graph
  }
}

extension Node {
  /// The node's weights, and which of their dimensions counts filters. A row of a table, or of a recurrent layer's matrices
  /// is a filter, too.
  fileprivate var filters: [(tensor: TensorIndex, axis: Int)] {
    switch op {
    case .conv2D, .dense, .transposedConv2D, .embedding: [(inputs[1], 0)]
    case .recurrent: [(inputs[1], 0), (inputs[2], 0)]
    case .depthwiseConv2D: [(inputs[1], 2)]
    case .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat, .activation, .softmax, .batchNorm,
      .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .slice, .resize:
      []
    }
  }
}

/// The last function of a model, which tells the loss that it was trained with.
public enum ModelHead: Sendable {
  /// Softmax cross-entropy.
  case softmax
  /// The sum of the outputs' sigmoid cross-entropies.
  case sigmoid
  /// Mean squared error.
  case linear

  /// The loss of one example, computed in double precision from the values before the head; so no logarithm of a
  /// probability that was rounded to 0 is taken.
  ///
  /// - Parameter label: the example's class; with one output 0 or 1.
  public func loss(of values: UnsafeBufferPointer<Float>, label: Int) -> Double {
    let z = values.map { Double($0) }
    func target(_ index: Int) -> Double { (z.count == 1 ? label == 1 : label == index) ? 1 : 0 }
    switch self {
    case .softmax:
      let largest = z.max() ?? 0
      return largest + log(z.reduce(0) { $0 + exp($1 - largest) }) - z[label]
    case .sigmoid:
      return z.indices.reduce(0) { sum, index in
        sum + max(z[index], 0) - z[index] * target(index) + log1p(exp(-z[index].magnitude))
      }
    case .linear:
      let squares = z.indices.reduce(0) { $0 + (z[$1] - target($1)) * (z[$1] - target($1)) }
      return squares / Double(z.count)
    }
  }
}

extension Graph {
  /// The graph whose output is what its softmax or sigmoid at the end reads, simplified.
  fileprivate func withoutHead() -> (Graph, ModelHead) {
    var graph = self
    var head = ModelHead.linear
    if let output = outputs.first, let last = nodes.last(where: { $0.outputs[0] == output }) {
      if last.op == .softmax { head = .softmax }
      if last.op == .activation(.sigmoid) { head = .sigmoid }
      if head != .linear { graph.outputs = last.inputs }
    }
    return (graph.simplified(), head)
  }
}

import Format
import Vision

/// The part of a network's input picture that an element of a tensor [N, H, W, C] depends on. The element in row y sees
/// `size` rows, the first of them in row y · stride + start; likewise columns. Rows outside the picture are padding.
public struct ReceptiveField: Equatable, Sendable {
  /// Along one side of the picture.
  struct Side: Equatable {
    var stride = 1
    var start = 0
    var size = 1

    /// Behind a window of `length` samples that are `dilation` apart, moved by `step`.
    func behind(length: Int, dilation: Int = 1, step: Int, padding: Int) -> Side {
      Side(stride: stride * step, start: start - padding * stride, size: size + (length - 1) * dilation * stride)
    }

    /// What an element sees that depends on both; nil if their elements do not stand in the same places.
    func union(_ other: Side) -> Side? {
      guard stride == other.stride else { return nil }
      let first = min(start, other.start)
      return Side(stride: stride, start: first, size: max(start + size, other.start + other.size) - first)
    }

    func range(at index: Int, of length: Int) -> Range<Int> {
      let first = index * stride + start
      let inside = 0..<length
      return (first..<(first + size)).clamped(to: inside)
    }
  }

  var rows = Side()
  var columns = Side()

  /// What the element in row `y` and column `x` sees of a picture of `height` × `width`.
  public func region(y: Int, x: Int, height: Int, width: Int) -> Region {
    let (rows, columns) = (rows.range(at: y, of: height), columns.range(at: x, of: width))
    return Region(x: columns.lowerBound, y: rows.lowerBound, width: columns.count, height: rows.count)
  }
}

extension Graph {
  /// The receptive field of every tensor that is a picture of the first input, in the places of `tensors`; nil for the
  /// others: behind a dense layer, every element sees all.
  public var receptiveFields: [ReceptiveField?] {
    var fields = [ReceptiveField?](repeating: nil, count: tensors.count)
    if let input = inputs.first { fields[input] = ReceptiveField() }
    for node in nodes {
      guard let input = node.inputs.first, let field = fields[input] else { continue }
      fields[node.outputs[0]] = behind(node, field, fields)
    }
    return fields
  }

  private func behind(_ node: Node, _ field: ReceptiveField, _ fields: [ReceptiveField?]) -> ReceptiveField? {
    switch node.op {
    case .conv2D(let op):
      let shape = tensors[node.inputs[1]].shape
      return ReceptiveField(
        rows: field.rows.behind(
          length: shape[1], dilation: op.dilationHeight, step: op.strideHeight, padding: op.padding.top),
        columns: field.columns.behind(
          length: shape[2], dilation: op.dilationWidth, step: op.strideWidth, padding: op.padding.left))
    case .depthwiseConv2D(let op):
      let shape = tensors[node.inputs[1]].shape
      return ReceptiveField(
        rows: field.rows.behind(
          length: shape[0], dilation: op.dilationHeight, step: op.strideHeight, padding: op.padding.top),
        columns: field.columns.behind(
          length: shape[1], dilation: op.dilationWidth, step: op.strideWidth, padding: op.padding.left))
    case .maxPool2D(let pool), .averagePool2D(let pool):
      return ReceptiveField(
        rows: field.rows.behind(length: pool.windowHeight, step: pool.strideHeight, padding: pool.padding.top),
        columns: field.columns.behind(length: pool.windowWidth, step: pool.strideWidth, padding: pool.padding.left))
    // Factors for whole images bring in what the image holds elsewhere.
    case .multiply where tensors[node.inputs[1]].shape != tensors[node.inputs[0]].shape: return nil
    case .add, .multiply, .concat:
      var union = field
      for input in node.inputs.dropFirst() {
        guard let other = fields[input], let rows = union.rows.union(other.rows),
          let columns = union.columns.union(other.columns)
        else { return nil }
        union = ReceptiveField(rows: rows, columns: columns)
      }
      return union
    case .activation, .batchNorm, .quantize, .dequantize, .lookup: return field
    case .dense, .globalAveragePool, .softmax, .reshape, .lookupSoftmax, .embedding, .recurrent, .slice,
      .transposedConv2D, .resize:
      return nil
    }
  }
}

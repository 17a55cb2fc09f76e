import Format
import Kernels
import Quantize

// Products of two tensors, the second perhaps one factor per image and channel.

extension Lowering {
  mutating func lowerMultiply(_ node: Node) {
    let (a, b, output) = (node.inputs[0], node.inputs[1], node.outputs[0])
    let isWhole = graph.tensors[b].shape == graph.tensors[a].shape
    if fuses, !isWhole, let reader = onlyReader(of: output), multipliesItsInput(reader) {
      unwritten.insert(output)
      return
    }
    let rows = MultiplyRows(graph.tensors[a].shape, isWhole: isWhole) {
      Partition($0, granule: $1, pieces: pieces(work: graph.tensors[a].count, perCycle: 8))
    }
    append(
      MultiplyStep(rows, rowProduct(node), values: [a, b, output]), reads: [a, b], writes: [output],
      sharing: .inPlace)
  }

  private func rowProduct(_ node: Node) -> RowProduct {
    let (a, b, output) = (node.inputs[0], node.inputs[1], node.outputs[0])
    guard graph.tensors[output].type == .s8 else { return RowProduct(kernel: kernel(.f32_multiply), nil) }
    return RowProduct(
      kernel: kernel(.qs8_multiply),
      QuantizedMultiply(quantization(a), quantization(b), output: quantization(output)))
  }

  /// The tensor that `tensor` is, channel by channel, a multiple of, where its node is left to the reader.
  func inputBeforeFactors(of tensor: TensorIndex) -> (tensor: TensorIndex, factors: TensorIndex, product: RowProduct)? {
    guard unwritten.contains(tensor), let node = graph.nodes.first(where: { $0.outputs[0] == tensor }),
      case .multiply = node.op
    else { return nil }
    return (node.inputs[0], node.inputs[1], rowProduct(node))
  }
}

/// Products of rows with one row of factors, f32 or s8 (`QuantizedMultiply`).
struct RowProduct {
  let kernel: UnsafePointer<kernel>
  /// Bytes.
  let elementSize: Int
  private let quantized: qs8_multiplication

  /// - Parameter quantized: nil for f32.
  init(kernel: UnsafePointer<kernel>, _ quantized: QuantizedMultiply?) {
    self.kernel = kernel
    elementSize = quantized == nil ? MemoryLayout<Float>.size : 1
    self.quantized =
      quantized.map {
        qs8_multiplication(
          zero_point_a: $0.zeroPointA, zero_point_b: $0.zeroPointB, multiplier: $0.requantization.multipliers[0],
          zero_point: $0.requantization.zeroPoint)
      } ?? qs8_multiplication()
  }

  /// `a` [rows][count] × `b` [count] → `output` [rows][count].
  func multiply(
    rows: Int, count: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, to output: UnsafeMutableRawPointer
  ) {
    if kernel.pointee.family == .f32_multiply {
      kernel.pointee.function.f32_multiply(
        rows, count, a.assumingMemoryBound(to: Float.self), b.assumingMemoryBound(to: Float.self),
        output.assumingMemoryBound(to: Float.self))
    } else {
      var quantized = quantized
      kernel.pointee.function.qs8_multiply(
        rows, count, a.assumingMemoryBound(to: Int8.self), b.assumingMemoryBound(to: Int8.self),
        output.assumingMemoryBound(to: Int8.self), &quantized)
    }
  }
}

/// A product cut for the threads: into runs of elements if both operands have one shape, otherwise into runs of pixels,
/// all channels of which meet the factors of their image.
private struct MultiplyRows {
  let pieces: Partition
  /// Pixels of one image; nil for operands of one shape.
  let pixels: Int?
  let channels: Int

  /// - Parameter partition: cuts so many elements or pixels into pieces of a multiple of `granule`.
  init(_ shape: [Int], isWhole: Bool, partition: (_ total: Int, _ granule: Int) -> Partition) {
    let count = shape.reduce(1, *)
    channels = shape[shape.count - 1]
    pixels = isWhole ? nil : count / shape[0] / channels
    pieces = isWhole ? partition(count, 64) : partition(count / channels, 1)
  }

  /// Calls `body` with what makes up piece `tile`: `rows` rows of `count` elements from element `a` of the first operand
  /// and of the output, and `count` factors from element `b` of the second operand.
  func forEachRun(of tile: Int, _ body: (_ rows: Int, _ count: Int, _ a: Int, _ b: Int) -> Void) {
    let range = pieces[tile]
    guard let pixels else {
      body(1, range.count, range.lowerBound, range.lowerBound)
      return
    }
    var first = range.lowerBound
    while first < range.upperBound {
      let image = first / pixels
      let end = min((image + 1) * pixels, range.upperBound)
      body(end - first, channels, first * channels, image * channels)
      first = end
    }
  }
}

/// a × b. `values` are a, b, output.
private final class MultiplyStep: Step {
  private let rows: MultiplyRows
  private let product: RowProduct

  init(_ rows: MultiplyRows, _ product: RowProduct, values: [ValueIndex]) {
    self.rows = rows
    self.product = product
    super.init(values: values, kernelName: String(cString: product.kernel.pointee.name), tiles: rows.pieces.count)
  }

  override func run(tile: Int, thread: Int) {
    let size = product.elementSize
    rows.forEachRun(of: tile) { rows, count, a, b in
      product.multiply(
        rows: rows, count: count, address(0) + a * size, address(1) + b * size, to: mutable(2) + a * size)
    }
  }
}

import Format
import Kernels
import Quantize

// Products of two tensors, the second perhaps one factor per image and channel.

extension Lowering {
  mutating func lowerMultiply(_ node: Node) {
    let (a, b, output) = (node.inputs[0], node.inputs[1], node.outputs[0])
    let rows = MultiplyRows(graph.tensors[a].shape, isWhole: graph.tensors[b].shape == graph.tensors[a].shape) {
      Partition($0, granule: $1, pieces: pieces(work: graph.tensors[a].count, perCycle: 8))
    }
    let step: Step
    if graph.tensors[output].type == .s8 {
      step = Int8MultiplyStep(
        rows, kernel: kernel(.qs8_multiply), values: [a, b, output],
        QuantizedMultiply(quantization(a), quantization(b), output: quantization(output)))
    } else {
      step = FloatMultiplyStep(rows, kernel: kernel(.f32_multiply), values: [a, b, output])
    }
    append(step, reads: [a, b], writes: [output], sharing: .inPlace)
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
private final class FloatMultiplyStep: Step {
  private let rows: MultiplyRows
  private let function: f32_multiply_function

  init(_ rows: MultiplyRows, kernel: UnsafePointer<kernel>, values: [ValueIndex]) {
    self.rows = rows
    function = kernel.pointee.function.f32_multiply
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: rows.pieces.count)
  }

  override func run(tile: Int, thread: Int) {
    rows.forEachRun(of: tile) { rows, count, a, b in
      function(
        rows, count, address(0, as: Float.self) + a, address(1, as: Float.self) + b, mutable(2, as: Float.self) + a)
    }
  }
}

/// `QuantizedMultiply`. `values` are a, b, output.
private final class Int8MultiplyStep: Step {
  private let rows: MultiplyRows
  private let multiplication: qs8_multiplication
  private let function: qs8_multiply_function

  init(_ rows: MultiplyRows, kernel: UnsafePointer<kernel>, values: [ValueIndex], _ product: QuantizedMultiply) {
    self.rows = rows
    multiplication = qs8_multiplication(
      zero_point_a: product.zeroPointA, zero_point_b: product.zeroPointB,
      multiplier: product.requantization.multipliers[0], zero_point: product.requantization.zeroPoint)
    function = kernel.pointee.function.qs8_multiply
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: rows.pieces.count)
  }

  override func run(tile: Int, thread: Int) {
    var multiplication = multiplication
    rows.forEachRun(of: tile) { rows, count, a, b in
      function(
        rows, count, address(0, as: Int8.self) + a, address(1, as: Int8.self) + b, mutable(2, as: Int8.self) + a,
        &multiplication)
    }
  }
}

import Format
import Kernels
import Quantize

/// An f32 tensor quantized to s8 at run time, by its own smallest and largest element.
struct DynamicOperand {
  /// What the quantization found, in a value of its own.
  struct Parameters {
    var scale: Float
    var zeroPoint: Int32
  }

  /// The s8 elements.
  let elements: ValueIndex
  let parameters: ValueIndex
}

extension Lowering {
  /// The s8 form of `x`, made once however many operators want it.
  mutating func dynamicOperand(_ x: TensorIndex) -> DynamicOperand {
    if let known = quantized[x] { return known }
    let count = graph.tensors[x].count
    let elements = Partition(count, granule: 64, pieces: pieces(work: count))
    let partials = buffer(bytes: elements.count * MemoryLayout<RangeStep.Partial>.stride)
    append(
      RangeStep(elements, kernel: kernel(.f32_range), values: [x, partials]), reads: [x],
      writes: [partials])

    let operand = DynamicOperand(
      elements: buffer(bytes: count), parameters: buffer(bytes: MemoryLayout<DynamicOperand.Parameters>.stride))
    append(
      DynamicQuantizeStep(
        elements, kernel: kernel(.f32_quantize),
        values: [x, partials, operand.elements, operand.parameters]),
      reads: [x, partials], writes: [operand.elements, operand.parameters])
    quantized[x] = operand
    return operand
  }
}

/// The smallest and largest of the elements of each piece. `values` are input, partial results.
private final class RangeStep: Step {
  struct Partial {
    var minimum: Float
    var maximum: Float
  }

  private let elements: Partition
  private let function: f32_range_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex]) {
    self.elements = elements
    function = kernel.pointee.function.f32_range
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    var partial = Partial(minimum: 0, maximum: 0)
    function(range.count, address(0, as: Float.self) + range.lowerBound, &partial.minimum, &partial.maximum)
    mutable(1, as: Partial.self)[tile] = partial
  }
}

/// Quantizes by the range that the pieces' ranges make up. `values` are input, partial ranges, s8 elements, parameters.
private final class DynamicQuantizeStep: Step {
  private let elements: Partition
  private let function: f32_quantize_function

  /// - Parameter elements: cut as for the `RangeStep` that wrote the partial ranges.
  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex]) {
    self.elements = elements
    function = kernel.pointee.function.f32_quantize
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func prepare() {
    let partials = address(1, as: RangeStep.Partial.self)
    var range = partials[0]
    for index in 1..<elements.count {
      range.minimum = min(range.minimum, partials[index].minimum)
      range.maximum = max(range.maximum, partials[index].maximum)
    }
    let (scale, zeroPoint) = Quantization.parameters(minimum: range.minimum, maximum: range.maximum)
    mutable(3, as: DynamicOperand.Parameters.self).pointee = .init(scale: scale, zeroPoint: zeroPoint)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    let parameters = address(3, as: DynamicOperand.Parameters.self).pointee
    function(
      range.count, address(0, as: Float.self) + range.lowerBound, mutable(2, as: Int8.self) + range.lowerBound,
      1 / parameters.scale, parameters.zeroPoint)
  }
}

import Format
import Kernels
import Quantize

// Operators whose result i depends on the operands' elements i only.

extension Lowering {
  mutating func lower(_ op: Add, _ node: Node) {
    let (a, b, output) = (node.inputs[0], node.inputs[1], node.outputs[0])
    if let product = [a, b].first(where: { residualSums[$0] != nil }) {
      // The product has written the sum. Its own result, which is nowhere, counts as lying there too.
      if !isInner(output) { appendView(of: output, as: product) }
      return
    }
    let elements = elements(of: output)
    let step: Step
    if graph.tensors[output].type == .s8 {
      step = Int8AddStep(
        elements, kernel: kernel(.qs8_add), values: [a, b, output],
        QuantizedAdd(quantization(a), quantization(b), output: quantization(output), activation: op.activation))
    } else {
      step = FloatAddStep(
        elements, kernel: kernel(.f32_add), values: [a, b, output], bounds: op.activation.bounds)
    }
    append(step, reads: [a, b], writes: [output], sharing: .inPlace)
  }

  mutating func lower(_ op: Activation, _ node: Node) {
    if isTakenOver(node) { return }
    let values = [node.inputs[0], node.outputs[0]]
    let elements = elements(of: node.outputs[0])
    let step: Step =
      switch op {
      case .relu:
        ClampStep(
          elements, kernel: kernel(.f32_clamp), values: values, bounds: FusedActivation.relu.bounds)
      case .relu6:
        ClampStep(
          elements, kernel: kernel(.f32_clamp), values: values, bounds: FusedActivation.relu6.bounds)
      case .sigmoid: MapStep(elements, kernel: kernel(.f32_sigmoid), values: values)
      case .tanh: MapStep(elements, kernel: kernel(.f32_tanh), values: values)
      case .hardSigmoid: MapStep(elements, kernel: kernel(.f32_hard_sigmoid), values: values)
      case .hardSwish: MapStep(elements, kernel: kernel(.f32_hard_swish), values: values)
      case .gelu: MapStep(elements, kernel: kernel(.f32_gelu), values: values)
      case .silu: MapStep(elements, kernel: kernel(.f32_silu), values: values)
      case .leakyReLU(let slope):
        LeakyReLUStep(elements, kernel: kernel(.f32_leaky_relu), values: values, slope: slope)
      case .threshold: ThresholdStep(elements, values: values)
      }
    append(step, reads: node.inputs, writes: node.outputs, sharing: .inPlace)
  }

  mutating func lowerQuantize(_ node: Node) {
    let output = node.outputs[0]
    if fuses, let reader = onlyReader(of: output), quantizesItsInput(reader) {
      unwritten.insert(output)
      appendView(of: node.inputs[0], as: output)
      return
    }
    append(
      QuantizeStep(
        elements(of: output), kernel: kernel(.f32_quantize), values: [node.inputs[0], output],
        quantization(output)),
      reads: node.inputs, writes: node.outputs)
  }

  mutating func lowerDequantize(_ node: Node) {
    let (x, output) = (node.inputs[0], node.outputs[0])
    append(
      DequantizeStep(
        elements(of: output), kernel: kernel(.s8_dequantize), values: [x, output], quantization(x)),
      reads: [x], writes: [output])
  }

  mutating func lowerLookup(_ node: Node) {
    if isTakenOver(node) { return }
    let (x, output) = (node.inputs[0], node.outputs[0])
    append(
      LookupStep(
        elements(of: output), kernel: kernel(.s8_lookup), values: [x, output],
        table: graph.tensors[node.inputs[1]].constantElements(as: Int8.self)),
      reads: [x], writes: [output], sharing: .inPlace)
  }

  /// The elements of a tensor in pieces for the threads.
  private func elements(of tensor: TensorIndex) -> Partition {
    let count = graph.tensors[tensor].count
    return Partition(count, granule: 64, pieces: pieces(work: count, perCycle: 8))
  }
}

/// clamp(a + b). `values` are a, b, output.
private final class FloatAddStep: Step {
  private let elements: Partition
  private let bounds: ClosedRange<Float>
  private let function: f32_add_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], bounds: ClosedRange<Float>) {
    self.elements = elements
    self.bounds = bounds
    function = kernel.pointee.function.f32_add
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Float.self) + range.lowerBound, address(1, as: Float.self) + range.lowerBound,
      mutable(2, as: Float.self) + range.lowerBound, bounds.lowerBound, bounds.upperBound)
  }
}

/// `QuantizedAdd`. `values` are a, b, output.
private final class Int8AddStep: Step {
  private let elements: Partition
  private let addition: qs8_addition
  private let function: qs8_add_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], _ sum: QuantizedAdd) {
    self.elements = elements
    addition = qs8_addition(sum)
    function = kernel.pointee.function.qs8_add
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    var addition = addition
    function(
      range.count, address(0, as: Int8.self) + range.lowerBound, address(1, as: Int8.self) + range.lowerBound,
      mutable(2, as: Int8.self) + range.lowerBound, &addition)
  }
}

/// `values` are input, output; also in the steps below.
private final class ClampStep: Step {
  private let elements: Partition
  private let bounds: ClosedRange<Float>
  private let function: f32_clamp_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], bounds: ClosedRange<Float>) {
    self.elements = elements
    self.bounds = bounds
    function = kernel.pointee.function.f32_clamp
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Float.self) + range.lowerBound, mutable(1, as: Float.self) + range.lowerBound,
      bounds.lowerBound, bounds.upperBound)
  }
}

private final class LeakyReLUStep: Step {
  private let elements: Partition
  private let slope: Float
  private let function: f32_leaky_relu_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], slope: Float) {
    self.elements = elements
    self.slope = slope
    function = kernel.pointee.function.f32_leaky_relu
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Float.self) + range.lowerBound, mutable(1, as: Float.self) + range.lowerBound, slope)
  }
}

/// 1 where the value is positive, else 0: a comparison that compilers vectorize, and too rare for a kernel.
private final class ThresholdStep: Step {
  private let elements: Partition

  init(_ elements: Partition, values: [ValueIndex]) {
    self.elements = elements
    super.init(values: values, kernelName: "f32_threshold", tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let (x, y) = (address(0, as: Float.self), mutable(1, as: Float.self))
    for index in elements[tile] { y[index] = x[index] > 0 ? 1 : 0 }
  }
}

/// A function of one f32.
private final class MapStep: Step {
  private let elements: Partition
  private let function: f32_map_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex]) {
    self.elements = elements
    function = kernel.pointee.function.f32_map
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Float.self) + range.lowerBound, mutable(1, as: Float.self) + range.lowerBound)
  }
}

private final class QuantizeStep: Step {
  private let elements: Partition
  private let inverseScale: Float
  private let zeroPoint: Int32
  private let function: f32_quantize_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], _ quantization: Quantization) {
    self.elements = elements
    inverseScale = 1 / quantization.scales[0]
    zeroPoint = quantization.zeroPoint
    function = kernel.pointee.function.f32_quantize
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Float.self) + range.lowerBound, mutable(1, as: Int8.self) + range.lowerBound,
      inverseScale, zeroPoint)
  }
}

private final class DequantizeStep: Step {
  private let elements: Partition
  private let scale: Float
  private let zeroPoint: Int32
  private let function: s8_dequantize_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], _ quantization: Quantization) {
    self.elements = elements
    scale = quantization.scales[0]
    zeroPoint = quantization.zeroPoint
    function = kernel.pointee.function.s8_dequantize
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Int8.self) + range.lowerBound, mutable(1, as: Float.self) + range.lowerBound, scale,
      zeroPoint)
  }
}

private final class LookupStep: Step {
  private let elements: Partition
  private let table: UnsafePointer<Int8>
  private let function: s8_lookup_function

  init(_ elements: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex], table: UnsafePointer<Int8>) {
    self.elements = elements
    self.table = table
    function = kernel.pointee.function.s8_lookup
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    function(
      range.count, address(0, as: Int8.self) + range.lowerBound, table, mutable(1, as: Int8.self) + range.lowerBound)
  }
}

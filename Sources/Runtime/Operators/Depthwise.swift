import Format
import Kernels
import Quantize

// Depthwise convolution in its three type combinations.

/// What depthwise convolutions share: packed weights and the buffer that stands for what is outside.
class DepthwiseStep: WindowStep {
  final let kernel: UnsafePointer<kernel>
  final let packed: AlignedMemory
  final let padding: AlignedMemory

  /// - Parameter pack: packs the weights to the address given.
  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Int,
    pack: (UnsafeMutableRawPointer) -> Void
  ) throws(RuntimeError) {
    let window = geometry.window
    self.kernel = kernel
    packed = try AlignedMemory(
      count: dwconv_packed_size(kernel, window.channels, window.height, window.width))
    pack(packed.base)
    padding = try AlignedMemory(count: window.channels * geometry.elementSize)
    padding.fill(0)
    super.init(
      geometry, outputChannels: window.channels, values: values, kernelName: String(cString: kernel.pointee.name),
      workspaceStride: workspaceStride, pieces: pieces)
  }

  override final var packedBytes: Int { packed.bytes.count }
  override final var outside: WindowRow.Outside { .buffer(UnsafeRawPointer(padding.base)) }

  /// `values`, one per channel, padded for the kernel.
  static func perChannel(_ values: [Float], _ kernel: UnsafePointer<kernel>) throws(RuntimeError) -> AlignedMemory {
    let nr = Int(kernel.pointee.nr)
    return try AlignedMemory(values, paddedTo: (values.count + nr - 1) / nr * nr)
  }
}

/// f32 × f32 → f32.
final class FloatDepthwiseStep: DepthwiseStep {
  private let function: f32_dwconv_function
  private let bounds: ClosedRange<Float>

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Int,
    weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, activation: FusedActivation
  ) throws(RuntimeError) {
    function = kernel.pointee.function.f32_dwconv
    bounds = activation.bounds
    let window = geometry.window
    try super.init(geometry, kernel: kernel, values: values, workspaceStride: workspaceStride, pieces: pieces) {
      f32_dwconv_pack(kernel, window.channels, window.height, window.width, weights, bias, $0)
    }
  }

  override func compute(_ run: WindowRun) {
    var arguments = f32_dwconv_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Float>.self), input_step: geometry.step, input_offset: 0,
      weights: packed.base, output: mutable(1, as: Float.self) + run.output, output_stride: outputChannels,
      minimum: bounds.lowerBound, maximum: bounds.upperBound)
    function(&arguments)
  }
}

/// s8 × s8 → s8.
final class Int8DepthwiseStep: DepthwiseStep {
  private let function: qs8_dwconv_function
  private let requantization: PackedRequantization

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Int,
    weights: UnsafePointer<Int8>, bias: UnsafePointer<Int32>?, zeroPoint: Int32, requantization: Requantization
  ) throws(RuntimeError) {
    function = kernel.pointee.function.qs8_dwconv
    self.requantization = PackedRequantization(
      requantization, multipliers: try DepthwiseStep.perChannel(requantization.multipliers, kernel))
    let window = geometry.window
    try super.init(geometry, kernel: kernel, values: values, workspaceStride: workspaceStride, pieces: pieces) {
      qs8_dwconv_pack(kernel, window.channels, window.height, window.width, weights, bias, zeroPoint, $0)
    }
    padding.fill(zeroPoint)
  }

  override func compute(_ run: WindowRun) {
    var arguments = qs8_dwconv_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), input_step: geometry.step, input_offset: 0,
      weights: packed.base, output: mutable(1, as: Int8.self) + run.output, output_stride: outputChannels,
      requantization: requantization.from(column: 0))
    function(&arguments)
  }
}

/// s8 × s8 → f32, the input being an f32 tensor quantized at run time. A fourth value is its `DynamicOperand.Parameters`.
final class DynamicDepthwiseStep: DepthwiseStep {
  private let function: qs8_f32_dwconv_function
  private let dequantization: PackedDequantization

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Int,
    weights: UnsafePointer<Int8>, scales: [Float], bias: [Float], activation: FusedActivation
  ) throws(RuntimeError) {
    function = kernel.pointee.function.qs8_f32_dwconv
    dequantization = try PackedDequantization(
      scales: try DepthwiseStep.perChannel(scales, kernel), bias: try DepthwiseStep.perChannel(bias, kernel),
      activation: activation)
    let window = geometry.window
    try super.init(geometry, kernel: kernel, values: values, workspaceStride: workspaceStride, pieces: pieces) {
      qs8_f32_dwconv_pack(kernel, window.channels, window.height, window.width, weights, $0)
    }
  }

  override func prepare() {
    let parameters = address(3, as: DynamicOperand.Parameters.self).pointee
    dequantization.prepare(inputScale: parameters.scale)
    padding.fill(parameters.zeroPoint)
  }

  override func compute(_ run: WindowRun) {
    let zeroPoint = address(3, as: DynamicOperand.Parameters.self).pointee.zeroPoint
    var arguments = qs8_f32_dwconv_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), input_step: geometry.step, input_offset: 0,
      weights: packed.base, output: mutable(1, as: Float.self) + run.output, output_stride: outputChannels,
      dequantization: dequantization.from(column: 0, inputZeroPoint: zeroPoint))
    function(&arguments)
  }
}

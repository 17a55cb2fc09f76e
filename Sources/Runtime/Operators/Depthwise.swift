import Format
import Kernels
import Quantize

// Depthwise convolution in its three type combinations.

/// What depthwise convolutions of all types are made from. `values` are input, output, workspace, and what a subclass adds.
struct DepthwisePlan {
  let geometry: WindowRow
  let kernel: UnsafePointer<kernel>
  let values: [ValueIndex]
  let map: ElementMap?
  let workspaceStride: Int
  let pieces: Pieces
  let weights: WeightSource
}

/// What depthwise convolutions share: packed weights and the buffer that stands for what is outside.
class DepthwiseStep: WindowStep {
  final let kernel: UnsafePointer<kernel>
  final let packed: KernelWeights
  final let padding: AlignedMemory
  private final let map: ElementMap?
  private final let blockBytes: Int
  private final let blockChannels: Int

  /// Of the first-level cache, for the lines of a window.
  private static let cachedBytes = 24 << 10

  /// - Parameter pack: packs the weights to the address given.
  init(_ plan: DepthwisePlan, outputSize: Int, pack: (UnsafeMutableRawPointer) -> Void) throws(RuntimeError) {
    let (geometry, kernel) = (plan.geometry, plan.kernel)
    let window = geometry.window
    self.kernel = kernel
    map = plan.map
    packed = try plan.weights.weights(
      PackedWeights.Layout(kernel, .depthwise, taps: window.taps, depth: 1),
      count: dwconv_packed_size(kernel, window.channels, window.height, window.width), pack: pack)
    padding = try AlignedMemory(count: window.channels * geometry.elementSize)
    padding.fill(0)
    let nr = Int(kernel.pointee.nr)
    blockBytes = dwconv_packed_size(kernel, nr, window.height, window.width)
    let cached = DepthwiseStep.cachedBytes / window.paddedLinePixels / (window.height * geometry.elementSize)
    blockChannels = plan.map == nil ? max(cached / nr, 1) * nr : window.channels
    super.init(
      geometry, outputChannels: window.channels, outputSize: outputSize, values: plan.values,
      kernelName: String(cString: kernel.pointee.name), workspaceStride: plan.workspaceStride, pieces: plan.pieces)
  }

  override final var weights: KernelWeights? { packed }
  override final var channelsPerBlock: Int { blockChannels }

  /// The weights of a run's channels.
  final func weights(_ run: WindowRun) -> UnsafeRawPointer {
    packed.base + run.channels.lowerBound / Int(kernel.pointee.nr) * blockBytes
  }

  /// Applies the map to the results of a run, of all channels, which are still in the first-level cache.
  final func finish(_ run: WindowRun) { map?.apply(run.output, count: run.pixels.count * outputChannels) }

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
    _ plan: DepthwisePlan, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, activation: FusedActivation
  ) throws(RuntimeError) {
    function = plan.kernel.pointee.function.f32_dwconv
    bounds = activation.bounds
    let window = plan.geometry.window
    try super.init(plan, outputSize: 4) {
      f32_dwconv_pack(plan.kernel, window.channels, window.height, window.width, weights, bias, $0)
    }
  }

  override func compute(_ run: WindowRun) {
    var arguments = f32_dwconv_arguments(
      pixels: run.pixels.count, channels: run.channels.count, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Float>.self), input_step: geometry.step,
      input_offset: run.channels.lowerBound, weights: weights(run),
      output: run.output.assumingMemoryBound(to: Float.self) + run.channels.lowerBound, output_stride: outputChannels,
      minimum: bounds.lowerBound, maximum: bounds.upperBound)
    function(&arguments)
    finish(run)
  }
}

/// s8 × s8 → s8.
final class Int8DepthwiseStep: DepthwiseStep {
  private let function: qs8_dwconv_function
  private let requantization: PackedRequantization

  init(
    _ plan: DepthwisePlan, weights: UnsafePointer<Int8>, bias: UnsafePointer<Int32>?, zeroPoint: Int32,
    requantization: Requantization
  ) throws(RuntimeError) {
    function = plan.kernel.pointee.function.qs8_dwconv
    self.requantization = PackedRequantization(
      requantization, multipliers: try DepthwiseStep.perChannel(requantization.multipliers, plan.kernel))
    let window = plan.geometry.window
    try super.init(plan, outputSize: 1) {
      qs8_dwconv_pack(plan.kernel, window.channels, window.height, window.width, weights, bias, zeroPoint, $0)
    }
    padding.fill(zeroPoint)
  }

  override func compute(_ run: WindowRun) {
    var arguments = qs8_dwconv_arguments(
      pixels: run.pixels.count, channels: run.channels.count, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), input_step: geometry.step,
      input_offset: run.channels.lowerBound, weights: weights(run),
      output: run.output.assumingMemoryBound(to: Int8.self) + run.channels.lowerBound, output_stride: outputChannels,
      requantization: requantization.from(column: run.channels.lowerBound))
    function(&arguments)
    finish(run)
  }
}

/// s8 × s8 → f32, the input being an f32 tensor quantized at run time. A fourth value is its `DynamicOperand.Parameters`.
final class DynamicDepthwiseStep: DepthwiseStep {
  private let function: qs8_f32_dwconv_function
  private let dequantization: PackedDequantization

  init(
    _ plan: DepthwisePlan, weights: UnsafePointer<Int8>, scales: [Float], bias: [Float], activation: FusedActivation
  ) throws(RuntimeError) {
    function = plan.kernel.pointee.function.qs8_f32_dwconv
    dequantization = try PackedDequantization(
      scales: try DepthwiseStep.perChannel(scales, plan.kernel), bias: try DepthwiseStep.perChannel(bias, plan.kernel),
      activation: activation)
    let window = plan.geometry.window
    try super.init(plan, outputSize: 4) {
      qs8_f32_dwconv_pack(plan.kernel, window.channels, window.height, window.width, weights, $0)
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
      pixels: run.pixels.count, channels: run.channels.count, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), input_step: geometry.step,
      input_offset: run.channels.lowerBound, weights: weights(run),
      output: run.output.assumingMemoryBound(to: Float.self) + run.channels.lowerBound, output_stride: outputChannels,
      dequantization: dequantization.from(column: run.channels.lowerBound, inputZeroPoint: zeroPoint))
    function(&arguments)
    finish(run)
  }
}

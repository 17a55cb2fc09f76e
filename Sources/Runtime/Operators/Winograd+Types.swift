import Format
import Kernels
import Quantize

// Winograd's tiles of f32 and of s8.

/// f32: rounding errors are a few times those of the product (docs/kernels.md).
final class FloatWinogradStep: WinogradStep {
  private let transformInput: f32_winograd_input_function
  private let transformOutput: f32_winograd_output_function
  private let multiply: f32_igemm_function
  private let bias: AlignedMemory
  private let bounds: ClosedRange<Float>

  init(
    _ plan: WinogradPlan, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, activation: FusedActivation
  ) throws(RuntimeError) {
    transformInput = plan.input.pointee.function.f32_winograd_input
    transformOutput = plan.output.pointee.function.f32_winograd_output
    multiply = plan.kernel.pointee.function.f32_igemm
    bounds = activation.bounds
    let (channels, columns) = (plan.tiling.window.channels, plan.tiling.columns)
    self.bias = try AlignedMemory(
      bias.map { Array(UnsafeBufferPointer(start: $0, count: columns)) } ?? [], paddedTo: columns)
    try super.init(
      plan, layout: PackedWeights.Layout(plan.kernel, .winograd, taps: 1, depth: channels),
      panelBytes: igemm_panel_size(plan.kernel, 1, channels),
      placeBytes: igemm_packed_size(plan.kernel, columns, 1, channels)
    ) { f32_winograd_pack(plan.kernel, columns, channels, weights, $0) }
  }

  override func transformInput(_ patch: UnsafeMutablePointer<UnsafeRawPointer>, to output: UnsafeMutableRawPointer) {
    var arguments = f32_winograd_input_arguments(
      channels: tiling.window.channels,
      inputs: UnsafeRawPointer(patch).assumingMemoryBound(to: UnsafePointer<Float>.self),
      output: output.assumingMemoryBound(to: Float.self), output_stride: tiling.inputStride)
    transformInput(&arguments)
  }

  override func multiply(
    rows: Int, columns: Int, inputs: UnsafeMutablePointer<UnsafeRawPointer>, weights: UnsafeRawPointer,
    output: UnsafeMutableRawPointer, stride: Int
  ) {
    var arguments = f32_igemm_arguments(
      rows: rows, columns: columns, taps: 1, depth: tiling.window.channels,
      inputs: UnsafeRawPointer(inputs).assumingMemoryBound(to: UnsafePointer<Float>.self), weights: weights,
      output: output.assumingMemoryBound(to: Float.self), output_stride: stride, residual: nil, residual_stride: 0,
      minimum: -.infinity, maximum: .infinity)
    multiply(&arguments)
  }

  override func transformOutput(_ tile: WinogradTile) {
    let window = tiling.window
    var arguments = f32_winograd_output_arguments(
      channels: tile.columns.count, input: tile.products.assumingMemoryBound(to: Float.self),
      input_stride: tiling.productStride,
      bias: bias.base.assumingMemoryBound(to: Float.self) + tile.columns.lowerBound,
      output: mutable(1, as: Float.self) + tile.output, lines: tile.lines, pixels: tile.pixels,
      line_stride: window.outputWidth * pixelStride, pixel_stride: pixelStride,
      residual: residual(tile, as: Float.self), minimum: bounds.lowerBound, maximum: bounds.upperBound)
    transformOutput(&arguments)
  }
}

/// s8, in whole numbers: the bits of the product over all taps.
final class Int8WinogradStep: WinogradStep {
  private let transformInput: qs8_winograd_input_function
  private let transformOutput: qs8_winograd_output_function
  private let multiply: s16_gemm_function
  private let bias: AlignedMemory
  private let zeroPoint: Int32
  private let requantization: PackedRequantization
  private let addition: qs8_addition

  /// - Parameters:
  ///   - weights: such that `qs8_winograd_is_exact`.
  ///   - zeroPoint: of the input.
  init(
    _ plan: WinogradPlan, weights: UnsafePointer<Int8>, bias: UnsafePointer<Int32>?, zeroPoint: Int32,
    requantization: Requantization, sum: QuantizedAdd?
  ) throws(RuntimeError) {
    transformInput = plan.input.pointee.function.qs8_winograd_input
    transformOutput = plan.output.pointee.function.qs8_winograd_output
    multiply = plan.kernel.pointee.function.s16_gemm
    self.zeroPoint = zeroPoint
    addition = sum.map { qs8_addition($0) } ?? qs8_addition()
    let (channels, columns) = (plan.tiling.window.channels, plan.tiling.columns)
    let padded = plan.tiling.productRow(columns)
    self.requantization = PackedRequantization(
      requantization, multipliers: try AlignedMemory(requantization.multipliers, paddedTo: padded))
    self.bias = try AlignedMemory(count: padded * MemoryLayout<Int32>.stride)
    self.bias.fill(0)
    if let bias { self.bias.base.copyMemory(from: bias, byteCount: columns * MemoryLayout<Int32>.stride) }
    try super.init(
      plan, layout: PackedWeights.Layout(plan.kernel, .integerWinograd, taps: 1, depth: channels),
      panelBytes: s16_gemm_panel_size(plan.kernel, channels),
      placeBytes: s16_gemm_packed_size(plan.kernel, columns, channels)
    ) { qs8_winograd_pack(plan.kernel, columns, channels, weights, $0) }
    outside.fill(zeroPoint)
  }

  override func transformInput(_ patch: UnsafeMutablePointer<UnsafeRawPointer>, to output: UnsafeMutableRawPointer) {
    var arguments = qs8_winograd_input_arguments(
      channels: tiling.window.channels,
      inputs: UnsafeRawPointer(patch).assumingMemoryBound(to: UnsafePointer<Int8>.self), zero_point: zeroPoint,
      output: output.assumingMemoryBound(to: Int16.self), output_stride: tiling.inputStride)
    transformInput(&arguments)
  }

  override func multiply(
    rows: Int, columns: Int, inputs: UnsafeMutablePointer<UnsafeRawPointer>, weights: UnsafeRawPointer,
    output: UnsafeMutableRawPointer, stride: Int
  ) {
    let channels = tiling.window.channels
    var arguments = s16_gemm_arguments(
      rows: rows, columns: columns, depth: channels, inputs: inputs[0].assumingMemoryBound(to: Int16.self),
      input_stride: channels, weights: weights, output: output.assumingMemoryBound(to: Int32.self),
      output_stride: stride)
    multiply(&arguments)
  }

  override func transformOutput(_ tile: WinogradTile) {
    let column = tile.columns.lowerBound
    var arguments = qs8_winograd_output_arguments(
      channels: tile.columns.count, input: tile.products.assumingMemoryBound(to: Int32.self),
      input_stride: tiling.productStride, bias: bias.base.assumingMemoryBound(to: Int32.self) + column,
      output: mutable(1, as: Int8.self) + tile.output, lines: tile.lines, pixels: tile.pixels,
      line_stride: tiling.window.outputWidth * pixelStride, pixel_stride: pixelStride,
      residual: residual(tile, as: Int8.self), addition: addition, requantization: requantization.from(column: column))
    transformOutput(&arguments)
  }
}

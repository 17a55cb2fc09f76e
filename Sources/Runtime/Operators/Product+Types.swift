import Format
import Kernels
import Quantize

// The three type combinations of a product: f32, s8, and s8 weights on f32 activations that are quantized as they come.

/// f32 × f32 → f32.
final class FloatProductStep: ProductStep {
  private let function: f32_igemm_function
  private let bounds: ClosedRange<Float>

  init(
    _ shape: ProductShape, _ indirection: Indirection, kernel: UnsafePointer<kernel>, values: [ValueIndex],
    residual: ValueIndex?, workspaceStride: Int, pieces: Int, weights: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?,
    activation: FusedActivation
  ) throws(RuntimeError) {
    function = kernel.pointee.function.f32_igemm
    bounds = activation.bounds
    try super.init(
      shape, indirection, kernel: kernel, values: values, residual: residual, workspaceStride: workspaceStride,
      pieces: pieces
    ) { group, packed in
      f32_igemm_pack(
        kernel, shape.columns, indirection.taps, indirection.depth,
        weights + group * shape.columns * indirection.taps * indirection.depth,
        bias.map { $0 + group * shape.columns }, packed)
    }
  }

  override func multiply(_ tile: ProductTile) {
    var arguments = f32_igemm_arguments(
      rows: tile.rows, columns: tile.columns, taps: indirection.taps, depth: indirection.readDepth,
      inputs: tile.inputs.assumingMemoryBound(to: UnsafePointer<Float>.self), weights: tile.weights,
      output: mutable(1, as: Float.self) + tile.output, output_stride: tile.outputStride,
      residual: residual(tile, as: Float.self), residual_stride: shape.outputChannels, minimum: bounds.lowerBound,
      maximum: bounds.upperBound)
    function(&arguments)
  }
}

/// s8 × s8 → s8.
final class Int8ProductStep: ProductStep {
  private let function: qs8_igemm_function
  private let requantization: PackedRequantization
  private let addition: qs8_addition

  init(
    _ shape: ProductShape, _ indirection: Indirection, kernel: UnsafePointer<kernel>, values: [ValueIndex],
    residual: ValueIndex?, workspaceStride: Int, pieces: Int, weights: UnsafePointer<Int8>, bias: UnsafePointer<Int32>?,
    zeroPoint: Int32,
    requantization: Requantization, sum: QuantizedAdd?
  ) throws(RuntimeError) {
    function = kernel.pointee.function.qs8_igemm
    self.requantization = PackedRequantization(
      requantization, multipliers: try ProductStep.perColumn(requantization.multipliers, shape, kernel))
    addition = sum.map { qs8_addition($0) } ?? qs8_addition()
    try super.init(
      shape, indirection, kernel: kernel, values: values, residual: residual, workspaceStride: workspaceStride,
      pieces: pieces
    ) { group, packed in
      qs8_igemm_pack(
        kernel, shape.columns, indirection.taps, indirection.depth,
        weights + group * shape.columns * indirection.taps * indirection.depth,
        bias.map { $0 + group * shape.columns }, zeroPoint, packed)
    }
    outside.fill(zeroPoint)
  }

  override func multiply(_ tile: ProductTile) {
    var arguments = qs8_igemm_arguments(
      rows: tile.rows, columns: tile.columns, taps: indirection.taps, depth: indirection.readDepth,
      inputs: tile.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), weights: tile.weights,
      output: mutable(1, as: Int8.self) + tile.output, output_stride: tile.outputStride,
      residual: residual(tile, as: Int8.self), residual_stride: shape.outputChannels, addition: addition,
      requantization: requantization.from(column: tile.column))
    function(&arguments)
  }
}

/// s8 × s8 → f32, the input being an f32 tensor quantized at run time. A fourth value is its `DynamicOperand.Parameters`.
final class DynamicProductStep: ProductStep {
  private let function: qs8_f32_igemm_function
  private let dequantization: PackedDequantization

  init(
    _ shape: ProductShape, _ indirection: Indirection, kernel: UnsafePointer<kernel>, values: [ValueIndex],
    residual: ValueIndex?, workspaceStride: Int, pieces: Int, weights: UnsafePointer<Int8>, scales: [Float],
    bias: [Float],
    activation: FusedActivation
  ) throws(RuntimeError) {
    function = kernel.pointee.function.qs8_f32_igemm
    dequantization = try PackedDequantization(
      scales: try ProductStep.perColumn(scales, shape, kernel),
      bias: try ProductStep.perColumn(bias, shape, kernel), activation: activation)
    try super.init(
      shape, indirection, kernel: kernel, values: values, residual: residual, workspaceStride: workspaceStride,
      pieces: pieces
    ) { group, packed in
      qs8_f32_igemm_pack(
        kernel, shape.columns, indirection.taps, indirection.depth,
        weights + group * shape.columns * indirection.taps * indirection.depth, packed)
    }
  }

  override func prepare() {
    let parameters = address(3, as: DynamicOperand.Parameters.self).pointee
    dequantization.prepare(inputScale: parameters.scale)
    outside.fill(parameters.zeroPoint)
    super.prepare()
  }

  override func multiply(_ tile: ProductTile) {
    let parameters = address(3, as: DynamicOperand.Parameters.self).pointee
    var arguments = qs8_f32_igemm_arguments(
      rows: tile.rows, columns: tile.columns, taps: indirection.taps, depth: indirection.readDepth,
      inputs: tile.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), weights: tile.weights,
      output: mutable(1, as: Float.self) + tile.output, output_stride: tile.outputStride,
      residual: residual(tile, as: Float.self), residual_stride: shape.outputChannels,
      dequantization: dequantization.from(column: tile.column, inputZeroPoint: parameters.zeroPoint))
    function(&arguments)
  }
}

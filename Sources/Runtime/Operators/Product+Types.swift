import Format
import Kernels
import Quantize

// The three type combinations of a product: f32, s8, and s8 weights on f32 activations that are quantized as they come.

/// f32 × f32 → f32.
final class FloatProductStep: ProductStep {
  private let function: f32_igemm_function
  private let bounds: ClosedRange<Float>

  /// - Parameter bias: f32, one for each column.
  init(
    _ plan: ProductPlan, weights: UnsafePointer<Float>, bias: Constant?, activation: FusedActivation
  ) throws(RuntimeError) {
    function = plan.kernel.pointee.function.f32_igemm
    bounds = activation.bounds
    let operands = try GroupedOperands(plan.group, weights: weights, bias: bias, as: Float.self)
    try super.init(plan, outputSize: 4) { group, packed in
      let (shape, taps, depth) = (plan.group.shape, plan.indirection.taps, plan.indirection.depth)
      f32_igemm_pack(
        plan.kernel, shape.columns, taps, depth, operands.weights + group * shape.columns * taps * depth,
        operands.bias.map { $0 + group * shape.columns }, packed)
    }
    withExtendedLifetime(operands) {}
  }

  override func multiply(_ tile: ProductTile) {
    var arguments = f32_igemm_arguments(
      rows: tile.rows, columns: tile.columns, taps: indirection.taps, depth: indirection.readDepth,
      inputs: tile.inputs.assumingMemoryBound(to: UnsafePointer<Float>.self), weights: tile.weights,
      output: tile.output.assumingMemoryBound(to: Float.self), output_stride: tile.outputStride,
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

  /// - Parameter bias: s32, one for each column.
  init(
    _ plan: ProductPlan, weights: UnsafePointer<Int8>, bias: Constant?, zeroPoint: Int32,
    requantization: Requantization, sum: QuantizedAdd?
  ) throws(RuntimeError) {
    function = plan.kernel.pointee.function.qs8_igemm
    self.requantization = PackedRequantization(
      requantization,
      multipliers: try ProductStep.perColumn(
        plan.group.perColumn(requantization.multipliers), plan.group.shape, plan.kernel))
    addition = sum.map { qs8_addition($0) } ?? qs8_addition()
    let operands = try GroupedOperands(plan.group, weights: weights, bias: bias, as: Int32.self)
    try super.init(plan, outputSize: 1) { group, packed in
      let (shape, taps, depth) = (plan.group.shape, plan.indirection.taps, plan.indirection.depth)
      qs8_igemm_pack(
        plan.kernel, shape.columns, taps, depth, operands.weights + group * shape.columns * taps * depth,
        operands.bias.map { $0 + group * shape.columns }, zeroPoint, packed)
    }
    withExtendedLifetime(operands) {}
    outside.fill(zeroPoint)
  }

  override func multiply(_ tile: ProductTile) {
    var arguments = qs8_igemm_arguments(
      rows: tile.rows, columns: tile.columns, taps: indirection.taps, depth: indirection.readDepth,
      inputs: tile.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), weights: tile.weights,
      output: tile.output.assumingMemoryBound(to: Int8.self), output_stride: tile.outputStride,
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
    _ plan: ProductPlan, weights: UnsafePointer<Int8>, scales: [Float], bias: [Float], activation: FusedActivation
  ) throws(RuntimeError) {
    function = plan.kernel.pointee.function.qs8_f32_igemm
    dequantization = try PackedDequantization(
      scales: try ProductStep.perColumn(plan.group.perColumn(scales), plan.group.shape, plan.kernel),
      bias: try ProductStep.perColumn(plan.group.perColumn(bias), plan.group.shape, plan.kernel),
      activation: activation)
    let operands = try GroupedOperands(plan.group, weights: weights, bias: nil, as: Float.self)
    try super.init(plan, outputSize: 4) { group, packed in
      let (shape, taps, depth) = (plan.group.shape, plan.indirection.taps, plan.indirection.depth)
      qs8_f32_igemm_pack(
        plan.kernel, shape.columns, taps, depth, operands.weights + group * shape.columns * taps * depth, packed)
    }
    withExtendedLifetime(operands) {}
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
      output: tile.output.assumingMemoryBound(to: Float.self), output_stride: tile.outputStride,
      residual: residual(tile, as: Float.self), residual_stride: shape.outputChannels,
      dequantization: dequantization.from(column: tile.column, inputZeroPoint: parameters.zeroPoint))
    function(&arguments)
  }
}

/// Weights and biases of a convolution as those of groups of its pixels.
private struct GroupedOperands<Weight: BitwiseCopyable, Bias: BitwiseCopyable> {
  let weights: UnsafePointer<Weight>
  let bias: UnsafePointer<Bias>?
  // What the pointers point into, where it is not the model's constants.
  private let memory: AlignedMemory?
  private let repeated: Constant?

  /// - Parameter bias: elements of the type given, one for each column.
  init(
    _ group: PixelGroup, weights: UnsafePointer<Weight>, bias: Constant?, as type: Bias.Type
  ) throws(RuntimeError) {
    if group.pixels == 1 {
      memory = nil
      repeated = bias
      self.weights = weights
    } else {
      let memory = try group.weights(weights)
      self.memory = memory
      repeated = bias.map { Constant(group.perColumn($0.elements(as: type))) }
      self.weights = UnsafePointer(memory.base.assumingMemoryBound(to: Weight.self))
    }
    // Safe: the verifier has checked type and alignment.
    self.bias = repeated?.bytes.baseAddress.map { $0.assumingMemoryBound(to: type) }
  }
}

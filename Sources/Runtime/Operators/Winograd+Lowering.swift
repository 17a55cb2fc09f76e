import Format
import Kernels
import Quantize

extension WinogradTiling.Costs {
  /// Of f32: both products run at the same rate. A transformed element costs about 10, on every tier, because its vectors
  /// are as wide as the product's.
  static let float = WinogradTiling.Costs(product: 8, transform: 10, nearWeight: 6, farWeight: 12)

  /// Of s8, beside the qs8_igemm kernels of `tier`. s16 products compete with bytes that have to be widened first, or with
  /// instructions that take four bytes at once and make everything else the dearer; sdot takes as many bytes as tiles save, and
  /// smmla twice as many.
  static func int8(_ tier: kernels_isa) -> WinogradTiling.Costs {
    switch tier {
    case .scalar, .avx2: WinogradTiling.Costs(product: 7, transform: 15, nearWeight: 2, farWeight: 2)
    case .avx512: WinogradTiling.Costs(product: 7, transform: 20, nearWeight: 7, farWeight: 7)
    case .avxvnni, .avx512vnni, .avx512vbmi:
      WinogradTiling.Costs(product: 17, transform: 40, nearWeight: 16, farWeight: 16)
    case .neon: WinogradTiling.Costs(product: 11, transform: 15, nearWeight: 2, farWeight: 2)
    case .neondot: WinogradTiling.Costs(product: 32, transform: 40, nearWeight: 16, farWeight: 16)
    case .neoni8mm: WinogradTiling.Costs(product: 64, transform: 80, nearWeight: 32, farWeight: 32)
    }
  }
}

extension Lowering {
  /// The tiling of node `index`; nil for other nodes than convolutions, too.
  func winogradTiling(ofConvolution index: Int) -> WinogradTiling? {
    let node = graph.nodes[index]
    guard case .conv2D(let op) = node.op else { return nil }
    return winogradTiling(
      productShape(op, node), node.inputs[0], graph.tensors[node.inputs[1]], weightSource(ofNode: index))
  }

  /// How a convolution is cut into Winograd's tiles; nil where it is not.
  ///
  /// - Parameter source: what the model file has packed for the node.
  func winogradTiling(
    _ shape: ProductShape, _ x: TensorIndex, _ weights: Tensor, _ source: WeightSource
  ) -> WinogradTiling? {
    guard !options.savesMemory else { return nil }
    switch (graph.tensors[x].type, weights.type) {
    case (.f32, .f32): return floatWinogradTiling(shape)
    case (.s8, .s8): return integerWinogradTiling(shape, x, weights, source)
    default: return nil
    }
  }

  private func floatWinogradTiling(_ shape: ProductShape) -> WinogradTiling? {
    guard let tiling = WinogradTiling(shape, kernel: kernel(.f32_igemm)), options.usesWinograd ?? tiling.pays(.float)
    else { return nil }
    return tiling
  }

  /// Of s8, where tiles give the bits of the product.
  private func integerWinogradTiling(
    _ shape: ProductShape, _ x: TensorIndex, _ weights: Tensor, _ source: WeightSource
  ) -> WinogradTiling? {
    let product = kernel(.s16_gemm)
    guard let tiling = WinogradTiling(shape, kernel: product),
      options.usesWinograd ?? tiling.pays(.int8(kernel(.qs8_igemm).pointee.isa))
    else { return nil }
    // What a file has packed so was found to be exact, and its plain weights need not be read again: if it is what the
    // kernels will read. Otherwise the plain weights are packed, and what the file says of others proves nothing of them.
    let channels = shape.window.channels
    let layout = PackedWeights.Layout(product, .integerWinograd, taps: 1, depth: channels)
    if source.has(layout, count: WinogradTiling.places * s16_gemm_packed_size(product, shape.columns, channels)) {
      return tiling
    }
    let isExact = qs8_winograd_is_exact(
      shape.columns, channels, weights.constantElements(as: Int8.self), quantization(x).zeroPoint)
    return isExact ? tiling : nil
  }

  mutating func lowerWinograd(
    _ tiling: WinogradTiling, _ kernel: UnsafePointer<kernel>, _ operands: LinearOperands, pieces: Pieces
  ) throws(RuntimeError) {
    let (plan, workspace) = try winogradPlan(
      tiling, kernel, .f32_winograd_input, .f32_winograd_output, operands, pieces: pieces)
    let step = try FloatWinogradStep(
      plan, weights: operands.weights.constantElements(as: Float.self),
      bias: operands.bias?.constantElements(as: Float.self), activation: operands.resultActivation)
    append(step, operands, workspace)
  }

  mutating func lowerIntegerWinograd(
    _ tiling: WinogradTiling, _ operands: LinearOperands, pieces: Pieces
  ) throws(RuntimeError) {
    let (plan, workspace) = try winogradPlan(
      tiling, kernel(.s16_gemm), .qs8_winograd_input, .qs8_winograd_output, operands, pieces: pieces)
    let step = try Int8WinogradStep(
      plan, weights: operands.weights.constantElements(as: Int8.self),
      bias: operands.bias?.constantElements(as: Int32.self), zeroPoint: quantization(operands.x).zeroPoint,
      requantization: requantization(operands, channels: tiling.columns), sum: addition(operands))
    append(step, operands, workspace)
  }

  private mutating func winogradPlan(
    _ tiling: WinogradTiling, _ kernel: UnsafePointer<kernel>, _ input: kernel_family, _ output: kernel_family,
    _ operands: LinearOperands, pieces: Pieces
  ) throws(RuntimeError) -> (WinogradPlan, workspace: ValueIndex) {
    let (workspace, stride) = try workspace(bytesPerThread: tiling.workspaceBytes)
    let plan = WinogradPlan(
      tiling: tiling, kernel: kernel, input: self.kernel(input), output: self.kernel(output),
      values: [operands.x, operands.result, workspace], residual: operands.sum?.residual,
      // A residual lies as the result does.
      pixelStride: operands.sum == nil ? takeConcatPlace(of: operands.result) : nil, workspaceStride: stride,
      pieces: pieces, weights: weightSource)
    return (plan, workspace)
  }

  private mutating func append(_ step: WinogradStep, _ operands: LinearOperands, _ workspace: ValueIndex) {
    let (residual, sharing) = residual(operands)
    append(step, reads: [operands.x] + residual, writes: [operands.result], scratch: [workspace], sharing: sharing)
  }
}

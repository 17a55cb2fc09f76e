import Format
import Kernels
import Quantize

// Lowering of convolution, dense layer and depthwise convolution: choice of the type combination and the kernel.

/// The operands of a linear node.
struct LinearOperands {
  let node: Node
  let x: TensorIndex
  var weights: Tensor
  let bias: Tensor?
  /// What the operator itself gives.
  let output: TensorIndex
  let activation: FusedActivation
  /// The sum that the operator's result goes into, instead of being written.
  let sum: ResidualSum?

  init(_ node: Node, in graph: Graph, activation: FusedActivation, sum: ResidualSum? = nil) {
    self.node = node
    self.sum = sum
    x = node.inputs[0]
    weights = graph.tensors[node.inputs[1]]
    bias = node.inputs.count > 2 ? graph.tensors[node.inputs[2]] : nil
    output = node.outputs[0]
    self.activation = activation
  }

  /// What is written: the sum if there is one.
  var result: TensorIndex { sum?.output ?? output }

  /// The clamp of an f32 result. A sum has one of its own; the product in it has none then (`ResidualSum`).
  var resultActivation: FusedActivation { sum?.activation ?? activation }

  /// The scale of each output channel's weights.
  func weightScales(channels: Int) -> [Float] {
    let scales = weights.quantization!.scales
    return scales.count == 1 ? Array(repeating: scales[0], count: channels) : scales
  }

  /// The f32 bias, zeros where there is none.
  func floatBias(channels: Int) -> [Float] {
    bias.map { $0.constant!.elements(as: Float.self) } ?? Array(repeating: 0, count: channels)
  }
}

extension Tensor {
  /// The elements of a constant, valid as long as the graph. The verifier has checked type and alignment.
  func constantElements<Element>(as type: Element.Type) -> UnsafePointer<Element> {
    constant!.bytes.baseAddress!.assumingMemoryBound(to: type)
  }
}

extension Lowering {
  mutating func lower(_ op: Conv2D, _ node: Node) throws(RuntimeError) {
    let operands = LinearOperands(
      node, in: graph, activation: op.activation, sum: residualSums[node.outputs[0]])
    let weights = operands.weights.shape
    let window = Window(
      op, input: graph.tensors[operands.x].shape, output: graph.tensors[operands.output].shape, height: weights[1],
      width: weights[2])
    try check(window, of: node)
    try lowerProduct(ProductShape(window: window, groups: op.groups, columns: weights[0] / op.groups), operands)
  }

  mutating func lower(_ op: Dense, _ node: Node) throws(RuntimeError) {
    let operands = LinearOperands(
      node, in: graph, activation: op.activation, sum: residualSums[node.outputs[0]])
    let input = graph.tensors[operands.x].shape
    let window = Window(lines: 1, pixels: input[0], channels: input[1])
    try lowerProduct(ProductShape(window: window, groups: 1, columns: operands.weights.shape[0]), operands)
  }

  mutating func lowerProduct(_ shape: ProductShape, _ operands: LinearOperands) throws(RuntimeError) {
    let pieces = pieces(work: graph.multiplyAccumulates(of: operands.node))
    let weights = operands.weights
    let bias = operands.bias
    let residual = operands.sum?.residual
    switch (graph.tensors[operands.x].type, weights.type) {
    case (.f32, .f32):
      let kernel = kernel(.f32_igemm)
      if let tiling = WinogradTiling(shape, kernel: kernel), tiling.pays {
        return try lowerWinograd(tiling, kernel, operands, pieces: pieces)
      }
      let indirection = Indirection(shape, elementSize: 4, kernel: kernel)
      let (workspace, stride) = try workspace(bytesPerThread: indirection.workspaceBytes)
      let step = try FloatProductStep(
        shape, indirection, kernel: kernel, values: [operands.x, operands.result, workspace], residual: residual,
        workspaceStride: stride, pieces: pieces, weights: weights.constantElements(as: Float.self),
        bias: bias?.constantElements(as: Float.self), activation: operands.resultActivation)
      append(step, operands, reads: [operands.x], workspace)
    case (.s8, .s8):
      let kernel = kernel(.qs8_igemm)
      let indirection = Indirection(shape, elementSize: 1, kernel: kernel)
      let (workspace, stride) = try workspace(bytesPerThread: indirection.workspaceBytes)
      let step = try Int8ProductStep(
        shape, indirection, kernel: kernel, values: [operands.x, operands.result, workspace], residual: residual,
        workspaceStride: stride, pieces: pieces, weights: weights.constantElements(as: Int8.self),
        bias: bias?.constantElements(as: Int32.self), zeroPoint: quantization(operands.x).zeroPoint,
        requantization: requantization(operands, channels: shape.outputChannels), sum: addition(operands))
      append(step, operands, reads: [operands.x], workspace)
    case (.f32, .s8):
      let operand = dynamicOperand(operands.x)
      let kernel = kernel(.qs8_f32_igemm)
      let indirection = Indirection(shape, elementSize: 1, kernel: kernel)
      let (workspace, stride) = try workspace(bytesPerThread: indirection.workspaceBytes)
      let step = try DynamicProductStep(
        shape, indirection, kernel: kernel,
        values: [operand.elements, operands.result, workspace, operand.parameters], residual: residual,
        workspaceStride: stride, pieces: pieces, weights: weights.constantElements(as: Int8.self),
        scales: operands.weightScales(channels: shape.outputChannels),
        bias: operands.floatBias(channels: shape.outputChannels), activation: operands.resultActivation)
      append(step, operands, reads: [operand.elements, operand.parameters], workspace)
    default: throw unsupportedTypes(operands)
    }
  }

  private mutating func lowerWinograd(
    _ tiling: WinogradTiling, _ kernel: UnsafePointer<kernel>, _ operands: LinearOperands, pieces: Int
  ) throws(RuntimeError) {
    let (workspace, stride) = try workspace(bytesPerThread: tiling.workspaceBytes)
    let step = try WinogradStep(
      tiling, kernel: kernel, input: self.kernel(.f32_winograd_input), output: self.kernel(.f32_winograd_output),
      values: [operands.x, operands.result, workspace], residual: operands.sum?.residual, workspaceStride: stride,
      pieces: pieces,
      weights: operands.weights.constantElements(as: Float.self),
      bias: operands.bias?.constantElements(as: Float.self), activation: operands.resultActivation)
    append(step, operands, reads: [operands.x], workspace)
  }

  /// Adds a product, whose result may take the place of the residual that goes into it.
  private mutating func append(
    _ step: Step, _ operands: LinearOperands, reads: [ValueIndex], _ workspace: ValueIndex
  ) {
    if let sum = operands.sum {
      append(
        step, reads: reads + [sum.residual], writes: [sum.output], scratch: [workspace], sharing: .inPlaceOfLast)
    } else {
      append(step, reads: reads, writes: [operands.output], scratch: [workspace])
    }
  }

  /// The sum of the product's requantized result and the residual.
  private func addition(_ operands: LinearOperands) -> QuantizedAdd? {
    operands.sum.map { sum in
      QuantizedAdd(
        quantization(operands.output), quantization(sum.residual), output: quantization(sum.output),
        activation: sum.activation)
    }
  }

  mutating func lower(_ op: DepthwiseConv2D, _ node: Node) throws(RuntimeError) {
    let operands = LinearOperands(node, in: graph, activation: op.activation)
    let weights = operands.weights
    let channels = weights.shape[2]
    var input = graph.tensors[operands.x].shape
    let multiplier = channels / input[3]
    input[3] = channels
    let window = Window(
      op, input: input, output: graph.tensors[operands.output].shape, height: weights.shape[0],
      width: weights.shape[1])
    try check(window, of: node)
    let pieces = pieces(work: graph.multiplyAccumulates(of: node))
    let output = operands.output
    switch (graph.tensors[operands.x].type, weights.type) {
    case (.f32, .f32):
      let x = try repeated(operands.x, count: graph.tensors[operands.x].count, size: 4, times: multiplier)
      try lowerFloatDepthwise(
        window, x: x, output: output, weights: weights.constantElements(as: Float.self),
        bias: operands.bias?.constantElements(as: Float.self), activation: op.activation, pieces: pieces)
    case (.s8, .s8):
      let x = try repeated(operands.x, count: graph.tensors[operands.x].count, size: 1, times: multiplier)
      let kernel = kernels_best_dwconv(isa.tier, .qs8_dwconv, window.taps)
      let geometry = WindowRow(window, elementSize: 1)
      let (workspace, stride) = try workspace(bytesPerThread: geometry.workspaceBytes)
      let step = try Int8DepthwiseStep(
        geometry, kernel: kernel, values: [x, output, workspace], workspaceStride: stride, pieces: pieces,
        weights: weights.constantElements(as: Int8.self), bias: operands.bias?.constantElements(as: Int32.self),
        zeroPoint: quantization(operands.x).zeroPoint, requantization: requantization(operands, channels: channels))
      append(step, reads: [x], writes: [output], scratch: [workspace])
    case (.f32, .s8):
      let operand = dynamicOperand(operands.x)
      let x = try repeated(operand.elements, count: graph.tensors[operands.x].count, size: 1, times: multiplier)
      let kernel = kernels_best_dwconv(isa.tier, .qs8_f32_dwconv, window.taps)
      let geometry = WindowRow(window, elementSize: 1)
      let (workspace, stride) = try workspace(bytesPerThread: geometry.workspaceBytes)
      let step = try DynamicDepthwiseStep(
        geometry, kernel: kernel, values: [x, output, workspace, operand.parameters], workspaceStride: stride,
        pieces: pieces, weights: weights.constantElements(as: Int8.self),
        scales: operands.weightScales(channels: channels), bias: operands.floatBias(channels: channels),
        activation: op.activation)
      append(step, reads: [x, operand.parameters], writes: [output], scratch: [workspace])
    default: throw unsupportedTypes(operands)
    }
  }

  /// An f32 depthwise convolution: also what a batch-norm becomes.
  mutating func lowerFloatDepthwise(
    _ window: Window, x: ValueIndex, output: ValueIndex, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?,
    activation: FusedActivation, pieces: Int
  ) throws(RuntimeError) {
    let geometry = WindowRow(window, elementSize: 4)
    let (workspace, stride) = try workspace(bytesPerThread: geometry.workspaceBytes)
    let step = try FloatDepthwiseStep(
      geometry, kernel: kernels_best_dwconv(isa.tier, .f32_dwconv, window.taps),
      values: [x, output, workspace], workspaceStride: stride, pieces: pieces, weights: weights, bias: bias,
      activation: activation)
    append(step, reads: [x], writes: [output], scratch: [workspace])
  }

  /// `x` with each element `times` times, so that a depth multiplier becomes plain depthwise convolution.
  private mutating func repeated(
    _ x: ValueIndex, count: Int, size: Int, times: Int
  ) throws(RuntimeError) -> ValueIndex {
    guard times > 1 else { return x }
    let bytes = Int64(count) * Int64(times) * Int64(size)
    guard bytes <= Limits.activationBytes else { throw .outOfMemory(bytes: Int(clamping: bytes)) }
    let result = buffer(bytes: Int(bytes))
    append(
      RepeatStep(
        Partition(count, granule: 64, pieces: pieces(work: count)), size: size, times: times, values: [x, result]),
      reads: [x], writes: [result])
    return result
  }

  private func requantization(_ operands: LinearOperands, channels: Int) -> Requantization {
    Requantization(
      accumulator: accumulatorScales(
        quantization(operands.x), weights: operands.weights.quantization!, channels: channels),
      output: quantization(operands.output), activation: operands.activation)
  }

  private func unsupportedTypes(_ operands: LinearOperands) -> RuntimeError {
    .unsupportedNode(
      name: operands.node.name, operation: operands.node.op.name,
      expected: "input and weights f32 and f32, s8 and s8, or f32 and s8",
      found: graph.tensors[operands.x].type.name + " and " + operands.weights.type.name)
  }
}

/// `values[1]` becomes `values[0]` with each element several times.
private final class RepeatStep: Step {
  private let elements: Partition
  private let size: Int
  private let times: Int

  init(_ elements: Partition, size: Int, times: Int, values: [ValueIndex]) {
    self.elements = elements
    self.size = size
    self.times = times
    super.init(values: values, kernelName: "repeat", tiles: elements.count)
  }

  override func run(tile: Int, thread: Int) {
    let range = elements[tile]
    kernels_repeat(
      range.count, size, times, address(0) + range.lowerBound * size, mutable(1) + range.lowerBound * size * times)
  }
}

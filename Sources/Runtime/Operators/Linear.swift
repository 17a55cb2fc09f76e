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

  /// The function of the result that the step applies too.
  var map: FusedMap?

  /// What is written: what the map gives if there is one, or else the sum.
  var result: TensorIndex { map?.output ?? sum?.output ?? output }

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
    var operands = LinearOperands(
      node, in: graph, activation: op.activation, sum: residualSums[node.outputs[0]])
    let shape = productShape(op, node)
    try check(shape.window, of: node)
    try lowerProduct(shape, &operands, winogradTilings[currentNode])
  }

  mutating func lower(_ op: Dense, _ node: Node) throws(RuntimeError) {
    var operands = LinearOperands(
      node, in: graph, activation: op.activation, sum: residualSums[node.outputs[0]])
    let input = graph.tensors[operands.x].shape
    let window = Window(lines: 1, pixels: input[0], channels: input[1])
    try lowerProduct(ProductShape(window: window, groups: 1, columns: operands.weights.shape[0]), &operands, nil)
  }

  func productShape(_ op: Conv2D, _ node: Node) -> ProductShape {
    let weights = graph.tensors[node.inputs[1]].shape
    let window = Window(
      op, input: graph.tensors[node.inputs[0]].shape, output: graph.tensors[node.outputs[0]].shape, height: weights[1],
      width: weights[2])
    return ProductShape(window: window, groups: op.groups, columns: weights[0] / op.groups)
  }

  /// Whether a node is a convolution that copies the lines of its s8 input anyway, and may as well copy them from f32.
  func quantizesItsInput(_ index: Int) -> Bool {
    let node = graph.nodes[index]
    guard case .conv2D(let op) = node.op, graph.tensors[node.inputs[0]].type == .s8 else { return false }
    let kernel = kernel(.qs8_igemm)
    let group = PixelGroup(productShape(op, node), kernel: kernel, isAllowed: options.groupsPixels)
    return Indirection(group.shape, elementSize: 1, kernel: kernel, moves: isStage(index)).copiesLines
  }

  /// Whether a node is a convolution that reads each pixel of its input once, and may as well multiply it first, in tiles
  /// that are shared out anyway. A thread by itself is faster in a pass over all pixels.
  func multipliesItsInput(_ index: Int) -> Bool {
    let node = graph.nodes[index]
    guard case .conv2D(let op) = node.op, !isStage(index) else { return false }
    let (x, weights) = (graph.tensors[node.inputs[0]].type, graph.tensors[node.inputs[1]].type)
    let shape = productShape(op, node)
    guard x == weights, shape.window.isPointwise, shape.window.batch == 1, shape.groups == 1 else { return false }
    let kernel = kernel(x == .s8 ? .qs8_igemm : .f32_igemm)
    let pieces = pieces(work: graph.multiplyAccumulates(of: node), kernel)
    return pieces.most > 1 && ProductStep.readsRowsOnce(shape, kernel, pieces, elementSize: x.size)
  }

  /// - Parameter tiling: what the product is cut into, if into Winograd's tiles.
  mutating func lowerProduct(
    _ shape: ProductShape, _ operands: inout LinearOperands, _ tiling: WinogradTiling?
  ) throws(RuntimeError) {
    switch (graph.tensors[operands.x].type, operands.weights.type) {
    case (.f32, .f32): try lowerFloatProduct(shape, &operands, tiling)
    case (.s8, .s8): try lowerInt8Product(shape, &operands, tiling)
    case (.f32, .s8): try lowerDynamicProduct(shape, &operands)
    default: throw unsupportedTypes(operands)
    }
  }

  private mutating func lowerFloatProduct(
    _ shape: ProductShape, _ operands: inout LinearOperands, _ tiling: WinogradTiling?
  ) throws(RuntimeError) {
    let kernel = kernel(.f32_igemm)
    let pieces = pieces(work: graph.multiplyAccumulates(of: operands.node), kernel)
    if let tiling {
      return try lowerWinograd(tiling, kernel, operands, pieces: pieces)
    }
    operands.map = shape.placement == nil ? takeMap(of: operands.result) : nil
    let scaled = inputBeforeFactors(of: operands.x)
    let x = scaled?.tensor ?? operands.x
    let group = PixelGroup(shape, kernel: kernel, isAllowed: options.groupsPixels)
    let indirection = Indirection(
      group.shape, elementSize: 4, kernel: kernel, product: scaled?.product, moves: isStage)
    let (workspace, stride) = try workspace(bytesPerThread: indirection.workspaceBytes)
    let step = try FloatProductStep(
      ProductPlan(
        group: group, indirection: indirection, kernel: kernel,
        values: [x, operands.result, workspace], residual: operands.sum?.residual, factors: scaled?.factors,
        map: operands.map?.map, pixelStride: pixelStride(group, operands.result), workspaceStride: stride,
        pieces: pieces, weights: weightSource),
      weights: operands.weights.constantElements(as: Float.self), bias: operands.bias?.constant,
      activation: operands.resultActivation)
    try append(step, operands, reads: [x] + (scaled.map { [$0.factors] } ?? []), workspace)
  }

  private mutating func lowerInt8Product(
    _ shape: ProductShape, _ operands: inout LinearOperands, _ tiling: WinogradTiling?
  ) throws(RuntimeError) {
    let kernel = kernel(.qs8_igemm)
    let pieces = pieces(work: graph.multiplyAccumulates(of: operands.node), kernel)
    let input = inputBeforeQuantization(of: operands.x)
    if input == nil, let tiling {
      return try lowerIntegerWinograd(tiling, operands, pieces: pieces)
    }
    let group = PixelGroup(shape, kernel: kernel, isAllowed: options.groupsPixels)
    let scaled = inputBeforeFactors(of: operands.x)
    let indirection = Indirection(
      group.shape, elementSize: 1, kernel: kernel, conversion: input?.conversion, product: scaled?.product,
      moves: isStage)
    let x = input?.tensor ?? scaled?.tensor ?? operands.x
    operands.map = shape.placement == nil ? takeMap(of: operands.result) : nil
    let (workspace, stride) = try workspace(bytesPerThread: indirection.workspaceBytes)
    let step = try Int8ProductStep(
      ProductPlan(
        group: group, indirection: indirection, kernel: kernel, values: [x, operands.result, workspace],
        residual: operands.sum?.residual, factors: scaled?.factors, map: operands.map?.map,
        pixelStride: pixelStride(group, operands.result), workspaceStride: stride, pieces: pieces,
        weights: weightSource),
      weights: operands.weights.constantElements(as: Int8.self), bias: operands.bias?.constant,
      zeroPoint: quantization(operands.x).zeroPoint,
      requantization: requantization(operands, channels: shape.outputChannels), sum: addition(operands))
    try append(step, operands, reads: [x] + (scaled.map { [$0.factors] } ?? []), workspace)
  }

  /// The f32 tensor that `tensor` is the s8 form of, where its quantize node is left to the reader.
  private func inputBeforeQuantization(of tensor: TensorIndex) -> (tensor: TensorIndex, conversion: LineConversion)? {
    guard unwritten.contains(tensor), let node = graph.nodes.first(where: { $0.outputs[0] == tensor }),
      case .quantize = node.op
    else { return nil }
    return (
      node.inputs[0],
      LineConversion(quantization(tensor), kernel: kernel(.f32_quantize))
    )
  }

  private mutating func lowerDynamicProduct(
    _ shape: ProductShape, _ operands: inout LinearOperands
  ) throws(RuntimeError) {
    let operand = dynamicOperand(operands.x)
    let kernel = kernel(.qs8_f32_igemm)
    let pieces = pieces(work: graph.multiplyAccumulates(of: operands.node), kernel)
    let group = PixelGroup(shape, kernel: kernel, isAllowed: options.groupsPixels)
    operands.map = shape.placement == nil ? takeMap(of: operands.result) : nil
    let indirection = Indirection(group.shape, elementSize: 1, kernel: kernel)
    let (workspace, stride) = try workspace(bytesPerThread: indirection.workspaceBytes)
    let step = try DynamicProductStep(
      ProductPlan(
        group: group, indirection: indirection, kernel: kernel,
        values: [operand.elements, operands.result, workspace, operand.parameters],
        residual: operands.sum?.residual, map: operands.map?.map,
        pixelStride: pixelStride(group, operands.result), workspaceStride: stride, pieces: pieces,
        weights: weightSource),
      weights: operands.weights.constantElements(as: Int8.self),
      scales: operands.weightScales(channels: shape.outputChannels),
      bias: operands.floatBias(channels: shape.outputChannels), activation: operands.resultActivation)
    try append(step, operands, reads: [operand.elements, operand.parameters], workspace)
  }

  /// The distance of a product's output pixels where they go into a concat's result; groups of pixels lie in one piece.
  private mutating func pixelStride(_ group: PixelGroup, _ result: TensorIndex) -> Int? {
    group.pixels == 1 && group.shape.placement == nil ? takeConcatPlace(of: result) : nil
  }

  /// Adds a product, whose result may take the place of the residual that goes into it.
  private mutating func append(
    _ step: ProductStep, _ operands: LinearOperands, reads: [ValueIndex], _ workspace: ValueIndex
  ) throws(RuntimeError) {
    let (residual, sharing) = residual(operands)
    try append(step, reads: reads + residual, writes: [operands.result], scratch: [workspace], sharing: sharing)
  }

  /// What a product reads beside its operands, and where its result may lie.
  func residual(_ operands: LinearOperands) -> (reads: [ValueIndex], sharing: MemoryUse.Sharing) {
    guard let sum = operands.sum else { return ([], .none) }
    return ([sum.residual], interleaved.contains(operands.result) ? .none : .inPlaceOfLast)
  }

  /// The sum of the product's requantized result and the residual.
  func addition(_ operands: LinearOperands) -> QuantizedAdd? {
    operands.sum.map { sum in
      QuantizedAdd(
        quantization(operands.output), quantization(sum.residual), output: quantization(sum.output),
        activation: sum.activation)
    }
  }

  mutating func lower(_ op: DepthwiseConv2D, _ node: Node) throws(RuntimeError) {
    var operands = LinearOperands(node, in: graph, activation: op.activation)
    let weights = operands.weights
    let channels = weights.shape[2]
    var input = graph.tensors[operands.x].shape
    let multiplier = channels / input[3]
    input[3] = channels
    let window = Window(
      op, input: input, output: graph.tensors[operands.output].shape, height: weights.shape[0],
      width: weights.shape[1])
    try check(window, of: node)
    let work = graph.multiplyAccumulates(of: node)
    operands.map = takeMap(of: operands.output)
    let count = graph.tensors[operands.x].count
    switch (graph.tensors[operands.x].type, weights.type) {
    case (.f32, .f32):
      let x = try repeated(operands.x, count: count, size: 4, times: multiplier)
      try lowerFloatDepthwise(
        window, x: x, output: operands.result, map: operands.map?.map,
        weights: weights.constantElements(as: Float.self), bias: operands.bias?.constantElements(as: Float.self),
        activation: op.activation, work: work)
    case (.s8, .s8):
      let x = try repeated(operands.x, count: count, size: 1, times: multiplier)
      let plan = try depthwisePlan(
        window, .qs8_dwconv, values: [x, operands.result], map: operands.map?.map, work: work)
      let step = try Int8DepthwiseStep(
        plan, weights: weights.constantElements(as: Int8.self), bias: operands.bias?.constantElements(as: Int32.self),
        zeroPoint: quantization(operands.x).zeroPoint, requantization: requantization(operands, channels: channels))
      try append(step, reads: [x], writes: [operands.result], scratch: [plan.values[2]])
    case (.f32, .s8):
      let operand = dynamicOperand(operands.x)
      let x = try repeated(operand.elements, count: count, size: 1, times: multiplier)
      let plan = try depthwisePlan(
        window, .qs8_f32_dwconv, values: [x, operands.result], more: [operand.parameters], map: operands.map?.map,
        work: work)
      let step = try DynamicDepthwiseStep(
        plan, weights: weights.constantElements(as: Int8.self), scales: operands.weightScales(channels: channels),
        bias: operands.floatBias(channels: channels), activation: op.activation)
      try append(step, reads: [x, operand.parameters], writes: [operands.result], scratch: [plan.values[2]])
    default: throw unsupportedTypes(operands)
    }
  }

  /// An f32 depthwise convolution: also what a batch-norm becomes.
  mutating func lowerFloatDepthwise(
    _ window: Window, x: ValueIndex, output: ValueIndex, map: ElementMap?, weights: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?, activation: FusedActivation, work: Int
  ) throws(RuntimeError) {
    let plan = try depthwisePlan(window, .f32_dwconv, values: [x, output], map: map, work: work)
    let step = try FloatDepthwiseStep(plan, weights: weights, bias: bias, activation: activation)
    try append(step, reads: [x], writes: [output], scratch: [plan.values[2]])
  }

  /// - Parameters:
  ///   - values: input and output, to which the workspace comes as the third.
  ///   - more: values behind it.
  private mutating func depthwisePlan(
    _ window: Window, _ family: kernel_family, values: [ValueIndex], more: [ValueIndex] = [], map: ElementMap?,
    work: Int
  ) throws(RuntimeError) -> DepthwisePlan {
    let kernel = kernels_best_dwconv(isa.tier, family, window.taps)
    let geometry = WindowRow(window, elementSize: family == .f32_dwconv ? 4 : 1, moves: isStage)
    let (workspace, stride) = try workspace(bytesPerThread: geometry.workspaceBytes)
    return DepthwisePlan(
      geometry: geometry, kernel: kernel, values: values + [workspace] + more, map: map, workspaceStride: stride,
      pieces: pieces(work: work, kernel), weights: weightSource)
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

  func requantization(_ operands: LinearOperands, channels: Int) -> Requantization {
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

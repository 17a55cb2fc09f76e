import Format
import Kernels

/// A function of each element that a step applies to its result while that is in the first-level cache: an activation, or
/// its table, that would otherwise go over the whole tensor once more.
enum ElementMap {
  case table(UnsafePointer<Int8>, s8_lookup_function)
  case function(f32_map_function)
  case leakyReLU(slope: Float, f32_leaky_relu_function)

  /// Replaces `count` elements.
  func apply(_ elements: UnsafeMutableRawPointer, count: Int) {
    switch self {
    case .table(let table, let function):
      let bytes = elements.assumingMemoryBound(to: Int8.self)
      function(count, bytes, table, bytes)
    case .function(let function):
      let floats = elements.assumingMemoryBound(to: Float.self)
      function(count, floats, floats)
    case .leakyReLU(let slope, let function):
      let floats = elements.assumingMemoryBound(to: Float.self)
      function(count, floats, floats, slope)
    }
  }
}

/// A map that a step takes over from the node behind it.
struct FusedMap {
  let map: ElementMap
  /// The tensor that the map's node would write.
  let output: TensorIndex
}

extension Lowering {
  /// The function of the only node that reads `tensor`, if it is one that a step can take over; that node then has nothing
  /// to do.
  mutating func takeMap(of tensor: TensorIndex) -> FusedMap? {
    guard let map = fusedMap(of: tensor) else { return nil }
    unwritten.insert(tensor)
    return map
  }

  func fusedMap(of tensor: TensorIndex) -> FusedMap? {
    guard fuses, let reader = onlyReader(of: tensor) else { return nil }
    let node = graph.nodes[reader]
    let map: ElementMap
    switch node.op {
    case .lookup:
      map = .table(
        graph.tensors[node.inputs[1]].constantElements(as: Int8.self), kernel(.s8_lookup).pointee.function.s8_lookup)
    case .activation(let activation):
      guard let function = mapKernel(activation) else { return nil }
      map = function
    case .conv2D, .depthwiseConv2D, .dense, .maxPool2D, .averagePool2D, .globalAveragePool, .add, .multiply, .concat,
      .softmax, .batchNorm, .reshape, .quantize, .dequantize, .lookupSoftmax, .embedding, .recurrent, .slice,
      .transposedConv2D, .resize:
      return nil
    }
    return FusedMap(map: map, output: node.outputs[0])
  }

  /// nil for clamps, which are part of products, and for what has no kernel.
  private func mapKernel(_ activation: Activation) -> ElementMap? {
    let family: kernel_family
    switch activation {
    case .relu, .relu6, .threshold: return nil
    case .sigmoid: family = .f32_sigmoid
    case .tanh: family = .f32_tanh
    case .hardSigmoid: family = .f32_hard_sigmoid
    case .hardSwish: family = .f32_hard_swish
    case .gelu: family = .f32_gelu
    case .silu: family = .f32_silu
    case .leakyReLU(let slope):
      return .leakyReLU(slope: slope, kernel(.f32_leaky_relu).pointee.function.f32_leaky_relu)
    }
    return .function(kernel(family).pointee.function.f32_map)
  }

  /// Whether another step has written what `node` would: its result then counts as lying where its operand would.
  mutating func isTakenOver(_ node: Node) -> Bool {
    guard unwritten.contains(node.inputs[0]) else { return false }
    if !isInner(node.outputs[0]) { appendView(of: node.outputs[0], as: node.inputs[0]) }
    return true
  }

  /// The node that reads a tensor, if there is no other and the tensor is no output of the graph.
  func onlyReader(of tensor: TensorIndex) -> Int? { readers[tensor].count == 1 ? readers[tensor].node : nil }
}

extension Graph {
  /// For each tensor how often it is read, outputs of the graph counting as read, and by which node last; nil if by none.
  func readers() -> [(count: Int, node: Int?)] {
    var readers = [(count: Int, node: Int?)](repeating: (0, nil), count: tensors.count)
    for (index, node) in nodes.enumerated() {
      for input in node.inputs { readers[input] = (readers[input].count + 1, index) }
    }
    for output in outputs { readers[output].count += 1 }
    return readers
  }
}

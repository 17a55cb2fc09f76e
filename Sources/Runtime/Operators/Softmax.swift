import Format
import Kernels

// Softmax over the last dimension, row by row.

extension Lowering {
  mutating func lowerSoftmax(_ node: Node) {
    let (rows, width) = rows(of: node.inputs[0])
    append(
      SoftmaxStep(
        rows, width: width, kernel: kernel(.f32_softmax), values: [node.inputs[0], node.outputs[0]]),
      reads: node.inputs, writes: node.outputs, sharing: .inPlace)
  }

  mutating func lowerLookupSoftmax(_ node: Node) {
    let (x, output) = (node.inputs[0], node.outputs[0])
    let (rows, width) = rows(of: x)
    append(
      LookupSoftmaxStep(
        rows, width: width, kernel: kernel(.s8_lookup_softmax), values: [x, output],
        table: graph.tensors[node.inputs[1]].constantElements(as: Int32.self)),
      reads: [x], writes: [output])
  }

  private func rows(of tensor: TensorIndex) -> (rows: Partition, width: Int) {
    let shape = graph.tensors[tensor].shape
    let width = shape[shape.count - 1]
    let count = graph.tensors[tensor].count
    return (Partition(count / width, pieces: pieces(work: 8 * count)), width)
  }
}

/// `values` are input, output.
private final class SoftmaxStep: Step {
  private let rows: Partition
  private let width: Int
  private let function: f32_map_function

  init(_ rows: Partition, width: Int, kernel: UnsafePointer<kernel>, values: [ValueIndex]) {
    self.rows = rows
    self.width = width
    function = kernel.pointee.function.f32_map
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: rows.count)
  }

  override func run(tile: Int, thread: Int) {
    for row in rows[tile] {
      function(width, address(0, as: Float.self) + row * width, mutable(1, as: Float.self) + row * width)
    }
  }
}

/// `values` are input, output.
private final class LookupSoftmaxStep: Step {
  private let rows: Partition
  private let width: Int
  private let table: UnsafePointer<Int32>
  private let function: s8_lookup_softmax_function

  init(
    _ rows: Partition, width: Int, kernel: UnsafePointer<kernel>, values: [ValueIndex], table: UnsafePointer<Int32>
  ) {
    self.rows = rows
    self.width = width
    self.table = table
    function = kernel.pointee.function.s8_lookup_softmax
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: rows.count)
  }

  override func run(tile: Int, thread: Int) {
    for row in rows[tile] {
      function(width, address(0, as: Int8.self) + row * width, table, mutable(1, as: Float.self) + row * width)
    }
  }
}

import Format
import Kernels
import Quantize

extension Lowering {
  mutating func lower(_ op: Resize, _ node: Node) throws(RuntimeError) {
    let input = graph.tensors[node.inputs[0]]
    let lines = Partition(
      input.shape[0] * op.height, pieces: pieces(work: 4 * graph.tensors[node.outputs[0]].count))
    let values = [node.inputs[0], node.outputs[0]]
    let step: Step
    switch (op.mode, input.type) {
    case (.nearest, _):
      step = try NearestStep(op, lines, input.shape, values, pixelBytes: input.shape[3] * input.type.size)
    case (.bilinear, .s8): step = try Int8BilinearStep(op, lines, input.shape, values, kernel: kernel(.qs8_bilinear))
    case (.bilinear, _): step = try FloatBilinearStep(op, lines, input.shape, values, kernel: kernel(.f32_bilinear))
    }
    append(step, reads: node.inputs, writes: node.outputs)
  }
}

/// Copies the nearest pixel. `values` are input, output.
private final class NearestStep: Step {
  private let lines: Partition
  private let op: Resize
  private let shape: [Int]
  private let pixelBytes: Int
  /// For each output column, the bytes before its pixel in an input line.
  private let columns: AlignedMemory

  init(_ op: Resize, _ lines: Partition, _ shape: [Int], _ values: [ValueIndex], pixelBytes: Int) throws(RuntimeError) {
    self.op = op
    self.lines = lines
    self.shape = shape
    self.pixelBytes = pixelBytes
    columns = try AlignedMemory(count: op.width * MemoryLayout<Int>.stride)
    for x in 0..<op.width {
      columns.base.assumingMemoryBound(to: Int.self)[x] =
        nearestCoordinate(output: x, of: op.width, inputs: shape[2]) * pixelBytes
    }
    super.init(values: values, kernelName: "copy", tiles: lines.count)
  }

  override func run(tile: Int, thread: Int) {
    let columns = self.columns.base.assumingMemoryBound(to: Int.self)
    for line in lines[tile] {
      let (image, y) = line.quotientAndRemainder(dividingBy: op.height)
      let inputLine = image * shape[1] + nearestCoordinate(output: y, of: op.height, inputs: shape[1])
      let source = address(0) + inputLine * shape[2] * pixelBytes
      var target = mutable(1) + line * op.width * pixelBytes
      for x in 0..<op.width {
        target.copyMemory(from: source + columns[x], byteCount: pixelBytes)
        target += pixelBytes
      }
    }
  }
}

/// What both bilinear steps need: for each output column its two input columns, as elements of a line, and the share of the
/// right one.
private struct BilinearColumns<Share: BitwiseCopyable> {
  private let memory: AlignedMemory
  private let width: Int

  /// - Parameter share: of the right column.
  init(_ width: Int, inputs: Int, channels: Int, share: (ResizeCoordinate) -> Share) throws(RuntimeError) {
    self.width = width
    memory = try AlignedMemory(count: width * (2 * MemoryLayout<Int>.stride + MemoryLayout<Share>.stride))
    for x in 0..<width {
      let coordinate = ResizeCoordinate(output: x, of: width, inputs: inputs)
      left[x] = coordinate.lower * channels
      right[x] = coordinate.upper * channels
      shares[x] = share(coordinate)
    }
  }

  var left: UnsafeMutablePointer<Int> { memory.base.assumingMemoryBound(to: Int.self) }
  var right: UnsafeMutablePointer<Int> { left + width }
  var shares: UnsafeMutablePointer<Share> { UnsafeMutableRawPointer(right + width).assumingMemoryBound(to: Share.self) }
}

/// `values` are input, output.
private final class FloatBilinearStep: Step {
  private let lines: Partition
  private let op: Resize
  private let shape: [Int]
  private let columns: BilinearColumns<Float>
  private let function: f32_bilinear_function

  init(
    _ op: Resize, _ lines: Partition, _ shape: [Int], _ values: [ValueIndex], kernel: UnsafePointer<kernel>
  ) throws(RuntimeError) {
    self.op = op
    self.lines = lines
    self.shape = shape
    columns = try BilinearColumns(op.width, inputs: shape[2], channels: shape[3]) { $0.share }
    function = kernel.pointee.function.f32_bilinear
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: lines.count)
  }

  override func run(tile: Int, thread: Int) {
    let lineElements = shape[2] * shape[3]
    for line in lines[tile] {
      let (image, y) = line.quotientAndRemainder(dividingBy: op.height)
      let down = ResizeCoordinate(output: y, of: op.height, inputs: shape[1])
      let input = address(0, as: Float.self) + image * shape[1] * lineElements
      var arguments = f32_bilinear_arguments(
        pixels: op.width, channels: shape[3], top: input + down.lower * lineElements,
        bottom: input + down.upper * lineElements, left: columns.left, right: columns.right, across: columns.shares,
        down: down.share, output: mutable(1, as: Float.self) + line * op.width * shape[3])
      function(&arguments)
    }
  }
}

/// `values` are input, output.
private final class Int8BilinearStep: Step {
  private let lines: Partition
  private let op: Resize
  private let shape: [Int]
  private let columns: BilinearColumns<Int32>
  private let function: qs8_bilinear_function

  init(
    _ op: Resize, _ lines: Partition, _ shape: [Int], _ values: [ValueIndex], kernel: UnsafePointer<kernel>
  ) throws(RuntimeError) {
    self.op = op
    self.lines = lines
    self.shape = shape
    columns = try BilinearColumns(op.width, inputs: shape[2], channels: shape[3]) { $0.fixedShare }
    function = kernel.pointee.function.qs8_bilinear
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: lines.count)
  }

  override func run(tile: Int, thread: Int) {
    let lineElements = shape[2] * shape[3]
    for line in lines[tile] {
      let (image, y) = line.quotientAndRemainder(dividingBy: op.height)
      let down = ResizeCoordinate(output: y, of: op.height, inputs: shape[1])
      let input = address(0, as: Int8.self) + image * shape[1] * lineElements
      var arguments = qs8_bilinear_arguments(
        pixels: op.width, channels: shape[3], top: input + down.lower * lineElements,
        bottom: input + down.upper * lineElements, left: columns.left, right: columns.right, across: columns.shares,
        down: down.fixedShare, output: mutable(1, as: Int8.self) + line * op.width * shape[3])
      function(&arguments)
    }
  }
}

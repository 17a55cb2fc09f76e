import Format
import Kernels

// Pools over windows, and the mean over whole images.

extension Lowering {
  mutating func lowerMaxPool(_ op: Pool2D, _ node: Node) throws(RuntimeError) {
    let (x, output) = (node.inputs[0], node.outputs[0])
    let window = Window(op, input: graph.tensors[x].shape, output: graph.tensors[output].shape)
    try check(window, of: node)
    let pieces = pieces(work: Lowering.work(graph.tensors[output].count, window.taps))
    let geometry = WindowRow(window, elementSize: graph.tensors[x].type.size, moves: isStage)
    let (workspace, stride) = try workspace(bytesPerThread: geometry.workspaceBytes)
    let values = [x, output, workspace]
    let step: LineStep
    if graph.tensors[x].type == .s8 {
      step = Int8MaxPoolStep(
        geometry, kernel: kernel(.s8_maxpool), values: values, workspaceStride: stride, pieces: pieces)
    } else {
      step = FloatMaxPoolStep(
        geometry, kernel: kernel(.f32_maxpool), values: values, workspaceStride: stride, pieces: pieces)
    }
    try append(step, reads: [x], writes: [output], scratch: [workspace])
  }

  mutating func lowerAveragePool(_ op: Pool2D, _ node: Node) throws(RuntimeError) {
    let (x, output) = (node.inputs[0], node.outputs[0])
    let window = Window(op, input: graph.tensors[x].shape, output: graph.tensors[output].shape)
    try check(window, of: node)
    let pieces = pieces(work: Lowering.work(graph.tensors[output].count, window.taps))
    let geometry = WindowRow(window, elementSize: graph.tensors[x].type.size, moves: isStage)
    let (workspace, stride) = try workspace(
      bytesPerThread: geometry.workspaceBytes + geometry.longestRun * MemoryLayout<Float>.stride)
    let values = [x, output, workspace]
    let step: LineStep
    if graph.tensors[x].type == .s8 {
      step = try Int8AveragePoolStep(
        geometry, kernel: kernel(.qs8_avgpool), values: values, workspaceStride: stride, pieces: pieces,
        zeroPoint: quantization(x).zeroPoint)
    } else {
      step = try FloatAveragePoolStep(
        geometry, kernel: kernel(.f32_avgpool), values: values, workspaceStride: stride, pieces: pieces)
    }
    try append(step, reads: [x], writes: [output], scratch: [workspace])
  }

  mutating func lowerGlobalAveragePool(_ node: Node) {
    let (x, output) = (node.inputs[0], node.outputs[0])
    let shape = graph.tensors[x].shape
    let pixels = shape[1] * shape[2]
    let channels = Partition(shape[3], granule: 64, pieces: pieces(work: graph.tensors[x].count))
    let step: Step
    if graph.tensors[x].type == .s8 {
      step = Int8MeanStep(
        batch: shape[0], pixels: pixels, channels: channels, kernel: kernel(.qs8_mean),
        values: [x, output], zeroPoint: quantization(x).zeroPoint)
    } else {
      step = FloatMeanStep(
        batch: shape[0], pixels: pixels, channels: channels, kernel: kernel(.f32_mean),
        values: [x, output])
    }
    append(step, reads: [x], writes: [output])
  }
}

private final class FloatMaxPoolStep: WindowStep {
  private let function: f32_maxpool_function

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Pieces
  ) {
    function = kernel.pointee.function.f32_maxpool
    super.init(
      geometry, outputChannels: geometry.window.channels, values: values,
      kernelName: String(cString: kernel.pointee.name), workspaceStride: workspaceStride, pieces: pieces)
  }

  override func compute(_ run: WindowRun) {
    var arguments = f32_maxpool_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Float>.self), input_step: geometry.step, input_offset: 0,
      output: run.output.assumingMemoryBound(to: Float.self), output_stride: outputChannels)
    function(&arguments)
  }
}

private final class Int8MaxPoolStep: WindowStep {
  private let function: s8_maxpool_function

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Pieces
  ) {
    function = kernel.pointee.function.s8_maxpool
    super.init(
      geometry, outputChannels: geometry.window.channels, values: values,
      kernelName: String(cString: kernel.pointee.name), workspaceStride: workspaceStride, pieces: pieces)
  }

  override func compute(_ run: WindowRun) {
    var arguments = s8_maxpool_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), input_step: geometry.step, input_offset: 0,
      output: run.output.assumingMemoryBound(to: Int8.self), output_stride: outputChannels)
    function(&arguments)
  }
}

/// What average pools share: each pixel's divisor, and the buffer that stands for what is outside.
private class AveragePoolStep: WindowStep {
  final let padding: AlignedMemory

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Pieces,
    zeroPoint: Int32 = 0
  ) throws(RuntimeError) {
    padding = try AlignedMemory(count: geometry.window.channels * geometry.elementSize)
    padding.fill(zeroPoint)
    super.init(
      geometry, outputChannels: geometry.window.channels, values: values,
      kernelName: String(cString: kernel.pointee.name), workspaceStride: workspaceStride, pieces: pieces)
  }

  override final var outside: WindowRow.Outside { .buffer(UnsafeRawPointer(padding.base)) }

  /// Writes 1 / (places inside the image) for each pixel of the run behind its pointers.
  final func multipliers(_ run: WindowRun) -> UnsafePointer<Float> {
    let window = geometry.window
    let result = run.extra.assumingMemoryBound(to: Float.self)
    let y = run.row % window.outputHeight * window.strideHeight - window.top
    let rows = min(y + window.height, window.inputHeight) - max(y, 0)
    for (index, pixel) in run.pixels.enumerated() {
      let x = pixel * window.strideWidth - window.left
      let columns = min(x + window.width, window.inputWidth) - max(x, 0)
      result[index] = 1 / Float(rows * columns)
    }
    return UnsafePointer(result)
  }
}

private final class FloatAveragePoolStep: AveragePoolStep {
  private let function: f32_avgpool_function

  init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Pieces
  ) throws(RuntimeError) {
    function = kernel.pointee.function.f32_avgpool
    try super.init(geometry, kernel: kernel, values: values, workspaceStride: workspaceStride, pieces: pieces)
  }

  override func compute(_ run: WindowRun) {
    var arguments = f32_avgpool_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Float>.self), input_step: geometry.step, input_offset: 0,
      multipliers: multipliers(run), output: run.output.assumingMemoryBound(to: Float.self),
      output_stride: outputChannels)
    function(&arguments)
  }
}

private final class Int8AveragePoolStep: AveragePoolStep {
  private let function: qs8_avgpool_function
  private let zeroPoint: Int32

  override init(
    _ geometry: WindowRow, kernel: UnsafePointer<kernel>, values: [ValueIndex], workspaceStride: Int, pieces: Pieces,
    zeroPoint: Int32
  ) throws(RuntimeError) {
    function = kernel.pointee.function.qs8_avgpool
    self.zeroPoint = zeroPoint
    try super.init(
      geometry, kernel: kernel, values: values, workspaceStride: workspaceStride, pieces: pieces, zeroPoint: zeroPoint)
  }

  override func compute(_ run: WindowRun) {
    var arguments = qs8_avgpool_arguments(
      pixels: run.pixels.count, channels: outputChannels, taps: geometry.window.taps,
      inputs: run.inputs.assumingMemoryBound(to: UnsafePointer<Int8>.self), input_step: geometry.step, input_offset: 0,
      multipliers: multipliers(run), zero_point: zeroPoint, output: run.output.assumingMemoryBound(to: Int8.self),
      output_stride: outputChannels)
    function(&arguments)
  }
}

/// The mean over all pixels of an image; tiles are images times ranges of channels. `values` are input, output.
private final class FloatMeanStep: Step {
  private let pixels: Int
  private let channels: Partition
  private let function: f32_mean_function

  init(batch: Int, pixels: Int, channels: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex]) {
    self.pixels = pixels
    self.channels = channels
    function = kernel.pointee.function.f32_mean
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: batch * channels.count)
  }

  override func run(tile: Int, thread: Int) {
    let image = tile / channels.count
    let range = channels[tile % channels.count]
    function(
      pixels, range.count, address(0, as: Float.self) + image * pixels * channels.total + range.lowerBound,
      channels.total, mutable(1, as: Float.self) + image * channels.total + range.lowerBound)
  }
}

private final class Int8MeanStep: Step {
  private let pixels: Int
  private let channels: Partition
  private let zeroPoint: Int32
  private let function: qs8_mean_function

  init(
    batch: Int, pixels: Int, channels: Partition, kernel: UnsafePointer<kernel>, values: [ValueIndex],
    zeroPoint: Int32
  ) {
    self.pixels = pixels
    self.channels = channels
    self.zeroPoint = zeroPoint
    function = kernel.pointee.function.qs8_mean
    super.init(values: values, kernelName: String(cString: kernel.pointee.name), tiles: batch * channels.count)
  }

  override func run(tile: Int, thread: Int) {
    let image = tile / channels.count
    let range = channels[tile % channels.count]
    function(
      pixels, range.count, address(0, as: Int8.self) + image * pixels * channels.total + range.lowerBound,
      channels.total, zeroPoint, mutable(1, as: Int8.self) + image * channels.total + range.lowerBound)
  }
}

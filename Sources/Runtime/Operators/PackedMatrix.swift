import Format
import Kernels
import Quantize

/// The weights of a matrix product packed for a kernel, in groups of rows that can be multiplied one by one or in part:
/// what a recurrent layer multiplies the rows of a sequence by. It works on f32 rows.
///
/// A caller points `workspace` at its rows, `prepare`s them once, and then multiplies by as many parts as it likes.
class PackedMatrix {
  final let kernel: UnsafePointer<kernel>
  final let groups: Int
  /// Rows of one group, which are columns of the product.
  final let columns: Int
  final let depth: Int
  final let packed: AlignedMemory
  final let panelBytes: Int
  final let groupBytes: Int

  /// - Parameter pack: packs the weights of one group to the address given.
  init(
    _ kernel: UnsafePointer<kernel>, groups: Int, columns: Int, depth: Int,
    pack: (_ group: Int, UnsafeMutableRawPointer) -> Void
  ) throws(RuntimeError) {
    self.kernel = kernel
    self.groups = groups
    self.columns = columns
    self.depth = depth
    panelBytes = igemm_panel_size(kernel, 1, depth)
    groupBytes = igemm_packed_size(kernel, columns, 1, depth)
    packed = try AlignedMemory(count: groupBytes * groups)
    for group in 0..<groups { pack(group, packed.base + group * groupBytes) }
  }

  /// The most rows of one call.
  final var mostRows: Int { Int(kernel.pointee.mr) }
  /// Parts of a group begin at multiples of this.
  final var granule: Int { Int(kernel.pointee.nr) }

  /// Columns of a group in arrays with a value per column: kernels read up to a multiple of `granule`.
  final var paddedColumns: Int { (columns + granule - 1) / granule * granule }

  /// Bytes that one thread needs; the first `mostRows` pointers of them are the caller's to set.
  var workspaceBytes: Int { pointerBytes }
  final var pointerBytes: Int { mostRows * MemoryLayout<UnsafeRawPointer>.stride }

  final func rows(_ workspace: UnsafeMutableRawPointer) -> UnsafeMutablePointer<UnsafePointer<Float>> {
    workspace.assumingMemoryBound(to: UnsafePointer<Float>.self)
  }

  final func weights(group: Int, from column: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(packed.base) + group * groupBytes + column / granule * panelBytes
  }

  /// Makes the first `count` rows ready.
  func prepare(_ count: Int, _ workspace: UnsafeMutableRawPointer) {}

  /// Writes the products of `count` rows and a part of a group's columns, bias added, to `output`.
  func multiply(
    _ count: Int, group: Int, columns: Range<Int>, into output: UnsafeMutablePointer<Float>, stride: Int,
    _ workspace: UnsafeMutableRawPointer
  ) { preconditionFailure("a matrix without a kernel") }
}

final class FloatMatrix: PackedMatrix {
  private let function: f32_igemm_function

  /// - Parameters:
  ///   - weights: [groups · columns, depth].
  ///   - bias: [groups · columns].
  init(
    _ kernel: UnsafePointer<kernel>, groups: Int, columns: Int, depth: Int, weights: UnsafePointer<Float>, bias: [Float]
  ) throws(RuntimeError) {
    function = kernel.pointee.function.f32_igemm
    try super.init(kernel, groups: groups, columns: columns, depth: depth) { group, packed in
      bias.withUnsafeBufferPointer {
        f32_igemm_pack(
          kernel, columns, 1, depth, weights + group * columns * depth, $0.baseAddress! + group * columns, packed)
      }
    }
  }

  override func multiply(
    _ count: Int, group: Int, columns: Range<Int>, into output: UnsafeMutablePointer<Float>, stride: Int,
    _ workspace: UnsafeMutableRawPointer
  ) {
    var arguments = f32_igemm_arguments(
      rows: count, columns: columns.count, taps: 1, depth: depth, inputs: rows(workspace),
      weights: weights(group: group, from: columns.lowerBound), output: output, output_stride: stride, residual: nil,
      residual_stride: 0, minimum: -.infinity, maximum: .infinity)
    function(&arguments)
  }
}

/// s8 weights with a scale for each row; each row that is multiplied is quantized by its own range (docs/quantization.md,
/// "Recurrent layers"), so that what a step gives does not depend on the steps around it.
final class Int8Matrix: PackedMatrix {
  private let function: qs8_f32_igemm_function
  private let range: f32_range_function
  private let quantize: f32_quantize_function
  /// [groups][paddedColumns]
  private let scales: AlignedMemory
  private let bias: AlignedMemory
  /// Elements of a quantized row: `depth`, rounded up to what the kernel takes in one step. Weights are zeros there.
  private let rowBytes: Int

  init(
    _ kernel: UnsafePointer<kernel>, range: UnsafePointer<kernel>, quantize: UnsafePointer<kernel>, groups: Int,
    columns: Int, depth: Int, weights: UnsafePointer<Int8>, scales: [Float], bias: [Float]
  ) throws(RuntimeError) {
    function = kernel.pointee.function.qs8_f32_igemm
    self.range = range.pointee.function.f32_range
    self.quantize = quantize.pointee.function.f32_quantize
    let (nr, kr) = (Int(kernel.pointee.nr), Int(kernel.pointee.kr))
    let padded = (columns + nr - 1) / nr * nr
    rowBytes = (depth + kr - 1) / kr * kr
    self.scales = try Int8Matrix.perColumn(scales, groups: groups, columns: columns, padded: padded)
    self.bias = try Int8Matrix.perColumn(bias, groups: groups, columns: columns, padded: padded)
    try super.init(kernel, groups: groups, columns: columns, depth: depth) { group, packed in
      qs8_f32_igemm_pack(kernel, columns, 1, depth, weights + group * columns * depth, packed)
    }
  }

  private static func perColumn(
    _ values: [Float], groups: Int, columns: Int, padded: Int
  ) throws(RuntimeError) -> AlignedMemory {
    let memory = try AlignedMemory(count: groups * padded * MemoryLayout<Float>.stride)
    memory.fill(0)
    let floats = memory.base.assumingMemoryBound(to: Float.self)
    for (index, value) in values.enumerated() { floats[index / columns * padded + index % columns] = value }
    return memory
  }

  // A thread's workspace: pointers to rows, the rows' quantizations, multipliers of a part, quantized rows.
  private var parameterOffset: Int { pointerBytes }
  private var multiplierOffset: Int { parameterOffset + mostRows * MemoryLayout<DynamicOperand.Parameters>.stride }
  private var rowOffset: Int { (multiplierOffset + paddedColumns * MemoryLayout<Float>.stride + 63) & ~63 }
  override var workspaceBytes: Int { rowOffset + mostRows * rowBytes }

  override func prepare(_ count: Int, _ workspace: UnsafeMutableRawPointer) {
    let parameters = (workspace + parameterOffset).assumingMemoryBound(to: DynamicOperand.Parameters.self)
    for row in 0..<count {
      let source = rows(workspace)[row]
      let target = (workspace + rowOffset + row * rowBytes).assumingMemoryBound(to: Int8.self)
      var (minimum, maximum): (Float, Float) = (0, 0)
      range(depth, source, &minimum, &maximum)
      let (scale, zeroPoint) = Quantization.parameters(minimum: minimum, maximum: maximum)
      parameters[row] = .init(scale: scale, zeroPoint: zeroPoint)
      quantize(depth, source, target, 1 / scale, zeroPoint)
      for place in depth..<rowBytes { target[place] = 0 }
    }
  }

  override func multiply(
    _ count: Int, group: Int, columns: Range<Int>, into output: UnsafeMutablePointer<Float>, stride: Int,
    _ workspace: UnsafeMutableRawPointer
  ) {
    let first = group * paddedColumns + columns.lowerBound
    let scales = self.scales.base.assumingMemoryBound(to: Float.self) + first
    let multipliers = (workspace + multiplierOffset).assumingMemoryBound(to: Float.self)
    let parameters = (workspace + parameterOffset).assumingMemoryBound(to: DynamicOperand.Parameters.self)
    let padded = (columns.count + granule - 1) / granule * granule
    for row in 0..<count {
      let (scale, zeroPoint) = (parameters[row].scale, parameters[row].zeroPoint)
      for column in 0..<padded { multipliers[column] = scale * scales[column] }
      var input = UnsafePointer((workspace + rowOffset + row * rowBytes).assumingMemoryBound(to: Int8.self))
      withUnsafePointer(to: &input) { input in
        var arguments = qs8_f32_igemm_arguments(
          rows: 1, columns: columns.count, taps: 1, depth: rowBytes, inputs: input,
          weights: weights(group: group, from: columns.lowerBound), output: output + row * stride,
          output_stride: stride,
          residual: nil, residual_stride: 0,
          dequantization: qs8_dequantization(
            multipliers: UnsafePointer(multipliers),
            bias: UnsafePointer(bias.base.assumingMemoryBound(to: Float.self) + first), minimum: -.infinity,
            maximum: .infinity, input_zero_point: zeroPoint))
        function(&arguments)
      }
    }
  }
}

import Kernels

/// The micro-kernels compiled into this program, for listings and measurements.
public struct KernelCatalog: Sendable {
  public struct Entry: Sendable {
    /// `<type>_<op>[_<tile>]__<isa>`
    public let name: String
    /// The instruction set it is written for.
    public let isa: ISA
    /// Whether this CPU runs it.
    public let isSupported: Bool
    /// Whether sessions of the catalog's instruction set use it.
    public let isUsed: Bool
    // Safe to share between threads: points into the constant list of the C library.
    nonisolated(unsafe) let kernel: UnsafePointer<kernel>
  }

  public let entries: [Entry]

  /// - Parameter isa: whose sessions `isUsed` tells about.
  public init(for isa: ISA) {
    entries = (0..<Int(kernels_count())).map { index in
      let kernel = kernels_at(index)
      let best = kernels_best_dwconv(isa.tier, kernel.pointee.family, Int(kernel.pointee.taps))
      return Entry(
        name: String(cString: kernel.pointee.name), isa: ISA(kernel.pointee.isa),
        isSupported: kernels_isa_supported(kernel.pointee.isa), isUsed: best == kernel, kernel: kernel)
    }
  }
}

extension KernelCatalog.Entry {
  /// Multiply-accumulates per second on one thread at a middling shape: for products 196 pixels (14 × 14) of 256
  /// channels by 256 columns, for depthwise convolutions the window that the kernel is made for, or else 3 × 3, on a row
  /// of 56 pixels of 128 channels.
  ///
  /// - Returns: nil for kernels of other families, and for those that this CPU does not run.
  /// - Throws: `RuntimeError.outOfMemory`.
  public func measure(milliseconds: Int) throws(RuntimeError) -> Double? {
    guard isSupported else { return nil }
    let rate: Double
    switch kernel.pointee.family {
    case .f32_igemm, .qs8_igemm, .qs8_f32_igemm, .s16_gemm:
      let (rows, columns, taps, depth) = (196, 256, 1, 256)
      let memory = try AlignedMemory(count: kernels_measure_igemm_workspace(kernel, rows, columns, taps, depth))
      rate = kernels_measure_igemm(kernel, rows, columns, taps, depth, UInt32(milliseconds), memory.base)
    case .f32_dwconv, .qs8_dwconv, .qs8_f32_dwconv:
      let (pixels, channels, stride) = (56, 128, 1)
      let side = (1...15).first { $0 * $0 == Int(kernel.pointee.taps) } ?? 3
      let memory = try AlignedMemory(
        count: kernels_measure_dwconv_workspace(kernel, pixels, channels, side, side, stride))
      rate = kernels_measure_dwconv(
        kernel, pixels, channels, side, side, stride, UInt32(milliseconds), memory.base)
    case .f32_maxpool, .s8_maxpool, .f32_avgpool, .qs8_avgpool, .f32_mean, .qs8_mean, .f32_add, .qs8_add,
      .f32_multiply, .qs8_multiply, .f32_clamp, .f32_leaky_relu, .f32_sigmoid, .f32_tanh, .f32_hard_sigmoid,
      .f32_hard_swish, .f32_gelu, .f32_silu, .f32_softmax, .f32_range, .f32_quantize, .s8_dequantize, .s8_lookup,
      .s8_lookup_softmax, .f32_winograd_input, .f32_winograd_output, .f32_rnn_cell, .f32_lstm_cell, .f32_gru_cell,
      .f32_bilinear, .qs8_bilinear, .qs8_winograd_input, .qs8_winograd_output:
      return nil
    }
    return rate
  }
}

import Format

/// The elements of one tensor, typed.
public enum TensorValue: Equatable, Sendable {
  case f32([Float])
  case s8([Int8])
  case s32([Int32])
  case u8([UInt8])

  /// Copies elements out of raw bytes.
  public init(_ bytes: UnsafeRawBufferPointer, type: ElementType) {
    func elements<Element: BitwiseCopyable>() -> [Element] {
      let stride = MemoryLayout<Element>.stride
      return (0..<(bytes.count / stride)).map { bytes.loadUnaligned(fromByteOffset: $0 * stride, as: Element.self) }
    }
    self =
      switch type {
      case .f32: .f32(elements())
      case .s8: .s8(elements())
      case .s32: .s32(elements())
      case .u8: .u8(elements())
      }
  }

  /// Copies the elements of a constant.
  public init(_ constant: Constant, type: ElementType) {
    self = withExtendedLifetime(constant) { TensorValue(constant.bytes, type: type) }
  }

  public var type: ElementType {
    switch self {
    case .f32: .f32
    case .s8: .s8
    case .s32: .s32
    case .u8: .u8
    }
  }

  public var count: Int {
    switch self {
    case .f32(let elements): elements.count
    case .s8(let elements): elements.count
    case .s32(let elements): elements.count
    case .u8(let elements): elements.count
    }
  }

  /// The elements as a model file holds them.
  public var constant: Constant {
    switch self {
    case .f32(let elements): Constant(elements)
    case .s8(let elements): Constant(elements)
    case .s32(let elements): Constant(elements)
    case .u8(let elements): Constant(elements)
    }
  }

  /// The real numbers that the elements of `tensor` stand for: f32 as they are, s8 by the tensor's quantization; nil
  /// for other types.
  public func reals(of tensor: Tensor) -> [Float]? {
    switch self {
    case .f32(let elements): return elements
    case .s8(let elements):
      guard let quantization = tensor.quantization, quantization.axis == nil else { return nil }
      return elements.map { quantization.dequantize($0) }
    case .s32, .u8: return nil
    }
  }
}

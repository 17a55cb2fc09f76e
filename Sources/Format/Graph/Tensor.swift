/// What one element of a tensor is. The raw values are the codes in the file.
public enum ElementType: UInt8, Sendable, CaseIterable {
  case f32 = 1
  case s8 = 2
  case s32 = 3
  case u8 = 4

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .f32, .s32: 4
    case .s8, .u8: 1
    }
  }
}

/// How the integers of a tensor stand for real numbers: `real = scale × (q − zeroPoint)`.
///
/// - `scales` has one element (the whole tensor) or as many as the tensor's dimension `axis` (per channel). All are
///   in `Quantization.scales`.
/// - `zeroPoint` is in [−128, 127] for s8, and 0 for weights (symmetric). An s32 bias has no record: its scale is
///   the product of its node's input's and weights'.
public struct Quantization: Equatable, Sendable {
  public var scales: [Float]
  public var zeroPoint: Int32
  public var axis: Int?

  public init(scale: Float, zeroPoint: Int32) {
    self.scales = [scale]
    self.zeroPoint = zeroPoint
    self.axis = nil
  }

  /// Per-channel and symmetric, along dimension `axis`.
  public init(scales: [Float], axis: Int) {
    self.scales = scales
    self.zeroPoint = 0
    self.axis = axis
  }
}

/// The fixed bytes of a weight, a bias or a table: a range of a shared storage, elements little-endian.
public struct Constant: Sendable {
  public let storage: Storage
  public let range: Range<Int>

  /// - Precondition: `range` lies inside the storage.
  public init(storage: Storage, range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= storage.bytes.count, "constant outside its storage")
    self.storage = storage
    self.range = range
  }

  /// Copies an array into a storage of its own.
  public init<Element: BitwiseCopyable>(_ elements: [Element]) {
    let storage = Storage(copying: elements)
    self.init(storage: storage, range: 0..<storage.bytes.count)
  }

  /// The bytes, valid as long as `storage` lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage.bytes[range]) }

  /// The bytes as an array of `Element`.
  public func elements<Element: BitwiseCopyable>(as type: Element.Type) -> [Element] {
    let count = bytes.count / MemoryLayout<Element>.stride
    // One copy, not a loop: other modules call this unspecialized.
    return [Element](unsafeUninitializedCapacity: count) { elements, initializedCount in
      let used = UnsafeRawBufferPointer(rebasing: bytes[..<(count * MemoryLayout<Element>.stride)])
      UnsafeMutableRawBufferPointer(elements).copyMemory(from: used)
      initializedCount = count
    }
  }
}

/// The record of one tensor of a graph: what flows along an edge, or a constant.
///
/// Activations are NHWC, convolution weights OHWI, depthwise weights HWC, dense weights [outputs, inputs]; elements are
/// in row-major order.
public struct Tensor: Sendable {
  public var name: String
  public var type: ElementType
  /// Dimensions, each at least 1; rank 1 to 6. The first dimension of an activation is the batch.
  public var shape: [Int]
  /// Of s8 tensors only.
  public var quantization: Quantization?
  /// The elements of a constant; nil for an activation.
  public var constant: Constant?

  public init(
    name: String, type: ElementType, shape: [Int], quantization: Quantization? = nil, constant: Constant? = nil
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.quantization = quantization
    self.constant = constant
  }

  /// Number of elements. The verifier has made sure that the product does not overflow.
  public var count: Int { shape.reduce(1, *) }

  /// Bytes of all elements.
  public var byteCount: Int { count * type.size }
}

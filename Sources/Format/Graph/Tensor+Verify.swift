// One tensor record on its own: shape, quantization, the bytes of a constant.

/// The bytes of a tensor of this shape, having made sure that rank, dimensions and size are within `Limits`.
@discardableResult
func checkedByteCount(_ shape: [Int], _ type: ElementType, _ what: String) throws(FormatError) -> Int {
  guard 1...Limits.rank ~= shape.count else {
    throw .invalid(what: "\(what), rank", expected: "1 to \(Limits.rank)", found: "\(shape.count)")
  }
  var count = 1
  for dimension in shape {
    guard 1...Limits.dimension ~= dimension else {
      throw .invalid(what: "\(what), dimension", expected: "1 to \(Limits.dimension)", found: "\(dimension)")
    }
    let product = count.multipliedReportingOverflow(by: dimension)
    guard !product.overflow, product.partialValue <= Limits.elements else {
      throw .invalid(what: what, expected: "at most \(Limits.elements) elements", found: shapeText(shape))
    }
    count = product.partialValue
  }
  return count * type.size
}

/// Names, labels and other texts end up on terminals and in JSON: short, and without control characters.
func verifyText(_ text: String, _ what: String) throws(FormatError) {
  guard text.utf8.count <= Limits.textBytes else {
    throw .invalid(what: what, expected: "at most \(Limits.textBytes) bytes", found: "\(text.utf8.count)")
  }
  var previous: UInt8 = 0
  for byte in text.utf8 {
    // C0, DEL, and C1, which UTF-8 writes as C2 80 to C2 9F.
    guard byte >= 0x20, byte != 0x7F, !(previous == 0xC2 && byte < 0xA0) else {
      throw .invalid(what: what, expected: "no control characters", found: "byte \(byte)")
    }
    previous = byte
  }
}

extension Tensor {
  /// Checks what does not depend on the nodes around. `what` is how errors call this tensor.
  func verify(_ what: String) throws(FormatError) {
    try verifyText(name, "\(what), name")
    let byteCount = try checkedByteCount(shape, type, what)
    try verifyQuantization(what)
    guard let constant else {
      guard type == .f32 || type == .s8 else {
        throw .invalid(what: "\(what), element type of an activation", expected: "f32 or s8", found: type.name)
      }
      guard type == .f32 || (quantization != nil && quantization?.axis == nil) else {
        throw .invalid(
          what: "\(what), quantization of an s8 activation", expected: "one scale",
          found: quantization == nil ? "none" : "scales per channel")
      }
      return
    }
    let bytes = constant.bytes
    guard bytes.count == byteCount else {
      throw .invalid(what: "\(what), constant", expected: "\(byteCount) bytes", found: "\(bytes.count)")
    }
    try constant.verifyElements(of: type, "\(what), constant")
  }

  private func verifyQuantization(_ what: String) throws(FormatError) {
    guard let quantization else { return }
    guard type == .s8 else {
      throw .invalid(what: "\(what), quantization", expected: "none for \(type.name)", found: "one")
    }
    var expectedScales = 1
    if let axis = quantization.axis {
      guard shape.indices ~= axis else {
        throw .invalid(what: "\(what), quantization axis", expected: "0 to \(shape.count - 1)", found: "\(axis)")
      }
      expectedScales = shape[axis]
    }
    guard quantization.scales.count == expectedScales else {
      throw .invalid(what: "\(what), scales", expected: "\(expectedScales)", found: "\(quantization.scales.count)")
    }
    for scale in quantization.scales where !(Quantization.scales ~= scale) {
      throw .invalid(what: "\(what), scale", expected: "2^-40 to 2^40", found: scale.shortText)
    }
    let zeroPoints: ClosedRange<Int32> = quantization.axis == nil ? -128...127 : 0...0
    guard zeroPoints ~= quantization.zeroPoint else {
      throw .invalid(
        what: "\(what), zero point", expected: "\(zeroPoints.lowerBound) to \(zeroPoints.upperBound)",
        found: "\(quantization.zeroPoint)")
    }
  }
}

extension Constant {
  /// Checks that elements of `type` can be used where they lie, and that no f32 is NaN or infinite.
  func verifyElements(of type: ElementType, _ what: String) throws(FormatError) {
    guard UInt(bitPattern: bytes.baseAddress) % UInt(type.size) == 0 else {
      throw .invalid(what: what, expected: "bytes aligned to \(type.size)", found: "others")
    }
    guard type != .f32 || isFinite else {
      throw .invalid(what: what, expected: "finite numbers", found: "NaN or infinity")
    }
  }

  /// Whether no f32 is NaN or infinite.
  var isFinite: Bool {
    // Adding one to an exponent of all ones carries into the sign bit, which was cleared; two elements at a time.
    let marks = combinedWords { ($0 & 0x7FFF_FFFF_7FFF_FFFF) &+ 0x0080_0000_0080_0000 }
    return marks & 0x8000_0000_8000_0000 == 0
  }

  /// Whether all s8 elements are in [−127, 127], as weights are.
  var isSymmetric: Bool {
    // −128 becomes a zero byte, and only a zero byte borrows into a high bit that was clear; eight elements at a time.
    let marks = combinedWords { word in
      let flipped = word ^ 0x8080_8080_8080_8080
      return (flipped &- 0x0101_0101_0101_0101) & ~flipped
    }
    return marks & 0x8080_8080_8080_8080 == 0
  }

  /// The bitwise or of `mark` over all bytes, taken as words of 8, the last one filled up with zeros.
  ///
  /// Loading a model must not take longer than reading its bytes, also where a build for small size does not vectorize:
  /// so words, and inlined into the two checks that go over all weights.
  @inline(__always)
  private func combinedWords(_ mark: (UInt64) -> UInt64) -> UInt64 {
    let bytes = bytes
    let whole = bytes.count & ~7
    var marks: UInt64 = 0
    for offset in stride(from: 0, to: whole, by: 8) {
      marks |= mark(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    var last: UInt64 = 0
    for offset in whole..<bytes.count { last |= UInt64(bytes[offset]) << UInt64(8 * (offset - whole)) }
    return marks | mark(last)
  }

  /// Whether all s32 elements are in `range`.
  func isWithin(_ range: ClosedRange<Int32>) -> Bool {
    var outside = false
    for value in words(as: Int32.self) where !(range ~= value) { outside = true }
    return !outside
  }

  /// Whether no f32 element is less than 0.
  var isNonNegative: Bool {
    var outside = false
    for value in words(as: Float.self) where value < 0 { outside = true }
    return !outside
  }

  /// The elements where they lie.
  private func words<Element: BitwiseCopyable>(as type: Element.Type) -> UnsafeBufferPointer<Element> {
    // Safe: `verifyElements` has checked that the bytes are aligned to the element's size.
    bytes.assumingMemoryBound(to: type)
  }
}

extension Float {
  /// The number for error texts, without the code that exact printing takes on small devices.
  var shortText: String {
    if isNaN { return "NaN" }
    if let integer = Int32(exactly: self) { return "\(integer)" }
    let sign = self < 0 ? "-" : ""
    if isInfinite { return "\(sign)infinity" }
    guard 0x1p-8...0x1p20 ~= magnitude else { return "about \(sign)2^\(exponent)" }
    let thousandths = Int32((magnitude * 1000).rounded())
    let fraction = thousandths % 1000
    return "\(sign)\(thousandths / 1000).\(fraction < 100 ? "0" : "")\(fraction < 10 ? "0" : "")\(fraction)"
  }
}

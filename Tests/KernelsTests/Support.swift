import Glibc
import Kernels
import TestSupport
import Testing

/// A kernel of the list, as a test argument: shown by its name.
struct KernelUnderTest: Sendable, CustomTestStringConvertible {
  let index: Int

  var pointer: UnsafePointer<kernel> { kernels_at(index) }
  var descriptor: kernel { pointer.pointee }
  var function: kernel_function { pointer.pointee.function }
  var mr: Int { Int(descriptor.mr) }
  var nr: Int { Int(descriptor.nr) }
  var taps: Int { Int(descriptor.taps) }
  var testDescription: String { String(cString: descriptor.name) }

  /// All kernels of a family that this CPU runs, the scalar one among them.
  static func all(_ family: kernel_family) -> [KernelUnderTest] {
    (0..<kernels_count()).map { KernelUnderTest(index: $0) }
      .filter { $0.descriptor.family == family && kernels_isa_supported($0.descriptor.isa) }
  }
}

/// Memory between two inaccessible pages. A read or write past the end to which it lies flush kills the test process,
/// with the kernel's name in the crash report's stack.
final class GuardedBuffer<Element: BitwiseCopyable> {
  enum Side { case start, end }

  let elements: UnsafeMutableBufferPointer<Element>
  private let mapping: UnsafeMutableRawPointer
  private let mappingSize: Int

  /// - Parameter alignment: of the first element; a buffer that lies flush to the end may stay up to `alignment` − 1
  ///   bytes short of it.
  init(
    _ contents: [Element], flushTo side: Side = .end, alignment: Int = MemoryLayout<Element>.alignment
  ) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let size = contents.count * MemoryLayout<Element>.stride
    let pages = (size + page - 1) / page * page
    mappingSize = pages + 2 * page
    mapping = mmap(nil, mappingSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(mapping != MAP_FAILED && mprotect(mapping + page, pages, PROT_READ | PROT_WRITE) == 0)
    var start = mapping + page
    if side == .end { start += (pages - size) / alignment * alignment }
    elements = UnsafeMutableBufferPointer(start: start.assumingMemoryBound(to: Element.self), count: contents.count)
    _ = elements.initialize(from: contents)
  }

  deinit { munmap(mapping, mappingSize) }

  var base: UnsafeMutablePointer<Element> { elements.baseAddress! }
  var raw: UnsafeMutableRawPointer { UnsafeMutableRawPointer(base) }
}

extension GuardedBuffer {
  /// Both ways to place the same contents.
  static var sides: [Side] { [.start, .end] }
}

/// A rectangle [rows][columns] of outputs inside a buffer with `stride` elements from row to row, flush to a guard page.
/// What lies between the rows must stay as it was.
struct OutputRectangle<Element: BitwiseCopyable & Equatable> {
  let rows: Int
  let columns: Int
  let stride: Int
  let untouched: Element
  let buffer: GuardedBuffer<Element>

  init(rows: Int, columns: Int, gap: Int, untouched: Element, flushTo side: GuardedBuffer<Element>.Side) {
    self.rows = rows
    self.columns = columns
    self.untouched = untouched
    stride = columns + gap
    let contents = [Element](repeating: untouched, count: (rows - 1) * stride + columns)
    buffer = GuardedBuffer(contents, flushTo: side)
  }

  /// Writes `elements` [rows][columns] into the rectangle.
  func fill(_ elements: UnsafeMutableBufferPointer<Element>) {
    for row in 0..<rows {
      for column in 0..<columns { buffer.base[row * stride + column] = elements[row * columns + column] }
    }
  }

  subscript(row: Int, column: Int) -> Element { buffer.elements[row * stride + column] }

  var gapsAreUntouched: Bool {
    (0..<(rows - 1)).allSatisfy { row in
      (columns..<stride).allSatisfy { self[row, $0] == untouched }
    }
  }
}

/// The arithmetic of the epilogues once more, by Swift's own operations.
enum Reference {
  static func requantize(_ sum: Int64, _ multiplier: Float, minimum: Int32, maximum: Int32, zeroPoint: Int32) -> Int8 {
    let scaled = Float(Int32(sum)) * multiplier
    let clamped = max(min(scaled, Float(maximum - zeroPoint)), Float(minimum - zeroPoint))
    return Int8(Int32(clamped.rounded(.toNearestOrEven)) + zeroPoint)
  }

  static func add(_ a: Int8, _ b: Int8, _ s: qs8_addition) -> Int8 {
    let scaledA = (Int64(a) - Int64(s.zero_point_a)) * Int64(s.multiplier_a)
    let scaledB = (Int64(b) - Int64(s.zero_point_b)) * Int64(s.multiplier_b)
    let shifted = (scaledA + scaledB + (1 << Int64(s.shift - 1))) >> Int64(s.shift)
    return Int8(max(min(shifted + Int64(s.zero_point), Int64(s.maximum)), Int64(s.minimum)))
  }

  static func multiply(_ a: Int8, _ b: Int8, _ m: qs8_multiplication) -> Int8 {
    let product = (Int64(a) - Int64(m.zero_point_a)) * (Int64(b) - Int64(m.zero_point_b))
    return requantize(product, m.multiplier, minimum: -128, maximum: 127, zeroPoint: m.zero_point)
  }

  /// Bound on the error of a float sum of `terms` products taken in any order, `magnitude` being the sum of their
  /// absolute values: one rounding per multiplication and addition (Higham, Accuracy and Stability, §3.1).
  static func sumBound(terms: Int, magnitude: Double) -> Double {
    let u = 0x1p-24 * Double(terms + 2)
    return u / (1 - u) * magnitude + 1e-37
  }
}

extension qs8_multiplication {
  static func random(using generator: inout SeededGenerator) -> qs8_multiplication {
    qs8_multiplication(
      zero_point_a: .random(in: -128...127, using: &generator),
      zero_point_b: .random(in: -128...127, using: &generator),
      multiplier: .random(in: 0.0001...0.02, using: &generator),
      zero_point: .random(in: -128...127, using: &generator))
  }
}

extension qs8_addition {
  static func random(using generator: inout SeededGenerator) -> qs8_addition {
    let shift = Int32.random(in: 2...31, using: &generator)
    let largest: Int32 = 1 << 21
    return qs8_addition(
      zero_point_a: .random(in: -128...127, using: &generator),
      zero_point_b: .random(in: -128...127, using: &generator),
      multiplier_a: .random(in: 0...largest, using: &generator),
      multiplier_b: .random(in: 0...largest, using: &generator),
      shift: shift, zero_point: .random(in: -128...127, using: &generator), minimum: -128,
      maximum: .random(in: 0...127, using: &generator))
  }
}

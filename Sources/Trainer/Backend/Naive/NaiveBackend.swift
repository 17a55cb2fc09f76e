import Foundation
import Format

/// The oracle: every operation as its definition says, in double precision, with plain loops. All other backends are
/// tested against it, and it against central differences.
public final class NaiveBackend: Backend {
  public init() {}

  public var name: String { "naive" }

  /// Reals, or integers as reals.
  final class Buffer: DeviceBuffer {
    var values: [Double]
    var count: Int { values.count }

    init(count: Int) { values = [Double](repeating: 0, count: count) }
  }

  // MARK: Memory

  public func allocate(_ element: DeviceElement, count: Int) throws(TrainerError) -> any DeviceBuffer {
    Buffer(count: count)
  }

  public func upload(_ values: UnsafeBufferPointer<Float>, to slice: DeviceSlice) {
    let target = Doubles(slice)
    for i in 0..<slice.count { target[i] = Double(values[i]) }
  }

  public func upload(_ values: UnsafeBufferPointer<Int32>, to slice: DeviceSlice) {
    let target = Doubles(slice)
    for i in 0..<slice.count { target[i] = Double(values[i]) }
  }

  public func download(_ slice: DeviceSlice, into values: UnsafeMutableBufferPointer<Float>) throws(TrainerError) {
    let source = Doubles(slice)
    for i in 0..<slice.count { values[i] = Float(source[i]) }
  }

  public func finish() throws(TrainerError) {}

  // MARK: Element by element

  public func activationForward(_ activation: Activation, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (Doubles(input), Doubles(output))
    for i in 0..<input.count { y[i] = activation.value(x[i]) }
  }

  public func activationBackward(
    _ activation: Activation, values: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (v, dy, dx) = (Doubles(values), Doubles(outputGradient), Doubles(inputGradient))
    for i in 0..<values.count { dx[i] = dy[i] * activation.slope(at: v[i]) }
  }

  public func add(_ a: DeviceSlice, _ b: DeviceSlice, output: DeviceSlice) {
    let (a, b, y) = (Doubles(a), Doubles(b), Doubles(output))
    for i in 0..<output.count { y[i] = a[i] + b[i] }
  }

  public func multiplyForward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, output: DeviceSlice
  ) {
    let (a, b, y) = (Doubles(a), Doubles(b), Doubles(output))
    for i in 0..<(count * geometry.count) { y[i] = a[i] * b[geometry.factor(of: i)] }
  }

  public func multiplyBackward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, outputGradient: DeviceSlice,
    aGradient: DeviceSlice?, bGradient: DeviceSlice?
  ) {
    let (a, b, dy) = (Doubles(a), Doubles(b), Doubles(outputGradient))
    if let db = bGradient.map(Doubles.init) {
      for i in 0..<(count * geometry.channels) { db[i] = 0 }
      for i in 0..<(count * geometry.count) { db[geometry.factor(of: i)] += dy[i] * a[i] }
    }
    // Last, for it may overwrite the output's gradient.
    if let da = aGradient.map(Doubles.init) {
      for i in 0..<(count * geometry.count) { da[i] = dy[i] * b[geometry.factor(of: i)] }
    }
  }

  public func copy(_ source: DeviceSlice, to destination: DeviceSlice) {
    let (x, y) = (Doubles(source), Doubles(destination))
    for i in 0..<source.count { y[i] = x[i] }
  }

  public func dropout(_ mask: DropoutMask, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (Doubles(input), Doubles(output))
    let random = Philox(key: mask.seed)
    for i in 0..<input.count {
      let element = mask.first + i
      let word = random(UInt32(truncatingIfNeeded: element / 4), 0, mask.stream, mask.step)[element % 4]
      y[i] = word < mask.threshold ? 0 : x[i] / (1 - Double(mask.rate))
    }
  }

  public func copyRows(
    rows: Int, columns: Int, source: DeviceSlice, sourceStride: Int, destination: DeviceSlice, destinationStride: Int
  ) {
    let (x, y) = (Doubles(source), Doubles(destination))
    for row in 0..<rows {
      for column in 0..<columns { y[row * destinationStride + column] = x[row * sourceStride + column] }
    }
  }
}

/// The elements of a slice of the naive backend.
struct Doubles {
  private let buffer: NaiveBackend.Buffer
  private let offset: Int

  init(_ slice: DeviceSlice) {
    guard let buffer = slice.buffer as? NaiveBackend.Buffer else {
      preconditionFailure("a buffer of another backend")
    }
    self.buffer = buffer
    offset = slice.offset
  }

  subscript(index: Int) -> Double {
    get { buffer.values[offset + index] }
    nonmutating set { buffer.values[offset + index] = newValue }
  }
}

extension MultiplyGeometry {
  /// The element of b that element `i` of a is multiplied by.
  fileprivate func factor(of i: Int) -> Int { i / count * channels + i % channels }
}

import COpenBLAS
import Foundation
import Format
import TrainerKernels

/// Training on the CPU in single precision: OpenBLAS for matrix products, the device's `Kernels` for Winograd's
/// convolutions, `TrainerKernels` for the rest, each on one thread per piece of work, and a thread pool of its own above.
///
/// An operation is cut into pieces that depend on its sizes alone, and sums over pieces are added in the pieces' order:
/// the number of threads changes the time, never a bit.
///
/// OpenBLAS 0.3.21 takes AVX2 kernels on AVX-512 CPUs that are newer than itself; with OPENBLAS_CORETYPE=Cooperlake in
/// the environment when the program starts it is twice as fast there.
public final class CPUBackend: Backend {
  let pool: ThreadPool
  /// Working memory per worker, and for sums of pieces; they grow at first use and stay.
  private let scratches: [Scratch]
  private let partialSums = Scratch()
  private let packedWeights = Scratch()
  let kernels = ConvolutionKernels()

  /// - Parameter threads: at least 1; the CPU's number of cores if nil.
  public init(threads: Int? = nil) {
    openblas_set_num_threads(1)
    pool = ThreadPool(threads: max(threads ?? ProcessInfo.processInfo.activeProcessorCount, 1))
    scratches = (0..<pool.threads).map { _ in Scratch() }
  }

  public var threads: Int { pool.threads }
  public var name: String { "cpu, \(threads) thread\(threads == 1 ? "" : "s")" }

  /// Reals or 32-bit integers, aligned to 64 bytes. The kernels may touch the slack at the end.
  final class Buffer: DeviceBuffer {
    let memory: UnsafeMutableRawPointer
    let count: Int

    /// Zeroed; nil if the system has not that much memory.
    init?(count: Int) {
      self.count = count
      let bytes = (count + Int(TRAINER_SLACK)) * MemoryLayout<Float>.stride
      guard let memory = aligned_alloc(64, (bytes + 63) / 64 * 64) else { return nil }
      memset(memory, 0, bytes)
      self.memory = memory
    }

    deinit { free(memory) }
  }

  /// Memory that grows.
  final class Scratch {
    private var buffer: Buffer?

    /// At least `count` floats with slack; what was in it is lost.
    func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
      if let buffer, buffer.count >= count { return buffer.memory.assumingMemoryBound(to: Float.self) }
      // A few megabytes at most, beside a network that has found room for all of its own.
      guard let grown = Buffer(count: count) else { fatalError("no memory for \(count) floats of working memory") }
      buffer = grown
      return grown.memory.assumingMemoryBound(to: Float.self)
    }
  }

  /// Working memory of one worker; valid until that worker asks again.
  func scratch(worker: Int, _ count: Int) -> UnsafeMutablePointer<Float> { scratches[worker].floats(count) }

  /// Memory for the parts of a sum; valid until the next operation.
  func parts(_ count: Int) -> UnsafeMutablePointer<Float> { partialSums.floats(count) }

  /// Memory for weights in the order of a kernel; valid until the next operation.
  func packed(_ count: Int) -> UnsafeMutablePointer<Float> { packedWeights.floats(count) }

  // MARK: Memory

  public func allocate(_ element: DeviceElement, count: Int) throws(TrainerError) -> any DeviceBuffer {
    guard let buffer = Buffer(count: count) else {
      throw .device(name: name, reason: "no memory for \(count * MemoryLayout<Float>.stride) bytes")
    }
    return buffer
  }

  public func upload(_ values: UnsafeBufferPointer<Float>, to slice: DeviceSlice) {
    guard let base = values.baseAddress else { return }
    floats(slice).update(from: base, count: slice.count)
  }

  public func upload(_ values: UnsafeBufferPointer<Int32>, to slice: DeviceSlice) {
    guard let base = values.baseAddress else { return }
    integers(slice).update(from: base, count: slice.count)
  }

  public func download(_ slice: DeviceSlice, into values: UnsafeMutableBufferPointer<Float>) throws(TrainerError) {
    guard let base = values.baseAddress else { return }
    base.update(from: floats(slice), count: slice.count)
  }

  public func finish() throws(TrainerError) {}

  // MARK: Element by element

  public func activationForward(_ activation: Activation, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (floats(input), floats(output))
    forEachRun(of: output.count) { start, count in
      trainer_activation(activation.function, x + start, y + start, count)
    }
  }

  public func activationBackward(
    _ activation: Activation, values: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (v, dy, dx) = (floats(values), floats(outputGradient), floats(inputGradient))
    forEachRun(of: values.count) { start, count in
      trainer_activation_gradient(activation.function, v + start, dy + start, dx + start, count)
    }
  }

  public func add(_ a: DeviceSlice, _ b: DeviceSlice, output: DeviceSlice) {
    let (a, b, y) = (floats(a), floats(b), floats(output))
    forEachRun(of: output.count) { start, count in trainer_add(a + start, b + start, y + start, count) }
  }

  public func multiplyForward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, output: DeviceSlice
  ) {
    let (a, b, y) = (floats(a), floats(b), floats(output))
    forEachRange(of: count, atLeast: max(CPUBackend.run / geometry.count, 1)) { images in
      for image in images {
        let (start, factors) = (image * geometry.count, image * geometry.channels)
        trainer_multiply(geometry.pixels, geometry.channels, a + start, b + factors, y + start)
      }
    }
  }

  public func multiplyBackward(
    _ geometry: MultiplyGeometry, count: Int, a: DeviceSlice, b: DeviceSlice, outputGradient: DeviceSlice,
    aGradient: DeviceSlice?, bGradient: DeviceSlice?
  ) {
    let (a, b, dy) = (floats(a), floats(b), floats(outputGradient))
    let (da, db) = (aGradient.map(floats), bGradient.map(floats))
    forEachRange(of: count, atLeast: max(CPUBackend.run / geometry.count, 1)) { images in
      for image in images {
        let (start, factors) = (image * geometry.count, image * geometry.channels)
        trainer_multiply_gradient(
          geometry.pixels, geometry.channels, a + start, b + factors, dy + start, da.map { $0 + start },
          db.map { $0 + factors })
      }
    }
  }

  public func copy(_ source: DeviceSlice, to destination: DeviceSlice) {
    let (x, y) = (floats(source), floats(destination))
    forEachRun(of: source.count) { start, count in (y + start).update(from: x + start, count: count) }
  }

  public func dropout(_ mask: DropoutMask, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (floats(input), floats(output))
    forEachRun(of: input.count) { start, count in
      trainer_dropout(
        mask.seed, mask.stream, mask.step, mask.threshold, 1 / (1 - mask.rate), mask.first + start, x + start,
        y + start, count)
    }
  }

  public func copyRows(
    rows: Int, columns: Int, source: DeviceSlice, sourceStride: Int, destination: DeviceSlice, destinationStride: Int
  ) {
    let (x, y) = (floats(source), floats(destination))
    forEachRange(of: rows, atLeast: max(CPUBackend.run / columns, 1)) { range in
      for row in range { (y + row * destinationStride).update(from: x + row * sourceStride, count: columns) }
    }
  }
}

// MARK: Cutting work into pieces

extension CPUBackend {
  /// Elements that are worth a piece of an element-wise operation.
  static let run = 16_384
  /// The most pieces of one operation: more threads than this have nothing to do.
  static let mostPieces = 16

  /// Calls `body` with runs that make up 0..<count, each but the last a multiple of 16 elements long.
  func forEachRun(of count: Int, _ body: (_ start: Int, _ count: Int) -> Void) {
    forEachRange(of: (count + 15) / 16, atLeast: CPUBackend.run / 16) { range in
      let start = range.lowerBound * 16
      body(start, min(range.upperBound * 16, count) - start)
    }
  }

  /// Calls `body` with ranges that make up 0..<count, of at least `least` each if there are several.
  func forEachRange(of count: Int, atLeast least: Int, _ body: (Range<Int>) -> Void) {
    let pieces = CPUBackend.pieces(count, atLeast: least)
    pool.run(pieces: pieces) { piece, _ in body(CPUBackend.range(piece, of: pieces, over: count)) }
  }

  static func pieces(_ count: Int, atLeast least: Int) -> Int { min(max(count / least, 1), mostPieces) }

  /// Piece `piece` of `pieces` nearly equal ones of 0..<count.
  static func range(_ piece: Int, of pieces: Int, over count: Int) -> Range<Int> {
    (count * piece / pieces)..<(count * (piece + 1) / pieces)
  }

  func floats(_ slice: DeviceSlice) -> UnsafeMutablePointer<Float> {
    memory(slice).assumingMemoryBound(to: Float.self) + slice.offset
  }

  func integers(_ slice: DeviceSlice) -> UnsafeMutablePointer<Int32> {
    memory(slice).assumingMemoryBound(to: Int32.self) + slice.offset
  }

  private func memory(_ slice: DeviceSlice) -> UnsafeMutableRawPointer {
    guard let buffer = slice.buffer as? Buffer else { preconditionFailure("a buffer of another backend") }
    return buffer.memory
  }
}

extension Activation {
  /// What `TrainerKernels` knows it by.
  var function: trainer_function {
    switch self {
    case .relu: trainer_function(code: Int32(TRAINER_RELU), slope: 0)
    case .relu6: trainer_function(code: Int32(TRAINER_RELU6), slope: 0)
    case .sigmoid: trainer_function(code: Int32(TRAINER_SIGMOID), slope: 0)
    case .tanh: trainer_function(code: Int32(TRAINER_TANH), slope: 0)
    case .hardSigmoid: trainer_function(code: Int32(TRAINER_HARD_SIGMOID), slope: 0)
    case .hardSwish: trainer_function(code: Int32(TRAINER_HARD_SWISH), slope: 0)
    case .gelu: trainer_function(code: Int32(TRAINER_GELU), slope: 0)
    case .silu: trainer_function(code: Int32(TRAINER_SILU), slope: 0)
    case .threshold: trainer_function(code: Int32(TRAINER_THRESHOLD), slope: 0)
    case .leakyReLU(let slope): trainer_function(code: Int32(TRAINER_LEAKY_RELU), slope: slope)
    }
  }
}

extension Activation? {
  var function: trainer_function { self?.function ?? trainer_function(code: Int32(TRAINER_NONE), slope: 0) }
}

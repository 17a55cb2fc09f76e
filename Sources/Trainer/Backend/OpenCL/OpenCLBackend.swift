import Format
import OpenCLKernels

/// A device through OpenCL 1.2: a GPU, or a CPU with a driver such as PoCL. docs/opencl.md tells how it works.
///
/// Everything lies on the device: weights, activations, gradients, slots. A step puts its kernels into one queue and waits
/// for their results alone. Sums are cut in a way that depends on their sizes and on the device, and their parts added
/// in order, so that a device gives the same bits each time.
public final class OpenCLBackend: Backend {
  let queue: OpenCLQueue
  /// The programs of matrix products, and how they are cut.
  let gemm: GemmPlan
  /// Options of all programs.
  let options: String
  /// Lanes of the vectors that kernels are written with: see programs/common.cl.
  let lanes: Int
  /// Whether work is cut as for a CPU: few work-groups of few work-items, with vectors.
  let isCPU: Bool
  /// Bytes that all memory may have once examples are kept on the device; nil: three quarters of what the device has.
  var residentLimit: Int?
  private var scratches: [ScratchUse: OpenCLBuffer] = [:]

  /// - Parameters:
  ///   - gemm: nil takes what suits the kind of device; `GemmTuner` finds what suits the device.
  ///   - profiling: whether to measure each kernel's time, for `profile`.
  ///   - cache: where compiled programs are kept; nil: nowhere.
  /// - Throws: `TrainerError.device` if the device cannot be used.
  public convenience init(
    _ device: OpenCLDevice, gemm: GemmPlan? = nil, profiling: Bool = false, cache: OpenCLCache? = nil
  ) throws(TrainerError) {
    try self.init(
      device, isCPU: device.isCPU, gemm: gemm ?? GemmPlan.standard(for: device), profiling: profiling, cache: cache)
  }

  /// - Parameter isCPU: tests take a CPU as if it were a GPU.
  init(
    _ device: OpenCLDevice, isCPU: Bool, gemm: GemmPlan, profiling: Bool = false, cache: OpenCLCache? = nil
  ) throws(TrainerError) {
    queue = try OpenCLQueue(device, profiling: profiling, cache: cache)
    self.isCPU = isCPU
    lanes = isCPU ? [16, 8, 4].first { $0 <= device.vectorWidth } ?? 4 : 1
    options = "-DVEC=\(lanes)"
    self.gemm = gemm
  }

  public var device: OpenCLDevice { queue.device }
  public var name: String { device.title }

  /// Time spent in each kernel since the beginning or `resetProfile`; empty without profiling.
  public func profile() throws(TrainerError) -> [KernelProfile] {
    try finish()
    return queue.profiler?.profiles ?? []
  }

  /// How busy the device was in that time; nil without profiling.
  public func timeline() throws(TrainerError) -> QueueTimeline? {
    try finish()
    return queue.profiler?.timeline
  }

  public func resetProfile() throws(TrainerError) {
    try finish()
    queue.profiler?.reset()
  }

  // MARK: Memory

  public func allocate(_ element: DeviceElement, count: Int) throws(TrainerError) -> any DeviceBuffer {
    guard count <= Int(Int32.max) else {
      throw .device(name: name, reason: "a buffer of \(count) elements; kernels count to \(Int32.max)")
    }
    return try queue.allocate(count: count)
  }

  public func upload(_ values: UnsafeBufferPointer<Float>, to slice: DeviceSlice) {
    queue.upload(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: values[..<slice.count])), to: slice)
  }

  public func upload(_ values: UnsafeBufferPointer<Int32>, to slice: DeviceSlice) {
    queue.upload(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: values[..<slice.count])), to: slice)
  }

  public func download(_ slice: DeviceSlice, into values: UnsafeMutableBufferPointer<Float>) throws(TrainerError) {
    try queue.download(slice, into: UnsafeMutableRawBufferPointer(values))
  }

  public func finish() throws(TrainerError) { try queue.finish() }

  /// What working memory is for: an operation may need one of each.
  enum ScratchUse {
    case packed
    case patches
    case products
    case parts
    case factors
    case sums
    case stepSums
    case state
  }

  /// Working memory, valid until the next operation that asks for the same use; nil after a failure.
  func scratch(_ use: ScratchUse, _ count: Int) -> DeviceSlice? {
    if let buffer = scratches[use], buffer.count >= count { return DeviceSlice(buffer, count: count) }
    guard queue.failure == nil else { return nil }
    do {
      let buffer = try queue.allocate(count: count)
      scratches[use] = buffer
      return DeviceSlice(buffer, count: count)
    } catch {
      queue.fail(error)
      return nil
    }
  }

  // MARK: Shapes of work

  func program(_ name: OpenCLProgramName) -> OpenCLProgram? { queue.program(name, options: options) }

  /// One work-item per element.
  func runElements(
    _ program: OpenCLProgramName, _ kernel: String, count: Int, _ arguments: [any KernelArgument]
  ) {
    let items = isCPU ? 1024 : 256
    queue.run(self.program(program), kernel, global: [roundUp(count, items)], local: [items], arguments)
  }

  /// One work-item per vector of columns and row.
  func runVectors(
    _ program: OpenCLProgramName, _ kernel: String, columns: Int, rows: Int, flops: Int = 0,
    _ arguments: [any KernelArgument]
  ) {
    let vectors = ceilDivide(columns, lanes)
    let local = group(width: vectors)
    queue.run(
      self.program(program), kernel, global: [roundUp(vectors, local[0]), roundUp(rows, local[1])], local: local,
      flops: flops, arguments)
  }

  /// One work-item per column and row.
  func runGrid(
    _ program: OpenCLProgramName, _ kernel: String, columns: Int, rows: Int, flops: Int = 0,
    _ arguments: [any KernelArgument]
  ) {
    let local = isCPU ? [16, 16] : group(width: columns)
    queue.run(
      self.program(program), kernel, global: [roundUp(columns, local[0]), roundUp(rows, local[1])], local: local,
      flops: flops, arguments)
  }

  /// One work-item, with a loop in it, per vector of columns and each element of further dimensions.
  func runLoops(
    _ program: OpenCLProgramName, _ kernel: String, columns: Int, _ rest: [Int], flops: Int = 0,
    _ arguments: [any KernelArgument]
  ) {
    let vectors = ceilDivide(columns, lanes)
    let width = isCPU ? 1 : 32
    queue.run(
      self.program(program), kernel, global: [roundUp(vectors, width)] + rest, local: [width] + rest.map { _ in 1 },
      flops: flops, arguments)
  }

  /// A work-group for rows of `width` work-items: on a CPU a column of them, on a GPU 256 that lie side by side as far as
  /// rows reach.
  private func group(width: Int) -> [Int] {
    if isCPU { return [1, 64] }
    return width <= 8 ? [8, 32] : [32, 8]
  }

  /// Parts of a sum over `rows`, and rows of each.
  func parts(of rows: Int) -> (number: Int, rows: Int) {
    let most = isCPU ? 16 : 256
    let each = max(ceilDivide(rows, most), 64)
    return (max(ceilDivide(rows, each), 1), each)
  }
}

func ceilDivide(_ count: Int, _ divisor: Int) -> Int { (count + divisor - 1) / divisor }

func roundUp(_ count: Int, _ multiple: Int) -> Int { ceilDivide(count, multiple) * multiple }

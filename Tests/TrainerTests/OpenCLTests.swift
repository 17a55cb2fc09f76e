import COpenCL
import Foundation
import Testing

@testable import Trainer

/// OpenCL beyond single operations, which `BackendTests` compares: whole runs, determinism, failures, tuning.
@Suite(.enabled(if: OpenCLTestDevice.device != nil, "no OpenCL platform with a device (Debian: pocl-opencl-icd)"))
struct OpenCLTests {
  private var device: OpenCLDevice { OpenCLTestDevice.device! }

  // MARK: Training

  /// The first 50 losses on Fashion-MNIST are the CPU backend's.
  ///
  /// The rates are small: at larger ones rounding grows from step to step, between any two implementations, by maxima and
  /// ReLUs that fall on the other side, and by batch-norm most.
  @Test(arguments: [("lenet5", 0.001 as Float), ("resnet_small", 0.0001)])
  func lossesFollowTheCPU(file: String, rate: Float) throws {
    let images = try GoldenLossesTests.images.get()
    let batch = 64
    func losses(_ backend: any Backend) throws -> [Double] {
      let network = try NetworkTests.network(file: file, backend: backend, batch: batch)
      return try (0..<50).map { step in
        let range = (step * batch)..<((step + 1) * batch)
        let pixels = images.pixels[(range.lowerBound * 784)..<(range.upperBound * 784)].map { Float($0) / 255 }
        return try network.trainStep(
          inputs: pixels, labels: Array(images.classes[range]), count: batch, rate: rate
        ).loss
      }
    }
    let expected = try losses(CPUBackend(threads: 2))
    let found = try OpenCLTestDevice.backends[0].use(losses)
    for (step, (found, expected)) in zip(found, expected).enumerated() {
      #expect(abs(found - expected) <= 1e-3 * expected, "step \(step + 1): \(found), not \(expected)")
    }
    let (first, last) = (expected.prefix(10).reduce(0, +), expected.suffix(10).reduce(0, +))
    #expect(last < first)
  }

  /// Networks that together have every layer, on both ways of cutting work.
  @Test(arguments: NetworkTests.small) func lossesFollowTheNaiveBackend(text: String) throws {
    func run(_ backend: any Backend) throws -> [Double] {
      try losses(Network(describe(text), backend: backend, batch: 8, seed: 4), steps: 10)
    }
    let expected = try run(NaiveBackend())
    for shared in OpenCLTestDevice.backends {
      let found = try shared.use(run)
      for (found, expected) in zip(found, expected) {
        #expect(abs(found - expected) < 1e-4 * expected, "\(shared.name): \(found), not \(expected)")
      }
    }
  }

  @Test func sameCallsGiveTheSameBits() throws {
    let states = try (0..<2).map { _ in
      try OpenCLTestDevice.backends[0].use { backend in
        let network = try NetworkTests.network(file: "resnet_small", backend: backend, batch: 16)
        _ = try losses(network, steps: 3)
        return try network.state()
      }
    }
    #expect(states[0] == states[1])
  }

  /// Of three sets of examples in turn, the last with a part of a batch.
  private func losses(_ network: Network, steps: Int) throws -> [Double] {
    let sets = (0..<3).map { Examples(network, count: $0 == 2 ? network.batch - 3 : network.batch, seed: UInt64($0)) }
    return try (0..<steps).map { step in
      let examples = sets[step % 3]
      return try network.trainStep(
        inputs: examples.inputs, labels: examples.labels, count: examples.labels.count, rate: 0.01
      ).loss
    }
  }

  // MARK: Memory

  /// What is uploaded is what was in the caller's memory when it asked, whenever the device takes it.
  @Test func uploadsKeepTheirValues() throws {
    try OpenCLTestDevice.backends[0].use { backend in
      let slice = try backend.reals(1 << 18)
      var values = [Float](repeating: 0, count: slice.count)
      let results = try (0..<8).map { _ in try backend.reals(1) }
      for round in 0..<8 {
        for index in values.indices { values[index] = Float(round) }
        values.withUnsafeBufferPointer { backend.upload($0, to: slice) }
        backend.sumOfSquares(slice, result: results[round])
      }
      for round in 0..<8 {
        #expect(try backend.values(of: results[round]) == [Float(round * round * slice.count)])
      }
    }
  }

  // MARK: Failures

  @Test func tooLargeBuffer() throws {
    let backend = try OpenCLBackend(device)
    // The slack behind it is too much, however large the device is.
    let count = device.largestBuffer / MemoryLayout<Float>.stride
    let error = #expect(throws: TrainerError.self) { _ = try backend.allocate(.real, count: count) }
    let reason = count <= Int(Int32.max) ? "no memory for " : "a buffer of \(count) elements; "
    #expect(error?.description.contains("\(device.title): \(reason)") == true, "\(String(describing: error))")
    // The backend still works.
    let slice = try backend.filled([3, 4])
    let result = try backend.reals(1)
    backend.sumOfSquares(slice, result: result)
    #expect(try backend.values(of: result) == [25])
  }

  /// A failed build names the device and the compiler's first line; everything after it is not run, and `finish` throws.
  @Test func programThatDoesNotBuild() throws {
    let queue = try OpenCLQueue(device, profiling: false)
    let error = #expect(throws: TrainerError.self) {
      _ = try OpenCLProgram("broken", source: "kernel void f( {", options: "", on: device, in: queue.context)
    }
    let text = try #require(error?.description)
    #expect(text.hasPrefix("\(device.title): broken: the program does not build"))
    #expect(!text.contains("\n"))
    #expect(text.contains("error"))
  }

  /// A device whose work-groups are smaller than the ones that kernels are written for trains all the same; tiles of products,
  /// whose size is theirs, are chosen to fit.
  @Test func smallWorkGroups() throws {
    var device = device
    device.largestWorkGroup = 8
    let queue = try OpenCLQueue(device, profiling: false)
    let source = """
      kernel void f(global float *x) { x[get_global_id(1) * 32 + get_global_id(0)] = get_local_size(0) * get_local_size(1); }
      kernel __attribute__((reqd_work_group_size(16, 1, 1))) void g(global float *x) { x[0] = 1; }
      """
    let program = try OpenCLProgram("groups", source: source, options: "", on: device, in: queue.context)
    let buffer = try queue.allocate(count: 32 * 8)
    var memory: cl_mem? = buffer.memory
    for name in ["f", "g"] {
      let kernel = try program.kernel(name)
      #expect(clSetKernelArg(kernel.handle, 0, MemoryLayout<cl_mem?>.size, &memory) == CL_SUCCESS)
    }
    queue.run(program, "f", global: [32, 8], local: [32, 8], [])
    var sizes = [Float](repeating: 0, count: 32 * 8)
    try sizes.withUnsafeMutableBytes { try queue.download(DeviceSlice(buffer, count: 32 * 8), into: $0) }
    #expect(sizes.allSatisfy { $0 == 8 })
    queue.run(program, "g", global: [16], local: [16], [])
    let error = #expect(throws: TrainerError.self) { try queue.finish() }
    #expect(
      error?.description == "\(device.title): kernel g needs work-groups of 16, and the device takes 8 at most")

    for limit in [1, 8, 16, 32, 64, 128, 256] {
      device.largestWorkGroup = limit
      let tile = LocalTiling.standard(for: device)
      #expect(tile.items == limit && limit.isMultiple(of: tile.depth) && limit.isMultiple(of: tile.columns), "\(limit)")
      #expect(GemmTuner(device).candidates.allSatisfy { $0.items <= limit })
    }
    device.largestWorkGroup = 16
    let tile = GemmTiling.local(.standard(for: device))
    let backend = try OpenCLBackend(device, isCPU: false, gemm: GemmPlan(rows: tile, weights: tile))
    let text = NetworkTests.small[1]
    func run(_ backend: any Backend) throws -> [Double] {
      try losses(Network(describe(text), backend: backend, batch: 8, seed: 4), steps: 3)
    }
    for (found, expected) in zip(try run(backend), try run(NaiveBackend())) {
      #expect(abs(found - expected) < 1e-4 * expected, "\(found), not \(expected)")
    }
  }

  @Test func failureSurfacesAtFinish() throws {
    let backend = try OpenCLBackend(device)
    let slice = try backend.filled([1, 2])
    backend.queue.run(backend.program(.optimizer), "no_such_kernel", global: [1], local: [1], [slice])
    // Not run.
    backend.clipValues(slice, limit: 0)
    let error = #expect(throws: TrainerError.self) { try backend.finish() }
    #expect(
      error?.description
        == "\(device.title): kernel no_such_kernel: no kernel of this name (CL_INVALID_KERNEL_NAME)")
    #expect(throws: TrainerError.self) { _ = try backend.values(of: slice) }
  }

  @Test func noSuchDevice() {
    let error = #expect(throws: TrainerError.self) { _ = try OpenCLDevice.device(99) }
    #expect(error?.description.hasPrefix("opencl:99: expected a device among 0...") == true)
  }

  // MARK: Profile

  @Test func profileCountsCallsAndOperations() throws {
    let backend = try OpenCLBackend(device, profiling: true)
    let dense = DenseGeometry(inputs: 48, outputs: 32)
    let rows = 300
    let (x, w, y) = (try backend.reals(rows * 48), try backend.reals(48 * 32), try backend.reals(rows * 32))
    for _ in 0..<3 {
      backend.denseForward(dense, count: rows, input: x, weights: w, bias: nil, activation: .relu, output: y)
    }
    let product = try #require(try backend.profile().first { $0.name == "gemm_rows" })
    #expect(product.calls == 3)
    #expect(product.flops == 3 * 2 * rows * 48 * 32)
    #expect(product.seconds > 0)
    try backend.resetProfile()
    #expect(try backend.profile() == [])
  }

  // MARK: Tuning

  @Test func tuningIsCachedAndSurvivesDamage() throws {
    let folder = try TemporaryFolder()
    let cache = OpenCLCache(folder: folder.path + "/deep")
    let tuner = GemmTuner(device, cache: cache)
    #expect(tuner.cachedPlan() == nil)
    let plan = GemmPlan(rows: tuner.candidates[1], weights: tuner.candidates[0])
    try tuner.keep(plan)
    #expect(tuner.cachedPlan() == plan)
    let file = URL(fileURLWithPath: cache.plans.path(of: tuner.fileName))
    let whole = try Data(contentsOf: file)
    for length in [0, 1, whole.count / 2, whole.count - 3] {
      try whole.prefix(length).write(to: file)
      #expect(tuner.cachedPlan() == nil, "\(length) bytes")
    }
    // Sound JSON, but no plan that this version tries.
    let text = String(decoding: whole, as: UTF8.self)
    try Data(text.replacingOccurrences(of: "\"panelDepth\" : 256", with: "\"panelDepth\" : 0").utf8).write(to: file)
    #expect(tuner.cachedPlan() == nil)
    try tuner.keep(plan)
    #expect(tuner.cachedPlan() == plan)
    #expect(cache.clear() == 1 && tuner.cachedPlan() == nil)
    #expect(throws: TrainerError.self) { try GemmTuner(device, cache: nil).keep(plan) }
  }

  // MARK: Compiled programs

  private static let cube = "kernel void f(global float *x) { x[0] = x[0] * x[0] * x[0]; }"

  /// 27 of 3, by a program that is compiled, or taken from the cache.
  private func cubeOfThree(
    _ queue: OpenCLQueue, _ cache: OpenCLCache?, source: String = OpenCLTests.cube
  ) throws -> Float {
    let program = try OpenCLProgram("cube", source: source, options: "", on: device, in: queue.context, cache: cache)
    let buffer = try queue.allocate(count: 1)
    let slice = DeviceSlice(buffer, count: 1)
    withUnsafeBytes(of: Float(3)) { queue.upload($0, to: slice) }
    let kernel = try program.kernel("f")
    var memory: cl_mem? = buffer.memory
    #expect(clSetKernelArg(kernel.handle, 0, MemoryLayout<cl_mem?>.size, &memory) == CL_SUCCESS)
    queue.run(program, "f", global: [1], local: [1], [])
    var result = [Float](repeating: 0, count: 1)
    try result.withUnsafeMutableBytes { try queue.download(slice, into: $0) }
    return result[0]
  }

  @Test func programsAreKeptAndSurviveDamage() throws {
    let folder = try TemporaryFolder()
    let cache = OpenCLCache(folder: folder.path + "/deep")
    let queue = try OpenCLQueue(device, profiling: false)
    let key = OpenCLCache.ProgramKey(source: OpenCLTests.cube, options: "-cl-std=CL1.2 -w ", device: device)
    #expect(cache.program(key) == nil)
    #expect(try cubeOfThree(queue, cache) == 27)
    #expect(cache.program(key) != nil)
    // Another program in its place is what is run: the cache is used.
    let square = "kernel void f(global float *x) { x[0] = x[0] * x[0]; }"
    #expect(try cubeOfThree(queue, cache, source: square) == 9)
    let squareKey = OpenCLCache.ProgramKey(source: square, options: "-cl-std=CL1.2 -w ", device: device)
    let other = try #require(cache.program(squareKey))
    cache.keep(other, key)
    #expect(try cubeOfThree(queue, cache) == 9)
    // Bytes that the driver does not take: compiled again, and kept. What a driver gives can differ from one time to the next.
    let refused: [UInt8] = [1, 2, 3]
    cache.keep(refused, key)
    #expect(try cubeOfThree(queue, cache) == 27)
    #expect(try #require(cache.program(key)) != refused)
    // A damaged file is none.
    let file = URL(fileURLWithPath: cache.path(of: key))
    let whole = [UInt8](try Data(contentsOf: file))
    for length in [0, 7, 16, 40, whole.count / 2, whole.count - 1] {
      try Data(whole.prefix(length)).write(to: file)
      #expect(cache.program(key) == nil, "\(length) bytes")
    }
    var random = TestRandom(seed: 5)
    for _ in 0..<50 {
      var damaged = whole
      damaged[random.integer(below: whole.count)] ^= 1 << random.integer(below: 8)
      try Data(damaged).write(to: file)
      #expect(cache.program(key) == nil)
    }
    #expect(try cubeOfThree(queue, cache) == 27)
    #expect(cache.program(key) != nil)
  }

  @Test func keptProgramsAreBounded() throws {
    let folder = try TemporaryFolder()
    let keys = (0..<4).map { OpenCLCache.ProgramKey(source: "\($0)", options: "", device: device) }
    let bytes = [UInt8](repeating: 7, count: 1000)
    let cache = OpenCLCache(folder: folder.path, programLimit: 2 * 1500)
    for key in keys { cache.keep(bytes, key) }
    #expect(cache.program(keys[3]) == bytes)
    #expect(keys.count { cache.program($0) != nil } <= 2)
    #expect(cache.clear() > 0 && keys.allSatisfy { cache.program($0) == nil })
    // A folder that cannot be is no failure.
    try folder.write([1], to: "file")
    let nowhere = OpenCLCache(folder: folder.path + "/file/below")
    nowhere.keep(bytes, keys[0])
    #expect(nowhere.program(keys[0]) == nil)
    #expect(try cubeOfThree(OpenCLQueue(device, profiling: false), nowhere) == 27)
  }

  // MARK: Candidates

  @Test func everyCandidateMultiplies() throws {
    let dense = DenseGeometry(inputs: 70, outputs: 50)
    var random = TestRandom(seed: 3)
    let (x, w) = (random.uniform(count: 37 * 70), random.uniform(count: 70 * 50))
    func outputs(_ backend: any Backend) throws -> [Float] {
      let y = try backend.reals(37 * 50)
      backend.denseForward(
        dense, count: 37, input: try backend.filled(x), weights: try backend.filled(w), bias: nil, activation: nil,
        output: y)
      return try backend.values(of: y)
    }
    let expected = try outputs(NaiveBackend())
    for tiling in GemmTuner(device).candidates {
      let found = try outputs(OpenCLBackend(device, gemm: GemmPlan(rows: tiling, weights: tiling)))
      let isClose = zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 }
      #expect(isClose, "\(tiling)")
    }
  }
}

import Foundation
import Testing

@testable import Trainer

@Suite struct DataParallelTests {
  /// Convolution, dropout, penalty, clipping and averaged weights; more weights than one run of an exchange has.
  static let text = """
    input 6x5x2
    conv 3x3x5 relu
    flatten
    dense 260 tanh
    dropout 0.3
    dense 260 relu
    dense 3
    train
      optimizer momentum 0.9
      l2 1e-3
      clip norm 1
      ema 0.9
    """

  static func batch(_ description: NetworkDescription, count: Int, seed: UInt64) -> Batch {
    var random = TestRandom(seed: seed)
    var batch = Batch(size: count, inputCounts: [description.input.count])
    batch.count = count
    batch.inputs[0] = random.uniform(count: count * description.input.count)
    batch.labels = (0..<count).map { _ in Int32(random.integer(below: 3)) }
    return batch
  }

  /// Sizes of the steps' batches; the last one leaves a device without examples.
  static let counts = [8, 8, 5, 8, 2]

  /// What a network by itself does in these steps.
  static func alone(_ description: NetworkDescription, backend: any Backend) throws -> ([StepResult], TrainingState) {
    let network = try Network(description, backend: backend, batch: 8, seed: 1)
    let results = try counts.enumerated().map { step, count in
      try network.trainStep(batch(description, count: count, seed: UInt64(step)), rate: 0.05)
    }
    return (results, try network.state())
  }

  static func expectNear(_ a: TrainingState, _ b: TrainingState, _ tolerance: Float) {
    #expect(a.step == b.step && a.seed == b.seed && a.tensors.map { $0.name } == b.tensors.map { $0.name })
    for (a, b) in zip(a.tensors, b.tensors) {
      let largest = a.values.reduce(Float(1e-3)) { max($0, $1.magnitude) }
      let difference = zip(a.values, b.values).reduce(Float(0)) { max($0, ($1.0 - $1.1).magnitude) }
      #expect(difference <= tolerance * largest, "\(a.name): \(difference) of \(largest)")
    }
  }

  static func expectNear(_ a: [StepResult], _ b: [StepResult], _ tolerance: Double) {
    for (step, (a, b)) in zip(a, b).enumerated() {
      #expect(abs(a.loss - b.loss) <= tolerance * a.loss, "step \(step): \(a.loss), \(b.loss)")
      #expect(abs(a.penalty - b.penalty) <= tolerance * a.penalty, "step \(step)")
      #expect(a.correct == b.correct && a.labels == b.labels, "step \(step)")
    }
  }

  /// Several devices do what one does, but for rounding, dropout included; however the batch is shared.
  @Test(arguments: [[1, 1], [1, 4], [1, 1, 1], [5, 1, 2]]) func devicesAreAsOne(shares: [Int]) throws {
    let description = try describe(DataParallelTests.text)
    let (expected, state) = try DataParallelTests.alone(description, backend: CPUBackend(threads: 1))
    let parallel = try DataParallel(
      description, devices: TrainingDevices(shares.map { _ in CPUBackend(threads: 1) }, shares: shares), batch: 8,
      seed: 1)
    let results = try DataParallelTests.counts.enumerated().map { step, count in
      try parallel.trainStep(
        DataParallelTests.batch(description, count: count, seed: UInt64(step)), of: count, rate: 0.05)
    }
    DataParallelTests.expectNear(expected, results, 1e-5)
    DataParallelTests.expectNear(state, try parallel.state(), 2e-5)
  }

  /// Backends of different kinds work together; the update is the first one's.
  @Test func kindsOfBackendsMix() throws {
    let description = try describe(DataParallelTests.text)
    let (expected, state) = try DataParallelTests.alone(description, backend: NaiveBackend())
    let parallel = try DataParallel(
      description, devices: TrainingDevices([NaiveBackend(), CPUBackend(threads: 2)]), batch: 8, seed: 1)
    let results = try DataParallelTests.counts.enumerated().map { step, count in
      try parallel.trainStep(
        DataParallelTests.batch(description, count: count, seed: UInt64(step)), of: count, rate: 0.05)
    }
    DataParallelTests.expectNear(expected, results, 1e-5)
    DataParallelTests.expectNear(state, try parallel.state(), 2e-5)
  }

  /// A CPU and an OpenCL device, and the two halves of one, do what one device does.
  @Test func openCLDevicesShareABatch() throws {
    guard let device = OpenCLTestDevice.device else { return }
    let description = try describe(DataParallelTests.text)
    let (expected, state) = try DataParallelTests.alone(description, backend: CPUBackend(threads: 1))
    var kinds: [[any Backend]] = [[CPUBackend(threads: 1), try OpenCLBackend(device)]]
    if let halves = try device.halves() { kinds.append(try halves.map { try OpenCLBackend($0) }) }
    for backends in kinds {
      let parallel = try DataParallel(
        description, devices: TrainingDevices(backends, shares: [1, 2]), batch: 8, seed: 1)
      let results = try DataParallelTests.counts.enumerated().map { step, count in
        try parallel.trainStep(
          DataParallelTests.batch(description, count: count, seed: UInt64(step)), of: count, rate: 0.05)
      }
      DataParallelTests.expectNear(expected, results, 1e-4)
      DataParallelTests.expectNear(state, try parallel.state(), 2e-4)
    }
  }

  /// The same calls give the same bits, although the devices work at the same time.
  @Test func sameBitsEveryTime() throws {
    let description = try describe(DataParallelTests.text)
    func run() throws -> TrainingState {
      let parallel = try DataParallel(
        description, devices: TrainingDevices([CPUBackend(threads: 1), CPUBackend(threads: 2)]), batch: 8, seed: 1)
      for (step, count) in DataParallelTests.counts.enumerated() {
        _ = try parallel.trainStep(
          DataParallelTests.batch(description, count: count, seed: UInt64(step)), of: count, rate: 0.05)
      }
      return try parallel.state()
    }
    #expect(try run() == run())
  }

  /// Each process gets its part of the batch; all end with the same bits, and with what one process alone has.
  @Test(arguments: [2, 3]) func ranksAreAsOne(size: Int) throws {
    let description = try describe(DataParallelTests.text)
    let (expected, state) = try DataParallelTests.alone(description, backend: CPUBackend(threads: 1))
    let outcomes = try ThreadCommunicator.run(size: size) { communicator in
      let parallel = try DataParallel(
        description, devices: TrainingDevices([CPUBackend(threads: 1)], communicator: communicator), batch: 8, seed: 1)
      let results = try DataParallelTests.counts.enumerated().map { step, count in
        let part = parallel.part(of: count)
        let whole = DataParallelTests.batch(description, count: count, seed: UInt64(step))
        return try parallel.trainStep(whole.part(part), of: count, rate: 0.05)
      }
      try parallel.synchronize()
      return (results, try parallel.state())
    }
    for outcome in outcomes {
      DataParallelTests.expectNear(expected, outcome.0, 1e-5)
      #expect(outcome.1 == outcomes[0].1)
    }
    DataParallelTests.expectNear(state, outcomes[0].1, 2e-5)
  }

  /// A device normalizes by its own examples; running statistics are the mean over the devices, by their examples.
  @Test func batchNormStatisticsAreAveraged() throws {
    let description = try describe("input 4x4x2\nconv 3x3x3\nbatchnorm\nflatten\ndense 3\n")
    let whole = DataParallelTests.batch(description, count: 6, seed: 3)
    func statistics(_ state: TrainingState) throws -> [Float] {
      try #require(state.tensors.first { $0.name.hasSuffix(".running") }).values
    }
    let halves = try [0..<4, 4..<6].map { range in
      let network = try Network(description, backend: CPUBackend(threads: 1), batch: 6, seed: 1)
      _ = try network.trainStep(whole.part(range), rate: 0.1)
      return try statistics(network.state())
    }
    let parallel = try DataParallel(
      description, devices: TrainingDevices([CPUBackend(threads: 1), CPUBackend(threads: 1)], shares: [2, 1]), batch: 6,
      seed: 1)
    _ = try parallel.trainStep(whole, of: 6, rate: 0.1)
    for (value, (a, b)) in zip(try statistics(parallel.state()), zip(halves[0], halves[1])) {
      #expect(abs(value - (a * 4 + b * 2) / 6) < 1e-6)
    }
    #expect(halves[0] != halves[1])
  }

  /// Of sequences whose steps do not all count, each part's gradient counts by the steps that do, and one part has none.
  @Test func sequencesCountByTheirLabels() throws {
    let description = try describe("input 4x1x3\nlstm 5\ndense 3\n")
    var random = TestRandom(seed: 5)
    var batch = Batch(size: 6, inputCounts: [12], labelCount: 4)
    batch.count = 6
    batch.inputs[0] = random.uniform(count: 72)
    batch.labels = (0..<24).map { $0 < 8 ? -1 : Int32(random.integer(below: 4)) - 1 }
    let alone = try Network(description, backend: NaiveBackend(), batch: 6, seed: 1)
    let expected = try (0..<3).map { _ in try alone.trainStep(batch, rate: 0.5) }
    for devices in [[NaiveBackend(), NaiveBackend()], [NaiveBackend(), NaiveBackend(), NaiveBackend()]] {
      let parallel = try DataParallel(description, devices: TrainingDevices(devices), batch: 6, seed: 1)
      let results = try (0..<3).map { _ in try parallel.trainStep(batch, of: 6, rate: 0.5) }
      DataParallelTests.expectNear(expected, results, 1e-5)
      DataParallelTests.expectNear(try alone.state(), try parallel.state(), 2e-5)
    }
    let sizes = batch
    let outcomes = try ThreadCommunicator.run(size: 2) { communicator in
      let parallel = try DataParallel(
        description, devices: TrainingDevices([NaiveBackend()], communicator: communicator), batch: 6, seed: 1)
      return try (0..<3).map { _ in try parallel.trainStep(sizes.part(parallel.part(of: 6)), of: 6, rate: 0.5) }
    }
    for outcome in outcomes { DataParallelTests.expectNear(expected, outcome, 1e-5) }
  }

  @Test func carriedStatesCannotBeDivided() throws {
    let description = try describe("input 4x1x3\nlstm 5 carry\ndense 3\n")
    let devices = TrainingDevices([NaiveBackend(), NaiveBackend()])
    #expect(
      throws: TrainerError.invalid(
        what: "lstm1", expected: "one device and one process, for states that are carried from step to step",
        found: "2 and 1")
    ) { try DataParallel(description, devices: devices, batch: 2, seed: 1) }
  }

  /// Sums begin while layers are still to be computed: some call for progress comes after the first.
  @Test func sumsBeginDuringBackward() throws {
    let description = try describe(DataParallelTests.text)
    let events = try ThreadCommunicator.run(size: 2) { communicator in
      let parallel = try DataParallel(
        description, devices: TrainingDevices([CPUBackend(threads: 1)], communicator: communicator), batch: 8, seed: 1)
      let whole = DataParallelTests.batch(description, count: 8, seed: 1)
      _ = try parallel.trainStep(whole.part(parallel.part(of: 8)), of: 8, rate: 0.05)
      return communicator.events
    }
    #expect(events[0] == events[1])
    let first = try #require(events[0].firstIndex { $0 > 0 })
    let last = try #require(events[0].lastIndex(of: 0))
    #expect(first < last && events[0].count { $0 > 0 } >= 3)
    #expect(events[0].contains { $0 >= GradientExchange.runLength })
  }

  @Test func partsOfABatchAreAllOfIt() {
    for (count, shares) in [
      (64, [1, 1, 1]), (1, [1, 1]), (5, [1, 4]), (7, [3, 1, 2]), (0, [1, 1]), (100, [1, 0, 1]),
    ] {
      let ranges = Shards.ranges(of: count, shares: shares)
      #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == count)
      #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      for (index, range) in ranges.enumerated() {
        let exact = Double(count * shares[index]) / Double(shares.reduce(0, +))
        #expect(abs(Double(range.count) - exact) < 1, "\(count) \(shares)")
        #expect(range.count <= Shards.largest(of: count, shares: shares, index: index))
      }
    }
  }
}

/// Ranks as threads of this process, which meet at every call.
final class ThreadCommunicator: Communicator, @unchecked Sendable {
  // Safe: the meeting's members are touched with its lock held, or by one rank while the others wait.
  private final class Meeting: @unchecked Sendable {
    let size: Int
    private let condition = NSCondition()
    private var arrived = 0
    private var round = 0
    var floats: [UnsafeMutableBufferPointer<Float>?]
    var doubles: [[Double]]
    var bytes: [UnsafeMutableRawBufferPointer?]

    init(size: Int) {
      self.size = size
      floats = [UnsafeMutableBufferPointer<Float>?](repeating: nil, count: size)
      doubles = [[Double]](repeating: [], count: size)
      bytes = [UnsafeMutableRawBufferPointer?](repeating: nil, count: size)
    }

    /// Deposits by `put`; when all have, the last one does `work`, and all go on.
    func meet(_ put: () -> Void, _ work: () -> Void) {
      condition.lock()
      put()
      arrived += 1
      if arrived == size {
        work()
        arrived = 0
        round += 1
        condition.broadcast()
      } else {
        let mine = round
        while round == mine { condition.wait() }
      }
      condition.unlock()
    }
  }

  let rank: Int
  var size: Int { meeting.size }
  private let meeting: Meeting
  private var begun: [UnsafeMutableBufferPointer<Float>] = []
  /// What was called: the number of elements of a sum that was begun, 0 for progress.
  private(set) var events: [Int] = []

  private init(rank: Int, meeting: Meeting) {
    self.rank = rank
    self.meeting = meeting
  }

  func beginSum(_ values: UnsafeMutableBufferPointer<Float>) {
    begun.append(values)
    events.append(values.count)
  }

  func progress() { events.append(0) }

  func finishSums() {
    for values in begun {
      meeting.meet({ meeting.floats[rank] = values }) {
        let all = meeting.floats.map { $0! }
        precondition(all.allSatisfy { $0.count == values.count }, "ranks begin different sums")
        for index in values.indices {
          let sum = all.reduce(0) { $0 + $1[index] }
          for each in all { each[index] = sum }
        }
      }
    }
    begun = []
  }

  func sum(_ values: inout [Double]) {
    meeting.meet({ meeting.doubles[rank] = values }) {
      let sums = values.indices.map { index in meeting.doubles.reduce(0) { $0 + $1[index] } }
      for rank in 0..<size { meeting.doubles[rank] = sums }
    }
    values = meeting.doubles[rank]
  }

  func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
    meeting.meet({ meeting.bytes[rank] = bytes }) {
      for target in meeting.bytes.dropFirst() { target!.copyMemory(from: UnsafeRawBufferPointer(meeting.bytes[0]!)) }
    }
  }

  /// Runs `body` as each of `size` ranks at once.
  static func run<Outcome: Sendable>(
    size: Int, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Outcome
  ) throws -> [Outcome] {
    let meeting = Meeting(size: size)
    let done = DispatchGroup()
    let outcomes = Outcomes<Outcome>(count: size)
    for rank in 0..<size {
      done.enter()
      Thread.detachNewThread {
        outcomes.set(rank, Result { try body(ThreadCommunicator(rank: rank, meeting: meeting)) })
        done.leave()
      }
    }
    done.wait()
    return try outcomes.all()
  }

  private final class Outcomes<Outcome>: @unchecked Sendable {
    // Safe: with the lock held, or when all have ended.
    private var results: [Result<Outcome, any Error>?]
    private let lock = NSLock()

    init(count: Int) { results = [Result<Outcome, any Error>?](repeating: nil, count: count) }

    func set(_ index: Int, _ result: Result<Outcome, any Error>) { lock.withLock { results[index] = result } }
    func all() throws -> [Outcome] { try results.map { try $0!.get() } }
  }
}

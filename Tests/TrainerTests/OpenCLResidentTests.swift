import COpenCL
import Dispatch
import Format
import Synchronization
import Testing

@testable import Trainer

private final class Flag: Sendable {
  private let value = Mutex(false)

  var isRaised: Bool { value.withLock { $0 } }
  func raise() { value.withLock { $0 = true } }
}

/// Examples that lie on the device, and steps that the host does not wait for.
@Suite(.enabled(if: OpenCLTestDevice.device != nil, "no OpenCL platform with a device (Debian: pocl-opencl-icd)"))
struct OpenCLResidentTests {
  private func images(_ shape: ImageShape, count: Int, seed: UInt64) -> Trainer.Examples {
    var stream = RandomStream(seed: seed, .sample)
    let pixels = (0..<(count * shape.count)).map { _ in UInt8(stream.next(below: 256)) }
    return Trainer.Examples(shape: shape, pixels: pixels, classes: (0..<count).map { Int32($0 % 3) })
  }

  /// What the device gathers has the bits that the host writes: mirrored and moved in every way, in part out of sight.
  @Test(arguments: [1, 3]) func gatheredPixelsAreTheHosts(channels: Int) throws {
    let shape = ImageShape(height: 5, width: 7, channels: channels)
    let recipe = Preprocessing(
      width: 7, height: 5, channels: channels, fit: .crop, mean: [0.3, 0.4, 0.5].suffix(channels),
      deviation: [0.2, 0.3, 0.4].suffix(channels))
    let host = ImageBatches(
      images(shape, count: 11, seed: 3), recipe, classCount: 3, augmentation: [.flip, .shift(pixels: 6)], seed: 9)
    var resident = host
    resident.store = 0
    for shared in OpenCLTestDevice.backends {
      try shared.use { backend in
        let examples = try #require(host.resident)
        let store = try #require(backend.keep(examples))
        let output = try backend.reals(6 * shape.count)
        for epoch in [nil, 1, 2, 3, 4] as [Int?] {
          let indices = [10, 0, 3, 3, 7, 5]
          var (expected, picked) = (host.makeBatch(size: 6), resident.makeBatch(size: 6))
          host.fill(&expected, indices: indices[...], epoch: epoch)
          resident.fill(&picked, indices: indices[...], epoch: epoch)
          #expect(picked.inputs.isEmpty && picked.labels == expected.labels)
          store.gather(picked.picks, into: output)
          #expect(try backend.values(of: output) == expected.inputs[0], "\(shared.name), epoch \(epoch ?? 0)")
        }
      }
    }
  }

  @Test func gatheredNumbersAreTheHosts() throws {
    var random = TestRandom(seed: 1)
    let rows = Trainer.Examples(
      shape: ImageShape(height: 1, width: 1, channels: 5), values: random.uniform(count: 9 * 5),
      classes: [Int32](repeating: 0, count: 9))
    let host = TableBatches(rows, inputs: Standardization(rows.values, columns: 5), targets: nil)
    var resident = host
    resident.store = 0
    for shared in OpenCLTestDevice.backends {
      try shared.use { backend in
        let examples = try #require(host.resident)
        let store = try #require(backend.keep(examples))
        let output = try backend.reals(20)
        var (expected, picked) = (host.makeBatch(size: 4), resident.makeBatch(size: 4))
        host.fill(&expected, indices: [8, 2, 2, 0], epoch: 1)
        resident.fill(&picked, indices: [8, 2, 2, 0], epoch: 1)
        store.gather(picked.picks, into: output)
        #expect(try backend.values(of: output) == expected.inputs[0])
      }
    }
  }

  @Test func whatTheHostMustMakeIsNotKept() throws {
    let shape = ImageShape(height: 3, width: 4, channels: 1)
    let recipe = Preprocessing(width: 4, height: 3, channels: 1, fit: .crop, mean: [0], deviation: [1])
    let others: [Augmentation] = [.rotate(degrees: 1), .crop(share: 0.5), .jitter(strength: 0.1), .mixup(alpha: 0.1)]
    for change in others {
      let source = ImageBatches(images(shape, count: 3, seed: 1), recipe, classCount: 3, augmentation: [.flip, change])
      #expect(source.resident == nil)
    }
    let plain = ImageBatches(images(shape, count: 3, seed: 1), recipe, classCount: 3)
    let examples = try #require(plain.resident)
    #expect(CPUBackend(threads: 1).keep(examples) == nil)
  }

  /// Runs give the same numbers whether the device has the images or, having no room for them, gets them step by step.
  @Test func runsDoNotDependOnWhereExamplesLie() throws {
    var description = RowProblem.description
    description.recipe.augmentation = [.flip, .shift(pixels: 1)]
    try OpenCLTestDevice.backends[0].use { backend in
      defer { backend.residentLimit = nil }
      var losses: [[Double]] = []
      for limit in [nil, 0] as [Int?] {
        backend.residentLimit = limit
        let before = backend.queue.allocatedBytes
        let run = try TrainingRun(description, data: RowProblem.data, backend: backend)
        var found: [Double] = []
        while !run.isFinished {
          let report = try run.step()
          found += report.stepLosses + [report.validation?.loss].compactMap { $0 }
        }
        #expect(found.count == 3 * (6 + 1))
        #expect(backend.queue.allocatedBytes > before)
        losses.append(found)
      }
      #expect(losses[0] == losses[1])
    }
  }

  /// What is kept is given back, and counts as taken as long as it is not.
  @Test func memoryIsCounted() throws {
    let backend = try OpenCLBackend(OpenCLTestDevice.device!)
    let examples = ResidentExamples(
      shape: ImageShape(height: 10, width: 10, channels: 1),
      values: .numbers([Float](repeating: 1, count: 2500)))
    let before = backend.queue.allocatedBytes
    backend.residentLimit = before + 15_000
    var store = backend.keep(examples)
    #expect(store != nil && backend.queue.allocatedBytes >= before + 10_000)
    #expect(backend.keep(examples) == nil)
    store = nil
    #expect(backend.queue.allocatedBytes == before)
    #expect(backend.keep(examples) != nil)
  }

  // MARK: Steps that nobody waits for

  /// The device is held back, and takes steps all the same: nothing in a step waits for it.
  @Test func stepsDoNotWaitForTheDevice() throws {
    let batch = 8
    func network(_ backend: OpenCLBackend) throws -> Network {
      try NetworkTests.network(file: "lenet5", backend: backend, batch: batch)
    }
    func examples(_ network: Network, _ step: Int) -> Batch {
      let examples = Examples(network, count: batch, seed: UInt64(step))
      var result = Batch(size: batch, inputCounts: [network.inputCount])
      result.count = batch
      result.inputs[0] = examples.inputs
      result.labels = examples.labels
      return result
    }
    let expected = try OpenCLTestDevice.backends[0].use { backend in
      let network = try network(backend)
      return try (0..<3).map { try network.trainStep(examples(network, $0), rate: 0.01) }
    }
    let backend = try OpenCLBackend(OpenCLTestDevice.device!)
    // Programs are built at their first use.
    let first = try network(backend)
    _ = try first.trainStep(examples(first, 0), rate: 0.01)
    let network = try network(backend)
    var status = CL_SUCCESS
    var gate = clCreateUserEvent(backend.queue.context, &status)
    #expect(status == CL_SUCCESS)
    defer { clReleaseEvent(gate) }
    #expect(clEnqueueBarrierWithWaitList(backend.queue.queue, 1, &gate, nil) == CL_SUCCESS)
    // Should a step wait, this ends the test.
    let isOpen = Flag()
    let opener = DispatchWorkItem { [handle = Int(bitPattern: gate)] in
      isOpen.raise()
      clSetUserEventStatus(cl_event(bitPattern: handle), CL_COMPLETE)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + 30, execute: opener)
    let begun = try (0..<3).map { try network.beginStep(examples(network, $0), rate: 0.01) }
    let canWait = begun.map(\.canWait)
    #expect(canWait == [true, true, true])
    #expect(!isOpen.isRaised, "a step waited for the device")
    opener.cancel()
    if !isOpen.isRaised { clSetUserEventStatus(gate, CL_COMPLETE) }
    let found = try begun.map { try network.result(of: $0) }
    #expect(found == expected)
  }

  /// Late results belong to the checkpoint that is asked for, and a run that goes on from it ends as if it had not stopped.
  @Test func lateResultsAreInCheckpoints() throws {
    try OpenCLTestDevice.backends[0].use { backend in
      func run() throws -> TrainingRun {
        try TrainingRun(RowProblem.description, data: RowProblem.data, backend: backend)
      }
      let whole = try run()
      var saved: (last: Checkpoint, best: Checkpoint?)?
      var reports: [StepReport] = []
      while !whole.isFinished {
        reports.append(try whole.step())
        if reports.count == 9 { saved = (try whole.checkpoint(), whole.best) }
      }
      // The second step's loss comes with the third report.
      #expect(reports[0].stepLosses.count == 1 && reports[1].stepLosses.isEmpty)
      #expect(reports[5].stepLosses.count == 2)
      let resumed = try run()
      let (last, best) = try #require(saved)
      try resumed.restore(last, best: best)
      while !resumed.isFinished {
        let report = try resumed.step()
        if let validation = report.validation {
          let expected = try #require(reports.first { $0.epoch == report.epoch && $0.validation != nil })
          #expect(validation == expected.validation)
          #expect(report.loss == expected.loss && report.accuracy == expected.accuracy)
        }
      }
    }
  }

  @Test func timelineCountsWaitingAndBusyTime() {
    var timeline = QueueTimeline()
    timeline.add(queued: 0, start: 100, end: 200)
    // In the queue before the one before it ended, and after.
    timeline.add(queued: 150, start: 200, end: 250)
    timeline.add(queued: 300, start: 350, end: 400)
    #expect(timeline.busyShare == 200.0 / 300)
    #expect(timeline.waitingShare == 0.5)
  }
}

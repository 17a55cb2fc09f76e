import COpenCL
import OpenCLKernels

// Examples that lie on the device, and copies to the host that are not waited for at once.

extension OpenCLBackend {
  public func keep(_ examples: ResidentExamples) -> (any ResidentStore)? {
    // Room for the rest that a step needs, for the driver and for other programs, of which OpenCL tells nothing.
    guard examples.byteCount > 0, examples.byteCount + queue.allocatedBytes <= residentLimit ?? device.memory / 4 * 3
    else {
      return nil
    }
    do {
      switch examples.values {
      case .numbers(let numbers):
        return OpenCLResidentExamples(self, examples.shape.count, try queue.buffer(with: numbers), width: 0)
      case .pixels(let pixels, let table):
        return OpenCLResidentExamples(
          self, examples.shape.count, try queue.buffer(with: pixels), table: try queue.buffer(with: table),
          width: examples.shape.width)
      }
    } catch {
      // It has not the memory that it said: the host keeps them.
      return nil
    }
  }

  public func beginDownload(_ slice: DeviceSlice) -> (any PendingDownload)? { OpenCLDownload(slice, queue) }
}

/// Examples in a device's memory.
private final class OpenCLResidentExamples: ResidentStore {
  private unowned let backend: OpenCLBackend
  /// Elements of an example.
  private let size: Int
  private let values: OpenCLBuffer
  /// What pixel values become; nil for numbers.
  private let table: OpenCLBuffer?
  /// Pixels in a line.
  private let width: Int
  private var picks: OpenCLBuffer?

  init(_ backend: OpenCLBackend, _ size: Int, _ values: OpenCLBuffer, table: OpenCLBuffer? = nil, width: Int) {
    self.backend = backend
    self.size = size
    self.values = values
    self.table = table
    self.width = width
  }

  func gather(_ picks: [ExamplePick], into output: DeviceSlice) {
    let words = picks.count * (MemoryLayout<ExamplePick>.stride / 4)
    guard let memory = memory(words: words) else { return }
    let chosen = DeviceSlice(memory, count: words)
    picks.withUnsafeBytes { backend.queue.upload($0, to: chosen) }
    let all = DeviceSlice(values, count: values.count)
    guard let table else {
      backend.runGrid(
        .examples, "gather_numbers", columns: size, rows: picks.count, [all, chosen, output, size, picks.count])
      return
    }
    let channels = table.count / 256
    backend.runGrid(
      .examples, "gather_pixels", columns: width * channels, rows: picks.count * (size / (width * channels)),
      [
        all, DeviceSlice(table, count: table.count), chosen, output, size / (width * channels), width, channels,
        picks.count,
      ])
  }

  private func memory(words: Int) -> OpenCLBuffer? {
    if let picks, picks.count >= words { return picks }
    do {
      picks = try backend.queue.allocate(count: words)
    } catch {
      backend.queue.fail(error)
      return nil
    }
    return picks
  }
}

/// A copy to memory of its own that the queue makes in its turn.
private final class OpenCLDownload: PendingDownload {
  private let queue: OpenCLQueue
  private let values: UnsafeMutableBufferPointer<Float>
  private let event: cl_event?

  init(_ slice: DeviceSlice, _ queue: OpenCLQueue) {
    self.queue = queue
    values = .allocate(capacity: slice.count)
    event = queue.beginDownload(slice, into: UnsafeMutableRawBufferPointer(values))
  }

  func wait(into result: UnsafeMutableBufferPointer<Float>) throws(TrainerError) {
    try queue.wait(event)
    _ = result.update(from: values)
  }

  deinit {
    if let event {
      // The copy may still be under way.
      clWaitForEvents(1, [event])
      clReleaseEvent(event)
    }
    values.deallocate()
  }
}

import COpenCL

/// Time that a device spent in one kernel.
public struct KernelProfile: Equatable, Sendable {
  public var name: String
  public var calls: Int
  public var seconds: Double
  /// Operations of the products that it computed; 0 if it computes none.
  public var flops: Int
  /// Bytes of its arguments, each counted once.
  public var bytes: Int
}

/// How well a queue kept its device busy.
public struct QueueTimeline: Equatable, Sendable {
  /// Nanoseconds from the first command's start to the last one's end, and of them those in which a command ran.
  private var start: UInt64?
  private var end: UInt64 = 0
  private var busyTime: UInt64 = 0
  /// Commands after the first, and of them those that were in the queue before the one before them ended.
  private var commands = 0
  private var waiting = 0

  /// The share of the time in which a command ran.
  public var busyShare: Double { Double(busyTime) / Double(max(end - (start ?? 0), 1)) }
  /// The share of commands that waited for the device, and not the device for them.
  public var waitingShare: Double { Double(waiting) / Double(max(commands, 1)) }

  /// The next command of an in-order queue, by its device's clock.
  mutating func add(queued: UInt64, start: UInt64, end: UInt64) {
    if self.start == nil {
      self.start = start
    } else {
      commands += 1
      if queued <= self.end { waiting += 1 }
    }
    busyTime += end &- start
    self.end = max(self.end, end)
  }
}

/// Sums up the times that a queue's events tell.
final class OpenCLProfiler {
  private var pending: [(name: String, event: cl_event, flops: Int, bytes: Int)] = []
  private var sums: [String: KernelProfile] = [:]
  private(set) var timeline = QueueTimeline()

  func add(_ name: String, _ event: cl_event?, flops: Int, bytes: Int) {
    guard let event else { return }
    pending.append((name, event, flops, bytes))
  }

  /// Adds all events that are over.
  func collect() {
    var number = 0
    for (name, event, flops, bytes) in pending {
      var state = CL_QUEUED
      clGetEventInfo(event, cl_event_info(CL_EVENT_COMMAND_EXECUTION_STATUS), 4, &state, nil)
      // Commands run in their order.
      guard state <= CL_COMPLETE else { break }
      number += 1
      func time(_ what: Int32) -> cl_ulong {
        var time: cl_ulong = 0
        clGetEventProfilingInfo(event, cl_profiling_info(what), 8, &time, nil)
        return time
      }
      let (start, end) = (time(CL_PROFILING_COMMAND_START), time(CL_PROFILING_COMMAND_END))
      timeline.add(queued: time(CL_PROFILING_COMMAND_QUEUED), start: start, end: end)
      clReleaseEvent(event)
      var sum = sums[name] ?? KernelProfile(name: name, calls: 0, seconds: 0, flops: 0, bytes: 0)
      sum.calls += 1
      sum.seconds += Double(end &- start) * 1e-9
      sum.flops += flops
      sum.bytes += bytes
      sums[name] = sum
    }
    pending.removeFirst(number)
  }

  /// Those that took longest first.
  var profiles: [KernelProfile] { sums.values.sorted { ($1.seconds, $0.name) < ($0.seconds, $1.name) } }

  func reset() {
    collect()
    sums = [:]
    timeline = QueueTimeline()
  }
}

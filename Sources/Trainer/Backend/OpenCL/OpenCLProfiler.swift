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

/// Sums up the times that a queue's events tell.
final class OpenCLProfiler {
  private var pending: [(name: String, event: cl_event, flops: Int, bytes: Int)] = []
  private var sums: [String: KernelProfile] = [:]

  func add(_ name: String, _ event: cl_event?, flops: Int, bytes: Int) {
    guard let event else { return }
    pending.append((name, event, flops, bytes))
  }

  /// Adds all events so far, which are over.
  func collect() {
    for (name, event, flops, bytes) in pending {
      var start: cl_ulong = 0
      var end: cl_ulong = 0
      clGetEventProfilingInfo(event, cl_profiling_info(CL_PROFILING_COMMAND_START), 8, &start, nil)
      clGetEventProfilingInfo(event, cl_profiling_info(CL_PROFILING_COMMAND_END), 8, &end, nil)
      clReleaseEvent(event)
      var sum = sums[name] ?? KernelProfile(name: name, calls: 0, seconds: 0, flops: 0, bytes: 0)
      sum.calls += 1
      sum.seconds += Double(end &- start) * 1e-9
      sum.flops += flops
      sum.bytes += bytes
      sums[name] = sum
    }
    pending.removeAll(keepingCapacity: true)
  }

  /// Those that took longest first.
  var profiles: [KernelProfile] { sums.values.sorted { ($1.seconds, $0.name) < ($0.seconds, $1.name) } }

  func reset() {
    collect()
    sums = [:]
  }
}

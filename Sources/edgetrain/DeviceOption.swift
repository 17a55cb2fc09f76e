import Terminal
import Trainer

/// `--device`, `--shares`, `--retune` and `--profile`: where training computes.
struct DeviceOption {
  static let device = Option(
    "device", value: "DEVICE",
    help: "cpu, opencl:N as `edgetrain devices` counts them, or several: opencl:0,1 or cpu+opencl (default cpu)")
  static let shares = Option(
    "shares", value: "N,N...", help: "how much of a batch each of several devices gets (default: as much as the others)"
  )
  static let retune = Option("retune", help: "measure again how the OpenCL device multiplies matrices best")
  static let profile = Option("profile", help: "the OpenCL device's time in each kernel")

  enum Choice: Equatable {
    case cpu
    case openCL(number: Int)
  }

  /// In the order in which gradients are added up; the first one makes the updates.
  private let choices: [Choice]
  private let shares: [Int]?
  private let retunes: Bool
  let profiles: Bool

  /// - Parameter command: `profile` need not be among its options.
  /// - Throws: `UsageError`.
  init(_ arguments: Arguments, of command: Command) throws {
    let (options, command) = (command.options, command.name)
    choices = try Choice.list(arguments.string("device") ?? "cpu", command: command)
    shares = try DeviceOption.shares(arguments.string("shares"), count: choices.count, command: command)
    retunes = arguments.has("retune")
    profiles = options.contains { $0.name == "profile" } && arguments.has("profile")
    for (name, isGiven) in [("--retune", retunes), ("--profile", profiles)]
    where isGiven && choices.allSatisfy({ $0 == .cpu }) {
      throw UsageError(name, expected: "--device opencl beside it", found: "the device cpu", command: command)
    }
  }

  private static func shares(_ text: String?, count: Int, command: String) throws -> [Int]? {
    guard let text else { return nil }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard count > 1, numbers.count == count, numbers.allSatisfy({ (1...1_000_000).contains($0) }) else {
      throw UsageError(
        "--shares", expected: count > 1 ? "\(count) numbers from 1 on, as 1,4" : "several devices beside it",
        found: text, command: command)
    }
    return numbers
  }

  /// The devices, ready to compute. An OpenCL device that this machine has not used before is measured first.
  func devices(threads: Int, communicator: (any Communicator)? = nil) throws -> TrainingDevices {
    TrainingDevices(
      try choices.map { try backend($0, threads: threads) }, shares: shares, communicator: communicator)
  }

  private func backend(_ choice: Choice, threads: Int) throws -> any Backend {
    switch choice {
    case .cpu: return CPUBackend(threads: threads)
    case .openCL(let number):
      let device = try OpenCLDevice.device(number)
      let tuner = GemmTuner(device)
      if !retunes, let plan = tuner.cachedPlan() {
        return try OpenCLBackend(device, gemm: plan, profiling: profiles, cache: DeviceOption.cache(for: device))
      }
      note("\(device.title): measuring how it multiplies matrices best, once for this device and driver")
      let plan = try tuner.measure()
      do {
        try tuner.keep(plan)
      } catch {
        note("warning: \(error.description); it will be measured again next time")
      }
      return try OpenCLBackend(device, gemm: plan, profiling: profiles, cache: DeviceOption.cache(for: device))
    }
  }

  /// Where compiled programs are kept. PoCL keeps them itself, kernel by kernel as they are needed; for a whole program, as it
  /// would give it to us, it compiles every kernel once more, and in a form that saves little later (docs/opencl.md).
  private static func cache(for device: OpenCLDevice) -> OpenCLCache? {
    device.platform == "Portable Computing Language" ? nil : .standard
  }
}

extension DeviceOption.Choice {
  /// The devices that `text` names, as "cpu+opencl:0,1".
  ///
  /// - Throws: `UsageError` if it is no such list.
  static func list(_ text: String, command: String) throws -> [Self] {
    try text.split(separator: "+", omittingEmptySubsequences: false).flatMap { part throws -> [Self] in
      let words = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let numbers = words.count < 2 ? ["0"] : words[1].split(separator: ",", omittingEmptySubsequences: false)
      switch (words[0], words.count, numbers.map { Int($0) ?? -1 }) {
      case ("cpu", 1, _): return [.cpu]
      case ("opencl", _, let numbers) where numbers.allSatisfy { $0 >= 0 }:
        return numbers.map { .openCL(number: $0) }
      default:
        throw UsageError(
          "--device", expected: "cpu, opencl, opencl:N, or several, as opencl:0,1 or cpu+opencl", found: text,
          command: command)
      }
    }
  }
}

extension TrainingDevices {
  /// As in "cpu, 2 threads + opencl:0 (…)".
  var name: String { backends.map { $0.name }.joined(separator: " + ") }

  /// Those that measure their kernels' time, if `device` says that they do.
  func profiled(by device: DeviceOption) -> [OpenCLBackend] {
    device.profiles ? backends.compactMap { $0 as? OpenCLBackend } : []
  }
}

/// Time in each kernel of a device as a table.
func profileText(_ backend: OpenCLBackend) throws -> String {
  let kernels = try backend.profile()
  let total = max(kernels.reduce(0) { $0 + $1.seconds }, 1e-12)
  var table = TextTable([
    .left("kernel"), .right("calls"), .right("ms"), .right("share"), .right("GFLOP/s"), .right("GB/s"),
  ])
  for kernel in kernels {
    let seconds = max(kernel.seconds, 1e-12)
    table.add([
      kernel.name, "\(kernel.calls)", fixed(kernel.seconds * 1e3, decimals: 2),
      percent(kernel.seconds / total, decimals: 1),
      kernel.flops == 0 ? "" : fixed(Double(kernel.flops) / seconds * 1e-9, decimals: 1),
      fixed(Double(kernel.bytes) / seconds * 1e-9, decimals: 1),
    ])
  }
  let timeline = try backend.timeline().map {
    "device busy \(percent($0.busyShare, decimals: 1)) of the time; "
      + "\(percent($0.waitingShare, decimals: 1)) of the kernels waited for it\n"
  }
  return "\(backend.name)\n\(table.text)\(timeline ?? "")"
}

extension JSONWriter {
  /// The kernels of devices.
  mutating func profile(_ kernels: [(device: String, kernel: KernelProfile)]) {
    array("kernels") { json in
      for (device, kernel) in kernels {
        json.object { json in
          json.field("device", device)
          json.field("kernel", kernel.name)
          json.field("calls", kernel.calls)
          json.field("milliseconds", kernel.seconds * 1e3, decimals: 4)
          json.field("flops", kernel.flops)
          json.field("bytes", kernel.bytes)
        }
      }
    }
  }
}

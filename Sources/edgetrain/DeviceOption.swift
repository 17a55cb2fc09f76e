import Terminal
import Trainer

/// `--device`, `--retune` and `--profile`: where training computes.
struct DeviceOption {
  static let device = Option(
    "device", value: "DEVICE", help: "cpu, opencl, or opencl:N as `edgetrain devices` counts them (default cpu)")
  static let retune = Option("retune", help: "measure again how the OpenCL device multiplies matrices best")
  static let profile = Option("profile", help: "the OpenCL device's time in each kernel")

  enum Choice: Equatable {
    case cpu
    case openCL(number: Int)
  }

  let choice: Choice
  private let retunes: Bool
  let profiles: Bool

  /// - Throws: `UsageError`.
  init(_ arguments: Arguments, command: String) throws {
    choice = try Choice(arguments.string("device") ?? "cpu", command: command)
    retunes = arguments.has("retune")
    profiles = arguments.has("profile")
    for (name, isGiven) in [("--retune", retunes), ("--profile", profiles)] where isGiven && choice == .cpu {
      throw UsageError(name, expected: "--device opencl beside it", found: "the device cpu", command: command)
    }
  }

  /// The device, ready to compute. An OpenCL device that this machine has not used before is measured first.
  func backend(threads: Int) throws -> any Backend {
    switch choice {
    case .cpu: return CPUBackend(threads: threads)
    case .openCL(let number):
      let device = try OpenCLDevice.device(number)
      let tuner = GemmTuner(device)
      if !retunes, let plan = tuner.cachedPlan() {
        return try OpenCLBackend(device, gemm: plan, profiling: profiles)
      }
      note("\(device.title): measuring how it multiplies matrices best, once for this device and driver")
      let plan = try tuner.measure()
      do {
        try tuner.cache(plan)
      } catch {
        note("warning: \(error.description); it will be measured again next time")
      }
      return try OpenCLBackend(device, gemm: plan, profiling: profiles)
    }
  }
}

extension DeviceOption.Choice {
  /// - Throws: `UsageError` if `text` names no device, or several.
  init(_ text: String, command: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = parts.count < 2 ? ["0"] : parts[1].split(separator: ",", omittingEmptySubsequences: false)
    switch (String(parts[0]), parts.count, numbers.map { Int($0) }) {
    case ("cpu", 1, _): self = .cpu
    case ("opencl", _, let numbers) where numbers.count == 1 && (numbers[0] ?? -1) >= 0:
      self = .openCL(number: numbers[0]!)
    default:
      throw UsageError("--device", expected: "cpu, opencl, or opencl:N with one N", found: text, command: command)
    }
  }
}

/// Time in each kernel as a table.
func profileText(_ kernels: [KernelProfile]) -> String {
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
  return table.text
}

extension JSONWriter {
  mutating func profile(_ kernels: [KernelProfile]) {
    array("kernels") { json in
      for kernel in kernels {
        json.object { json in
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

import Foundation
import Testing

/// Where training computes, from the command line: what there is, and what is said of devices that cannot be used.
@Suite struct DeviceCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeNetwork()
  }

  private func devices(_ environment: [String: String] = [:]) throws -> [[String: Any]] {
    let result = try edgetrain.run(["devices", "--json"], in: folder, environment: environment)
    #expect(result.status == 0, "\(result.errors)")
    let json = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(try #require(json["cpu_threads"] as? Int) > 0)
    return try #require(json["opencl"] as? [[String: Any]])
  }

  /// Everything that the table tells, and what a program wants to know beside it.
  @Test func listsDevices() throws {
    let devices = try devices()
    let table = try edgetrain.run(["devices"], in: folder).output
    #expect(table.contains("cpu"))
    for (number, device) in devices.enumerated() {
      #expect(device["device"] as? String == "opencl:\(number)")
      for field in ["memory", "largest_buffer", "local_memory", "compute_units", "clock_mhz", "largest_work_group"] {
        #expect((device[field] as? Int ?? 0) > 0, "\(field)")
      }
      for field in ["fp16", "fp64", "is_cpu"] { #expect(device[field] is Bool, "\(field)") }
      for field in ["name", "platform", "version", "driver"] { #expect(device[field] as? String != "", "\(field)") }
      #expect(table.contains(try #require(device["name"] as? String)))
    }
  }

  /// A machine without a driver: the list is empty, and a device that is asked for is an error, not the CPU instead.
  @Test func noPlatform() throws {
    let nowhere = ["OCL_ICD_VENDORS": folder.path + "/no-drivers/"]
    try FileManager.default.createDirectory(
      atPath: folder.path + "/no-drivers", withIntermediateDirectories: true)
    #expect(try devices(nowhere).isEmpty)
    let table = try edgetrain.run(["devices"], in: folder, environment: nowhere)
    #expect(table.output.contains("no OpenCL device"))
    let bench = try edgetrain.run(["bench", "rows.net", "--device", "opencl"], in: folder, environment: nowhere)
    #expect(bench.status == 1 && bench.output.isEmpty)
    #expect(bench.errors.hasPrefix("error: OpenCL: no platform: no driver is installed (edgetrain devices)\n"))
  }

  @Test func noSuchDevice() throws {
    guard try !devices().isEmpty else { return }
    let result = try edgetrain.run(["bench", "rows.net", "--device", "opencl:99"], in: folder)
    #expect(result.status == 1 && result.output.isEmpty)
    #expect(result.errors.hasPrefix("error: opencl:99: expected a device among 0..."))
  }

  /// The first device if it is one of PoCL, which lets itself be given less than it has.
  private func pocl() throws -> [String: Any]? {
    try devices().first.flatMap { $0["platform"] as? String == "Portable Computing Language" ? $0 : nil }
  }

  /// A batch whose activations the device has no memory for. PoCL lets itself be given less.
  @Test func tooLittleMemory() throws {
    guard let device = try pocl() else { return }
    let wide = "input 64x64x1\nconv 3x3x64 pad same\nmaxpool 2\nflatten\ndense 3\nsoftmax\n"
    try folder.write(wide, to: "wide.net")
    let result = try edgetrain.run(
      ["bench", "wide.net", "--device", "opencl", "--batch", "2000", "--seconds", "0.1"], in: folder,
      environment: ["POCL_MEMORY_LIMIT": "1"])
    #expect(result.status == 1 && result.output.isEmpty)
    let name = try #require(device["name"] as? String)
    let error = result.errors.split(separator: "\n").first { $0.hasPrefix("error: ") }
    #expect(error?.hasPrefix("error: opencl:0 (\(name)): no memory for ") == true, "\(result.errors)")
  }

  /// A device that takes only small work-groups computes all the same. PoCL lets itself be given a limit, and refuses larger ones.
  @Test func smallWorkGroups() throws {
    guard try pocl() != nil else { return }
    let text = "input 8x8x3\nconv 3x3x8 pad same relu\nbatchnorm\nmaxpool 2\nflatten\ndense 20 relu\ndense 3\nsoftmax\n"
    try folder.write(text, to: "small.net")
    let result = try edgetrain.run(
      ["bench", "small.net", "--device", "opencl", "--batch", "70", "--seconds", "0.01"], in: folder,
      environment: ["POCL_MAX_WORK_GROUP_SIZE": "16"])
    #expect(result.status == 0 && result.output.contains("images/s"), "\(result.errors)")
  }

  /// What a run has tuned is used by the next one, until it is cleared; and so are compiled programs, but those of PoCL, which
  /// keeps them itself.
  @Test func tuningAndProgramsAreKept() throws {
    guard try !devices().isEmpty else { return }
    let isPoCL = try pocl() != nil
    let bench = ["bench", "rows.net", "--device", "opencl", "--batch", "4", "--seconds", "0.01"]
    func files() -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/.cache/edgerun/opencl")) ?? []).sorted()
    }
    let first = try edgetrain.run(bench, in: folder)
    #expect(first.status == 0 && first.errors.contains("measuring how it multiplies matrices best"), "\(first.errors)")
    let kept = files()
    #expect(kept.count { $0.hasSuffix(".json") } == 1 && kept.contains { $0.hasSuffix(".program") } != isPoCL)
    let second = try edgetrain.run(bench, in: folder)
    #expect(second.status == 0 && second.errors.isEmpty && files() == kept, "\(second.errors)")
    let clear = try edgetrain.run(["devices", "--clear-cache"], in: folder)
    #expect(clear.status == 0 && clear.errors.contains("\(kept.count) files removed"), "\(clear.errors)")
    #expect(files().isEmpty)
  }
}

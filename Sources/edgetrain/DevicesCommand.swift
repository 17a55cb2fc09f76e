import Terminal
import Trainer

enum DevicesCommand {
  static let command = Command(
    name: "edgetrain devices",
    summary: "Lists where this machine can train: the CPU, and the devices of all OpenCL drivers.",
    operands: [],
    options: [
      CommonOptions.json,
      Option("clear-cache", help: "forget how OpenCL devices were tuned, and the programs compiled for them"),
    ],
    examples: [
      "edgetrain devices", "edgetrain train nets/lenet5.net --data fashion-mnist -o lenet5.bin --device opencl:0",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    if arguments.has("clear-cache"), let cache = OpenCLCache.standard {
      note("\(cache.folder): \(cache.clear()) files removed")
    }
    let devices = OpenCLDevice.all()
    write(arguments.has("json") ? json(devices) : text(devices))
  }

  private static func text(_ devices: [OpenCLDevice]) -> String {
    var table = TextTable([
      .left("device"), .left("name"), .right("memory"), .right("compute units"), .right("work-group"), .left("fp16"),
      .left("platform"),
    ])
    table.add(["cpu", "this program's own kernels", "", "\(availableThreads())", "", "", ""])
    for device in devices {
      table.add([
        "opencl:\(device.number)", device.name, byteSize(device.memory), "\(device.computeUnits)",
        "\(device.largestWorkGroup)", device.hasHalf ? "yes" : "no", device.platform,
      ])
    }
    let nothing = "no OpenCL device: no driver is installed, or it finds none (Debian: pocl-opencl-icd for the CPU)\n"
    return table.text + (devices.isEmpty ? nothing : "")
  }

  private static func json(_ devices: [OpenCLDevice]) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("cpu_threads", availableThreads())
      json.array("opencl") { json in
        for device in devices {
          json.object { json in
            json.field("device", "opencl:\(device.number)")
            json.field("name", device.name)
            json.field("platform", device.platform)
            json.field("version", device.version)
            json.field("driver", device.driver)
            json.field("is_cpu", device.isCPU)
            json.field("memory", device.memory)
            json.field("largest_buffer", device.largestBuffer)
            json.field("local_memory", device.localMemory)
            json.field("compute_units", device.computeUnits)
            json.field("clock_mhz", device.clock)
            json.field("largest_work_group", device.largestWorkGroup)
            json.field("fp16", device.hasHalf)
            json.field("fp64", device.hasDouble)
          }
        }
      }
    }
    return json.text
  }
}

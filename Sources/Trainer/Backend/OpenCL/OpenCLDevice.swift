import COpenCL

/// A device that OpenCL offers on this machine.
public struct OpenCLDevice: @unchecked Sendable {
  /// Place among the devices of all platforms, in the order in which OpenCL tells them.
  public let number: Int
  /// As "Portable Computing Language".
  public let platform: String
  public let name: String
  /// As "OpenCL 3.0 …".
  public let version: String
  public let driver: String
  /// Bytes of global memory, of the largest buffer, and of a compute unit's local memory.
  public let memory: Int
  public let largestBuffer: Int
  public let localMemory: Int
  public let computeUnits: Int
  /// MHz at most; 0 if the driver does not tell.
  public let clock: Int
  /// Work-items of the largest work-group.
  public internal(set) var largestWorkGroup: Int
  /// Whether it computes in half and in double precision. The Trainer needs neither.
  public let hasHalf: Bool
  public let hasDouble: Bool
  public let isCPU: Bool
  /// Floats in a vector register, as the driver says.
  public let vectorWidth: Int

  // Safe: OpenCL's handles may be used from every thread, and those of root devices are never freed.
  let id: cl_device_id

  /// As it stands in messages: "opencl:0 (pthread-skylake-avx512-AMD EPYC)".
  public var title: String { "opencl:\(number) (\(name))" }

  /// What tells it, with its driver, from others: what was made for one is good for those that have the same.
  var identity: [String] { [platform, name, version, driver] }

  /// All devices of all platforms; none if there is no platform.
  public static func all() -> [OpenCLDevice] {
    var result: [OpenCLDevice] = []
    for platform in platforms() {
      for id in devices(of: platform) {
        result.append(OpenCLDevice(id, number: result.count, platform: platformName(platform)))
      }
    }
    return result
  }

  /// - Throws: `TrainerError.device` if there is no such device.
  public static func device(_ number: Int) throws(TrainerError) -> OpenCLDevice {
    let all = all()
    if platforms().isEmpty {
      throw .device(name: "OpenCL", reason: "no platform: no driver is installed (edgetrain devices)")
    }
    guard !all.isEmpty else { throw .device(name: "OpenCL", reason: "the drivers that are installed find no device") }
    guard all.indices.contains(number) else {
      throw .device(
        name: "opencl:\(number)",
        reason: "expected a device among 0...\(all.count - 1), as edgetrain devices lists them")
    }
    return all[number]
  }

  init(_ id: cl_device_id, number: Int, platform: String) {
    self.id = id
    self.number = number
    self.platform = platform
    name = OpenCLDevice.text(id, CL_DEVICE_NAME)
    version = OpenCLDevice.text(id, CL_DEVICE_VERSION)
    driver = OpenCLDevice.text(id, CL_DRIVER_VERSION)
    memory = Int(clamping: OpenCLDevice.value(id, CL_DEVICE_GLOBAL_MEM_SIZE, as: cl_ulong.self))
    largestBuffer = Int(clamping: OpenCLDevice.value(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, as: cl_ulong.self))
    localMemory = Int(clamping: OpenCLDevice.value(id, CL_DEVICE_LOCAL_MEM_SIZE, as: cl_ulong.self))
    computeUnits = Int(OpenCLDevice.value(id, CL_DEVICE_MAX_COMPUTE_UNITS, as: cl_uint.self))
    clock = Int(OpenCLDevice.value(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, as: cl_uint.self))
    largestWorkGroup = max(OpenCLDevice.value(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, as: Int.self), 1)
    let extensions = OpenCLDevice.text(id, CL_DEVICE_EXTENSIONS).split(separator: " ")
    hasHalf = extensions.contains("cl_khr_fp16")
    hasDouble = extensions.contains("cl_khr_fp64")
    let type = OpenCLDevice.value(id, CL_DEVICE_TYPE, as: cl_device_type.self)
    isCPU = type & cl_device_type(CL_DEVICE_TYPE_CPU) != 0
    vectorWidth = Int(OpenCLDevice.value(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, as: cl_uint.self))
  }

  private static func platforms() -> [cl_platform_id] {
    var count: cl_uint = 0
    guard clGetPlatformIDs(0, nil, &count) == CL_SUCCESS, count > 0 else { return [] }
    var ids = [cl_platform_id?](repeating: nil, count: Int(count))
    guard clGetPlatformIDs(count, &ids, nil) == CL_SUCCESS else { return [] }
    return ids.compactMap { $0 }
  }

  private static func devices(of platform: cl_platform_id) -> [cl_device_id] {
    let all = cl_device_type(CL_DEVICE_TYPE_ALL)
    var count: cl_uint = 0
    guard clGetDeviceIDs(platform, all, 0, nil, &count) == CL_SUCCESS, count > 0 else { return [] }
    var ids = [cl_device_id?](repeating: nil, count: Int(count))
    guard clGetDeviceIDs(platform, all, count, &ids, nil) == CL_SUCCESS else { return [] }
    return ids.compactMap { $0 }
  }

  private static func platformName(_ platform: cl_platform_id) -> String {
    text { clGetPlatformInfo(platform, cl_platform_info(CL_PLATFORM_NAME), $0, $1, $2) }
  }

  private static func text(_ id: cl_device_id, _ what: Int32) -> String {
    text { clGetDeviceInfo(id, cl_device_info(what), $0, $1, $2) }
  }

  /// What a query gives as zero-terminated text; empty if it fails.
  static func text(_ query: (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> cl_int) -> String {
    var size = 0
    guard query(0, nil, &size) == CL_SUCCESS, size > 0 else { return "" }
    var bytes = [UInt8](repeating: 0, count: size)
    guard bytes.withUnsafeMutableBytes({ query(size, $0.baseAddress, nil) }) == CL_SUCCESS else { return "" }
    let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    return String(text.drop { $0 == " " })
  }

  /// 0 if the driver does not tell.
  private static func value<T: FixedWidthInteger>(_ id: cl_device_id, _ what: Int32, as type: T.Type) -> T {
    var value: T = 0
    _ = clGetDeviceInfo(id, cl_device_info(what), MemoryLayout<T>.size, &value, nil)
    return value
  }
}

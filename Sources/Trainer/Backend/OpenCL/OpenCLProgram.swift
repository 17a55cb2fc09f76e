import COpenCL
import OpenCLKernels

/// The programs of `OpenCLKernels`.
enum OpenCLProgramName: Int32 {
  case batchNorm
  case dense
  case depthwise
  case elementwise
  case examples
  case gemmLocal
  case gemmPanel
  case loss
  case narrow
  case optimizer
  case pool
  case reduce
  case sequence
  case winograd

  /// With what all programs share before it.
  var source: String {
    let common = (0..<OPENCL_COMMON_PARTS).map { String(cString: opencl_common_source($0)) }
    let tile = self == .gemmPanel || self == .narrow ? String(cString: opencl_tile_source()) : ""
    return common.joined() + tile + String(cString: opencl_program_source(rawValue))
  }
}

/// A program built for a device, and its kernels.
final class OpenCLProgram {
  private let program: cl_program
  private var kernels: [String: OpenCLKernel] = [:]
  private let device: OpenCLDevice

  /// The program as `cache` has it, or else compiled, and kept there.
  ///
  /// - Parameter options: as "-DVEC=16".
  /// - Throws: `TrainerError.device` with the first line of the compiler's log.
  init(
    _ title: String, source: String, options: String, on device: OpenCLDevice, in context: cl_context,
    cache: OpenCLCache? = nil
  ) throws(TrainerError) {
    self.device = device
    let options = "-cl-std=CL1.2 -w " + options
    let key = OpenCLCache.ProgramKey(source: source, options: options, device: device)
    if let cache, let binary = cache.program(key),
      let program = OpenCLProgram.load(binary, options: options, on: device, in: context)
    {
      self.program = program
      return
    }
    var status = CL_SUCCESS
    let program = source.withCString { text in
      var text: UnsafePointer<CChar>? = text
      return clCreateProgramWithSource(context, 1, &text, nil, &status)
    }
    guard let program else { throw .device(name: device.title, reason: "\(title): \(OpenCLStatus(status))") }
    self.program = program
    var id: cl_device_id? = device.id
    status = clBuildProgram(program, 1, &id, options, nil, nil)
    guard status == CL_SUCCESS else {
      let log = OpenCLDevice.text {
        clGetProgramBuildInfo(program, device.id, cl_program_build_info(CL_PROGRAM_BUILD_LOG), $0, $1, $2)
      }
      let line = log.split(whereSeparator: \.isNewline).first.map { ": \($0)" } ?? ""
      throw .device(name: device.title, reason: "\(title): \(OpenCLStatus(status))\(line)")
    }
    if let cache, let binary { cache.keep(binary, key) }
  }

  /// Nil if the driver does not take the binary: it may be of another version, or damaged.
  private static func load(
    _ binary: [UInt8], options: String, on device: OpenCLDevice, in context: cl_context
  ) -> cl_program? {
    var id: cl_device_id? = device.id
    var length = binary.count
    var (ofBinary, status) = (CL_SUCCESS, CL_SUCCESS)
    let program = binary.withUnsafeBufferPointer { bytes in
      var start = bytes.baseAddress
      return clCreateProgramWithBinary(context, 1, &id, &length, &start, &ofBinary, &status)
    }
    guard let program else { return nil }
    guard clBuildProgram(program, 1, &id, options, nil, nil) == CL_SUCCESS else {
      clReleaseProgram(program)
      return nil
    }
    return program
  }

  /// The compiled program, as the driver gives it; nil if it gives none.
  private var binary: [UInt8]? {
    var size = 0
    guard
      clGetProgramInfo(program, cl_program_info(CL_PROGRAM_BINARY_SIZES), MemoryLayout<Int>.size, &size, nil)
        == CL_SUCCESS, size > 0
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    let status = bytes.withUnsafeMutableBufferPointer { bytes in
      var start = bytes.baseAddress
      return clGetProgramInfo(
        program, cl_program_info(CL_PROGRAM_BINARIES), MemoryLayout<UnsafeMutablePointer<UInt8>?>.size, &start, nil)
    }
    return status == CL_SUCCESS ? bytes : nil
  }

  deinit {
    for kernel in kernels.values { clReleaseKernel(kernel.handle) }
    clReleaseProgram(program)
  }

  func kernel(_ name: String) throws(OpenCLStatus) -> OpenCLKernel {
    if let kernel = kernels[name] { return kernel }
    var status = CL_SUCCESS
    guard let handle = clCreateKernel(program, name, &status) else { throw OpenCLStatus(status) }
    let kernel = OpenCLKernel(handle, of: device)
    kernels[name] = kernel
    return kernel
  }
}

/// A compiled kernel, and the work-groups that it runs in.
struct OpenCLKernel {
  let handle: cl_kernel
  /// Work-items of the largest work-group: a device may have fewer registers for a kernel than for others.
  let largestGroup: Int
  /// Whether the program says how large its work-groups are.
  let hasOwnGroup: Bool

  init(_ handle: cl_kernel, of device: OpenCLDevice) {
    self.handle = handle
    var largest = 0
    var own = [0, 0, 0]
    _ = clGetKernelWorkGroupInfo(
      handle, device.id, cl_kernel_work_group_info(CL_KERNEL_WORK_GROUP_SIZE), MemoryLayout<Int>.size, &largest, nil)
    _ = clGetKernelWorkGroupInfo(
      handle, device.id, cl_kernel_work_group_info(CL_KERNEL_COMPILE_WORK_GROUP_SIZE), 3 * MemoryLayout<Int>.size,
      &own, nil)
    // 0: the driver does not tell.
    largestGroup = largest > 0 ? min(largest, device.largestWorkGroup) : device.largestWorkGroup
    hasOwnGroup = own[0] > 0
  }

  /// `group` as it is wanted, halved along its longest side until the device takes it; nil if the program does not allow that.
  func group(_ wanted: [Int]) -> [Int]? {
    var group = wanted
    while group.reduce(1, *) > largestGroup {
      guard !hasOwnGroup, let longest = group.max(), longest.isMultiple(of: 2) else { return nil }
      group[group.firstIndex(of: longest)!] /= 2
    }
    return group
  }
}

import COpenCL
import OpenCLKernels

/// The programs of `OpenCLKernels`.
enum OpenCLProgramName: Int32 {
  case batchNorm
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
  private var kernels: [String: cl_kernel] = [:]

  /// The program as `cache` has it, or else compiled, and kept there.
  ///
  /// - Parameter options: as "-DVEC=16".
  /// - Throws: `TrainerError.device` with the first line of the compiler's log.
  init(
    _ title: String, source: String, options: String, on device: OpenCLDevice, in context: cl_context,
    cache: OpenCLCache? = nil
  ) throws(TrainerError) {
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
    for kernel in kernels.values { clReleaseKernel(kernel) }
    clReleaseProgram(program)
  }

  func kernel(_ name: String) throws(OpenCLStatus) -> cl_kernel {
    if let kernel = kernels[name] { return kernel }
    var status = CL_SUCCESS
    guard let kernel = clCreateKernel(program, name, &status) else { throw OpenCLStatus(status) }
    kernels[name] = kernel
    return kernel
  }
}

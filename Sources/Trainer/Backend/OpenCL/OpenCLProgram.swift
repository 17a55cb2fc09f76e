import COpenCL
import OpenCLKernels

/// The programs of `OpenCLKernels`.
enum OpenCLProgramName: Int32 {
  case batchNorm
  case depthwise
  case elementwise
  case gemmLocal
  case gemmPanel
  case loss
  case optimizer
  case pool
  case reduce
  case sequence

  /// With what all programs share before it.
  var source: String {
    let common = (0..<OPENCL_COMMON_PARTS).map { String(cString: opencl_common_source($0)) }
    return common.joined() + String(cString: opencl_program_source(rawValue))
  }
}

/// A program built for a device, and its kernels.
final class OpenCLProgram {
  private let program: cl_program
  private var kernels: [String: cl_kernel] = [:]

  /// - Parameter options: as "-DVEC=16".
  /// - Throws: `TrainerError.device` with the first line of the compiler's log.
  init(_ title: String, source: String, options: String, on device: OpenCLDevice, in context: cl_context)
    throws(TrainerError)
  {
    var status = CL_SUCCESS
    let program = source.withCString { text in
      var text: UnsafePointer<CChar>? = text
      return clCreateProgramWithSource(context, 1, &text, nil, &status)
    }
    guard let program else { throw .device(name: device.title, reason: "\(title): \(OpenCLStatus(status))") }
    self.program = program
    var id: cl_device_id? = device.id
    status = clBuildProgram(program, 1, &id, "-cl-std=CL1.2 -w " + options, nil, nil)
    guard status == CL_SUCCESS else {
      let log = OpenCLDevice.text {
        clGetProgramBuildInfo(program, device.id, cl_program_build_info(CL_PROGRAM_BUILD_LOG), $0, $1, $2)
      }
      let line = log.split(whereSeparator: \.isNewline).first.map { ": \($0)" } ?? ""
      throw .device(name: device.title, reason: "\(title): \(OpenCLStatus(status))\(line)")
    }
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

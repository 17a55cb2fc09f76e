import COpenCL

/// What a call of OpenCL gave, by the name that its specification has for it.
struct OpenCLStatus: Error, CustomStringConvertible {
  let code: cl_int

  init(_ code: cl_int) { self.code = code }

  var description: String { OpenCLStatus.names[code] ?? "OpenCL error \(code)" }

  /// Those that a right program can meet on a machine that lacks something.
  private static let names: [cl_int: String] = [
    CL_DEVICE_NOT_AVAILABLE: "the device is not available",
    CL_COMPILER_NOT_AVAILABLE: "the driver has no compiler",
    CL_MEM_OBJECT_ALLOCATION_FAILURE: "out of device memory (CL_MEM_OBJECT_ALLOCATION_FAILURE)",
    CL_OUT_OF_RESOURCES: "out of the device's resources (CL_OUT_OF_RESOURCES)",
    CL_OUT_OF_HOST_MEMORY: "out of host memory (CL_OUT_OF_HOST_MEMORY)",
    CL_BUILD_PROGRAM_FAILURE: "the program does not build (CL_BUILD_PROGRAM_FAILURE)",
    CL_INVALID_BUFFER_SIZE: "a buffer too large for the device (CL_INVALID_BUFFER_SIZE)",
    CL_INVALID_WORK_GROUP_SIZE: "a work-group that the device cannot run (CL_INVALID_WORK_GROUP_SIZE)",
    CL_INVALID_KERNEL_ARGS: "arguments missing (CL_INVALID_KERNEL_ARGS)",
    CL_INVALID_ARG_SIZE: "an argument of the wrong size (CL_INVALID_ARG_SIZE)",
    CL_INVALID_ARG_INDEX: "too many arguments (CL_INVALID_ARG_INDEX)",
    CL_INVALID_KERNEL_NAME: "no kernel of this name (CL_INVALID_KERNEL_NAME)",
  ]
}

import COpenCL
import Foundation
import Testing

@testable import Trainer

/// OpenCL for tests: the first device, as what it is, and cut as a GPU's work would be. Tests use one at a time.
enum OpenCLTestDevice {
  static let device: OpenCLDevice? = {
    let device = OpenCLDevice.all().first
    if device == nil { print("OpenCL is not tested: no platform with a device here (Debian: pocl-opencl-icd)") }
    return device
  }()

  static let backends: [SharedOpenCLBackend] = {
    guard let device else { return [] }
    let tile = LocalTiling(rows: 32, columns: 16, depth: 8, itemRows: 4, itemColumns: 2)
    let plan = GemmPlan(rows: .local(tile), weights: .local(tile))
    return [
      SharedOpenCLBackend(device.title) { () throws(TrainerError) in try OpenCLBackend(device) },
      SharedOpenCLBackend(device.title + " as a GPU") { () throws(TrainerError) in
        try OpenCLBackend(device, isCPU: false, gemm: plan)
      },
    ]
  }()
}

/// A backend that tests on several threads use in turn.
final class SharedOpenCLBackend: @unchecked Sendable {
  let name: String
  // Safe: used with `lock` held.
  private let backend: Result<OpenCLBackend, TrainerError>
  private let lock = NSLock()

  init(_ name: String, _ make: () throws(TrainerError) -> OpenCLBackend) {
    self.name = name
    backend = Result { () throws(TrainerError) in try make() }
  }

  func use<T>(_ body: (OpenCLBackend) throws -> T) throws -> T {
    lock.lock()
    defer { lock.unlock() }
    return try body(backend.get())
  }
}

extension OpenCLDevice {
  /// The device as two sub-devices of half of its compute units each; nil if it has an odd number of them, or is of a kind that
  /// cannot be divided, which is what most GPUs' drivers say.
  func halves() throws -> [OpenCLDevice]? {
    var largest: cl_uint = 0
    #expect(clGetDeviceInfo(id, cl_device_info(CL_DEVICE_PARTITION_MAX_SUB_DEVICES), 4, &largest, nil) == CL_SUCCESS)
    guard largest >= 2, computeUnits >= 2, computeUnits.isMultiple(of: 2) else { return nil }
    let properties: [cl_device_partition_property] = [
      cl_device_partition_property(CL_DEVICE_PARTITION_EQUALLY), computeUnits / 2, 0,
    ]
    var ids = [cl_device_id?](repeating: nil, count: 2)
    try #require(clCreateSubDevices(id, properties, 2, &ids, nil) == CL_SUCCESS)
    let halves = ids.compactMap { $0 }.map { OpenCLDevice($0, number: number, platform: platform) }
    #expect(halves.map(\.computeUnits) == [computeUnits / 2, computeUnits / 2])
    return halves
  }
}

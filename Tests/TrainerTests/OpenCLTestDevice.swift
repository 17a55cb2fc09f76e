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
  /// The device as two with half of its compute units each; none if it cannot be divided.
  func halves() throws -> [OpenCLDevice] {
    let properties: [cl_device_partition_property] = [
      cl_device_partition_property(CL_DEVICE_PARTITION_EQUALLY), computeUnits / 2, 0,
    ]
    var ids = [cl_device_id?](repeating: nil, count: 2)
    guard computeUnits >= 2, computeUnits.isMultiple(of: 2),
      clCreateSubDevices(id, properties, 2, &ids, nil) == CL_SUCCESS
    else { return [] }
    return ids.compactMap { $0 }.map { OpenCLDevice($0, number: number, platform: platform) }
  }
}

import COpenCL
import Foundation
import OpenCLKernels

/// A device's queue, in which commands run one after the other, and the programs that were built for it.
///
/// No call waits for the device unless it says so, and none throws: the first failure is kept, what comes after it is not
/// run, and `finish` throws it.
final class OpenCLQueue {
  let device: OpenCLDevice
  let context: cl_context
  let queue: cl_command_queue
  private var programs: [String: OpenCLProgram] = [:]
  /// Where compiled programs are kept; nil: nowhere.
  private let cache: OpenCLCache?
  private let meter = MemoryMeter()
  private(set) var failure: TrainerError?
  /// Nil unless the queue profiles.
  private(set) var profiler: OpenCLProfiler?

  init(_ device: OpenCLDevice, profiling: Bool, cache: OpenCLCache? = nil) throws(TrainerError) {
    self.device = device
    self.cache = cache
    var status = CL_SUCCESS
    var id: cl_device_id? = device.id
    guard let context = clCreateContext(nil, 1, &id, nil, nil, &status) else {
      throw .device(name: device.title, reason: "clCreateContext: \(OpenCLStatus(status))")
    }
    let properties = profiling ? cl_command_queue_properties(CL_QUEUE_PROFILING_ENABLE) : 0
    guard let queue = clCreateCommandQueue(context, device.id, properties, &status) else {
      clReleaseContext(context)
      throw .device(name: device.title, reason: "clCreateCommandQueue: \(OpenCLStatus(status))")
    }
    self.context = context
    self.queue = queue
    profiler = profiling ? OpenCLProfiler() : nil
  }

  deinit {
    clFinish(queue)
    clReleaseCommandQueue(queue)
    clReleaseContext(context)
  }

  /// Keeps the first failure.
  func check(_ status: cl_int, _ what: @autoclosure () -> String) {
    guard status != CL_SUCCESS else { return }
    fail("\(what()): \(OpenCLStatus(status))")
  }

  func fail(_ reason: String) { fail(.device(name: device.title, reason: reason)) }

  func fail(_ error: TrainerError) {
    if failure == nil { failure = error }
  }

  /// Waits for all commands.
  func finish() throws(TrainerError) {
    check(clFinish(queue), "clFinish")
    profiler?.collect()
    if let failure { throw failure }
  }

  // MARK: Memory

  /// Of all buffers that are in use.
  var allocatedBytes: Int { meter.bytes }

  /// Zeroed memory for `count` elements of four bytes and the slack behind them.
  func allocate(count: Int) throws(TrainerError) -> OpenCLBuffer {
    let bytes = (count + OpenCLBuffer.slack) * MemoryLayout<Float>.stride
    func problem(_ reason: String) -> TrainerError {
      .device(name: device.title, reason: "no memory for \(bytes) bytes: \(reason)")
    }
    guard bytes <= device.largestBuffer else { throw problem("its largest buffer is \(device.largestBuffer) bytes") }
    var status = CL_SUCCESS
    guard let memory = clCreateBuffer(context, cl_mem_flags(CL_MEM_READ_WRITE), bytes, nil, &status) else {
      throw problem(OpenCLStatus(status).description)
    }
    let buffer = OpenCLBuffer(memory, count: count, meter: meter)
    // Drivers find memory at a buffer's first use.
    var zero: Float = 0
    status = clEnqueueFillBuffer(queue, memory, &zero, MemoryLayout<Float>.size, 0, bytes, 0, nil, nil)
    if status == CL_SUCCESS { status = clFinish(queue) }
    guard status == CL_SUCCESS else { throw problem(OpenCLStatus(status).description) }
    return buffer
  }

  /// Copies `bytes` at once to memory of its own, and from there to the device in the queue's turn.
  func upload(_ bytes: UnsafeRawBufferPointer, to slice: DeviceSlice) {
    guard failure == nil, !bytes.isEmpty else { return }
    let staging = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    staging.copyMemory(from: bytes)
    var event: cl_event?
    let status = clEnqueueWriteBuffer(
      queue, OpenCLBuffer.memory(of: slice), cl_bool(CL_FALSE), slice.offset * 4, bytes.count, staging.baseAddress, 0,
      nil,
      &event)
    guard status == CL_SUCCESS, let event else {
      staging.deallocate()
      check(status, "clEnqueueWriteBuffer")
      return
    }
    let called = clSetEventCallback(
      event, CL_COMPLETE, { _, _, memory in memory?.deallocate() }, staging.baseAddress)
    if called != CL_SUCCESS {
      // Nobody will tell when the memory is free.
      clWaitForEvents(1, [event])
      staging.deallocate()
    }
    clReleaseEvent(event)
    clFlush(queue)
  }

  /// New memory with a copy of `values`, which is there when this returns: for much that is uploaded once.
  func buffer<Value>(with values: [Value]) throws(TrainerError) -> OpenCLBuffer {
    let bytes = values.count * MemoryLayout<Value>.stride
    let buffer = try allocate(count: (bytes + 3) / 4)
    let status = values.withUnsafeBytes {
      clEnqueueWriteBuffer(queue, buffer.memory, cl_bool(CL_TRUE), 0, bytes, $0.baseAddress, 0, nil, nil)
    }
    guard status == CL_SUCCESS else {
      throw .device(name: device.title, reason: "clEnqueueWriteBuffer: \(OpenCLStatus(status))")
    }
    return buffer
  }

  /// Copies to `values`, which must stay until the event that is returned is over, and lets the device begin with all that is
  /// in the queue; nil after a failure.
  func beginDownload(_ slice: DeviceSlice, into values: UnsafeMutableRawBufferPointer) -> cl_event? {
    guard failure == nil else { return nil }
    var event: cl_event?
    let status = clEnqueueReadBuffer(
      queue, OpenCLBuffer.memory(of: slice), cl_bool(CL_FALSE), slice.offset * 4, slice.count * 4, values.baseAddress,
      0, nil, &event)
    check(status, "clEnqueueReadBuffer")
    check(clFlush(queue), "clFlush")
    return event
  }

  /// Waits for a command, and so for all before it.
  func wait(_ event: cl_event?) throws(TrainerError) {
    if let event { check(clWaitForEvents(1, [event]), "clWaitForEvents") }
    profiler?.collect()
    if let failure { throw failure }
  }

  /// Waits for all commands.
  func download(_ slice: DeviceSlice, into values: UnsafeMutableRawBufferPointer) throws(TrainerError) {
    if failure == nil, slice.count > 0 {
      let status = clEnqueueReadBuffer(
        queue, OpenCLBuffer.memory(of: slice), cl_bool(CL_TRUE), slice.offset * 4, slice.count * 4, values.baseAddress,
        0,
        nil, nil)
      check(status, "clEnqueueReadBuffer")
    }
    profiler?.collect()
    if let failure { throw failure }
  }

  func copy(_ source: DeviceSlice, to destination: DeviceSlice) {
    guard failure == nil, source.count > 0 else { return }
    let (from, to) = (OpenCLBuffer.memory(of: source), OpenCLBuffer.memory(of: destination))
    if from == to && source.offset == destination.offset { return }
    let status = measured("copy", flops: 0, bytes: 8 * source.count) { event in
      clEnqueueCopyBuffer(
        queue, from, to, source.offset * 4, destination.offset * 4, source.count * 4, 0, nil, event)
    }
    check(status, "clEnqueueCopyBuffer")
  }

  /// Makes all elements 0.
  func clear(_ slice: DeviceSlice) {
    guard failure == nil, slice.count > 0 else { return }
    var zero: Float = 0
    let status = measured("clear", flops: 0, bytes: 4 * slice.count) { event in
      clEnqueueFillBuffer(
        queue, OpenCLBuffer.memory(of: slice), &zero, 4, slice.offset * 4, slice.count * 4, 0, nil, event)
    }
    check(status, "clEnqueueFillBuffer")
  }

  // MARK: Kernels

  /// The program, built at its first use; nil after a failure.
  func program(_ name: OpenCLProgramName, options: String) -> OpenCLProgram? {
    let key = "\(name) \(options)"
    if let program = programs[key] { return program }
    guard failure == nil else { return nil }
    do {
      let program = try OpenCLProgram(
        "\(name)", source: name.source, options: options, on: device, in: context, cache: cache)
      programs[key] = program
      return program
    } catch {
      failure = error
      return nil
    }
  }

  /// Puts a kernel into the queue.
  ///
  /// - Parameters:
  ///   - global: work-items; multiples of `local`.
  ///   - local: a work-group. A smaller one is taken where the device allows none so large: results do not depend on it.
  ///   - flops: operations that the work is counted as, for the profile; bytes are counted as each slice once.
  func run(
    _ program: OpenCLProgram?, _ name: String, global: [Int], local: [Int], flops: Int = 0,
    _ arguments: [any KernelArgument]
  ) {
    guard failure == nil, let program, !global.contains(0) else { return }
    do {
      let kernel = try program.kernel(name)
      guard let local = kernel.group(local) else {
        return fail(
          "kernel \(name) needs work-groups of \(local.reduce(1, *)), and the device takes \(kernel.largestGroup) at most"
        )
      }
      var index: cl_uint = 0
      for argument in arguments { try argument.set(on: kernel.handle, at: &index) }
      let elements = profiler == nil ? 0 : arguments.reduce(0) { $0 + (($1 as? DeviceSlice)?.count ?? 0) }
      let status = measured(name, flops: flops, bytes: 4 * elements) { event in
        clEnqueueNDRangeKernel(queue, kernel.handle, cl_uint(global.count), nil, global, local, 0, nil, event)
      }
      guard status == CL_SUCCESS else { throw OpenCLStatus(status) }
    } catch {
      fail("kernel \(name): \(error)")
    }
  }

  /// Calls `enqueue`, with an event for the profile if there is one.
  private func measured(
    _ name: String, flops: Int, bytes: Int, _ enqueue: (UnsafeMutablePointer<cl_event?>?) -> cl_int
  ) -> cl_int {
    guard let profiler else { return enqueue(nil) }
    var event: cl_event?
    let status = enqueue(&event)
    profiler.add(name, event, flops: flops, bytes: bytes)
    return status
  }
}

/// Counts the memory that a queue's buffers have.
private final class MemoryMeter {
  var bytes = 0
}

/// Memory of an OpenCL device.
final class OpenCLBuffer: DeviceBuffer {
  /// Elements behind the last that kernels may read.
  static let slack = 64

  let memory: cl_mem
  let count: Int
  private let meter: MemoryMeter

  fileprivate init(_ memory: cl_mem, count: Int, meter: MemoryMeter) {
    self.memory = memory
    self.count = count
    self.meter = meter
    meter.bytes += bytes
  }

  deinit {
    meter.bytes -= bytes
    clReleaseMemObject(memory)
  }

  private var bytes: Int { (count + OpenCLBuffer.slack) * MemoryLayout<Float>.stride }

  static func memory(of slice: DeviceSlice) -> cl_mem {
    guard let buffer = slice.buffer as? OpenCLBuffer else { preconditionFailure("a buffer of another backend") }
    return buffer.memory
  }
}

// MARK: Arguments

/// A value that a kernel takes as one argument or more.
protocol KernelArgument {
  func set(on kernel: cl_kernel, at index: inout cl_uint) throws(OpenCLStatus)
}

extension KernelArgument {
  /// As the bytes that it is.
  func set(on kernel: cl_kernel, at index: inout cl_uint) throws(OpenCLStatus) {
    let status = withUnsafeBytes(of: self) { clSetKernelArg(kernel, index, $0.count, $0.baseAddress) }
    guard status == CL_SUCCESS else { throw OpenCLStatus(status) }
    index += 1
  }
}

extension Int32: KernelArgument {}
extension UInt32: KernelArgument {}
extension Float: KernelArgument {}
extension opencl_patches: KernelArgument {}
extension opencl_product: KernelArgument {}
extension opencl_weight_product: KernelArgument {}
extension opencl_packing: KernelArgument {}
extension opencl_window: KernelArgument {}
extension opencl_phases: KernelArgument {}
extension opencl_winograd: KernelArgument {}
extension opencl_winograd_packing: KernelArgument {}
extension opencl_narrow: KernelArgument {}

/// The buffer, and where in it the slice begins.
extension DeviceSlice: KernelArgument {
  func set(on kernel: cl_kernel, at index: inout cl_uint) throws(OpenCLStatus) {
    var memory: cl_mem? = OpenCLBuffer.memory(of: self)
    var start = cl_ulong(offset)
    for status in [
      clSetKernelArg(kernel, index, MemoryLayout<cl_mem?>.size, &memory),
      clSetKernelArg(kernel, index + 1, MemoryLayout<cl_ulong>.size, &start),
    ] where status != CL_SUCCESS { throw OpenCLStatus(status) }
    index += 2
  }
}

/// Sizes are 32-bit in kernels: `OpenCLBackend` refuses slices that are larger.
extension Int: KernelArgument {
  func set(on kernel: cl_kernel, at index: inout cl_uint) throws(OpenCLStatus) {
    try Int32(clamping: self).set(on: kernel, at: &index)
  }
}

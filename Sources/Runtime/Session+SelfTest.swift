import Format

/// How a session did on its model's self-test vector.
public struct SelfTestResult: Equatable, Sendable {
  /// Bytes of outputs that differ; 0 where every bit is as expected.
  public let differingBytes: Int
  /// The largest absolute difference of f32 outputs; infinite if one is NaN and the other is not.
  public let largestDifference: Float
  /// What the model file allows for f32 outputs.
  public let tolerance: Float

  /// Equal bits, or f32 within a tolerance above 0.
  public let passed: Bool

  /// This result and that of another graph of the model as one.
  public func and(_ other: SelfTestResult) -> SelfTestResult {
    SelfTestResult(
      differingBytes: differingBytes + other.differingBytes,
      largestDifference: max(largestDifference, other.largestDifference), tolerance: tolerance,
      passed: passed && other.passed)
  }
}

extension Session {
  /// Runs the model's self-test vector: proof that file, build and CPU work together.
  ///
  /// The inputs hold the vector's afterwards, and states are zero. s8 outputs have to be equal; f32 outputs may differ by the file's
  /// tolerance.
  ///
  /// - Throws: `RuntimeError.noSelfTest`.
  public func selfTest() throws(RuntimeError) -> SelfTestResult {
    guard let vector = selfTestVector else { throw .noSelfTest }
    for index in graph.inputs.indices { input(index).copyMemory(from: vector.inputs[index].bytes) }
    run()
    resetStates()
    var differingBytes = 0
    var largest: Float = 0
    var passed = true
    for index in graph.outputs.indices {
      let found = output(index)
      let expected = vector.outputs[index].bytes
      var differing = 0
      for byte in 0..<found.count where found[byte] != expected[byte] { differing += 1 }
      differingBytes += differing
      if graph.tensors[graph.outputs[index]].type == .f32 {
        let difference = Session.largestDifference(found, expected)
        largest = max(largest, difference)
        if vector.tolerance > 0 ? !(difference <= vector.tolerance) : differing > 0 { passed = false }
      } else if differing > 0 {
        passed = false
      }
    }
    return SelfTestResult(
      differingBytes: differingBytes, largestDifference: largest, tolerance: vector.tolerance, passed: passed)
  }

  private static func largestDifference(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Float {
    var largest: Float = 0
    for offset in stride(from: 0, to: a.count, by: MemoryLayout<Float>.stride) {
      let x = a.loadUnaligned(fromByteOffset: offset, as: Float.self)
      let y = b.loadUnaligned(fromByteOffset: offset, as: Float.self)
      if x.isNaN != y.isNaN { return .infinity }
      // Equal infinities have no difference either.
      if x != y && !x.isNaN { largest = max(largest, (x - y).magnitude) }
    }
    return largest
  }
}

import Foundation
import Testing

@testable import Trainer

/// Small deterministic numbers for tests: a Philox stream told by its seed.
struct TestRandom {
  private let philox: Philox
  private var block: UInt32 = 0

  init(seed: UInt64) { philox = Philox(key: seed) }

  /// In [−1, 1).
  mutating func uniform() -> Float {
    block += 1
    return Float(Int32(bitPattern: philox(block, 7, 7, 7)[0])) / 2_147_483_648
  }

  mutating func uniform(count: Int) -> [Float] { (0..<count).map { _ in uniform() } }

  mutating func integer(below bound: Int) -> Int {
    block += 1
    return Int(philox(block, 7, 7, 7)[1] % UInt32(bound))
  }
}

/// `nets/`, found from this file.
let networksFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("nets")

func describe(_ text: String) throws -> NetworkDescription {
  try NetworkDescription(parsing: text, file: "test.net")
}

/// Random images and labels for a network.
struct Examples {
  let inputs: [Float]
  let labels: [Int32]

  init(_ network: Network, count: Int, seed: UInt64) {
    var random = TestRandom(seed: seed)
    inputs = random.uniform(count: count * network.inputCount)
    labels = (0..<count).map { _ in Int32(random.integer(below: network.outputCount)) }
  }
}

extension Backend {
  /// New memory with these values.
  func filled(_ values: [Float]) throws -> DeviceSlice {
    let slice = try reals(values.count)
    values.withUnsafeBufferPointer { upload($0, to: slice) }
    return slice
  }
}

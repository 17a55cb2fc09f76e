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

/// A network of layers that read random ones before them: sums, products and joints of whatever is there, in which gradients
/// meet, memory is shared and passes are joined in many ways. Layers are called l0, l1, … and are all of the input's shape.
///
/// - Parameters:
///   - functions: those that layers may have.
///   - layers: at least so many, before those that read what nothing has read.
func randomNetwork(
  seed: Int, input: String, channels: Int, functions: [String], layers: Int
) -> (text: String, names: [String]) {
  var random = TestRandom(seed: UInt64(seed))
  var lines = ["input \(input)x\(channels)", "l0: conv 1x1x\(channels)"]
  var (names, unread) = (["l0"], ["l0"])
  func pick(_ from: [String]) -> String { from[random.integer(below: from.count)] }
  func add(_ line: String, reads: [String]) {
    let name = "l\(lines.count - 1)"
    lines.append("\(name): \(line)")
    unread = unread.filter { !reads.contains($0) } + [name]
    names.append(name)
  }
  while names.count < layers || unread.count > 1 {
    let isEnding = names.count >= layers
    // Mostly the layer before, which then needs no fork.
    let a = isEnding ? unread[0] : random.integer(below: 2) == 0 ? names.last! : pick(names)
    let b = isEnding ? unread[1] : pick(names)
    let function = pick(functions)
    switch isEnding ? 4 + random.integer(below: 3) : random.integer(below: 7) {
    case 0: add("conv 3x3x\(channels) pad same \(function) from \(a)", reads: [a])
    case 1: add("conv 1x1x\(channels) nobias from \(a)", reads: [a])
    case 2: add("batchnorm \(function) from \(a)", reads: [a])
    case 3: add("batchnorm from \(a)", reads: [a])
    case 4: add("add \(a) \(b) \(function)", reads: [a, b])
    case 5: add("multiply \(a) \(b)", reads: [a, b])
    default:
      add("concat \(a) \(b)", reads: [a, b])
      add("conv 1x1x\(channels) \(function)", reads: [names.last!])
      // What is joined has another shape.
      names.remove(at: names.count - 2)
    }
  }
  return ((lines + ["dense 3"]).joined(separator: "\n"), names)
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

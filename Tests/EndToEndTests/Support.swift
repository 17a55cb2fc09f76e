import Foundation

/// A folder of its own that is gone when the object is.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "edgetrain-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = path + "/" + name
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
  }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

  /// Names of all files directly in the folder.
  var entries: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// A program to run.
struct Program {
  let path: String

  init(path: String) { self.path = path }

  /// One that was built beside the tests.
  init(name: String) {
    path = Bundle.main.executableURL!.deletingLastPathComponent().appendingPathComponent(name).path
  }

  struct Result {
    let status: Int32
    let output: String
    let errors: String
  }

  /// Starts the program; `whileRunning` may look at files and send signals.
  func run(
    _ arguments: [String], in folder: TemporaryFolder, environment: [String: String] = [:],
    whileRunning: (Process) throws -> Void = { _ in }
  ) throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    // Caches go with the folder.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["XDG_CACHE_HOME": folder.path + "/.cache"].merging(environment) { $1 }, uniquingKeysWith: { $1 })
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    // Files, not pipes: nobody has to empty them while the program runs.
    let output = try folder.write("", to: ".output")
    let errors = try folder.write("", to: ".errors")
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    do {
      try whileRunning(process)
    } catch {
      process.terminate()
      throw error
    }
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: try folder.bytes(".output"), as: UTF8.self),
      errors: String(decoding: try folder.bytes(".errors"), as: UTF8.self))
  }
}

extension TemporaryFolder {
  /// An IDX data set: 8×8 pictures, one of three thirds bright, with noise; labels top, middle, bottom, or the first of
  /// these.
  func writeRows(train: Int = 240, test: Int = 60, folder: String = "rows", classes classCount: Int = 3) throws {
    var state: UInt32 = 12345
    func random(_ bound: Int) -> Int {
      state = state &* 1_664_525 &+ 1_013_904_223
      return Int(state >> 16) % bound
    }
    func header(_ magic: UInt32, _ dimensions: [Int]) -> [UInt8] {
      ([magic] + dimensions.map(UInt32.init)).flatMap { word in
        (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
      }
    }
    for (name, count) in [("train", train), ("t10k", test)] {
      let classes = (0..<count).map { _ in random(classCount) }
      let pixels = classes.flatMap { label in
        (0..<64).map { UInt8(random(120) + ($0 / 24 == label ? 90 : 0)) }
      }
      try write(header(0x803, [count, 8, 8]) + pixels, to: "\(folder)/\(name)-images-idx3-ubyte")
      try write(header(0x801, [count]) + classes.map(UInt8.init), to: "\(folder)/\(name)-labels-idx1-ubyte")
    }
    try write(["top", "middle", "bottom"].prefix(classCount).joined(separator: "\n"), to: "\(folder)/labels.txt")
  }

  /// A small network for them, `epochs` long, with more lines in its recipe.
  func writeNetwork(epochs: Int = 2, schedule: String = "cosine", recipe: String = "") throws {
    try write(
      """
      input 8x8x1

      conv 3x3x4 pad same nobias
      batchnorm relu
      maxpool 2
      flatten
      dropout 0.1
      dense 3
      softmax

      train
        epochs \(epochs)
        batch 16
        optimizer momentum 0.9
        rate 0.05
        schedule \(schedule)
        \(recipe)

      """, to: "rows.net")
  }
}

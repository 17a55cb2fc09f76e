import Foundation

@testable import Trainer

/// A folder of its own that is gone when the object is.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "edgetrain-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, making the folders on the way, and gives its path.
  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = path + "/" + name
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// Packs a file in place, as `gzip` does: "a" becomes "a.gz".
  func gzip(_ name: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", path + "/" + name]
    try process.run()
    process.waitUntilExit()
  }
}

/// The bytes of IDX files.
enum IDXBytes {
  static func header(magic: UInt32, _ dimensions: [Int]) -> [UInt8] {
    ([magic] + dimensions.map(UInt32.init)).flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
    }
  }

  static func images(_ pixels: [UInt8], height: Int, width: Int) -> [UInt8] {
    header(magic: IDX.imagesMagic, [pixels.count / (height * width), height, width]) + pixels
  }

  static func labels(_ classes: [UInt8]) -> [UInt8] { header(magic: IDX.labelsMagic, [classes.count]) + classes }
}

extension TemporaryFolder {
  /// A whole data set: `train` and `test` examples of height × width, pixel i of image n being (7n + i) mod 256, the
  /// classes 0, 1, 2, 0, 1, 2, …
  func writeIDX(train: Int = 6, test: Int = 3, height: Int = 2, width: Int = 3) throws {
    func pixels(_ count: Int) -> [UInt8] {
      (0..<count).flatMap { image in (0..<(height * width)).map { UInt8(truncatingIfNeeded: 7 * image + $0) } }
    }
    func classes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 3) } }
    try write(IDXBytes.images(pixels(train), height: height, width: width), to: "train-images-idx3-ubyte")
    try write(IDXBytes.labels(classes(train)), to: "train-labels-idx1-ubyte")
    try write(IDXBytes.images(pixels(test), height: height, width: width), to: "t10k-images-idx3-ubyte")
    try write(IDXBytes.labels(classes(test)), to: "t10k-labels-idx1-ubyte")
  }
}

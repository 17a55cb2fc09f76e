import Testing

@testable import Trainer

@Suite struct DataCIFARTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A record whose pixel p of plane c is (31c + p + seed) mod 256.
  func record(_ labels: [UInt8], seed: Int) -> [UInt8] {
    labels + (0..<3).flatMap { c in (0..<1024).map { UInt8(truncatingIfNeeded: 31 * c + $0 + seed) } }
  }

  func writeTen() throws {
    for batch in 1...5 {
      try folder.write(record([UInt8(batch)], seed: batch) + record([9], seed: 100), to: "data_batch_\(batch).bin")
    }
    try folder.write(record([0], seed: 7), to: "test_batch.bin")
  }

  func failure() -> DataError? {
    do {
      _ = try DataSet(DataSource(folder.path))
      return nil
    } catch {
      return error
    }
  }

  @Test func planesBecomePixels() throws {
    try writeTen()
    let names = (0..<10).map { "class \($0)" }
    try folder.write(Array(names.joined(separator: "\n").utf8) + [10, 10], to: "batches.meta.txt")
    let data = try DataSet(DataSource(folder.path))
    #expect(data.labels == names)
    #expect(data.train.classes == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9] && data.test.classes == [0])
    #expect(data.shape == ImageShape(height: 32, width: 32, channels: 3))
    for pixel in [0, 1, 500, 1023] {
      for channel in 0..<3 {
        #expect(data.test.pixels[3 * pixel + channel] == UInt8(truncatingIfNeeded: 31 * channel + pixel + 7))
      }
    }
  }

  @Test func aHundredClassesGoByTheFineLabel() throws {
    try folder.write(record([3, 99], seed: 1) + record([19, 0], seed: 2), to: "train.bin")
    try folder.write(record([1, 50], seed: 3), to: "test.bin")
    let data = try DataSet(DataSource(folder.path))
    #expect(data.train.classes == [99, 0] && data.test.classes == [50])
    #expect(data.labels.count == 100 && data.labels[99] == "99")
  }

  @Test func wrongFilesAreErrors() throws {
    try writeTen()
    let batch = folder.path + "/data_batch_3.bin"
    try folder.write(record([2], seed: 0).dropLast(), to: "data_batch_3.bin")
    #expect(failure() == .wrongRecords(path: batch, record: 3073, found: 3072))
    try folder.write([], to: "data_batch_3.bin")
    #expect(failure() == .wrongRecords(path: batch, record: 3073, found: 0))
    try folder.write(record([2], seed: 0) + record([10], seed: 0), to: "data_batch_3.bin")
    #expect(failure() == .labelOutOfRange(path: batch, index: 1, classes: 10, found: 10))
    try writeTen()
    try folder.write(Array("cat\ndog".utf8), to: "batches.meta.txt")
    #expect(failure() == .wrongLabelCount(path: folder.path + "/batches.meta.txt", expected: 10, found: 2))
  }
}

extension TemporaryFolder {
  @discardableResult
  func write(_ bytes: ArraySlice<UInt8>, to name: String) throws -> String { try write(Array(bytes), to: name) }
}

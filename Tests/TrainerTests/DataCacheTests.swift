import Foundation
import Format
import Testing
import Vision

@testable import Trainer

@Suite struct DataCacheTests {
  let photos: TemporaryFolder
  let cached: TemporaryFolder
  let recipe = Preprocessing(
    width: 4, height: 4, channels: 3, fit: .crop, mean: [0, 0, 0], deviation: [1, 1, 1])

  init() throws {
    photos = try TemporaryFolder()
    cached = try TemporaryFolder()
    for (label, levels) in [("cat", [10, 20, 30]), ("owl", [110, 120, 130])] as [(String, [UInt8])] {
      for level in levels { try writePhoto("\(label)/\(level).jpg", level: level) }
    }
    try photos.write([1, 2, 3], to: "cat/broken.jpg")
  }

  func writePhoto(_ name: String, level: UInt8) throws {
    let image = Image(width: 16, height: 16, channels: 1, pixels: [UInt8](repeating: level, count: 256))
    try photos.write(try image.jpeg(quality: 95), to: name)
  }

  var cache: DataCache { DataCache(folder: cached.path + "/deep") }

  func read(_ cache: DataCache? = nil, width: Int = 4) throws -> DataSet {
    var recipe = recipe
    recipe.width = width
    return try DataSet(DataSource(photos.path), geometry: recipe, options: DataOptions(cache: cache ?? self.cache))
  }

  var files: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: cached.path + "/deep")) ?? []).sorted()
  }

  func isSame(_ a: DataSet, _ b: DataSet) -> Bool {
    a.train.pixels == b.train.pixels && a.test.pixels == b.test.pixels && a.train.classes == b.train.classes
      && a.skipped == b.skipped && a.train.files == b.train.files
  }

  /// The cache's pixels are what is used: bytes changed in it, with the checksum made good, come out.
  @Test func photosAreDecodedOnce() throws {
    let first = try read()
    #expect(first.skipped.count == 1 && files.count == 1 && first.notes.isEmpty)
    #expect(isSame(try read(), first))
    let path = cached.path + "/deep/" + files[0]
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes[bytes.count - 1] ^= 0xff
    let checksum = bytes[16...].withUnsafeBytes { XXH64.hash($0) }
    for byte in 0..<8 { bytes[8 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    #expect(!isSame(try read(), first))
  }

  /// What a killed process has half written takes room, and goes as old files do; what is not the cache's stays.
  @Test func remainsOfKilledProcessesGo() throws {
    let folder = try TemporaryFolder()
    let cache = CacheFolder(path: folder.path, suffix: ".photos", limit: 1000)
    for name in ["a.photos.tmp-x1Y2z3", "other.tmp-x1Y2z3", "b.program.tmp-x1Y2z3"] {
      try folder.write([UInt8](repeating: 1, count: 600), to: name)
    }
    try cache.store([UInt8](repeating: 2, count: 700), as: "new")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(Set(names) == ["new.photos", "other.tmp-x1Y2z3", "b.program.tmp-x1Y2z3"])
  }

  @Test func anotherSizeIsAnotherFile() throws {
    _ = try read()
    #expect(try read(width: 5).shape.width == 5)
    #expect(files.count == 2)
  }

  @Test func whatChangesIsDecodedAgain() throws {
    let first = try read()
    try writePhoto("cat/20.jpg", level: 77)
    let changed = try read()
    #expect(!isSame(changed, first) && files.count == 1)
    try writePhoto("cat/40.jpg", level: 40)
    #expect(try read().train.count == first.train.count + 1)
    try FileManager.default.removeItem(atPath: photos.path + "/cat/40.jpg")
    #expect(isSame(try read(), changed))
    // The same size, another time.
    let path = photos.path + "/owl/110.jpg"
    let before = try read()
    let image = Image(width: 16, height: 16, channels: 1, pixels: [UInt8](repeating: 111, count: 256))
    let bytes = try image.jpeg(quality: 95)
    if bytes.count == FileStamp(path: path)?.size {
      try photos.write(bytes, to: "owl/110.jpg")
      #expect(!isSame(try read(), before))
    }
  }

  /// Every prefix and every flipped bit of a cache file gives the photos as they are.
  @Test func anyBytesInTheCacheAreSurvived() throws {
    let whole = try read()
    let path = cached.path + "/deep/" + files[0]
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let key = PhotoKey(try PhotoFolder(photos.path), geometry: recipe)
    #expect(cache.photos(key, count: 7, imageBytes: 48) != nil)
    func isRefused(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { DecodedPhotos($0, stamp: key.stamp, count: 7, imageBytes: 48) == nil }
    }
    for count in 0..<bytes.count { #expect(isRefused(Array(bytes[..<count]))) }
    for offset in bytes.indices {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[offset] ^= 1 << bit
        #expect(isRefused(damaged), "bit \(bit) of byte \(offset)")
      }
    }
    // With the checksum made good, numbers of any size end in an answer.
    for offset in 16..<min(bytes.count - 8, 400) {
      var damaged = bytes
      for byte in 0..<8 { damaged[offset + byte] = byte == 7 ? 0x7f : 0xff }
      let checksum = damaged[16...].withUnsafeBytes { XXH64.hash($0) }
      for byte in 0..<8 { damaged[8 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
      _ = isRefused(damaged)
    }
    try Data(bytes.dropLast()).write(to: URL(fileURLWithPath: path))
    #expect(isSame(try read(), whole))
    #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) == bytes)
  }

  /// The oldest files go, and no others than the cache's own.
  @Test func theCacheIsBounded() throws {
    _ = try read()
    try cached.write([1, 2, 3], to: "deep/other")
    let size = try #require(FileStamp(path: cached.path + "/deep/" + files.first { $0.hasSuffix(".photos") }!)).size
    let bounded = DataCache(folder: cached.path + "/deep", limit: 2 * size + size / 2)
    for width in [1, 2, 3] { _ = try read(bounded, width: width) }
    #expect(files.contains("other"))
    let total = files.filter { $0 != "other" }.reduce(0) { $0 + FileStamp(path: cached.path + "/deep/" + $1)!.size }
    #expect(total <= bounded.limit)
    // The newest is still there.
    var recipe = recipe
    recipe.width = 3
    let key = PhotoKey(try PhotoFolder(photos.path), geometry: recipe)
    #expect(bounded.photos(key, count: 7, imageBytes: 36) != nil)
    // What is too large by itself is not kept.
    let tiny = DataCache(folder: cached.path + "/tiny", limit: 10)
    #expect(try read(tiny).notes.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: tiny.folder))
  }

  @Test func aCacheThatCannotBeWrittenIsNoError() throws {
    let file = try cached.write([0], to: "file")
    let data = try read(DataCache(folder: file + "/below"))
    #expect(data.train.count + data.test.count == 6)
    #expect(data.notes.count == 1 && data.notes[0].hasPrefix("warning: "))
  }
}

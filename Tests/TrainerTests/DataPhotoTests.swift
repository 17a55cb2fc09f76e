import Foundation
import Format
import Testing
import Vision

@testable import Trainer

@Suite struct DataPhotoTests {
  let folder: TemporaryFolder
  let recipe = Preprocessing(
    width: 4, height: 4, channels: 3, fit: .crop, mean: [0, 0, 0], deviation: [1, 1, 1])

  init() throws { folder = try TemporaryFolder() }

  /// Photos `from`... of a class, of one grey level each, so that they can be told apart after JPEG.
  func writePhotos(_ label: String, levels: [UInt8]) throws {
    for level in levels {
      let image = Image(width: 16, height: 16, channels: 1, pixels: [UInt8](repeating: level, count: 256))
      try folder.write(try image.jpeg(quality: 95), to: "\(label)/\(100 + Int(level)).jpg")
    }
  }

  func read(splitSeed: UInt64 = 0) throws -> DataSet {
    try DataSet(DataSource(folder.path), geometry: recipe, options: DataOptions(splitSeed: splitSeed))
  }

  func failure() -> DataError? {
    do {
      _ = try read()
      return nil
    } catch {
      return error as? DataError
    }
  }

  /// The grey level of each image.
  func levels(_ examples: Trainer.Examples) -> [Int] { (0..<examples.count).map { Int(examples.image($0).pixels[0]) } }

  @Test func foldersAreClassesAndAFifthIsForTesting() throws {
    try writePhotos("owl", levels: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    try writePhotos("cat", levels: [110, 120, 130])
    let data = try read()
    #expect(data.labels == ["cat", "owl"])
    #expect(data.shape == ImageShape(height: 4, width: 4, channels: 3))
    #expect(data.train.histogram(classCount: 2) == [2, 8])
    #expect(data.test.histogram(classCount: 2) == [1, 2])
    let all = (levels(data.train) + levels(data.test)).sorted()
    #expect(zip(all, stride(from: 10, through: 130, by: 10)).allSatisfy { abs($0 - $1) <= 1 } && all.count == 13)
    #expect(try read().test.pixels == data.test.pixels)
    let others = try (1...5).map { try read(splitSeed: $0).test.pixels }
    #expect(others.contains { $0 != data.test.pixels })
  }

  @Test func theFoldersThemselvesMaySaySo() throws {
    try writePhotos("train/cat", levels: [10, 20])
    try writePhotos("train/owl", levels: [30])
    try writePhotos("test/cat", levels: [40])
    try writePhotos("test/owl", levels: [50])
    let data = try read()
    #expect(data.train.classes == [0, 0, 1] && data.test.classes == [0, 1])
    try writePhotos("test/dog", levels: [60])
    #expect(failure() == .unknownClass(folder: folder.path + "/test", label: "dog"))
  }

  @Test func aValidationFolderChoosesTheBestEpoch() throws {
    try writePhotos("train/cat", levels: [10, 20])
    try writePhotos("train/owl", levels: [30])
    try writePhotos("val/owl", levels: [40])
    // Without a test folder it is for testing.
    #expect(try read().validation == nil && levels(read().test) == [40])
    try writePhotos("test/cat", levels: [50])
    let data = try read()
    let validation = try #require(data.validation)
    #expect(levels(data.train) == [10, 20, 30] && levels(validation) == [40])
    #expect(levels(data.test) == [50] && data.test.classes == [0] && data.validation?.classes == [1])
    #expect(data.test.files == [folder.path + "/test/cat/150.jpg"])
    try writePhotos("val/dog", levels: [60])
    #expect(failure() == .unknownClass(folder: folder.path + "/val", label: "dog"))
  }

  /// As many photos as make every thread decode, in their order.
  @Test func manyThreadsDecodeInOrder() throws {
    try writePhotos("cat", levels: Array(0...120))
    try writePhotos("owl", levels: Array(121...240))
    let all = try DecodedPhotos(PhotoFolder(folder.path), geometry: recipe)
    let found = stride(from: 0, to: all.pixels.count, by: 48).map { Int(all.pixels[$0]) }
    #expect(found.count == 241 && found.enumerated().allSatisfy { abs($0.offset - $0.element) <= 1 })
    #expect(all == DecodedPhotos(try PhotoFolder(folder.path), geometry: recipe))
  }

  @Test func duplicatesAreFound() throws {
    try writePhotos("cat", levels: [10, 20, 30])
    try writePhotos("owl", levels: [40, 50, 60])
    let data = try read()
    #expect(data.duplicates().isEmpty)
    let image = Image(width: 16, height: 16, channels: 1, pixels: [UInt8](repeating: 10, count: 256))
    try folder.write(try image.jpeg(quality: 95), to: "owl/copy.jpg")
    let twice = try read()
    let groups = twice.duplicates()
    #expect(groups.count == 1 && groups[0].count == 2)
    #expect(Set(groups[0].map(twice.name)) == [folder.path + "/cat/110.jpg", folder.path + "/owl/copy.jpg"])
    #expect(Set(groups[0].map(twice.label)) == ["cat", "owl"])
    #expect(try DataReport(twice, duplicates: groups).html().contains("owl/copy.jpg: owl"))
  }

  @Test func aCorruptPhotoIsNamedSkippedAndCounted() throws {
    try writePhotos("cat", levels: [10, 20, 30])
    try writePhotos("owl", levels: [40, 50, 60])
    let whole = try Image(width: 64, height: 64, channels: 1, pixels: [UInt8](repeating: 9, count: 4096))
      .jpeg(quality: 90)
    let path = try folder.write(Array(whole.prefix(whole.count / 2)), to: "cat/half.jpg")
    let empty = try folder.write([], to: "owl/empty.jpeg")
    let data = try read()
    #expect(data.skipped.map(\.path) == [path, empty])
    #expect(data.train.count + data.test.count == 6)
  }

  @Test func filesOfOtherKindsAreNoImages() throws {
    try writePhotos("cat", levels: [10, 20])
    try writePhotos("owl", levels: [40, 50])
    try folder.write([1, 2, 3], to: "cat/notes.txt")
    try folder.write([1, 2, 3], to: ".hidden/1.jpg")
    let data = try read()
    #expect(data.skipped.isEmpty && data.labels == ["cat", "owl"])
  }

  @Test func anEmptyClassIsAnError() throws {
    try writePhotos("cat", levels: [10, 20])
    try folder.write([1], to: "owl/readme.txt")
    #expect(failure() == .tooFewImages(folder: folder.path + "/owl", expected: 2, found: 0, skipped: 0))
    try folder.write([1], to: "owl/broken.jpg")
    #expect(failure() == .tooFewImages(folder: folder.path + "/owl", expected: 2, found: 0, skipped: 1))
  }

  @Test func oneClassIsNone() throws {
    try writePhotos("cat", levels: [10, 20])
    #expect(failure() == .tooFewClasses(folder: folder.path, found: 1))
  }

  /// IDX images go the same way when the network wants another size.
  @Test func imagesAreBroughtToTheNetworksSize() throws {
    let idx = try TemporaryFolder()
    try idx.writeIDX(height: 8, width: 6)
    let plain = try DataSet(DataSource(idx.path))
    let fitted = try DataSet(DataSource(idx.path), geometry: recipe)
    #expect(fitted.shape == ImageShape(height: 4, width: 4, channels: 3))
    #expect(fitted.train.image(3) == recipe.fitted(plain.train.image(3)))
    #expect(fitted.train.classes == plain.train.classes)
  }
}

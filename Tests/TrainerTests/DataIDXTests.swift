import Foundation
import Testing

@testable import Trainer

@Suite struct DataIDXTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeIDX()
  }

  func read() throws -> DataSet { try DataSet(DataSource(folder.path)) }

  /// The error that reading the folder ends in.
  func failure() -> DataError? {
    do {
      _ = try DataSet(DataSource(folder.path))
      return nil
    } catch {
      return error
    }
  }

  @Test func readsImagesLabelsAndShape() throws {
    let data = try read()
    #expect(data.shape == ImageShape(height: 2, width: 3, channels: 1))
    #expect(data.train.count == 6 && data.test.count == 3)
    #expect(data.train.classes == [0, 1, 2, 0, 1, 2])
    #expect(data.train.image(2).pixels == [14, 15, 16, 17, 18, 19])
    #expect(data.labels == ["0", "1", "2"])
    #expect(data.train.histogram(classCount: 3) == [2, 2, 2])
  }

  @Test func packedFilesAreTheSame() throws {
    let plain = try read()
    for file in DataSet.IDXFile.allCases { try folder.gzip(file.rawValue) }
    let packed = try read()
    #expect(packed.train.pixels == plain.train.pixels && packed.train.classes == plain.train.classes)
    #expect(packed.test.pixels == plain.test.pixels && packed.test.classes == plain.test.classes)
  }

  @Test func labelNamesComeFromTheFile() throws {
    try folder.write(Array("cat\ndog\nowl\n".utf8), to: "labels.txt")
    #expect(try read().labels == ["cat", "dog", "owl"])
  }

  @Test func tooFewLabelNamesAreALabelOutOfRange() throws {
    try folder.write(Array("cat\ndog\n".utf8), to: "labels.txt")
    #expect(
      failure()
        == .labelOutOfRange(path: folder.path + "/train-labels-idx1-ubyte", index: 2, classes: 2, found: 2))
  }

  @Test func testLabelsMustBeKnownFromTraining() throws {
    let path = try folder.write(IDXBytes.labels([0, 1, 3]), to: "t10k-labels-idx1-ubyte")
    #expect(failure() == .labelOutOfRange(path: path, index: 2, classes: 3, found: 3))
  }

  @Test func wrongMagicIsNamed() throws {
    let path = try folder.write(IDXBytes.labels([0, 1, 2, 0, 1, 2]), to: "train-images-idx3-ubyte")
    let error = failure()
    #expect(error == .wrongMagic(path: path, expected: 0x803, found: 0x801))
    #expect(error?.description == "\(path): IDX magic: expected 0x00000803, found 0x00000801")
  }

  @Test func everyPrefixOfAFileIsAnError() throws {
    let whole = IDXBytes.images((0..<36).map(UInt8.init), height: 2, width: 3)
    for length in 0..<whole.count {
      let path = try folder.write(Array(whole.prefix(length)), to: "train-images-idx3-ubyte")
      guard case .wrongLength(path, let expected, let found) = failure() else {
        Issue.record("a prefix of \(length) bytes: \(String(describing: failure()))")
        continue
      }
      #expect(length < 16 ? (expected == 16 && found == length) : (expected == 36 && found == length - 16))
    }
  }

  @Test func bytesBehindTheLastImageAreAnError() throws {
    let whole = IDXBytes.images((0..<36).map(UInt8.init), height: 2, width: 3)
    let path = try folder.write(whole + [0], to: "train-images-idx3-ubyte")
    #expect(failure() == .wrongLength(path: path, expected: 36, found: nil))
  }

  @Test(arguments: [[6, 0, 3], [6, 2, 5000], [0x7fff_ffff, 4096, 4096]])
  func absurdDimensionsAreRefusedBeforeAnythingIsAllocated(_ dimensions: [Int]) throws {
    try folder.write(IDXBytes.header(magic: IDX.imagesMagic, dimensions), to: "train-images-idx3-ubyte")
    guard case .invalidHeader = failure() else {
      Issue.record("found \(String(describing: failure()))")
      return
    }
  }

  @Test func aLongAnnouncedFileIsReadOnlyAsFarAsItGoes() throws {
    try folder.write(IDXBytes.header(magic: IDX.imagesMagic, [1_000_000, 28, 28]), to: "train-images-idx3-ubyte")
    #expect(
      failure()
        == .wrongLength(path: folder.path + "/train-images-idx3-ubyte", expected: 784_000_000, found: 0))
  }

  @Test func imagesAndLabelsMustBeAsMany() throws {
    let path = try folder.write(IDXBytes.labels([0, 1, 2]), to: "train-labels-idx1-ubyte")
    #expect(
      failure()
        == .countMismatch(
          images: folder.path + "/train-images-idx3-ubyte", imageCount: 6, labels: path, labelCount: 3))
  }

  @Test func testImagesHaveTheTrainingShape() throws {
    let path = try folder.write(
      IDXBytes.images((0..<12).map(UInt8.init), height: 2, width: 2), to: "t10k-images-idx3-ubyte")
    #expect(
      failure()
        == .shapeMismatch(
          path: path, expected: ImageShape(height: 2, width: 3, channels: 1),
          found: ImageShape(height: 2, width: 2, channels: 1)))
  }

  @Test func aMissingFileIsNamed() throws {
    try FileManager.default.removeItem(atPath: folder.path + "/t10k-labels-idx1-ubyte")
    #expect(
      failure()
        == .cannotRead(path: folder.path + "/t10k-labels-idx1-ubyte", reason: "No such file or directory"))
  }

  @Test func aFileThatIsNoGzipIsRefusedWithItsReason() throws {
    try FileManager.default.removeItem(atPath: folder.path + "/train-images-idx3-ubyte")
    let path = try folder.write([1, 2, 3, 4], to: "train-images-idx3-ubyte.gz")
    guard case .cannotRead(path, let reason) = failure() else {
      Issue.record("found \(String(describing: failure()))")
      return
    }
    #expect(reason.contains("not in gzip format"))
  }

  @Test func aTruncatedGzipIsAnError() throws {
    try folder.gzip("train-images-idx3-ubyte")
    let packed = folder.path + "/train-images-idx3-ubyte.gz"
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: packed)))
    try folder.write(Array(bytes.dropLast(9)), to: "train-images-idx3-ubyte.gz")
    guard case .cannotRead(packed, _) = failure() else {
      Issue.record("found \(String(describing: failure()))")
      return
    }
  }

  @Test func noImagesAtAllIsAnError() throws {
    try folder.writeIDX(train: 0)
    #expect(failure() == .noExamples(what: folder.path + "/train-images-idx3-ubyte"))
  }
}

@Suite struct DataSourceTests {
  @Test func namesAndFoldersAreToldApart() throws {
    let folder = try TemporaryFolder()
    try folder.writeIDX()
    #expect(try DataSource("fashion-mnist") == .fashionMNIST)
    #expect(try DataSource(folder.path + "/") == .idx(folder: folder.path))
    let photos = try TemporaryFolder()
    try photos.write([], to: "cat/1.jpg")
    #expect(try DataSource(photos.path) == .photos(folder: photos.path))
  }

  @Test func whatIsNoDataIsSaid() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write([1], to: "file")
    #expect(throws: DataError.unknownLayout(path: file, found: "a file of another kind")) { _ = try DataSource(file) }
    #expect(throws: DataError.unknownLayout(path: "no/such", found: "nothing of that name")) {
      _ = try DataSource("no/such")
    }
    #expect(throws: DataError.unknownLayout(path: folder.path, found: "a folder with none of these")) {
      _ = try DataSource(folder.path)
    }
  }

  @Test func aMissingPackageIsNamed() throws {
    do {
      _ = try DataSet.fashionMNIST(folder: "/nonexistent")
      Issue.record("read something")
    } catch {
      #expect(error.hint == "apt-get install dataset-fashion-mnist")
    }
  }

  @Test func fashionMNISTIsWhole() throws {
    let data = try DataSet(.fashionMNIST)
    #expect(data.train.count == 60_000 && data.test.count == 10_000)
    #expect(data.shape == ImageShape(height: 28, width: 28, channels: 1))
    #expect(data.train.histogram(classCount: 10) == [Int](repeating: 6_000, count: 10))
    #expect(data.test.histogram(classCount: 10) == [Int](repeating: 1_000, count: 10))
    #expect(data.labels[Int(data.test.classes[0])] == "Ankle boot")
    // Published: mean 0.2860, deviation 0.3530.
    let (mean, deviation) = data.train.statistics()
    #expect(abs(mean[0] - 0.2860) < 1e-4 && abs(deviation[0] - 0.3530) < 1e-4)
  }
}

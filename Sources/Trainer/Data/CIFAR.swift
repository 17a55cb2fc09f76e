import Foundation

/// The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, "Learning multiple layers of features from tiny images"):
/// records of one label byte (CIFAR-100: a coarse, then a fine label) and 32×32 pixels, all red ones, then green, then blue.
enum CIFAR: Equatable {
  case ten
  case hundred

  static let shape = ImageShape(height: 32, width: 32, channels: 3)
  /// Records of the largest file that is read.
  static let mostRecords = 1 << 20

  var trainFiles: [String] {
    switch self {
    case .ten: (1...5).map { "data_batch_\($0).bin" }
    case .hundred: ["train.bin"]
    }
  }

  var testFile: String { self == .ten ? "test_batch.bin" : "test.bin" }
  var namesFile: String { self == .ten ? "batches.meta.txt" : "fine_label_names.txt" }
  var classCount: Int { self == .ten ? 10 : 100 }
  private var labelBytes: Int { self == .ten ? 1 : 2 }

  /// The kind whose files are in `folder`, if any.
  init?(in folder: String) {
    func has(_ kind: CIFAR) -> Bool {
      FileManager.default.fileExists(atPath: folder + "/" + kind.trainFiles[0])
        && FileManager.default.fileExists(atPath: folder + "/" + kind.testFile)
    }
    if has(.ten) { self = .ten } else if has(.hundred) { self = .hundred } else { return nil }
  }

  /// The images of some files, one after another, by their fine labels.
  func examples(_ paths: [String]) throws(DataError) -> Examples {
    var (pixels, classes): ([UInt8], [Int32]) = ([], [])
    let area = CIFAR.shape.height * CIFAR.shape.width
    let record = labelBytes + CIFAR.shape.count
    for path in paths {
      let bytes = try ByteStream(path: path).read(CIFAR.mostRecords * record)
      guard bytes.count % record == 0, !bytes.isEmpty else {
        throw .wrongRecords(path: path, record: record, found: bytes.count)
      }
      for start in stride(from: 0, to: bytes.count, by: record) {
        let label = Int(bytes[start + labelBytes - 1])
        guard label < classCount else {
          throw .labelOutOfRange(path: path, index: start / record, classes: classCount, found: label)
        }
        classes.append(Int32(label))
        let planes = start + labelBytes
        for pixel in 0..<area {
          for channel in 0..<3 { pixels.append(bytes[planes + channel * area + pixel]) }
        }
      }
    }
    return Examples(shape: CIFAR.shape, pixels: pixels, classes: classes)
  }
}

extension DataSet {
  /// Reads the files of CIFAR-10 or CIFAR-100; the classes' names from `batches.meta.txt` or `fine_label_names.txt`, or
  /// numbers where that is missing.
  init(cifar kind: CIFAR, folder: String, name: String) throws(DataError) {
    let names = try DataSet.readLabelNames(folder + "/" + kind.namesFile)
    if let names, names.count != kind.classCount {
      throw .wrongLabelCount(path: folder + "/" + kind.namesFile, expected: kind.classCount, found: names.count)
    }
    self.init(
      name: name, labels: names ?? (0..<kind.classCount).map(String.init),
      train: try kind.examples(kind.trainFiles.map { folder + "/" + $0 }),
      test: try kind.examples([folder + "/" + kind.testFile]))
  }
}

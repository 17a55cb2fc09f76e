/// Why a data set could not be read.
public enum DataError: Error, Equatable, Sendable {
  /// The system (or gzip) would not give the file or folder: `reason` is its own text.
  case cannotRead(path: String, reason: String)
  /// A data set known by name is not installed; `package` is the Debian package that has it.
  case notInstalled(name: String, folder: String, package: String)
  /// The path is neither a known name nor a folder in a layout that can be read.
  case unknownLayout(path: String, found: String)
  /// The first four bytes of an IDX file.
  case wrongMagic(path: String, expected: UInt32, found: UInt32)
  /// `what` of an IDX file is outside what can be read.
  case invalidHeader(path: String, what: String, expected: String, found: Int)
  /// Bytes of a file; `found` is nil where there are more than expected, however many.
  case wrongLength(path: String, expected: Int, found: Int?)
  case countMismatch(images: String, imageCount: Int, labels: String, labelCount: Int)
  /// `index` counts from 0.
  case labelOutOfRange(path: String, index: Int, classes: Int, found: Int)
  /// Test images are of another size than the training images.
  case shapeMismatch(path: String, expected: ImageShape, found: ImageShape)
  case wrongLabelCount(path: String, expected: Int, found: Int)
  /// A folder that should hold a folder of images per class.
  case tooFewClasses(folder: String, found: Int)
  /// A class with too few readable images; `skipped` files of it could not be decoded.
  case tooFewImages(folder: String, expected: Int, found: Int, skipped: Int)
  /// A class in the test folder that the training folder does not have.
  case unknownClass(folder: String, label: String)
  case noExamples(what: String)
  /// `what` of a text, or of the network that it is for.
  case mismatch(what: String, expected: String, found: String)
  case cannotWrite(path: String, reason: String)
  /// A file of records of so many bytes each; bytes found.
  case wrongRecords(path: String, record: Int, found: Int)
  /// A line of a text file, from 1.
  case wrongLine(path: String, line: Int, expected: String, found: String)
  /// A field of a table.
  case wrongField(path: String, line: Int, column: String, expected: String, found: String)
  case noColumn(path: String, name: String, columns: [String])
  /// A column of classes that are all the same.
  case oneClass(path: String, column: String, found: String)
  /// A class with too few rows to have some for testing.
  case tooFewRows(path: String, label: String, expected: Int, found: Int)
}

extension DataError {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .cannotRead(let path, let reason): "\(path): cannot read: \(reason)"
    case .notInstalled(let name, let folder, _): "\(name): expected its files in \(folder), found none"
    case .unknownLayout(let path, let found):
      "\(path): expected `fashion-mnist`, a folder of IDX or CIFAR files, a CSV file or a folder of images per class, "
        + "found \(found)"
    case .wrongMagic(let path, let expected, let found):
      "\(path): IDX magic: expected 0x\(hex(expected)), found 0x\(hex(found))"
    case .invalidHeader(let path, let what, let expected, let found):
      "\(path): \(what): expected \(expected), found \(found)"
    case .wrongLength(let path, let expected, let found):
      "\(path): length: expected \(expected) bytes, found \(found.map(String.init) ?? "more")"
    case .countMismatch(let images, let imageCount, let labels, let labelCount):
      "\(labels): expected \(imageCount) labels as \(images) has images, found \(labelCount)"
    case .labelOutOfRange(let path, let index, let classes, let found):
      "\(path): label of example \(index): expected 0 to \(classes - 1), found \(found)"
    case .shapeMismatch(let path, let expected, let found):
      "\(path): image size: expected \(expected.description) as in the training set, found \(found.description)"
    case .wrongLabelCount(let path, let expected, let found):
      "\(path): expected at least \(expected) lines, one name per class, found \(found)"
    case .tooFewClasses(let folder, let found):
      "\(folder): expected at least 2 folders with images, one per class, found \(found)"
    case .tooFewImages(let folder, let expected, let found, let skipped):
      "\(folder): expected at least \(expected) readable image\(expected == 1 ? "" : "s"), found \(found)"
        + (skipped == 0 ? "" : " (\(skipped) could not be decoded)")
    case .unknownClass(let folder, let label):
      "\(folder)/\(label): expected a class that the training folder has, found a new one"
    case .noExamples(let what): "\(what): expected at least 1 example, found 0"
    case .mismatch(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    case .cannotWrite(let path, let reason): "\(path): cannot write: \(reason)"
    case .wrongRecords(let path, let record, let found):
      "\(path): length: expected a multiple of \(record) bytes, found \(found)"
    case .wrongLine(let path, let line, let expected, let found):
      "\(path):\(line): expected \(expected), found \(found)"
    case .wrongField(let path, let line, let column, let expected, let found):
      "\(path):\(line): column \(column): expected \(expected), found \(found)"
    case .noColumn(let path, let name, let columns):
      "\(path): expected one of the columns \(columns.prefix(20).joined(separator: ", ")), found '\(name)'"
    case .oneClass(let path, let column, let found):
      "\(path): column \(column): expected at least 2 classes, found only '\(found)'"
    case .tooFewRows(let path, let label, let expected, let found):
      "\(path): class \(label): expected at least \(expected) rows, found \(found)"
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .notInstalled(_, _, let package): "apt-get install \(package)"
    case .unknownLayout(let path, _) where path.contains(":"):
      "data for sequences is text:FILE, lines:DIR, labels:FILE, tags:FILE, pairs:FILE, captions:IMAGES, numbers or dates"
    case .unknownLayout:
      "IDX files are named train-images-idx3-ubyte[.gz] and so on; images are photos/cat/1.jpg, photos/dog/1.jpg, …"
    case .tooFewClasses: "images belong in one folder per class: photos/cat/1.jpg, photos/dog/1.jpg, …"
    case .noExamples(let what) where what.hasSuffix(": test"):
      "a tenth of the examples is tested with: it takes ten at least"
    case .noExamples: nil
    case .wrongLength, .wrongRecords: "the file is damaged: fetch it again"
    case .noColumn: "columns are named as in the first line, or by number, from 1"
    case .wrongField(_, _, _, "a number", _): "--label names the column of classes (the last one without it)"
    case .cannotRead, .wrongMagic, .invalidHeader, .countMismatch, .labelOutOfRange, .shapeMismatch,
      .wrongLabelCount, .tooFewImages, .unknownClass, .mismatch, .cannotWrite, .wrongLine, .wrongField,
      .oneClass, .tooFewRows:
      nil
    }
  }
}

private func hex(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}

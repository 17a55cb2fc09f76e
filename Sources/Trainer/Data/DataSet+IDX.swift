import Foundation

extension DataSet {
  /// The folder that Debian's package `dataset-fashion-mnist` installs.
  public static let fashionMNISTFolder = "/usr/share/datasets/fashion-mnist"

  /// The classes of Fashion-MNIST in the order of its label numbers (Xiao, Rasul, Vollgraf, arXiv:1708.07747).
  public static let fashionMNISTLabels = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]

  /// Reads Fashion-MNIST from where its package puts it.
  static func fashionMNIST(folder: String = fashionMNISTFolder) throws(DataError) -> DataSet {
    guard idxFile(.trainImages, in: folder) != nil else {
      throw .notInstalled(name: "fashion-mnist", folder: folder, package: "dataset-fashion-mnist")
    }
    return try DataSet(idxFolder: folder, name: "fashion-mnist", labels: fashionMNISTLabels)
  }

  /// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
  /// `t10k-labels-idx1-ubyte`, plain or as ".gz", and the classes' names from `labels.txt` (one a line) if it is
  /// there; without it and without `labels` the classes are called "0", "1", … up to the largest training label.
  init(idxFolder folder: String, name: String, labels: [String]? = nil) throws(DataError) {
    var named = labels
    if named == nil { named = try DataSet.readLabelNames(folder + "/labels.txt") }
    let train = try DataSet.readIDX(folder, .trainImages, .trainLabels, classCount: named?.count)
    let classCount = named?.count ?? Int(train.classes.max() ?? 0) + 1
    let test = try DataSet.readIDX(folder, .testImages, .testLabels, classCount: classCount)
    guard test.shape == train.shape else {
      let path = DataSet.idxPath(.testImages, in: folder)
      throw .shapeMismatch(path: path, expected: train.shape, found: test.shape)
    }
    self.init(name: name, labels: named ?? (0..<classCount).map(String.init), train: train, test: test)
  }

  enum IDXFile: String, CaseIterable {
    case trainImages = "train-images-idx3-ubyte"
    case trainLabels = "train-labels-idx1-ubyte"
    case testImages = "t10k-images-idx3-ubyte"
    case testLabels = "t10k-labels-idx1-ubyte"
  }

  /// The path of `file`, the plain one before the packed one, or nil if neither exists.
  static func idxFile(_ file: IDXFile, in folder: String) -> String? {
    [file.rawValue, file.rawValue + ".gz"].map { folder + "/" + $0 }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// The path to name in a message, whether `file` exists or not.
  private static func idxPath(_ file: IDXFile, in folder: String) -> String {
    idxFile(file, in: folder) ?? folder + "/" + file.rawValue
  }

  private static func readIDX(
    _ folder: String, _ images: IDXFile, _ labels: IDXFile, classCount: Int?
  ) throws(DataError) -> Examples {
    let imagesPath = idxPath(images, in: folder)
    let labelsPath = idxPath(labels, in: folder)
    let classes = try IDX.readLabels(labelsPath)
    let (shape, count, pixels) = try IDX.readImages(imagesPath)
    guard count == classes.count else {
      throw .countMismatch(images: imagesPath, imageCount: count, labels: labelsPath, labelCount: classes.count)
    }
    guard count > 0 else { throw .noExamples(what: imagesPath) }
    if let classCount, let index = classes.firstIndex(where: { Int($0) >= classCount }) {
      throw .labelOutOfRange(path: labelsPath, index: index, classes: classCount, found: Int(classes[index]))
    }
    return Examples(shape: shape, pixels: pixels, classes: classes.map { Int32($0) })
  }

  /// The lines of a text file, or nil where there is none.
  static func readLabelNames(_ path: String) throws(DataError) -> [String]? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let limit = 1 << 20
    let bytes = try ByteStream(path: path).read(limit)
    guard bytes.count < limit else { throw .wrongLength(path: path, expected: limit, found: nil) }
    let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    guard lines.count >= 2 else { throw .wrongLabelCount(path: path, expected: 2, found: lines.count) }
    return lines
  }
}

import Format
import Foundation
import Vision

/// What `--data` names, found but not yet read.
public enum DataSource: Equatable, Sendable {
  case fashionMNIST
  case idx(folder: String)
  case cifar(folder: String)
  case photos(folder: String)
  /// A CSV file, or a folder with `train.csv`.
  case table(path: String)

  /// `fashion-mnist`; a folder of IDX files, of CIFAR's binary files, of CSV files or of photos per class; or a CSV file. A
  /// folder that happens to have the name of a built-in data set is written with a slash: `./fashion-mnist`.
  public init(_ name: String) throws(DataError) {
    if name == "fashion-mnist" {
      self = .fashionMNIST
      return
    }
    var path = name
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    guard FileManager.default.fileExists(atPath: path) else {
      throw .unknownLayout(path: name, found: "nothing of that name")
    }
    guard DataSet.isFolder(path) else {
      guard DataSource.isTableName(path) else {
        throw .unknownLayout(path: name, found: "a file of another kind")
      }
      self = .table(path: path)
      return
    }
    if DataSet.IDXFile.allCases.contains(where: { DataSet.idxFile($0, in: path) != nil }) {
      self = .idx(folder: path)
    } else if CIFAR(in: path) != nil {
      self = .cifar(folder: path)
    } else if FileManager.default.fileExists(atPath: path + "/train.csv") {
      self = .table(path: path)
    } else if PhotoFolder.hasLayout(path) {
      self = .photos(folder: path)
    } else {
      throw .unknownLayout(path: name, found: "a folder with none of these")
    }
  }

  /// Whether a file of this name is taken for a CSV file.
  public static func isTableName(_ path: String) -> Bool {
    [".csv", ".tsv", ".csv.gz"].contains { path.lowercased().hasSuffix($0) }
  }

  /// The name by which a model file remembers the data.
  public var name: String {
    switch self {
    case .fashionMNIST: "fashion-mnist"
    case .idx(let path), .cifar(let path), .photos(let path), .table(let path):
      URL(fileURLWithPath: path).lastPathComponent
    }
  }

  /// Whether examples are rows of numbers, and no images.
  public var holdsNumbers: Bool { if case .table = self { true } else { false } }
}

/// How a data set is read.
public struct DataOptions: Equatable, Sendable {
  /// Draws the examples to test with where the data does not say which they are.
  public var splitSeed: UInt64
  /// What is to be predicted of a table.
  public var columns: TargetColumns
  /// Where decoded photos are kept; nil keeps none.
  public var cache: DataCache?

  public init(splitSeed: UInt64 = 0, columns: TargetColumns = .lastIsClass, cache: DataCache? = nil) {
    self.splitSeed = splitSeed
    self.columns = columns
    self.cache = cache
  }
}

extension DataSet {
  /// Reads all of `source`.
  ///
  /// - Parameter geometry: the size, channels and fit that every image is brought to, with the same code as on the device;
  ///   mean and deviation play no part. Nil leaves images as they are and brings photos to 64×64 in colour. Rows of
  ///   numbers have none.
  public init(
    _ source: DataSource, geometry: Preprocessing? = nil, options: DataOptions = DataOptions()
  ) throws(DataError) {
    switch source {
    case .fashionMNIST:
      self = try DataSet.fashionMNIST().fitted(to: geometry)
    case .idx(let folder):
      self = try DataSet(idxFolder: folder, name: source.name).fitted(to: geometry)
    case .cifar(let folder):
      guard let kind = CIFAR(in: folder) else { throw .unknownLayout(path: folder, found: "nothing of the kind") }
      self = try DataSet(cifar: kind, folder: folder, name: source.name).fitted(to: geometry)
    case .photos(let folder):
      let geometry =
        geometry
        ?? Preprocessing(width: 64, height: 64, channels: 3, fit: .crop, mean: [0, 0, 0], deviation: [1, 1, 1])
      try self.init(photos: folder, name: source.name, geometry: geometry, options: options)
    case .table(let path): try self.init(table: path, name: source.name, options: options)
    }
  }

  private func fitted(to geometry: Preprocessing?) -> DataSet {
    guard let geometry else { return self }
    var result = self
    result.train = train.fitted(to: geometry)
    result.validation = validation?.fitted(to: geometry)
    result.test = test.fitted(to: geometry)
    return result
  }
}

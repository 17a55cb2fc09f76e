import Format
import Foundation
import Vision

/// What `--data` names, found but not yet read.
public enum DataSource: Equatable, Sendable {
  case fashionMNIST
  case idx(folder: String)
  case photos(folder: String)

  /// `fashion-mnist`, a folder of IDX files, or a folder of photos per class. A folder that happens to have the name
  /// of a built-in data set is written with a slash: `./fashion-mnist`.
  public init(_ name: String) throws(DataError) {
    if name == "fashion-mnist" {
      self = .fashionMNIST
      return
    }
    var folder = name
    while folder.count > 1 && folder.hasSuffix("/") { folder.removeLast() }
    guard FileManager.default.fileExists(atPath: folder) else {
      throw .unknownLayout(path: name, found: "nothing of that name")
    }
    guard DataSet.isFolder(folder) else { throw .unknownLayout(path: name, found: "a file") }
    if DataSet.IDXFile.allCases.contains(where: { DataSet.idxFile($0, in: folder) != nil }) {
      self = .idx(folder: folder)
    } else if DataSet.hasPhotoLayout(folder) {
      self = .photos(folder: folder)
    } else {
      throw .unknownLayout(path: name, found: "a folder with neither")
    }
  }

  /// The name by which a model file remembers the data.
  public var name: String {
    switch self {
    case .fashionMNIST: "fashion-mnist"
    case .idx(let folder), .photos(let folder): URL(fileURLWithPath: folder).lastPathComponent
    }
  }
}

extension DataSet {
  /// Reads all of `source`.
  ///
  /// - Parameters:
  ///   - geometry: the size, channels and fit that every image is brought to, with the same code as on the device;
  ///     mean and deviation play no part. Nil leaves IDX images as they are and brings photos to 64×64 in colour.
  ///   - splitSeed: draws the test photos of a folder that has no `test` folder.
  public init(_ source: DataSource, geometry: Preprocessing? = nil, splitSeed: UInt64 = 0) throws(DataError) {
    switch source {
    case .fashionMNIST:
      self = try DataSet.fashionMNIST().fitted(to: geometry)
    case .idx(let folder):
      self = try DataSet(idxFolder: folder, name: source.name).fitted(to: geometry)
    case .photos(let folder):
      let geometry =
        geometry
        ?? Preprocessing(width: 64, height: 64, channels: 3, fit: .crop, mean: [0, 0, 0], deviation: [1, 1, 1])
      try self.init(photos: folder, name: source.name, geometry: geometry, splitSeed: splitSeed)
    }
  }

  private func fitted(to geometry: Preprocessing?) -> DataSet {
    guard let geometry else { return self }
    var result = self
    result.train = train.fitted(to: geometry)
    result.test = test.fitted(to: geometry)
    return result
  }
}

extension Examples {
  /// Every image brought to the size and channels of `geometry`; the same bytes where they have them already and
  /// nothing is to be cut off.
  func fitted(to geometry: Preprocessing) -> Examples {
    let target = ImageShape(height: geometry.height, width: geometry.width, channels: geometry.channels)
    guard shape != target || (geometry.fit == .crop && geometry.cropFraction < 1) else { return self }
    var result = Examples(shape: target)
    for index in 0..<count {
      result.append(pixels: geometry.fitted(image(index)).pixels, class: classes[index])
    }
    return result
  }
}

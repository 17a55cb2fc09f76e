import Foundation

/// The files of a folder of photos: one folder per class; or such folders in `train`, `test` and `val`, of which `train`
/// and one other must be there. Classes are in the alphabetical order of their folders, and so are the files in a class.
struct PhotoFolder {
  enum Part: Int, CaseIterable {
    case train
    case validation
    case test
  }

  struct File {
    /// Below the folder.
    var name: String
    var part: Part
    /// The class's number.
    var label: Int
  }

  let path: String
  let labels: [String]
  let files: [File]
  /// Whether the folder itself says which photos are for what.
  let isSplit: Bool

  /// Lists the folder.
  ///
  /// - Throws: `DataError` about a folder that cannot be read, too few classes, a class that the training part lacks.
  init(_ path: String) throws(DataError) {
    self.path = path
    let names = Set(try PhotoFolder.folders(in: path))
    let validation = ["val", "validation", "valid"].first { names.contains($0) }
    isSplit = names.contains("train") && (names.contains("test") || validation != nil)
    let parts: [(Part, String)] =
      isSplit
      ? [(.train, "train/")] + (validation.map { [(.validation, $0 + "/")] } ?? [])
        + (names.contains("test") ? [(.test, "test/")] : [])
      : [(.train, "")]
    let labels = try PhotoFolder.folders(in: path + "/" + parts[0].1)
    guard labels.count >= 2 else {
      throw .tooFewClasses(folder: isSplit ? path + "/train" : path, found: labels.count)
    }
    self.labels = labels
    var files: [File] = []
    for (part, prefix) in parts {
      let folder = path + "/" + prefix
      if let other = try PhotoFolder.folders(in: folder).first(where: { !labels.contains($0) }) {
        throw .unknownClass(folder: path + "/" + prefix.dropLast(), label: other)
      }
      for (label, name) in labels.enumerated() where DataSet.isFolder(folder + name) {
        for file in try PhotoFolder.entries(folder + name) where PhotoFolder.isImageName(file) {
          files.append(File(name: prefix + name + "/" + file, part: part, label: label))
        }
      }
    }
    self.files = files
  }

  /// The folder of a class, to be named in a message.
  func folder(of label: Int, part: Part) -> String {
    guard isSplit else { return path + "/" + labels[label] }
    let name = files.first { $0.part == part }?.name.prefix { $0 != "/" }
    return path + "/" + (name ?? "train") + "/" + labels[label]
  }

  /// Whether `folder` looks like a folder of photos at all.
  static func hasLayout(_ folder: String) -> Bool {
    guard let folders = try? folders(in: folder) else { return false }
    return !folders.isEmpty
  }

  private static func folders(in folder: String) throws(DataError) -> [String] {
    try entries(folder).filter { DataSet.isFolder(folder + "/" + $0) }
  }

  /// The visible entries of a folder, sorted by the bytes of their names.
  private static func entries(_ folder: String) throws(DataError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { !$0.hasPrefix(".") }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch {
      let reason = (error as NSError).userInfo[NSUnderlyingErrorKey].map { "\($0)" }
      throw .cannotRead(path: folder, reason: reason ?? "\(error)")
    }
  }

  /// Names of files that the decoder is asked to read.
  private static func isImageName(_ name: String) -> Bool {
    let lower = name.lowercased()
    return [".jpg", ".jpeg", ".ppm", ".pgm"].contains { lower.hasSuffix($0) }
  }
}

extension DataSet {
  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }
}

import Format
import Foundation
import Trainer

/// A folder that a command writes files into.
struct OutputFolder {
  let path: String

  /// Makes the folder, and those that it lies in, unless it is there.
  ///
  /// - Throws: `FormatError.cannotWrite`.
  init(path: String) throws {
    self.path = path
    guard !path.isEmpty else { throw FormatError.cannotWrite(path: "\"\"", reason: systemErrorText(ENOENT)) }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue {
      throw FormatError.cannotWrite(path: path, reason: systemErrorText(ENOTDIR))
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw FormatError.cannotWrite(path: path, reason: systemErrorText(error))
    }
  }

  func path(of name: String) -> String { OutputFolder.path(of: name, in: path) }

  static func path(of name: String, in folder: String) -> String { folder + (folder.hasSuffix("/") ? "" : "/") + name }

  /// Replaces the file `name` in one go.
  func write(_ text: String, to name: String) throws {
    try OutputFile(path: path(of: name)).write(text)
  }
}

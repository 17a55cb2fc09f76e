import Foundation
import Format
import Platform

/// A file that a command will write when its work is done.
struct OutputFile {
  let path: String

  /// Makes sure now that the file can be written then: hours of training must not end at a mistyped folder.
  ///
  /// - Throws: `FormatError.cannotWrite`.
  init(path: String) throws {
    self.path = path
    guard !path.isEmpty else { throw FormatError.cannotWrite(path: "\"\"", reason: systemErrorText(ENOENT)) }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if isFolder.boolValue { throw FormatError.cannotWrite(path: path, reason: systemErrorText(EISDIR)) }
    // A file is replaced by renaming another to its name, so it is the folder that must be writable; but a read-only
    // file is meant to stay.
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    for place in exists ? [folder, path] : [folder] where access(place, W_OK) != 0 {
      throw FormatError.cannotWrite(path: path, reason: systemErrorText(errno))
    }
  }

  /// Replaces the file in one go.
  func write(_ text: String) throws { try write(Array(text.utf8)) }

  /// Replaces the file in one go.
  func write(_ bytes: [UInt8]) throws {
    let error = bytes.withUnsafeBytes { platform_write_file_atomically(path, $0.baseAddress, $0.count) }
    guard error == 0 else { throw FormatError.cannotWrite(path: path, reason: systemErrorText(error)) }
  }
}

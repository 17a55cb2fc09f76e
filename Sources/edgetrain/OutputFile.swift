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

  /// Whether both are one file, by whatever path.
  func isSame(as other: OutputFile) -> Bool { location == other.location }

  /// Without links and detours. What is not there yet has those of its folder.
  private var location: URL {
    let file = URL(fileURLWithPath: path)
    return file.deletingLastPathComponent().resolvingSymlinksInPath().appendingPathComponent(file.lastPathComponent)
      .resolvingSymlinksInPath().standardizedFileURL
  }

  /// Removes a file that has done its work. What is no regular file, as /dev/null, was not made here and stays.
  static func remove(_ path: String) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unlink(path) }
  }

  /// Replaces the file in one go.
  func write(_ text: String) throws { try write(Array(text.utf8)) }

  /// Replaces the file in one go.
  func write(_ bytes: [UInt8]) throws {
    let error = bytes.withUnsafeBytes { platform_write_file_atomically(path, $0.baseAddress, $0.count) }
    guard error == 0 else { throw FormatError.cannotWrite(path: path, reason: systemErrorText(error)) }
  }

  /// Removes what killed processes have half written of the file: `platform_write_file_atomically` writes to the file's name,
  /// ".tmp-" and six letters or digits, and renames that when it is whole.
  ///
  /// - Parameter age: seconds since it was last written to, at least: a process that lives may still be writing.
  func removeRemains(age: Int) {
    let file = URL(fileURLWithPath: path)
    let folder = file.deletingLastPathComponent().path
    let prefix = file.lastPathComponent + ".tmp-"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) {
      let rest = name.dropFirst(prefix.count)
      guard rest.utf8.count == 6, rest.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else { continue }
      let remains = OutputFolder.path(of: name, in: folder)
      var status = stat()
      guard lstat(remains, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mtim.tv_sec + age <= time(nil)
      else { continue }
      unlink(remains)
    }
  }
}

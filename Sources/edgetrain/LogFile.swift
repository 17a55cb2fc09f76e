import Format
import Foundation
import Platform
import Trainer

/// A file with a line for each epoch of a run. A line that comes later is added at the end: the file of a million epochs is
/// not written a million times.
struct LogFile {
  private let file: OutputFile
  /// What stands before the lines.
  private let head: String
  /// With its end.
  private let line: (EpochRecord) -> String
  /// Of the log's records those that are in the file.
  private var records = 0
  /// Of the file; nil before it was written.
  private var bytes: Int?

  init(_ file: OutputFile, head: String = "", line: @escaping (EpochRecord) -> String) {
    self.file = file
    self.head = head
    self.line = line
  }

  /// Brings the file to what the log says: adds what is new, if the file is as this has left it, else replaces it in one
  /// go, as the first time. A kill or a full disk can tear what is added, so that the file ends in the midst of a line.
  ///
  /// - Parameter log: the one of the time before, and perhaps more.
  /// - Throws: `FormatError.cannotWrite`.
  mutating func write(_ log: RunLog) throws {
    guard bytes == nil || records < log.records.count else { return }
    let new = Array(log.records[records...].map(line).joined().utf8)
    if let bytes, try append(new, behind: bytes) {
      self.bytes = bytes + new.count
    } else {
      let whole = Array((head + log.records.map(line).joined()).utf8)
      try file.write(whole)
      bytes = whole.count
    }
    records = log.records.count
  }

  /// - Parameter size: what the file must have for it.
  /// - Returns: false if it has another size, or is no file.
  private func append(_ bytes: [UInt8], behind size: Int) throws -> Bool {
    let descriptor = open(file.path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, Int(status.st_size) == size else {
      return false
    }
    var error = bytes.withUnsafeBytes { platform_write(descriptor, $0.baseAddress, $0.count) }
    // The checkpoint that is written next must not reach the disk before.
    if error == 0, fsync(descriptor) != 0 { error = errno }
    guard error == 0 else { throw FormatError.cannotWrite(path: file.path, reason: systemErrorText(error)) }
    return true
  }
}

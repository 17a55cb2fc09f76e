import Format
import Foundation

/// The bytes of a file in order, unpacked by `gzip -dc` where its name ends in ".gz".
///
/// A reader takes what it has a use for and no more, so that a small file that unpacks to terabytes costs nothing.
final class ByteStream {
  private let path: String
  private let file: FileHandle
  private let gzip: (process: Process, errors: Pipe)?

  /// - Throws: `DataError.cannotRead` where there is no such file, it is a folder, there is no permission, …
  init(path: String) throws(DataError) {
    self.path = path
    // Mapping it first gives the system's own reason for every kind of thing that is no readable file.
    do { _ = try Storage(mapping: path) } catch { throw DataError(path: path, error) }
    guard path.hasSuffix(".gz") else {
      guard let handle = FileHandle(forReadingAtPath: path) else {
        throw .cannotRead(path: path, reason: systemErrorText(errno))
      }
      file = handle
      gzip = nil
      return
    }
    let output = Pipe()
    let errors = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // Without "--" a name that begins with a dash would be an option.
    process.arguments = ["gzip", "-dc", "--", path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    do { try process.run() } catch { throw .cannotRead(path: path, reason: "cannot start gzip: \(error)") }
    file = output.fileHandleForReading
    gzip = (process, errors)
  }

  deinit {
    // A gzip that still has something to say gets a closed pipe and ends.
    try? file.close()
    gzip?.process.waitUntilExit()
  }

  /// The next `count` bytes, or fewer where the stream ends before.
  func read(_ count: Int) throws(DataError) -> [UInt8] {
    var bytes: [UInt8] = []
    // A limit may be far above what comes.
    bytes.reserveCapacity(min(count, 1 << 26))
    do {
      while bytes.count < count {
        guard let part = try file.read(upToCount: count - bytes.count), !part.isEmpty else { break }
        bytes += part
      }
    } catch {
      throw .cannotRead(path: path, reason: "\(error)")
    }
    if bytes.count < count { try checkUnpacking() }
    return bytes
  }

  /// At the end of the stream: was it gzip's last word?
  private func checkUnpacking() throws(DataError) {
    guard let gzip else { return }
    gzip.process.waitUntilExit()
    guard gzip.process.terminationStatus != 0 else { return }
    let text = String(decoding: gzip.errors.fileHandleForReading.availableData, as: UTF8.self)
    let line = text.split(separator: "\n").first.map(String.init) ?? "gzip failed"
    throw .cannotRead(path: path, reason: line)
  }
}

extension DataError {
  /// What mapping `path` ran into.
  init(path: String, _ error: FormatError) {
    if case .cannotRead(_, let reason) = error {
      self = .cannotRead(path: path, reason: reason)
    } else {
      self = .cannotRead(path: path, reason: error.description)
    }
  }
}

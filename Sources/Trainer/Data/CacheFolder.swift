import Format
import Foundation
import Platform

/// A folder of files that can be made again, of one kind and bounded: when a new one is stored, the oldest go.
struct CacheFolder: Sendable, Equatable {
  let path: String
  /// How the names of this kind of file end; others in the folder are left alone.
  let suffix: String
  /// Bytes of all files together.
  let limit: Int

  /// `edgerun` in the user's folder for such things: `$XDG_CACHE_HOME`, or `~/.cache`. Nil where there is no home.
  static var standardPath: String? {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return folder + "/edgerun" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.cache/edgerun"
  }

  /// Where the file called `name` is.
  func path(of name: String) -> String { path + "/" + name + suffix }

  /// Keeps `bytes`, all or nothing, unless they alone are beyond the limit, and removes what then is too much.
  ///
  /// - Throws: `DataError.cannotWrite`.
  func store(_ bytes: [UInt8], as name: String) throws(DataError) {
    guard bytes.count <= limit else { return }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(path: path, reason: systemErrorText(error))
    }
    let file = path(of: name)
    removeOldest(toLeave: limit - bytes.count, except: file)
    let error = bytes.withUnsafeBytes { platform_write_file_atomically(file, $0.baseAddress, $0.count) }
    guard error == 0 else { throw .cannotWrite(path: file, reason: systemErrorText(error)) }
  }

  /// Removes files, the oldest first, until `room` bytes are the most that is left. What killed processes have half written
  /// counts, too; it has the suffix, ".tmp-" and more behind the name.
  ///
  /// - Returns: how many went.
  @discardableResult func removeOldest(toLeave room: Int, except kept: String? = nil) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    var files = names.filter { $0.hasSuffix(suffix) || $0.contains(suffix + ".tmp-") }.map { path + "/" + $0 }
      .filter { $0 != kept }
      .compactMap { path in FileStamp(path: path).map { (path: path, stamp: $0) } }
    files.sort { ($0.stamp.seconds, $0.stamp.nanoseconds) > ($1.stamp.seconds, $1.stamp.nanoseconds) }
    var total = files.reduce(0) { $0 + $1.stamp.size }
    var removed = 0
    while total > room, let oldest = files.popLast() {
      if unlink(oldest.path) == 0 { removed += 1 }
      total -= oldest.stamp.size
    }
    return removed
  }
}

/// Size and time of a file.
struct FileStamp {
  let size: Int
  let seconds: Int
  let nanoseconds: Int

  /// Nil if there is no such file.
  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    size = Int(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}

/// Why the system refused: the reason below Foundation's error, which says less.
public func systemErrorText(_ error: any Error) -> String {
  let reason = (error as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
  return reason.map { systemErrorText($0.code.rawValue) } ?? error.localizedDescription
}

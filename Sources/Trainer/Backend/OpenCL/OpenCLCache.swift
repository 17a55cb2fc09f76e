import Format
import Foundation

/// What is kept of OpenCL devices between runs: how they multiply best, and the programs that were compiled for them. All
/// of it can be made again: a file that is damaged or of another driver counts as none.
public struct OpenCLCache: Sendable {
  let plans: CacheFolder
  private let programs: CacheFolder

  /// Bytes of all programs together. A training run needs 1 to 5 MB on most devices.
  public static let programLimit = 128 << 20
  private static let planLimit = 1 << 20

  /// - Parameter programLimit: bytes of all programs together; the oldest go first.
  public init(folder: String, programLimit: Int = OpenCLCache.programLimit) {
    plans = CacheFolder(path: folder, suffix: ".json", limit: OpenCLCache.planLimit)
    programs = CacheFolder(path: folder, suffix: ".program", limit: programLimit)
  }

  /// The user's own: `edgerun/opencl` in `$XDG_CACHE_HOME`, or in `~/.cache`. Nil where there is no home.
  public static var standard: OpenCLCache? {
    CacheFolder.standardPath.map { OpenCLCache(folder: $0 + "/opencl") }
  }

  public var folder: String { plans.path }

  /// Removes everything.
  ///
  /// - Returns: how many files went.
  public func clear() -> Int { plans.removeOldest(toLeave: 0) + programs.removeOldest(toLeave: 0) }

  // MARK: Programs

  /// What a compiled program is a function of.
  struct ProgramKey {
    fileprivate let text: String

    init(source: String, options: String, device: OpenCLDevice) {
      let checksum = OpenCLCache.hash(source)
      text = (device.identity + [options, String(checksum, radix: 16)]).joined(separator: "\n")
    }

    fileprivate var name: String { String(OpenCLCache.hash(text), radix: 16) }
  }

  static func hash(_ text: String) -> UInt64 { Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } }

  /// Where a program is kept.
  func path(of key: ProgramKey) -> String { programs.path(of: key.name) }

  /// The compiled program, or nil if it is not there as it should be.
  func program(_ key: ProgramKey) -> [UInt8]? {
    guard let storage = try? Storage(mapping: path(of: key)) else { return nil }
    defer { withExtendedLifetime(storage) {} }
    let bytes = storage.bytes
    guard bytes.count >= 16, bytes.prefix(8).elementsEqual(OpenCLCache.magic) else { return nil }
    let body = UnsafeRawBufferPointer(rebasing: bytes[16...])
    guard UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) == XXH64.hash(body) else {
      return nil
    }
    var reader = FieldReader(body)
    guard reader.string() == key.text, let count = reader.int(), let program = reader.take(count), reader.isAtEnd else {
      return nil
    }
    return Array(program)
  }

  /// Keeps a compiled program. If the folder cannot be written, it will be compiled again next time, and nothing is lost.
  func keep(_ program: [UInt8], _ key: ProgramKey) {
    var body = FieldWriter()
    body.put(key.text)
    body.put(program.count)
    body.bytes += program
    var file = FieldWriter()
    file.bytes = OpenCLCache.magic
    file.put(body.bytes.withUnsafeBytes { XXH64.hash($0) })
    try? programs.store(file.bytes + body.bytes, as: key.name)
  }

  // The file, little-endian: magic (8 bytes), XXH64 u64 of all that follows: the key's text, the program.
  private static let magic: [UInt8] = [0x89, 0x45, 0x44, 0x47, 0x45, 0x4f, 0x43, 0x4c]  // \x89EDGEOCL
}

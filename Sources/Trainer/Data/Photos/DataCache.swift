import Format
import Foundation

/// Decoded photos kept on disk, a file per folder and size. A file is used only as long as the photos' names, sizes and
/// times are what they were, and whatever bytes are in it.
public struct DataCache: Sendable, Equatable {
  private let files: CacheFolder

  public static let standardLimit = 4 << 30

  public var folder: String { files.path }
  public var limit: Int { files.limit }

  /// - Parameter limit: bytes of all files together; the oldest go first.
  public init(folder: String, limit: Int = standardLimit) {
    files = CacheFolder(path: folder, suffix: ".photos", limit: limit)
  }

  /// The user's own; nil where there is no home.
  public static var standard: DataCache? { CacheFolder.standardPath.map { DataCache(folder: $0) } }

  /// The photos of `key`, or nil if they are not there as they should be.
  ///
  /// - Parameters:
  ///   - count: files of the folder.
  ///   - imageBytes: bytes of one photo as it is wanted.
  func photos(_ key: PhotoKey, count: Int, imageBytes: Int) -> DecodedPhotos? {
    guard let storage = try? Storage(mapping: files.path(of: key.name)) else { return nil }
    defer { withExtendedLifetime(storage) {} }
    return DecodedPhotos(storage.bytes, stamp: key.stamp, count: count, imageBytes: imageBytes)
  }

  /// Keeps `photos`, unless they alone are beyond the limit, and removes what then is too much.
  ///
  /// - Throws: `DataError.cannotWrite`.
  func store(_ photos: DecodedPhotos, _ key: PhotoKey) throws(DataError) {
    try files.store(photos.encoded(stamp: key.stamp), as: key.name)
  }
}

/// What decoded photos are a function of.
struct PhotoKey: Equatable {
  /// Of folder and geometry: the name in the cache.
  let name: String
  /// Of the files' names, sizes and times too.
  let stamp: UInt64

  /// Counts changes of what the decoder makes of a file.
  private static let decoderVersion = 1

  init(_ folder: PhotoFolder, geometry: Preprocessing) {
    var text = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().standardizedFileURL.path
    text += "\n\(geometry.width) \(geometry.height) \(geometry.channels) \(geometry.fit) \(geometry.cropFraction)"
    text += "\ndecoder \(PhotoKey.decoderVersion)\n"
    name = String(PhotoKey.hash(text), radix: 16)
    for file in folder.files {
      let stamp = FileStamp(path: folder.path + "/" + file.name)
      text += "\(file.name)\n\(stamp?.size ?? -1) \(stamp?.seconds ?? 0) \(stamp?.nanoseconds ?? 0)\n"
    }
    stamp = PhotoKey.hash(text)
  }

  private static func hash(_ text: String) -> UInt64 { Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } }
}

// The file, little-endian: magic (8 bytes), XXH64 u64 of all that follows; then u64: stamp, files, bytes of pixels; of each
// file the reason why it was left out, or an empty text; the pixels.
extension DecodedPhotos {
  private static let magic: [UInt8] = [0x89, 0x45, 0x44, 0x47, 0x45, 0x50, 0x49, 0x58]  // \x89EDGEPIX

  func encoded(stamp: UInt64) -> [UInt8] {
    var body = FieldWriter()
    body.put(stamp)
    body.put(reasons.count)
    body.put(pixels.count)
    for reason in reasons { body.put(reason ?? "") }
    var file = FieldWriter()
    file.bytes = DecodedPhotos.magic
    file.bytes.reserveCapacity(body.bytes.count + pixels.count + 16)
    body.bytes += pixels
    file.put(body.bytes.withUnsafeBytes { XXH64.hash($0) })
    return file.bytes + body.bytes
  }

  /// Nil where the bytes are not what `encoded` writes for this stamp, number of files and size of a photo.
  init?(_ bytes: UnsafeRawBufferPointer, stamp: UInt64, count: Int, imageBytes: Int) {
    guard bytes.count >= 16, bytes.prefix(8).elementsEqual(DecodedPhotos.magic) else { return nil }
    let checksum = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    let body = UnsafeRawBufferPointer(rebasing: bytes[16...])
    var reader = FieldReader(body)
    guard reader.word() == stamp, XXH64.hash(body) == checksum, reader.int() == count, let size = reader.int() else {
      return nil
    }
    reasons = []
    for _ in 0..<count {
      guard let reason = reader.string() else { return nil }
      reasons.append(reason.isEmpty ? nil : reason)
    }
    let (expected, overflow) = reasons.count { $0 == nil }.multipliedReportingOverflow(by: imageBytes)
    guard !overflow, size == expected, let field = reader.take(size), reader.isAtEnd else { return nil }
    pixels = Array(field)
  }
}

import Format

/// The text of the file at `path`.
///
/// - Parameters:
///   - what: what it is to be, for errors: "a network description".
///   - limit: the most bytes that it may have.
/// - Throws: `FormatError.cannotRead`; `Problem` if it is too large or not UTF-8.
func contents(ofFile path: String, what: String, limit: Int = 1 << 20) throws -> String {
  let storage = try Storage(mapping: path)
  guard storage.bytes.count <= limit else {
    throw Problem("\(path): expected \(what) of at most \(limit) bytes, found \(storage.bytes.count)")
  }
  // The bytes are the storage's own: they are gone when it is.
  guard let text = withExtendedLifetime(storage, { String(validating: storage.bytes, as: UTF8.self) }) else {
    throw Problem("\(path): expected \(what) in UTF-8, found other bytes")
  }
  return text
}

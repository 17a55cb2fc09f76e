import Platform

/// Immutable bytes that tensors share: a mapped file or memory of our own. Freed when the last user is gone.
///
/// A `Constant` is a range of a storage, so reading a model copies no weights.
public final class Storage: @unchecked Sendable {
  // Safe: the bytes are never written after `init` returns, and stay where they are until `deinit`.
  /// The bytes, valid as long as this object lives: hold it in a variable while using them. In the expression
  /// `Storage(…).bytes` nobody does.
  public let bytes: UnsafeRawBufferPointer
  private let mapping: platform_mapping?

  /// Allocates `count` bytes, aligned to 64, and lets `fill` write them once. They are zero before.
  public init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    let used = UnsafeMutableRawBufferPointer(rebasing: memory[0..<count])
    fill(used)
    bytes = UnsafeRawBufferPointer(used)
    mapping = nil
  }

  /// Copies an array of trivial elements (`Float`, `Int8`, `Int32`, `UInt8`), in the host's byte order.
  public convenience init<Element: BitwiseCopyable>(copying elements: [Element]) {
    self.init(count: elements.count * MemoryLayout<Element>.stride) { memory in
      elements.withUnsafeBytes { memory.copyMemory(from: $0) }
    }
  }

  /// Maps the file at `path` read-only.
  ///
  /// - Throws: `FormatError.cannotRead` with the system's reason (missing, a directory, no permission, …).
  public init(mapping path: String) throws(FormatError) {
    var result = platform_mapping()
    let error = platform_map_file(path, &result)
    guard error == 0 else { throw .cannotRead(path: path, reason: systemErrorText(error)) }
    mapping = result
    bytes = UnsafeRawBufferPointer(start: result.base, count: result.count)
  }

  /// Lets the system take back the memory of a range that will hardly be read again. The bytes stay as they are: of a
  /// mapped file they come back when they are touched, and other memory is kept.
  public func release(_ range: Range<Int>) {
    guard mapping != nil, let base = bytes.baseAddress else { return }
    platform_release(base + range.lowerBound, range.count)
  }

  deinit {
    if let mapping {
      platform_unmap(mapping)
    } else {
      UnsafeMutableRawBufferPointer(mutating: bytes).deallocate()
    }
  }
}

/// The system's text for an `errno` value, as in "No such file or directory".
public func systemErrorText(_ error: Int32) -> String { String(cString: platform_error_text(error)) }

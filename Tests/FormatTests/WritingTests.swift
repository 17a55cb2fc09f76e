import Foundation
import Testing

@testable import Format

/// An empty folder that is gone when the test ends.
private final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/format-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

private func writingError(_ path: String) -> FormatError? {
  do throws(FormatError) {
    try sampleModel().write(to: path)
    return nil
  } catch {
    return error
  }
}

private func readingError(path: String) -> FormatError? {
  do throws(FormatError) {
    _ = try Model(path: path)
    return nil
  } catch {
    return error
  }
}

@Test func aWrittenModelIsRead() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/model.bin"
  try sampleModel().write(to: path)
  try sampleModel().write(to: path)
  #expect(folder.contents == ["model.bin"])
  let model = try Model(path: path)
  #expect(try model.encoded() == sampleModel().encoded())
  for tensor in model.graph.tensors {
    guard let constant = tensor.constant else { continue }
    #expect(UInt(bitPattern: constant.bytes.baseAddress) % 64 == 0)
  }
}

@Test func aModelOutlivesItsFile() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/model.bin"
  try sampleModel().write(to: path)
  let model = try Model(path: path)
  try quantizedModel().write(to: path)
  #expect(try model.encoded() == sampleModel().encoded())
}

@Test func filesThatCannotBeReadAreNamed() throws {
  let folder = try TemporaryFolder()
  let missing = folder.path + "/missing.bin"
  #expect(readingError(path: missing) == .cannotRead(path: missing, reason: "No such file or directory"))
  #expect(readingError(path: folder.path) == .cannotRead(path: folder.path, reason: "Is a directory"))
  let empty = folder.path + "/empty.bin"
  try Data().write(to: URL(fileURLWithPath: empty))
  #expect(readingError(path: empty) == .truncated(what: "header section, magic", expected: 8, found: 0))
}

@Test func placesThatCannotBeWrittenAreNamed() throws {
  let folder = try TemporaryFolder()
  #expect(writingError(folder.path) == .cannotWrite(path: folder.path, reason: "Is a directory"))
  let missing = folder.path + "/no/model.bin"
  #expect(writingError(missing) == .cannotWrite(path: missing, reason: "No such file or directory"))
  #expect(writingError("/dev/full") == .cannotWrite(path: "/dev/full", reason: "No space left on device"))
  #expect(folder.contents == [])
}

@Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
func aFolderWithoutPermissionKeepsItsFile() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/model.bin"
  try quantizedModel().write(to: path)
  try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder.path)
  defer { try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder.path) }
  #expect(writingError(path) == .cannotWrite(path: path, reason: "Permission denied"))
  #expect(try Model(path: path).encoded() == quantizedModel().encoded())
}

@Test func anInvalidModelLeavesTheOldFile() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/model.bin"
  try sampleModel().write(to: path)
  var broken = sampleModel()
  broken.graph.outputs = []
  #expect(throws: FormatError.self) { try broken.write(to: path) }
  #expect(try Model(path: path).encoded() == sampleModel().encoded())
  #expect(folder.contents == ["model.bin"])
}

/// The disk fills while the new file is written: in a process of its own, which may write 512 bytes to a file.
@Test func aWriteThatFailsHalfwayLeavesTheOldFile() async {
  await #expect(processExitsWith: .success) {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.bin"
    try sampleModel().write(to: path)
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: 512, rlim_max: 512)
    #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
    #expect(writingError(path) == .cannotWrite(path: path, reason: "File too large"))
    #expect(folder.contents == ["model.bin"])
    #expect(try Model(path: path).encoded() == sampleModel().encoded())
  }
}

@Test func errorsReadAsOneLineWithAHint() {
  let errors: [(FormatError, String, String?)] = [
    (
      .cannotRead(path: "a.bin", reason: "No such file or directory"), "a.bin: cannot read: No such file or directory",
      nil
    ),
    (.cannotWrite(path: "a.bin", reason: "Is a directory"), "a.bin: cannot write: Is a directory", nil),
    (
      .notAModel, "not a model file: expected the magic bytes of an edgerun model at the start, found others",
      "model files are made by `edgetrain train` and `edgetrain quantize`"
    ),
    (
      .newerVersion(found: 2, supported: 1), "model file version: expected at most 1, found 2",
      "update edgerun, or export the model again with this version's edgetrain"
    ),
    (
      .truncated(what: "model file", expected: 100, found: 7), "model file: expected 100 bytes, found 7",
      "the file is damaged: copy or export it again"
    ),
    (
      .checksumMismatch(section: "graph section"),
      "graph section: expected the checksum stored with it, found another",
      "the file is damaged: copy or export it again"
    ),
    (.invalid(what: "nodes", expected: "1 to 65536", found: "0"), "nodes: expected 1 to 65536, found 0", nil),
  ]
  for (error, description, hint) in errors {
    #expect(error.description == description)
    #expect(error.hint == hint)
  }
}

@Test func errorsShowNumbersShortly() {
  let texts: [(Float, String)] = [
    (0, "0"), (-7, "-7"), (1.5, "1.500"), (-0.0625, "-0.063"), (1e-10, "about 2^-34"), (-3e20, "about -2^68"),
    (.nan, "NaN"), (-.infinity, "-infinity"), (255.9999, "256.000"),
  ]
  for (number, text) in texts { #expect(number.shortText == text) }
}

@Test func releasedBytesOfAMappedFileComeBack() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/bytes"
  let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 * 7 / 3) }
  try Data(bytes).write(to: URL(fileURLWithPath: path))
  for storage in [try Storage(mapping: path), Storage(copying: bytes)] {
    for range in [0..<bytes.count, 4096..<4096, 5000..<30_000, 49_999..<50_000] {
      storage.release(range)
      #expect(storage.bytes.elementsEqual(bytes))
    }
  }
}

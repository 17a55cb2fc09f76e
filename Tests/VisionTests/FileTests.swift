import Foundation
import Testing

@testable import Vision

@Suite struct FileTests {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vision-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

  private func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let file = folder.appendingPathComponent(name)
    try Data(bytes).write(to: file)
    return file.path
  }

  private func failure(_ path: String) -> VisionError? {
    do throws(VisionError) {
      _ = try Image(path: path)
      return nil
    } catch {
      return error
    }
  }

  @Test func kindIsToldByContent() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let image = Image.smooth(width: 20, height: 10, channels: 3)
    let jpeg = try image.jpeg(quality: 90)
    #expect(try Image(path: write(jpeg, "a.pgm")) == Image(decoding: jpeg))
    #expect(try Image(path: write(image.netpbm(), "b.jpg")) == image)
  }

  @Test func errorsNameTheFile() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let missing = folder.path + "/missing.jpg"
    #expect(failure(missing) == .cannotRead(image: missing, reason: "No such file or directory"))
    #expect(failure(missing)?.description == "\(missing): cannot read: No such file or directory")
    #expect(failure(folder.path) == .cannotRead(image: folder.path, reason: "Is a directory"))
    let empty = try write([], "empty.jpg")
    #expect(failure(empty) == .empty(image: empty))
    let png = try write([0x89, 0x50, 0x4E, 0x47, 0x0D], "a.jpg")
    #expect(failure(png)?.description == "\(png): expected a JPEG, PPM or PGM image, found a PNG image")
    #expect(failure(png)?.hint == "convert it to an ordinary 8-bit JPEG, PPM or PGM")
    let cut = try write([0xFF, 0xD8, 0xFF], "cut.jpg")
    #expect(
      failure(cut)?.description
        == "\(cut): truncated: expected a whole JPEG, found its start in 3 bytes (Premature end of input file)")
  }

  @Test(arguments: [
    ("GIF89a", "a GIF image"), ("RIFF....WEBP", "a RIFF file (WebP, AVI)"), ("BM1234", "a BMP image"),
    ("hello", "a file of another kind"), ("P", "a file of another kind"), ("P9 1 1", "a file of another kind"),
  ])
  func otherKindsAreNamed(_ content: String, _ kind: String) throws {
    #expect(throws: VisionError.unknownKind(image: "test", found: kind)) { try Image(decoding: Array(content.utf8)) }
  }
}

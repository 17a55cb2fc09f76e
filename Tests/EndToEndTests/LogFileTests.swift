import Foundation
import Testing
import Trainer

@testable import edgetrain

@Suite struct LogFileTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/log" }

  init() throws { folder = try TemporaryFolder() }

  private func log(_ epochs: Int) -> RunLog {
    var log = RunLog()
    for epoch in 0..<epochs {
      log.append(
        EpochRecord(
          epoch: epoch + 1, loss: 1, stepLosses: 0...2, accuracy: 0.5, rate: 0.1, validation: nil, imagesPerSecond: 10,
          seconds: 1))
    }
    return log
  }

  private func file() throws -> LogFile { LogFile(try OutputFile(path: path), head: "head\n") { "\($0.epoch)\n" } }

  private func text() throws -> String { String(decoding: try folder.bytes("log"), as: UTF8.self) }

  /// Who has the file open sees every line: it is one file that grows, and not one after the other.
  @Test func linesAreAdded() throws {
    var file = try file()
    try folder.write("of another run\n", to: "log")
    try file.write(log(0))
    #expect(try text() == "head\n")
    let reader = try #require(FileHandle(forReadingAtPath: path))
    for epochs in [1, 2, 2, 5] { try file.write(log(epochs)) }
    #expect(try reader.readToEnd() == Data("head\n1\n2\n3\n4\n5\n".utf8))
  }

  /// A file that is not as it was left, as one that a full disk has torn, is written whole.
  @Test(arguments: ["", "head\n1\n2", "head\n1\n2\n3", nil]) func aTornFileIsReplaced(torn: String?) throws {
    var file = try file()
    try file.write(log(2))
    if let torn { try folder.write(torn, to: "log") } else { try FileManager.default.removeItem(atPath: path) }
    try file.write(log(3))
    #expect(try text() == "head\n1\n2\n3\n")
    try file.write(log(4))
    #expect(try text() == "head\n1\n2\n3\n4\n")
  }

  /// What could not be written, here because a folder is in the way, is written when it can be.
  @Test func whatIsMissingComesLater() throws {
    var file = try file()
    try file.write(log(1))
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: (any Error).self) { try file.write(log(2)) }
    try FileManager.default.removeItem(atPath: path)
    try file.write(log(2))
    #expect(try text() == "head\n1\n2\n")
  }
}

import Foundation
import Quantize
import Testing

@testable import Format

// docs/format.md against the code: the committed sample is what the writer writes, and the hexdump on the page is that
// of the sample. After an intended change, `EDGERUN_WRITE_FIXTURES=1 swift test --filter sampleFile` writes the sample
// anew; the page's hexdump is then corrected by hand.

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
private let samplePath = root.appendingPathComponent("Fixtures/sample.bin").path

private func sampleBytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: samplePath))) }

@Test func sampleFileIsWhatTheWriterWrites() throws {
  if ProcessInfo.processInfo.environment["EDGERUN_WRITE_FIXTURES"] != nil { try sampleModel().write(to: samplePath) }
  #expect(try sampleModel().encoded() == sampleBytes())
}

@Test func sampleFileIsRead() throws {
  let model = try Model(path: samplePath)
  #expect(model.metadata == sampleModel().metadata)
  #expect(model.graph.nodes == sampleModel().graph.nodes)
}

@Test func sampleFilePassesItsSelfTest() throws {
  let model = try Model(path: samplePath)
  let selfTest = try #require(model.selfTest)
  let inputs = selfTest.inputs.map { TensorValue.f32($0.elements(as: Float.self)) }
  guard case .f32(let found) = try ReferenceInterpreter(model.graph).run(inputs)[0] else { return }
  let expected = selfTest.outputs[0].elements(as: Float.self)
  #expect(zip(expected, found).allSatisfy { abs($0 - $1) <= selfTest.tolerance })
}

private let page: String = {
  let path = root.appendingPathComponent("../../docs/format.md").standardizedFileURL
  return (try? String(contentsOf: path, encoding: .utf8)) ?? ""
}()

/// Every operator of the random and the s8 graphs stands in the page's table with its code.
@Test func operatorTableOnThePageHasTheCodes() {
  var operators: [UInt16: String] = [:]
  for graph in (0..<40).map({ Graph.random(seed: $0) }) + [
    quantizedModel().graph, captionModel().graph, captionModel().decoder!.graph,
  ] {
    for node in graph.nodes {
      operators[node.op.code] =
        switch node.op.code {
        case 9: "activation"
        case 20: "recurrent"
        default: node.op.name
        }
    }
  }
  #expect(operators.count == 23)
  for (code, name) in operators { #expect(page.contains("\n| \(code) | \(name) | "), "\(code) \(name)") }
}

/// Lines of the page's hexdump: offset, bytes (or "00 × n"), two spaces, what they are.
@Test func hexdumpOnThePageIsThatOfTheSample() throws {
  let dump = try #require(page.components(separatedBy: "```hexdump\n").dropFirst().first)
  var bytes: [UInt8] = []
  for line in try #require(dump.components(separatedBy: "```").first).split(separator: "\n") {
    let columns = line.components(separatedBy: "  ")
    try #require(columns.count >= 3, "a line is offset, bytes, meaning: \(line)")
    #expect(Int(columns[0], radix: 16) == bytes.count, "offset of the line: \(line)")
    if columns[1].hasPrefix("00 × ") {
      bytes += [UInt8](repeating: 0, count: try #require(Int(columns[1].dropFirst(5))))
    } else {
      for byte in columns[1].split(separator: " ") { bytes.append(try #require(UInt8(byte, radix: 16))) }
    }
  }
  #expect(try bytes == sampleBytes())
}

import TestSupport
import Testing

@testable import Format

// Whatever bytes a file has, reading it ends in a typed error or in a model that verifies: never in a trap. A crash of
// the test process is the failure that most of these look for.

@Test(arguments: SmallModel.allCases)
func everyPrefixIsAnError(small: SmallModel) throws {
  let file = try small.model.encoded()
  for count in 0..<file.count {
    switch readingError(Array(file.prefix(count))) {
    case .truncated: break
    case let other: Issue.record("\(count) bytes: expected truncated, found \(String(describing: other))")
    }
  }
}

@Test(arguments: SmallModel.allCases)
func everyBitFlipIsAnError(small: SmallModel) throws {
  var file = try small.model.encoded()
  for bit in 0..<(file.count * 8) {
    file[bit / 8] ^= 1 << (bit % 8)
    if readingError(file) == nil { Issue.record("bit \(bit) flipped: expected an error, found none") }
    file[bit / 8] ^= 1 << (bit % 8)
  }
}

/// With checksums made right again after the flip, the readers and the verifier are on their own.
@Test(arguments: SmallModel.allCases)
func everyResealedBitFlipIsAnErrorOrAModelThatVerifies(small: SmallModel) throws {
  var file = try small.model.encoded()
  for bit in 0..<(file.count * 8) {
    file[bit / 8] ^= 1 << (bit % 8)
    checkErrorOrModel(resealed(file), "bit \(bit)")
    file[bit / 8] ^= 1 << (bit % 8)
  }
}

/// Several bytes at once: small numbers, all ones, neighbours of powers of two, and bytes moved within the file.
@Test(arguments: SmallModel.allCases, 0..<4)
func resealedRandomDamageIsAnErrorOrAModelThatVerifies(small: SmallModel, seed: Int) throws {
  let original = try small.model.encoded()
  var random = SeededGenerator(seed: UInt64(seed))
  for round in 0..<2000 {
    var file = original
    for _ in 0..<random.int(1...6) {
      let place = random.int(16...(file.count - 1))
      switch random.int(0...3) {
      case 0: file[place] = UInt8(random.int(0...4))
      case 1: file[place] = [0x7F, 0x80, 0xFF].randomElement(using: &random)!
      case 2: for offset in place..<min(place + 4, file.count) { file[offset] = 0xFF }
      default: file[place] = file[random.int(0...(file.count - 1))]
      }
    }
    checkErrorOrModel(resealed(file), "seed \(seed), round \(round)")
  }
}

/// A file is accepted only if it is the one file of its model: reading and writing it again gives the same bytes.
private func checkErrorOrModel(_ file: [UInt8], _ what: String) {
  guard let model = try? Model(storage: Storage(copying: file)) else { return }
  guard let again = try? model.encoded() else {
    Issue.record("\(what): a model was read that cannot be written")
    return
  }
  // A newer minor version, or a section of an unknown code, is read but not written.
  let sections =
    3 + (model.selfTest == nil ? 0 : 1) + (model.packed == nil ? 0 : 1) + (model.decoder == nil ? 0 : 1)
  let isUnderstood = file[10] <= Container.minor && file[11] == 0 && Int(file[12]) == sections
  if isUnderstood && again != file { Issue.record("\(what): read as a model that is written differently") }
}

@Test(arguments: 0..<200)
func randomBytesAreAnError(seed: Int) {
  var random = SeededGenerator(seed: UInt64(seed))
  var file = (0..<random.int(0...2000)).map { _ in UInt8(random.int(0...255)) }
  #expect(readingError(file) != nil)
  // The same with a header that is right but for the sections it announces.
  let header = Container.encode([], minor: 0)
  guard file.count >= 400 else { return }
  file.replaceSubrange(0..<16, with: header[0..<16])
  file[12] = UInt8(random.int(1...6))
  for byte in 0..<8 { file[16 + byte] = UInt8(truncatingIfNeeded: file.count >> (8 * byte)) }
  #expect(readingError(resealed(file)) != nil)
}

@Test func fileOfAnotherKindIsNotAModel() {
  #expect(readingError(Array("%PDF-1.7 and more".utf8)) == .notAModel)
  #expect(readingError([0x89, 0x50, 0x4E, 0x47]) == .notAModel)
}

@Test func emptyFileIsTruncated() {
  #expect(readingError([]) == .truncated(what: "header section, magic", expected: 8, found: 0))
}

@Test func newerMajorVersionSaysSo() throws {
  var file = try sampleModel().encoded()
  file[8] = 2
  #expect(readingError(file) == .newerVersion(found: 2, supported: 1))
  #expect(readingError(file)?.hint?.contains("update edgerun") == true)
}

@Test func newerMinorVersionMayAppendFieldsAndSections() throws {
  let model = captionModel()
  let file = try appendingSection(code: 77, [1, 2, 3], to: model.encoded())
  #expect(readingError(file) == nil)

  var metadata = try sectionBytes(3, of: file)
  metadata.append(0)
  var longer = try replacingSection(3, with: metadata, in: model.encoded())
  #expect(
    readingError(longer)
      == .invalid(
        what: "metadata section", expected: "\(metadata.count - 1) bytes", found: "\(metadata.count)"))
  longer[10] = UInt8(Container.minor) + 1
  let back = try Model(storage: Storage(copying: resealed(longer)))
  #expect(back.metadata == model.metadata)
}

/// A file has the smallest version that has its operators, and no other.
@Test func minorVersionIsThatOfTheNewestOperator() throws {
  var older = try quantizedModel().encoded()
  var newer = try sampleModel().encoded()
  #expect(older[10] == 1 && newer[10] == 0)
  older[10] = 0
  newer[10] = 1
  for (file, needed) in [(older, 1), (newer, 0)] {
    #expect(
      readingError(resealed(file))
        == .invalid(
          what: "minor version", expected: "\(needed), the smallest that has all the model needs",
          found: "\(1 - needed)"))
  }
}

/// Of another graph or other weights, packed ones are not this file's.
@Test(arguments: [0, 8]) func packedWeightsOfAnotherModelAreAnError(checksum: Int) throws {
  var packed = try sectionBytes(5, of: packedModel().encoded())
  packed[checksum] ^= 1
  let file = try replacingSection(5, with: packed, in: packedModel().encoded())
  #expect(
    readingError(withMinor(2, file))
      == .invalid(what: "packed section", expected: "one made of this file's graph and weights", found: "another"))
}

@Test func packedWeightsComeBackFromTheirBytes() throws {
  let model = packedModel()
  let file = try model.encoded()
  #expect(file[10] == 2)
  let back = try #require(try Model(storage: Storage(copying: file)).packed)
  let packed = try #require(model.packed)
  #expect(back.instructionSet == "scalar" && back.blocks.count == 2 && back.byteCount == 73)
  for (found, expected) in zip(back.blocks, packed.blocks) {
    #expect(found.node == expected.node && found.layout == expected.layout)
    #expect(found.contents.elements(as: Int8.self) == expected.contents.elements(as: Int8.self))
    #expect(found.contents.range.lowerBound % 64 == 0)
  }
  #expect(back.block(ofNode: 1)?.node == 1 && back.block(ofNode: 2) == nil)
}

private func withMinor(_ minor: UInt8, _ file: [UInt8]) -> [UInt8] {
  var file = file
  file[10] = minor
  return resealed(file)
}

/// Which functions version 1.0 has, and what the others cost.
@Test(arguments: Activation.allCases) func activationsComeBackFromTheirBytes(activation: Activation) throws {
  var model = floatModel()
  model.graph.nodes[2].op = .activation(activation)
  let file = try model.encoded()
  #expect(file[10] == ([.relu, .relu6, .sigmoid, .tanh].contains(activation) ? 0 : activation == .threshold ? 2 : 1))
  #expect(try Model(storage: Storage(copying: file)).graph.nodes[2].op == .activation(activation))
}

@Test(arguments: [1, 2, 3] as [UInt32])
func missingSectionIsAnError(code: UInt32) throws {
  let sections = try allSections(of: sampleModel().encoded()).filter { $0.code != code }
  let name = ["graph", "weights", "metadata"][Int(code) - 1]
  #expect(readingError(file(of: sections)) == .invalid(what: "\(name) section", expected: "one", found: "none"))
}

@Test func repeatedSectionIsAnError() throws {
  let sections = try allSections(of: sampleModel().encoded())
  #expect(
    readingError(file(of: sections + [sections[2]]))
      == .invalid(what: "metadata section", expected: "one of them", found: "a second at entry 4"))
}

@Test func countsBeyondTheFileAreRefusedBeforeAnythingIsReserved() throws {
  for field in 0..<4 {
    var graph = try sectionBytes(1, of: sampleModel().encoded())
    graph[field] = 0xFF
    #expect(readingError(try replacingSection(1, with: graph, in: sampleModel().encoded())) != nil)
  }
}

// MARK: - Files taken apart and put together

private typealias Section = (code: UInt32, bytes: [UInt8])

private func allSections(of file: [UInt8]) throws -> [Section] {
  func u64(_ offset: Int) -> Int { (0..<8).reduce(0) { $0 | Int(file[offset + $1]) << (8 * $1) } }
  return (0..<Int(file[12])).map { section in
    let entry = Container.headerBytes + section * Container.entryBytes
    let start = u64(entry + 8)
    return (UInt32(file[entry]), Array(file[start..<(start + u64(entry + 16))]))
  }
}

/// A file of any sections, written without `Container.encode`, which knows only this version's.
private func file(of sections: [Section], minor: UInt8 = 0) -> [UInt8] {
  func little(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  var table: [UInt8] = []
  var body: [UInt8] = []
  let tableEnd = Container.headerBytes + sections.count * Container.entryBytes
  for section in sections {
    body += [UInt8](repeating: 0, count: (64 - (tableEnd + body.count) % 64) % 64)
    table += little(Int(section.code), 4) + little(0, 4) + little(tableEnd + body.count, 8)
    table += little(section.bytes.count, 8) + little(0, 8)
    body += section.bytes
  }
  let header = Container.magic + [1, 0, minor, 0] + little(sections.count, 4) + little(tableEnd + body.count, 8)
  return resealed(header + little(0, 8) + table + body)
}

private func sectionBytes(_ code: UInt32, of file: [UInt8]) throws -> [UInt8] {
  try #require(allSections(of: file).first { $0.code == code }).bytes
}

private func replacingSection(_ code: UInt32, with bytes: [UInt8], in old: [UInt8]) throws -> [UInt8] {
  file(of: try allSections(of: old).map { $0.code == code ? (code, bytes) : $0 }, minor: old[10])
}

private func appendingSection(code: UInt32, _ bytes: [UInt8], to old: [UInt8]) throws -> [UInt8] {
  file(of: try allSections(of: old) + [(code, bytes)], minor: old[10])
}

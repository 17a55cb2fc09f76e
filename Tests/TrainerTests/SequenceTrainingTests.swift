import Foundation
import Format
import Testing

@testable import Trainer

/// The examples of nets/ over sequences: each trains a little here and gets better.
@Suite struct SequenceTrainingTests {
  private func run(_ name: String, _ source: String, limit: Int, epochs: Int) throws -> TrainingRun {
    let file = networksFolder.appendingPathComponent(name + ".net")
    var description = try NetworkDescription(
      parsing: String(contentsOf: file, encoding: .utf8), file: file.path)
    description.recipe.epochs = epochs
    var data = try SequenceData(try #require(SequenceSource(source)), for: SequenceShape(description))
    data.train = data.train.sample(limit, of: data.task)
    return try TrainingRun(description, sequences: data, devices: TrainingDevices([CPUBackend(threads: 2)]))
  }

  /// Mean losses of the epochs.
  private func losses(_ run: TrainingRun) throws -> [Double] {
    var losses: [Double] = []
    while !run.isFinished {
      let report = try run.step()
      if report.step == report.stepsPerEpoch { losses.append(report.loss) }
    }
    return losses
  }

  /// - Parameter share: of the first epoch's loss, what the last one's is below.
  private func expectImprovement(_ run: TrainingRun, below share: Double) throws {
    let losses = try losses(run)
    #expect(losses.last! < share * losses[0], "\(losses)")
    let exported = try run.export()
    #expect(
      (exported.decoder != nil)
        == (run.description.layers.contains { if case .input = $0.kind { true } else { false } }))
  }

  @Test func numbers() throws { try expectImprovement(run("numbers", "numbers", limit: 1280, epochs: 4), below: 0.7) }

  @Test func dates() throws { try expectImprovement(run("dates", "dates", limit: 640, epochs: 4), below: 0.7) }

  @Test func captions() throws {
    try expectImprovement(run("captions", "captions:fashion-mnist", limit: 640, epochs: 3), below: 0.7)
  }

  @Test func characters() throws {
    let text = networksFolder.deletingLastPathComponent().appendingPathComponent("docs/quantization.md").path
    try expectImprovement(run("characters", "text:\(text)", limit: 320, epochs: 3), below: 0.95)
  }

  /// What would be told of the next token by looking at it, or could not be run step by step, is refused before it is trained.
  @Test(arguments: ["gru 4 bidirectional", "rnn 4 reverse", "dense 4 relu"])
  func nextTokensAreToldFromThoseBefore(layer: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([UInt8](String(repeating: "abcab", count: 40).utf8), to: "text")
    func run(_ layer: String) throws -> TrainingRun {
      let description = try describe("input 8x1x1\nembedding 4 3\n\(layer)\ndense 4\ntrain\nepochs 1\nbatch 4")
      let data = try SequenceData(.text(path: path), for: SequenceShape(description))
      return try TrainingRun(description, sequences: data, devices: TrainingDevices([CPUBackend(threads: 1)]))
    }
    _ = try run("gru 4")
    let error = #expect(throws: RunError.self) { _ = try run(layer) }
    #expect(error?.description.contains(": layers: expected 2 steps or more of a text, a recurrent layer, ") == true)
  }

  /// Only a model's one step stands for any number of them.
  @Test func aNetworkOfOneStepReadsOneToken() throws {
    let folder = try TemporaryFolder()
    let lines = (0..<20).map { "word\($0 % 3) and more\t\($0 % 2)\n" }.joined()
    let path = try folder.write([UInt8](lines.utf8), to: "labels")
    let shape = try SequenceShape(describe("input 1x1x1\nembedding 9 3\ndense 2\nsoftmax"))
    let data = try SequenceData(.labels(path: path), for: shape)
    #expect(data.train.tokens[0].width == 1)
  }

  /// What a model file's vocabulary cannot have is not learnt: else training would end at writing the file.
  @Test func vocabulariesCanBeWritten() throws {
    let folder = try TemporaryFolder()
    let text = "a\u{0C}b\u{1B}[1mc\r\n\u{7F}d\té\u{85}f\u{0}"
    let path = try folder.write(
      [UInt8](String(repeating: text, count: 20).utf8) + [0xC2, 0xC2, 0x85, 0x85], to: "text")
    let texts = try SequenceTexts(.text(path: path))
    #expect(texts.train[0].text.hasPrefix("ab[1mc\nd\téfab["))
    let all = Set((texts.train[0].text + texts.test[0].text).unicodeScalars)
    #expect(all == Set("ab[1mc\nd\téf".unicodeScalars))
    let word = String(repeating: "w", count: Limits.textBytes)
    let vocabulary = Vocabulary(of: ["\(word)x b", "c b \(word)"], unit: .words, limit: 100)
    #expect(vocabulary.texts == ["\u{FFFD}", "b", "c", word])
  }

  @Test func languages() throws {
    let root = networksFolder.deletingLastPathComponent()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("languages-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, path) in [
      ("c", "Sources/TrainerKernels/elementwise.c"), ("md", "docs/networks.md"), ("net", "nets/efficientnet_lite0.net"),
      ("swift", "Sources/Trainer/Run/TrainingRun.swift"),
    ] {
      try FileManager.default.copyItem(at: root.appendingPathComponent(path), to: folder.appendingPathComponent(name))
    }
    try expectImprovement(run("languages", "lines:\(folder.path)", limit: 2000, epochs: 4), below: 0.8)
  }

  /// A run that stops within an epoch and goes on later gives what it would have given, carried states, losses and all.
  @Test(arguments: [3, 7]) func resumesExactly(steps: Int) throws {
    let text = networksFolder.deletingLastPathComponent().appendingPathComponent("docs/networks.md").path
    func begin() throws -> TrainingRun {
      var description = try describe(
        "input 16x1x1\n embedding 60 8\n lstm 12 carry\n dropout 0.1\n dense 60\ntrain\n batch 8\n epochs 2\n optimizer adam"
      )
      description.recipe.validation = 0.2
      var data = try SequenceData(.text(path: text), for: SequenceShape(description))
      data.train = data.train.sample(64, of: data.task)
      return try TrainingRun(description, sequences: data, devices: TrainingDevices([CPUBackend(threads: 1)]))
    }
    let whole = try begin()
    var reports: [StepReport] = []
    while !whole.isFinished { reports.append(try whole.step()) }
    let first = try begin()
    for _ in 0..<steps { _ = try first.step() }
    let second = try begin()
    try second.restore(first.checkpoint(), best: first.best)
    var resumed: [StepReport] = []
    while !second.isFinished { resumed.append(try second.step()) }
    #expect(resumed.map(\.loss) == reports.dropFirst(steps).map(\.loss))
    #expect(resumed.map(\.accuracy) == reports.dropFirst(steps).map(\.accuracy))
    #expect(resumed.compactMap(\.validation) == reports.dropFirst(steps).compactMap(\.validation))
    #expect(try second.checkpoint() == whole.checkpoint())
  }
}

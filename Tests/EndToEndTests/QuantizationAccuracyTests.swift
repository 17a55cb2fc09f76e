import Format
import Foundation
import Quantize
import Testing
import Trainer

@testable import edgetrain

/// What int8 costs on real images: a committed float model, Tests/Fixtures/lenet5.bin, on all 10,000 test images of
/// Fashion-MNIST. Tests/Fixtures/README.md has the command that made it.
@Suite(.serialized) struct QuantizationAccuracyTests {
  static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../Fixtures/lenet5.bin").standardizedFileURL.path

  /// The float model with its data and its own result, computed once.
  static let float: Result<(file: ModelFile, report: ClassificationReport), any Error> = Result {
    let file = try ModelFile(path: path, data: .fashionMNIST, options: DataOptions())
    let assessment = try Evaluator(file.model, path: path).assess(file.data.test, labels: file.data.labels)
    return (file, assessment.classes!)
  }

  /// In points of accuracy.
  static let largestDrop = 0.5

  func check(_ int8: Model, _ name: String) throws {
    let (file, before) = try Self.float.get()
    let assessment = try Evaluator(int8, path: name).assess(file.data.test, labels: file.data.labels)
    let after = try #require(assessment.classes)
    let test = McNemar(before, after)
    print("\(name): float \(before.accuracyText), int8 \(after.accuracyText); \(test.text("float", "int8"))")
    #expect(after.count == 10_000)
    #expect(100 * (before.accuracy - after.accuracy) <= Self.largestDrop)
  }

  @Test func theFloatModelIsWhatItsFileSays() throws {
    let (file, report) = try Self.float.get()
    #expect(report.count == 10_000)
    // Another instruction set adds up in another order: an image or two may change sides.
    let stated = Double(try #require(file.model.metadata.provenance.floatAccuracy))
    #expect(abs(report.accuracy - stated) <= 0.0005)
    #expect(report.accuracy > 0.85)
  }

  @Test(arguments: [ObserverKind.minMax, .percentile(99.99), .percentile(99.9)])
  func staticInt8LosesAtMostHalfAPoint(_ observer: ObserverKind) throws {
    let file = try Self.float.get().file
    let ranges = try Calibration(file.model).ranges(file.data.train.sample(512), observer: observer)
    try check(file.model.quantized(ranges: ranges), "\(observer)")
  }

  @Test func dynamicInt8LosesAtMostHalfAPoint() throws {
    try check(Self.float.get().file.model.dynamicallyQuantized(), "dynamic")
  }

  /// The ranges that the float file carries serve `edgerun --int8` as well.
  @Test func theFilesOwnRangesLoseAtMostHalfAPoint() throws {
    let model = try Self.float.get().file.model
    try check(model.quantized(ranges: model.metadata.calibration), "the file's ranges")
  }

  @Test func everyNumberOfThreadsGivesTheSameScores() throws {
    let file = try Self.float.get().file
    let examples = file.data.test.sample(100)
    let scores = try [1, 2, 7].map { try Evaluator(file.model, path: Self.path, threads: $0).scores(examples) }
    #expect(scores[0] == scores[1] && scores[0] == scores[2])
  }
}

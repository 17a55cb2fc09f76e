import Foundation
import Testing
import Vision

@testable import Trainer

@Suite struct ReportTests {
  private func log(epochs: Int, isValidated: Bool = true, seed: UInt64 = 1) -> RunLog {
    var noise = Noise(seed: seed)
    var log = RunLog()
    for epoch in 1...epochs {
      let loss = 2 / Double(epoch) + 0.1 * noise.next().magnitude
      log.append(
        EpochRecord(
          epoch: epoch, loss: loss, stepLosses: (loss * 0.7)...(loss * 1.6), accuracy: 1 - loss / 3,
          rate: 0.1 / Double(epoch),
          validation: isValidated ? .init(loss: loss * 1.1, accuracy: 1 - loss / 2.9, isBest: epoch < 3) : nil,
          imagesPerSecond: 1234.5678, seconds: 3.25 + 0.01 * noise.next()))
    }
    return log
  }

  private let classification = ClassificationReport(
    labels: ["cat", "dog & <fox>", "owl"], truths: [0, 0, 1, 1, 2, 2],
    scores: [
      0.9, 0.05, 0.05,  // right
      0.2, 0.7, 0.1,  // a cat taken for a dog
      0.95, 0.03, 0.02,  // a dog taken for a cat
      0.1, 0.8, 0.1,
      0.1, 0.2, 0.7,
      0.7, 0.1, 0.2,  // an owl taken for a cat, as sure as the first mistake
    ])
  private let scores: [Float] = [
    0.9, 0.05, 0.05, 0.2, 0.7, 0.1, 0.95, 0.03, 0.02, 0.1, 0.8, 0.1, 0.1, 0.2, 0.7, 0.7, 0.1, 0.2,
  ]

  @Test(arguments: [true, false]) func logIsReadBackWhole(isValidated: Bool) throws {
    let log = log(epochs: 7, isValidated: isValidated)
    #expect(RunLog(csv: log.csv) == log)
    #expect(RunLog(csv: RunLog().csv) == RunLog())
    #expect(log.csv.split(separator: "\n").count == 8)
  }

  @Test func wrongLogsAreRefused() {
    let csv = log(epochs: 2).csv
    #expect(RunLog(csv: "") == nil)
    #expect(RunLog(csv: "epoch,loss\n1,2\n") == nil)
    #expect(RunLog(csv: csv + "3,x\n") == nil)
    #expect(RunLog(csv: csv.replacingOccurrences(of: "true", with: "perhaps")) == nil)
    // No prefix of a line is a line.
    let last = csv.split(separator: "\n").last.map(String.init) ?? ""
    let cells = last.split(separator: ",", omittingEmptySubsequences: false)
    for count in 1..<cells.count {
      let cut = csv.dropLast(last.count + 1) + cells.prefix(count).joined(separator: ",") + "\n"
      #expect(RunLog(csv: String(cut)) == nil, "\(count) cells")
    }
  }

  /// Wherever a kill tears the last line, the log is that of the lines before, or has all of the last epoch but decimals of its
  /// seconds.
  @Test(arguments: [true, false]) func aTornLineIsLeftOut(isValidated: Bool) throws {
    let (whole, before) = (log(epochs: 3, isValidated: isValidated), log(epochs: 2, isValidated: isValidated))
    let (long, short) = (whole.csv, before.csv)
    var last = try #require(whole.records.last)
    #expect(RunLog(csv: String(long.dropLast())) == whole)
    for count in short.count..<long.count {
      let log = try #require(RunLog(csv: String(long.prefix(count))))
      if log == before { continue }
      let seconds = try #require(log.records.last?.seconds)
      #expect(abs(seconds - last.seconds) < 0.1, "\(count) characters")
      last.seconds = seconds
      var torn = before
      torn.append(last)
      #expect(log == torn, "\(count) characters")
    }
    #expect(RunLog(csv: short + "\0\0\0") == before)
    // Without a line of names it is no log.
    #expect(RunLog(csv: String(RunLog.csvHead.dropLast())) == nil)
  }

  @Test func truncatedLogGoesOn() {
    var whole = log(epochs: 5)
    let fifth = whole.records[4]
    whole.truncate(to: 4)
    #expect(whole.records.map { $0.epoch } == [1, 2, 3, 4])
    whole.append(fifth)
    #expect(whole == log(epochs: 5))
  }

  @Test func jsonLinesAreADocumentEach() throws {
    let lines = log(epochs: 3).records.map(\.jsonLine).joined().split(separator: "\n")
    #expect(lines.count == 3)
    for (index, line) in lines.enumerated() {
      let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(json["epoch"] as? Int == index + 1)
      #expect(json["is_best"] as? Bool == (index < 2))
      #expect(json["seconds"] is Double && json["lowest_step_loss"] is Double)
    }
  }

  @Test func surestMistakesComeFirst() {
    let mistakes = Mistake.worst(10, of: classification, scores: scores)
    #expect(mistakes.map { $0.index } == [2, 1, 5])
    #expect(mistakes[0] == Mistake(index: 2, truth: 1, answer: 0, confidence: 0.95))
    #expect(Mistake.worst(1, of: classification, scores: scores) == [mistakes[0]])
  }

  @Test(arguments: [0, 1, 2, 500]) func pageIsWellFormed(epochs: Int) throws {
    let image = Image(width: 8, height: 8, channels: 1, pixels: (0..<64).map { UInt8($0 * 3) })
    let report = RunReport(
      title: "net on <data>", summary: "Summary.", figures: [.init("accuracy", "50.0 %")],
      log: epochs == 0 ? RunLog() : log(epochs: epochs), classification: classification,
      mistakes: Mistake.worst(10, of: classification, scores: scores).map { ($0, image) },
      settings: [("Command", "edgetrain train 'a & b'")])
    let html = try report.html()
    let page = try ParsedXML(String(html.dropFirst("<!DOCTYPE html>\n".count)))
    #expect(page.elements["svg", default: 0] >= (epochs == 0 ? 2 : 6))
    #expect(page.elements["img"] == 3)
    #expect(page.text.contains("cat? It is dog & <fox>"))
    #expect(page.text.contains("best: 2") == (epochs > 1))
    #expect(page.text.contains("edgetrain train 'a & b'"))
    #expect(html.utf8.count < 120_000)
  }
}

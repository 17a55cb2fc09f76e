import Terminal

/// The log of a training run: a record for each epoch, in their order.
public struct RunLog: Equatable, Sendable {
  public private(set) var records: [EpochRecord] = []

  public init() {}

  public mutating func append(_ record: EpochRecord) { records.append(record) }

  /// Forgets what was logged after so many epochs: a run that goes on from an older checkpoint does them again.
  public mutating func truncate(to epochs: Int) { records.removeAll { $0.epoch > epochs } }

  fileprivate static let columns = [
    "epoch", "loss", "lowest_step_loss", "highest_step_loss", "accuracy", "rate", "validation_loss",
    "validation_accuracy", "is_best", "images_per_second", "seconds",
  ]

  /// The line of names above the values, with its end.
  public static let csvHead = columns.joined(separator: ",") + "\n"

  /// Comma-separated values under a line of names; fields without a value are empty.
  ///
  /// Law: `RunLog(csv: csv)` is the same log.
  public var csv: String { RunLog.csvHead + records.map(\.csvLine).joined() }

  /// Nil if the text is no log that `csv` wrote. What stands behind the last line's end counts if it is a whole record; what is
  /// not is left out, an epoch whose line was half written when the run was killed.
  public init?(csv: String) {
    guard let end = csv.utf8.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
    var lines = csv[..<end].split(separator: "\n")[...]
    guard let head = lines.popFirst(), head + "\n" == RunLog.csvHead else { return nil }
    for line in lines {
      guard let record = EpochRecord(csvLine: line) else { return nil }
      records.append(record)
    }
    // One that would be written so: of numbers only the last can be torn, which then lacks decimals behind the first.
    let rest = csv[end...].dropFirst()
    if let record = EpochRecord(csvLine: rest), record.csvLine == rest + "\n" { records.append(record) }
  }
}

extension EpochRecord {
  /// Its line in `RunLog.csv`, with its end.
  public var csvLine: String { cells.joined(separator: ",") + "\n" }

  /// Its fields as a JSON document, with the line's end.
  public var jsonLine: String {
    var json = JSONWriter(isOneLine: true)
    json.object { write(to: &$0) }
    return json.text
  }

  /// In the order of `RunLog.columns`.
  fileprivate var cells: [String] {
    let training: [Double] = [loss, stepLosses.lowerBound, stepLosses.upperBound, accuracy, rate]
    var held = ["", "", ""]
    if let validation { held = ["\(validation.loss)", "\(validation.accuracy)", "\(validation.isBest)"] }
    return ["\(epoch)"] + training.map { "\($0)" } + held + ["\(imagesPerSecond)", "\(seconds)"]
  }

  /// From a line without its end.
  fileprivate init?(csvLine: Substring) {
    let cells = csvLine.split(separator: ",", omittingEmptySubsequences: false)
    guard cells.count == RunLog.columns.count else { return nil }
    let numbers = cells.map { Double($0) }
    guard let epoch = Int(cells[0]), let loss = numbers[1], let low = numbers[2], let high = numbers[3], low <= high,
      let accuracy = numbers[4], let rate = numbers[5], let imagesPerSecond = numbers[9], let seconds = numbers[10]
    else { return nil }
    var validation: Validation?
    if !cells[6].isEmpty {
      guard let loss = numbers[6], let accuracy = numbers[7], let isBest = Bool(String(cells[8])) else { return nil }
      validation = Validation(loss: loss, accuracy: accuracy, isBest: isBest)
    }
    self.init(
      epoch: epoch, loss: loss, stepLosses: low...high, accuracy: accuracy, rate: rate, validation: validation,
      imagesPerSecond: imagesPerSecond, seconds: seconds)
  }
}

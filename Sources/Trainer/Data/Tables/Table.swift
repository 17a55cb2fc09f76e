/// Which columns of a table are to be predicted; all others are features.
public enum TargetColumns: Equatable, Sendable {
  /// The last column holds each row's class.
  case lastIsClass
  /// The column of this name, or number (from 1), does.
  case label(String)
  /// These columns hold numbers.
  case numbers([String])
}

/// A CSV file as columns of features and what is to be predicted of them.
struct Table {
  let path: String
  /// The columns' names; "1", "2", … where the file has none.
  let names: [String]
  /// Without the header.
  private let rows: [CSV.Row]
  private let features: [Int]
  private let targets: [Int]
  private let holdsClasses: Bool

  /// - Throws: `DataError` about a row of another length, or a column that is not there.
  init(path: String, _ columns: TargetColumns) throws(DataError) { try self.init(CSV(path: path), columns) }

  init(_ csv: CSV, _ columns: TargetColumns) throws(DataError) {
    path = csv.path
    guard let first = csv.rows.first else { throw .noExamples(what: path) }
    let width = first.fields.count
    guard width >= 2 else {
      throw .wrongLine(
        path: path, line: first.line, expected: "at least 2 columns: features, and what is to be predicted",
        found: "\(width)")
    }
    for row in csv.rows where row.fields.count != width {
      throw .wrongLine(
        path: path, line: row.line, expected: "\(width) fields as in line \(first.line)", found: "\(row.fields.count)")
    }
    // A header is a first row without a number where the second has one.
    let numbers = first.fields.map { Float($0) != nil }
    let second = csv.rows.dropFirst().first?.fields.map { Float($0) != nil } ?? numbers
    let hasHeader = zip(numbers, second).contains { !$0 && $1 } || numbers.allSatisfy { !$0 }
    names = hasHeader ? first.fields : (1...width).map(String.init)
    rows = Array(hasHeader ? csv.rows.dropFirst() : csv.rows[...])
    guard !rows.isEmpty else { throw .noExamples(what: path) }
    switch columns {
    case .lastIsClass: targets = [width - 1]
    case .label(let name): targets = [try Table.column(name, in: names, path: path)]
    case .numbers(let wanted):
      var targets: [Int] = []
      for name in wanted { targets.append(try Table.column(name, in: names, path: path)) }
      self.targets = targets
    }
    if case .numbers = columns { holdsClasses = false } else { holdsClasses = true }
    features = (0..<width).filter { [targets] in !targets.contains($0) }
    guard !features.isEmpty else {
      throw .wrongLine(path: path, line: first.line, expected: "a column of features", found: "none")
    }
  }

  private static func column(_ name: String, in names: [String], path: String) throws(DataError) -> Int {
    if let index = names.firstIndex(of: name) { return index }
    if let number = Int(name), 1...names.count ~= number { return number - 1 }
    throw .noColumn(path: path, name: name, columns: names)
  }

  var featureNames: [String] { features.map { names[$0] } }
  var targetNames: [String] { targets.map { names[$0] } }

  /// The classes that come in the table, sorted: as numbers if all are whole numbers, else as texts.
  var classNames: [String] {
    let found = Set(rows.map { $0.fields[targets[0]] })
    let numbers = found.compactMap { Int($0) }
    // By their text, too, where numbers are equal, as 7 and 07: the order must not depend on hashing.
    if numbers.count == found.count { return found.sorted { (Int($0)!, $0) < (Int($1)!, $1) } }
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The table's rows, in their order.
  ///
  /// - Parameter labels: the classes' names; of no importance where numbers are predicted.
  /// - Throws: `DataError.wrongField` about a field that is no number or no class.
  func examples(labels: [String]) throws(DataError) -> Examples {
    let classNumbers = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($0.element, Int32($0.offset)) })
    var (values, classes, predicted): ([Float], [Int32], [Float]) = ([], [], [])
    values.reserveCapacity(rows.count * features.count)
    for row in rows {
      for column in features { values.append(try number(row, column)) }
      if holdsClasses {
        let text = row.fields[targets[0]]
        guard let label = classNumbers[text], !text.isEmpty else {
          throw wrongField(row, targets[0], expected: "a class that the training rows have")
        }
        classes.append(label)
      } else {
        for column in targets { predicted.append(try number(row, column)) }
        classes.append(0)
      }
    }
    return Examples(
      shape: ImageShape(height: 1, width: 1, channels: features.count), values: values, classes: classes,
      targets: predicted)
  }

  private func number(_ row: CSV.Row, _ column: Int) throws(DataError) -> Float {
    guard let value = Float(row.fields[column]), value.isFinite else {
      throw wrongField(row, column, expected: "a number")
    }
    return value
  }

  private func wrongField(_ row: CSV.Row, _ column: Int, expected: String) -> DataError {
    let text = row.fields[column]
    return .wrongField(
      path: path, line: row.line, column: names[column], expected: expected,
      found: text.isEmpty ? "an empty field" : "'\(text)'")
  }

  /// Throws where another table, of the same kind, has other columns.
  func check(against other: Table) throws(DataError) {
    guard names == other.names else {
      let place = zip(names, other.names).first { $0 != $1 }
      throw .wrongLine(
        path: other.path, line: 1, expected: place?.0 ?? "\(names.count) columns as in \(path)",
        found: place?.1 ?? "\(other.names.count)")
    }
  }
}

extension DataSet {
  /// Reads a CSV file, of whose rows a fifth (of each class, drawn by the options' seed) is for testing; or `train.csv` and
  /// `test.csv`, perhaps with `val.csv`, in a folder.
  init(table path: String, name: String, options: DataOptions) throws(DataError) {
    let columns = options.columns
    if !DataSet.isFolder(path) {
      let table = try Table(path: path, columns)
      let labels = try table.labels(columns)
      let all = try table.examples(labels: labels)
      for (label, found) in all.histogram(classCount: all.targetCount > 0 ? 1 : labels.count).enumerated()
      where found < 2 {
        throw .tooFewRows(path: path, label: labels[label], expected: 2, found: found)
      }
      let (train, test) = all.testSplit(seed: options.splitSeed, classCount: labels.count)
      self.init(name: name, labels: labels, train: train, test: test)
      return
    }
    let train = try Table(path: path + "/train.csv", columns)
    let labels = try train.labels(columns)
    func part(_ file: String) throws(DataError) -> Examples? {
      guard FileStamp(path: path + "/" + file) != nil else { return nil }
      let table = try Table(path: path + "/" + file, columns)
      try train.check(against: table)
      return try table.examples(labels: labels)
    }
    var (validation, test) = (try part("val.csv"), try part("test.csv"))
    if test == nil { (validation, test) = (nil, validation) }
    guard let test else { throw .noExamples(what: path + "/test.csv") }
    self.init(
      name: name, labels: labels, train: try train.examples(labels: labels), validation: validation, test: test)
  }
}

extension Table {
  /// Names of the classes, or of the numbers that are predicted.
  fileprivate func labels(_ columns: TargetColumns) throws(DataError) -> [String] {
    if case .numbers = columns { return targetNames }
    let classes = classNames
    guard classes.count >= 2 else { throw .oneClass(path: path, column: targetNames[0], found: classes.first ?? "") }
    return classes
  }
}

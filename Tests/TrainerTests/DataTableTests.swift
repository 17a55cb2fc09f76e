import Format
import Quantize
import Testing

@testable import Trainer

@Suite struct DataTableTests {
  func csv(_ text: String) throws(DataError) -> CSV { try CSV(Array(text.utf8), path: "t.csv") }

  func table(_ text: String, _ columns: TargetColumns = .lastIsClass) throws(DataError) -> Table {
    try Table(csv(text), columns)
  }

  func failure(_ body: () throws(DataError) -> Void) -> String? {
    do throws(DataError) {
      try body()
      return nil
    } catch {
      return error.description
    }
  }

  // MARK: Text

  @Test func quotedFieldsMayHoldAnything() throws {
    let rows = try csv("a,\"b, \"\"c\"\"\",d\r\n1,\"two\nlines\",3\r\n\r\n 4 ,,\"\"").rows
    #expect(rows.map(\.fields) == [["a", "b, \"c\"", "d"], ["1", "two\nlines", "3"], ["4", "", ""]])
    #expect(rows.map(\.line) == [1, 2, 5])
  }

  @Test(arguments: ["a;b\n1;2,5", "a\tb\n1\t2,5"]) func otherSeparators(text: String) throws {
    #expect(try csv(text).rows.map(\.fields) == [["a", "b"], ["1", "2,5"]])
  }

  @Test func aByteOrderMarkIsNoName() throws { #expect(try csv("\u{FEFF}a,b\n1,2").rows[0].fields == ["a", "b"]) }

  /// Any bytes end in rows or an error.
  @Test func anyBytesEnd() throws {
    var stream = RandomStream(seed: 21, .sample)
    let alphabet = Array("\",;\n\r\t1.a\u{0}\u{FF}".utf8)
    for _ in 0..<3000 {
      let bytes = (0..<stream.next(below: 24)).map { _ in alphabet[stream.next(below: alphabet.count)] }
      _ = try? Table(CSV(bytes, path: "t.csv"), .lastIsClass).examples(labels: ["a", "1"])
    }
  }

  // MARK: Columns

  @Test func theLastColumnIsTheClass() throws {
    let table = try table("height,width,kind\n1,2,owl\n3,4.5,cat\n-5e1,6,owl\n")
    #expect(table.featureNames == ["height", "width"] && table.classNames == ["cat", "owl"])
    let examples = try table.examples(labels: ["cat", "owl"])
    #expect(examples.values == [1, 2, 3, 4.5, -50, 6] && examples.classes == [1, 0, 1])
    #expect(examples.shape == ImageShape(height: 1, width: 1, channels: 2) && examples.targets.isEmpty)
  }

  /// Texts of one number are several classes, always in the same order.
  @Test func equalNumbersHaveAnOrder() throws {
    let names = (0..<9).map { String(repeating: "0", count: 9 - $0) + "7" }
    #expect(try table("x,kind\n" + names.reversed().map { "1,\($0)\n" }.joined() + "1,3\n").classNames == ["3"] + names)
  }

  @Test func aColumnMayBeNamedOrNumbered() throws {
    for name in ["kind", "1"] {
      let table = try table("kind,height\n10,1\n9,2\n", .label(name))
      // Numbers as numbers: 9 before 10.
      #expect(table.classNames == ["9", "10"] && table.featureNames == ["height"])
    }
    // A file without a header.
    let bare = try table("1,2,0\n3,4,1\n")
    #expect(bare.names == ["1", "2", "3"] && bare.classNames == ["0", "1"])
  }

  @Test func numbersMayBePredicted() throws {
    let table = try table("price,size,area\n10,1,2\n20,3,4\n", .numbers(["area", "price"]))
    let examples = try table.examples(labels: [])
    #expect(table.targetNames == ["area", "price"] && examples.values == [1, 3])
    #expect(examples.targets == [2, 10, 4, 20] && examples.classes == [0, 0] && examples.targetCount == 2)
  }

  @Test(arguments: [
    ("", "t.csv: expected at least 1 example, found 0"), ("a,b\n", "t.csv: expected at least 1 example, found 0"),
    ("a\n1\n", "t.csv:1: expected at least 2 columns: features, and what is to be predicted, found 1"),
    ("a,b\n1,x\n2\n", "t.csv:3: expected 2 fields as in line 1, found 1"),
    ("a,b\n1,x\n\n2,x,3\n", "t.csv:4: expected 2 fields as in line 1, found 3"),
    ("a,b\n1,x\nsmall,y\n", "t.csv:3: column a: expected a number, found 'small'"),
    ("a,b\n1,x\n,y\n", "t.csv:3: column a: expected a number, found an empty field"),
    ("a,b\n1,x\nnan,y\n", "t.csv:3: column a: expected a number, found 'nan'"),
    ("a,b\n1,\"x\n2,y\n", "t.csv:2: expected a closing quote, found the end of the file"),
    ("a,b\n1,\"x\"y\n", "t.csv:2: expected a separator after the closing quote, found 'y'"),
    ("a,b\n1,x\n2,z\n", "t.csv:3: column b: expected a class that the training rows have, found 'z'"),
  ])
  func wrongTextsNameTheLine(text: String, error: String) {
    #expect(failure { () throws(DataError) in _ = try table(text).examples(labels: ["x", "y"]) } == error)
  }

  @Test func aMissingColumnIsNamed() {
    let found = failure { () throws(DataError) in _ = try table("a,b\n1,2\n", .label("c")) }
    #expect(found == "t.csv: expected one of the columns a, b, found 'c'")
  }

  // MARK: Data sets

  @Test func aFifthOfEachClassIsForTesting() throws {
    let folder = try TemporaryFolder()
    let rows = (0..<40).map { "\($0),\($0 < 30 ? "many" : "few")" }
    let path = try folder.write(Array(("x,kind\n" + rows.joined(separator: "\n")).utf8), to: "t.csv")
    let data = try DataSet(DataSource(path))
    #expect(data.labels == ["few", "many"] && data.name == "t.csv")
    #expect(data.train.histogram(classCount: 2) == [8, 24] && data.test.histogram(classCount: 2) == [2, 6])
    #expect((data.train.values + data.test.values).sorted() == (0..<40).map(Float.init))
    let other = try DataSet(DataSource(path), options: DataOptions(splitSeed: 1))
    #expect(other.test.values != data.test.values)
    try folder.write(Array("x,kind\n1,a\n2,a\n3,b\n".utf8), to: "t.csv")
    #expect(throws: DataError.tooFewRows(path: path, label: "b", expected: 2, found: 1)) {
      try DataSet(DataSource(path))
    }
    try folder.write(Array("x,kind\n1,a\n2,a\n".utf8), to: "t.csv")
    #expect(throws: DataError.oneClass(path: path, column: "kind", found: "a")) { try DataSet(DataSource(path)) }
  }

  @Test func aFolderSaysItself() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array("x,kind\n1,a\n2,b\n".utf8), to: "train.csv")
    try folder.write(Array("x,kind\n3,b\n".utf8), to: "val.csv")
    #expect(try DataSet(DataSource(folder.path)).test.classes == [1])
    try folder.write(Array("x,kind\n4,a\n".utf8), to: "test.csv")
    let data = try DataSet(DataSource(folder.path))
    #expect(data.test.classes == [0] && data.validation?.classes == [1])
    try folder.write(Array("y,kind\n4,a\n".utf8), to: "test.csv")
    #expect(
      failure { () throws(DataError) in _ = try DataSet(.table(path: folder.path)) }
        == "\(folder.path)/test.csv:1: expected x, found y")
  }

  // MARK: Training

  /// Two classes that a line divides, in columns of very different units.
  static func rows(_ count: Int, seed: UInt64, isRegression: Bool = false) -> Trainer.Examples {
    var stream = RandomStream(seed: seed, .sample)
    var (values, classes, targets): ([Float], [Int32], [Float]) = ([], [], [])
    for _ in 0..<count {
      let (a, b) = (Float(stream.uniform()), Float(stream.uniform()))
      values += [a / 1000, 5000 + 100 * b]
      classes.append(isRegression ? 0 : a + b > 1 ? 1 : 0)
      targets.append(3_000_000 + 1000 * (a - 2 * b))
    }
    return Trainer.Examples(
      shape: ImageShape(height: 1, width: 1, channels: 2), values: values, classes: classes,
      targets: isRegression ? targets : [])
  }

  func train(_ data: DataSet, loss: Loss, outputs: Int) throws -> Graph {
    var recipe = TrainingRecipe()
    (recipe.loss, recipe.epochs, recipe.batch, recipe.rate) = (loss, 20, 16, 0.05)
    let description = NetworkDescription(name: "table", input: data.shape, recipe: recipe) {
      LayerDescription(.dense(DenseDescription(outputs: outputs)))
    }
    let run = try TrainingRun(description, data: data, backend: CPUBackend(threads: 1))
    while !run.isFinished { _ = try run.step() }
    return try run.export().main
  }

  func outputs(_ graph: Graph, _ examples: Trainer.Examples) throws -> [Float] {
    try (0..<examples.count).flatMap { index -> [Float] in
      var input = [Float](repeating: 0, count: 2)
      input.withUnsafeMutableBufferPointer { BatchReader(nil).read(examples, at: index, into: $0) }
      guard case .f32(let values) = try ReferenceInterpreter(graph).run([.f32(input)])[0] else { return [] }
      return values
    }
  }

  /// The exported graph takes and gives numbers in their own units.
  @Test func classesOfRowsAreLearnt() throws {
    let data = DataSet(
      name: "t", labels: ["below", "above"], train: Self.rows(400, seed: 1), test: Self.rows(100, seed: 2))
    let graph = try train(data, loss: .softmaxCrossEntropy, outputs: 2)
    let report = ClassificationReport(
      labels: data.labels, truths: data.test.classes, scores: try outputs(graph, data.test))
    #expect(report.accuracy > 0.95, "\(report.accuracy)")
  }

  @Test func numbersAreLearntInTheirUnits() throws {
    let data = DataSet(
      name: "t", labels: ["price"], train: Self.rows(400, seed: 1, isRegression: true),
      test: Self.rows(100, seed: 2, isRegression: true))
    let graph = try train(data, loss: .meanSquaredError, outputs: 1)
    let report = RegressionReport(
      names: data.labels, truths: data.test.targets, predictions: try outputs(graph, data.test))
    #expect(try #require(report.targets[0].explained) > 0.99, "\(report.targets)")
    #expect(throws: RunError.self) { try train(data, loss: .softmaxCrossEntropy, outputs: 1) }
  }

  @Test func errorsAreThoseOfTheDefinition() throws {
    let report = RegressionReport(names: ["a", "b"], truths: [1, 10, 3, 10], predictions: [2, 10, 1, 14])
    #expect(abs(report.targets[0].rootMeanSquare - 2.5.squareRoot()) < 1e-9)
    #expect(report.targets[0].meanAbsolute == 1.5 && report.targets[0].explained == 1 - 5.0 / 2)
    #expect(report.targets[1].explained == nil && report.targets[1].meanAbsolute == 2)
  }
}

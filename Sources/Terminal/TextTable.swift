/// Columns of text, aligned with spaces, under a line of titles unless all of these are empty.
///
/// ```swift
/// var table = TextTable([.left("op"), .right("MACs")])
/// table.add(["conv2d", "1.2 M"])
/// write(table.text)
/// ```
public struct TextTable {
  public enum Column: Sendable {
    case left(String)
    /// Numbers.
    case right(String)

    fileprivate var title: String {
      switch self {
      case .left(let title), .right(let title): title
      }
    }
  }

  private let columns: [Column]
  private var rows: [[String]]

  public init(_ columns: [Column]) {
    self.columns = columns
    rows = columns.contains { !$0.title.isEmpty } ? [columns.map { $0.title }] : []
  }

  /// Appends a row: one cell for each column.
  public mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "a row of another width than the table")
    rows.append(cells.map { $0.printable })
  }

  /// The lines, each ending with a newline and without trailing spaces.
  public var text: String {
    let widths = columns.indices.map { column in rows.reduce(0) { max($0, $1[column].count) } }
    var result = ""
    for row in rows {
      var line = ""
      var pending = 0  // spaces owed to the next cell that has text
      for (column, cell) in row.enumerated() {
        let gap = widths[column] - cell.count
        if case .right = columns[column] { pending += gap }
        if !cell.isEmpty {
          line += String(repeating: " ", count: pending) + cell
          pending = 0
        }
        if case .left = columns[column] { pending += gap }
        pending += 2
      }
      result += line + "\n"
    }
    return result
  }
}

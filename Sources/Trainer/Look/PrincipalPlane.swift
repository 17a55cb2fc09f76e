/// The plane through rows of numbers along which they differ most: their first two principal components (Pearson 1901).
public struct PrincipalPlane: Equatable, Sendable {
  /// A point for each row.
  public let points: [Coordinates]
  /// Shares of the rows' variance along the two directions; of 0...1.
  public let shares: [Double]

  /// Along the first direction, and the second.
  public struct Coordinates: Equatable, Sendable {
    public let x: Double
    public let y: Double
  }

  /// Rounds of the power method: enough for three digits unless two directions count alike, when either is as good.
  private static let rounds = 200

  /// - Parameters:
  ///   - values: rows of `columns` finite numbers, at least one row.
  ///   - columns: at least 1.
  public init(_ values: [Float], columns: Int) {
    let count = values.count / columns
    precondition(count > 0 && values.count == count * columns, "no rows")
    var rows = values.map(Double.init)
    for column in 0..<columns {
      let mean = stride(from: column, to: rows.count, by: columns).reduce(0) { $0 + rows[$1] } / Double(count)
      for place in stride(from: column, to: rows.count, by: columns) { rows[place] -= mean }
    }
    let total = rows.reduce(0) { $0 + $1 * $1 }
    var along: [[Double]] = []
    var shares: [Double] = []
    for _ in 0..<2 {
      let direction = PrincipalPlane.direction(of: rows, columns: columns)
      var lengths: [Double] = []
      for row in 0..<count {
        let places = (row * columns)..<((row + 1) * columns)
        let length = zip(rows[places], direction).reduce(0) { $0 + $1.0 * $1.1 }
        lengths.append(length)
        // What is left is at right angles to the direction.
        for (place, part) in zip(places, direction) { rows[place] -= length * part }
      }
      along.append(lengths)
      shares.append(total > 0 ? lengths.reduce(0) { $0 + $1 * $1 } / total : 0)
    }
    self.shares = shares
    points = zip(along[0], along[1]).map { Coordinates(x: $0, y: $1) }
  }

  /// The unit vector along which centred rows differ most: the power method on rowsᵀ·rows, always from the same start.
  private static func direction(of rows: [Double], columns: Int) -> [Double] {
    var direction = (0..<columns).map { 1 + Double($0 % 7) / 7 }
    for _ in 0..<rounds {
      var next = [Double](repeating: 0, count: columns)
      for first in stride(from: 0, to: rows.count, by: columns) {
        let row = rows[first..<(first + columns)]
        let length = zip(row, direction).reduce(0) { $0 + $1.0 * $1.1 }
        for (column, value) in row.enumerated() { next[column] += length * value }
      }
      let norm = next.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard norm > 0 else { break }
      direction = next.map { $0 / norm }
    }
    let norm = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
    // Of the two ways that it could point, that in which its largest part is positive.
    let largest = direction.max { $0.magnitude < $1.magnitude } ?? 1
    return direction.map { $0 / (largest < 0 ? -norm : norm) }
  }
}

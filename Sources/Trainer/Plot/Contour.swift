/// A function of two variables, sampled on a regular grid.
struct Field {
  /// Samples along x, at least 2.
  let columns: Int
  /// Samples along y, at least 2.
  let rows: Int
  let x: ClosedRange<Double>
  let y: ClosedRange<Double>
  /// Row by row, the first row at the lower bound of y.
  let values: [Double]

  init(columns: Int, rows: Int, x: ClosedRange<Double>, y: ClosedRange<Double>, values: [Double]) {
    precondition(columns >= 2 && rows >= 2 && values.count == columns * rows, "values do not match the grid")
    self.columns = columns
    self.rows = rows
    self.x = x
    self.y = y
    self.values = values
  }

  /// The points of a grid, in the order of `values`.
  static func points(columns: Int, rows: Int, x: ClosedRange<Double>, y: ClosedRange<Double>) -> [Point] {
    (0..<(columns * rows)).map { index in
      Point(
        x: place(index % columns, of: columns, in: x),
        y: place(index / columns, of: rows, in: y))
    }
  }

  fileprivate static func place(_ index: Int, of count: Int, in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * Double(index) / Double(count - 1)
  }
}

/// A line of straight pieces; a closed one goes back to its first point.
struct Polyline: Equatable {
  var points: [Point]
  var isClosed: Bool
}

extension Field {
  /// Where the function has the value `level`: lines with higher values to the left, that end at the grid's border or
  /// nowhere.
  func lines(at level: Double) -> [Polyline] { MarchingSquares(self, level: level, isFenced: false).lines() }

  /// Where the function is at least `level`: the outlines, holes included, of the region (even-odd filling).
  func region(above level: Double) -> [Polyline] { MarchingSquares(self, level: level, isFenced: true).lines() }
}

/// Level lines by marching squares: each cell of the grid, whose corners are above or below the level, is cut by at most
/// two segments; segments meet on the edges that cells share.
private struct MarchingSquares {
  let field: Field
  let level: Double
  /// Whether a ring of samples below every level, on the border itself, surrounds the grid: lines then close along it.
  let fence: Int
  let columns: Int
  let rows: Int

  init(_ field: Field, level: Double, isFenced: Bool) {
    self.field = field
    self.level = level
    fence = isFenced ? 1 : 0
    columns = field.columns + 2 * fence
    rows = field.rows + 2 * fence
  }

  func lines() -> [Polyline] {
    // Segments are directed, and an edge has one that ends and one that begins there: following them needs no search.
    var next: [Int: Int] = [:]
    var order: [Int] = []
    for row in 0..<(rows - 1) {
      for column in 0..<(columns - 1) {
        for (from, to) in segments(column, row) {
          next[from] = to
          order.append(from)
        }
      }
    }
    let ends = Set(next.values)
    var lines: [Polyline] = []
    for start in order where !ends.contains(start) { follow(start, &next, &lines) }
    for start in order { follow(start, &next, &lines) }
    return lines
  }

  private func follow(_ start: Int, _ next: inout [Int: Int], _ lines: inout [Polyline]) {
    guard next[start] != nil else { return }
    var points = [crossing(start)]
    var edge = start
    while let following = next.removeValue(forKey: edge) {
      edge = following
      if edge == start { break }
      points.append(crossing(edge))
    }
    lines.append(Polyline(points: points, isClosed: edge == start))
  }

  /// The cell's segments, each from an edge to an edge, the higher side to the left.
  private func segments(_ column: Int, _ row: Int) -> [(Int, Int)] {
    let (bottom, top) = (edge(column, row, isVertical: false), edge(column, row + 1, isVertical: false))
    let (left, right) = (edge(column, row, isVertical: true), edge(column + 1, row, isVertical: true))
    let corners = [
      value(column, row), value(column + 1, row), value(column + 1, row + 1), value(column, row + 1),
    ]
    let isHigh = corners.map { $0 >= level }
    let isJoined = corners.reduce(0, +) / 4 >= level  // where two opposite corners are high
    switch (isHigh[0], isHigh[1], isHigh[2], isHigh[3]) {
    case (false, false, false, false), (true, true, true, true): return []
    case (true, false, false, false): return [(bottom, left)]
    case (false, true, false, false): return [(right, bottom)]
    case (false, false, true, false): return [(top, right)]
    case (false, false, false, true): return [(left, top)]
    case (true, true, false, false): return [(right, left)]
    case (false, true, true, false): return [(top, bottom)]
    case (false, false, true, true): return [(left, right)]
    case (true, false, false, true): return [(bottom, top)]
    case (false, true, true, true): return [(left, bottom)]
    case (true, false, true, true): return [(bottom, right)]
    case (true, true, false, true): return [(right, top)]
    case (true, true, true, false): return [(top, left)]
    case (true, false, true, false): return isJoined ? [(bottom, right), (top, left)] : [(bottom, left), (top, right)]
    case (false, true, false, true): return isJoined ? [(left, bottom), (right, top)] : [(right, bottom), (left, top)]
    }
  }

  /// The edge from the sample to its right or upper neighbour, as a number.
  private func edge(_ column: Int, _ row: Int, isVertical: Bool) -> Int {
    2 * (row * columns + column) + (isVertical ? 1 : 0)
  }

  private func value(_ column: Int, _ row: Int) -> Double {
    let (column, row) = (column - fence, row - fence)
    guard (0..<field.columns).contains(column), (0..<field.rows).contains(row) else { return -.infinity }
    return field.values[row * field.columns + column]
  }

  private func point(_ column: Int, _ row: Int) -> Point {
    Point(
      x: Field.place(min(max(column - fence, 0), field.columns - 1), of: field.columns, in: field.x),
      y: Field.place(min(max(row - fence, 0), field.rows - 1), of: field.rows, in: field.y))
  }

  /// Where the level lies on an edge, by linear interpolation.
  private func crossing(_ edge: Int) -> Point {
    let (column, row) = (edge / 2 % columns, edge / 2 / columns)
    let (nextColumn, nextRow) = edge.isMultiple(of: 2) ? (column + 1, row) : (column, row + 1)
    let (a, b) = (value(column, row), value(nextColumn, nextRow))
    let (from, to) = (point(column, row), point(nextColumn, nextRow))
    // A value that is not finite lies infinitely far from the level: the crossing is at the other end.
    let share = a.isFinite && b.isFinite ? (level - a) / (b - a) : a.isFinite ? 0 : 1
    return Point(x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y))
  }
}

extension Polyline {
  /// The line without the points that lie within `tolerance` of the line through those that are kept (Douglas and
  /// Peucker 1973): a straight boundary is two points, not two hundred.
  func simplified(tolerance: Double) -> Polyline {
    guard points.count > 2 else { return self }
    let closing = isClosed ? points + [points[0]] : points
    var isKept = [Bool](repeating: false, count: closing.count)
    isKept[0] = true
    isKept[closing.count - 1] = true
    var pending = [(0, closing.count - 1)]
    while let (first, last) = pending.popLast() {
      var farthest = (index: first, distance: tolerance)
      for index in (first + 1)..<max(last, first + 1) {
        let distance = closing[index].distance(fromLine: closing[first], closing[last])
        if distance > farthest.distance { farthest = (index, distance) }
      }
      guard farthest.index > first else { continue }
      isKept[farthest.index] = true
      pending.append((first, farthest.index))
      pending.append((farthest.index, last))
    }
    let kept = closing.indices.dropLast(isClosed ? 1 : 0).filter { isKept[$0] }.map { closing[$0] }
    return Polyline(points: kept, isClosed: isClosed)
  }
}

extension Point {
  /// From the line through `a` and `b`, or from `a` if they are one point.
  fileprivate func distance(fromLine a: Point, _ b: Point) -> Double {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = (dx * dx + dy * dy).squareRoot()
    guard length > 0 else { return ((x - a.x) * (x - a.x) + (y - a.y) * (y - a.y)).squareRoot() }
    return ((x - a.x) * dy - (y - a.y) * dx).magnitude / length
  }
}

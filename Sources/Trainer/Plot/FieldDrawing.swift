/// How a field becomes bands of colour: the values where one band ends and the next begins.
struct Bands {
  struct Limit {
    let value: Double
    /// The step of a ramp that is shown above the limit.
    let step: Int
  }

  /// Ascending.
  let limits: [Limit]

  /// `Theme.steps` bands of equal height.
  init(linear range: ClosedRange<Double>) {
    limits = (1..<Theme.steps).map { step in
      let share = Double(step) / Double(Theme.steps)
      return Limit(value: range.lowerBound + (range.upperBound - range.lowerBound) * share, step: step)
    }
  }

  /// `Theme.steps` bands that hold about as many of the field's finite values each: valleys and slopes of a loss that spans
  /// powers of ten are then seen alike.
  init(equalSharesOf field: Field) {
    let sorted = field.values.filter { $0.isFinite }.sorted()
    limits =
      sorted.isEmpty
      ? [] : (1..<Theme.steps).map { Limit(value: sorted[sorted.count * $0 / Theme.steps], step: $0) }
  }

  /// The step of a ramp that shows `value`.
  func step(of value: Double) -> Int { limits.last { value >= $0.value }?.step ?? 0 }

  /// Two bands, of a ramp's two ends.
  init(at threshold: Double) { limits = [Limit(value: threshold, step: Theme.steps - 1)] }
}

extension Drawing {
  /// The field as nested regions, each painted over the one below it, and thin lines between them.
  ///
  /// - Parameter ramp: "d" (two ends) or "q" (amounts).
  mutating func field(_ field: Field, bands: Bands, ramp: String, in frame: Frame) {
    rectangle(x: frame.left, y: frame.top, width: frame.width, height: frame.height, class: "\(ramp)0")
    for limit in bands.limits {
      let data = field.region(above: limit.value).map { Drawing.pathData($0, in: frame) }.joined()
      if !data.isEmpty { path(data, class: "region \(ramp)\(limit.step)") }
    }
    for limit in bands.limits { lines(of: field, at: limit.value, class: "level", in: frame) }
  }

  /// Where the field has the value `level`.
  mutating func lines(of field: Field, at level: Double, class style: String, in frame: Frame) {
    let data = field.lines(at: level).map { Drawing.pathData($0, in: frame) }.joined()
    if !data.isEmpty { path(data, class: style) }
  }

  /// The line in the drawing, without the points that no eye would miss.
  private static func pathData(_ line: Polyline, in frame: Frame) -> String {
    let placed = Polyline(points: line.points.compactMap { frame.place($0.x, $0.y) }, isClosed: line.isClosed)
    let simple = placed.simplified(tolerance: 0.2)
    return pathData(simple.points, isClosed: simple.isClosed)
  }
}

extension Field {
  /// The value at `point`, interpolated between the four samples around it; outside the grid, that of its border.
  func value(near point: Point) -> Double {
    func locate(_ value: Double, in range: ClosedRange<Double>, count: Int) -> (index: Int, share: Double) {
      let position = (value - range.lowerBound) / (range.upperBound - range.lowerBound) * Double(count - 1)
      let inside = min(max(position, 0), Double(count - 1))
      let index = min(Int(inside), count - 2)
      return (index, inside - Double(index))
    }
    let (column, across) = locate(point.x, in: x, count: columns)
    let (row, up) = locate(point.y, in: y, count: rows)
    func along(_ row: Int) -> Double {
      let first = row * columns + column
      return values[first] * (1 - across) + values[first + 1] * across
    }
    return along(row) * (1 - up) + along(row + 1) * up
  }
}

import Foundation
import Terminal

/// Curves over a common axis, with a legend above them.
struct LineChart {
  struct Series {
    let name: String
    /// In the order of x. A y that is not finite interrupts the curve.
    let points: [Point]
    /// The range around the curve, drawn as a band.
    var band: [Interval] = []
    var isDashed = false
    /// Whether each point gets a dot, which tells its values under the pointer.
    var hasDots = false
    /// The colour; nil is the series' place in the chart.
    var color: Int? = nil
  }

  /// A vertical line at x.
  struct Mark {
    let x: Double
    let label: String
  }

  let title: String
  let x: Axis
  let y: Axis
  let series: [Series]
  var marks: [Mark] = []
  var width = 500.0
  var height = 320.0

  /// With more points than this, a curve shows their means in so many intervals, and their extremes as a band.
  static let mostPoints = 240

  func drawing() -> Drawing {
    let names = series.map { $0.name }.joined(separator: ", ")
    var drawing = Drawing(
      width: width, height: height, summary: "\(title). \(y.label) against \(x.label): \(names)")
    drawing.text(title, x: 0, y: 18, class: "title")
    let legend = Legend(series.indices.map { Legend.Entry(series[$0].name, color(of: $0), isDashed: isDashed($0)) })
    // One curve is what the title says.
    let legendHeight = series.count > 1 ? 18 + legend.draw(in: &drawing, x: 0, y: 38, width: width) : 0
    let left = y.labelWidth + 8
    let top = 56 + legendHeight
    let frame = Frame(left: left, top: top, width: width - left - 20, height: height - top - 48, x: x, y: y)
    frame.draw(in: &drawing)
    drawing.clipped(x: frame.left, y: frame.top - 1, width: frame.width + 1, height: frame.height + 2) { drawing in
      for index in series.indices { drawCurve(index, in: frame, &drawing) }
    }
    for index in series.indices { drawDots(index, in: frame, &drawing) }
    for mark in marks { draw(mark, in: frame, &drawing) }
    return drawing
  }

  private func color(of index: Int) -> Int { series[index].color ?? index }

  /// Where colours begin to repeat, dashes tell series apart.
  private func isDashed(_ index: Int) -> Bool { series[index].isDashed || index >= Theme.light.series.count }

  private func drawCurve(_ index: Int, in frame: Frame, _ drawing: inout Drawing) {
    let series = series[index]
    let style = Theme.seriesClass(color(of: index))
    var (points, band) = (series.points, series.band)
    if points.count > LineChart.mostPoints {
      band = points.summarized(into: LineChart.mostPoints, over: x)
      points = band.map { Point(x: $0.x, y: $0.mean) }
    }
    if !band.isEmpty {
      let outline = band.map { frame.place($0.x, $0.high) } + band.reversed().map { frame.place($0.x, $0.low) }
      let line = Polyline(points: outline.compactMap { $0 }, isClosed: true).simplified(tolerance: 0.2)
      drawing.path(Drawing.pathData(line.points, isClosed: true), class: "band fill \(style)")
    }
    let pieces = points.map { frame.place($0.x, $0.y) }.split(separator: nil).map { $0.compactMap { $0 } }
    for piece in pieces {
      let data = Drawing.pathData(Polyline(points: piece, isClosed: false).simplified(tolerance: 0.1).points)
      drawing.path(data, class: "curve \(style)" + (isDashed(index) ? " dashed" : ""))
    }
  }

  /// Dots on the frame's border are drawn whole, so they are not clipped.
  private func drawDots(_ index: Int, in frame: Frame, _ drawing: inout Drawing) {
    let series = series[index]
    let style = Theme.seriesClass(color(of: index))
    guard series.hasDots || series.points.count == 1 else { return }
    for point in series.points {
      guard let at = frame.place(point.x, point.y), (frame.left - 1...frame.right + 1).contains(at.x),
        (frame.top - 1...frame.bottom + 1).contains(at.y)
      else { continue }
      let tip = "\(series.name): \(shortNumber(point.y)) at \(shortNumber(point.x))"
      drawing.circle(x: at.x, y: at.y, radius: 3.2, class: "dot fill \(style)", tip: tip)
    }
  }

  private func draw(_ mark: Mark, in frame: Frame, _ drawing: inout Drawing) {
    guard let at = frame.place(mark.x, frame.y.range.lowerBound), at.x >= frame.left - 1, at.x <= frame.right + 1
    else { return }
    drawing.line(at.x, frame.top, at.x, frame.bottom, class: "mark")
    let isLeft = at.x + Drawing.textWidth(mark.label) + 8 > frame.right
    drawing.text(mark.label, x: at.x + (isLeft ? -6 : 6), y: frame.top + 10, anchor: isLeft ? .end : .start)
  }
}

/// What colours mean, in a row that wraps.
struct Legend {
  struct Entry {
    let name: String
    let color: Int
    let isDashed: Bool

    init(_ name: String, _ color: Int, isDashed: Bool = false) {
      self.name = name
      self.color = color
      self.isDashed = isDashed
    }
  }

  private let entries: [Entry]

  init(_ entries: [Entry]) { self.entries = entries }

  /// - Parameter y: of the first row's base line.
  /// - Returns: how much lower the last row stands than the first.
  func draw(in drawing: inout Drawing, x: Double, y: Double, width: Double) -> Double {
    var at = Point(x: x, y: y)
    for entry in entries {
      let needed = 26 + Drawing.textWidth(entry.name)
      if at.x > x && at.x + needed > x + width { at = Point(x: x, y: at.y + 18) }
      let style = "curve \(Theme.seriesClass(entry.color))" + (entry.isDashed ? " dashed" : "")
      drawing.line(at.x + 1, at.y - 4, at.x + 19, at.y - 4, class: style)
      drawing.text(entry.name, x: at.x + 26, y: at.y)
      at.x += needed + 18
    }
    return at.y - y
  }
}

/// What the values around a place of x have in common.
struct Interval: Equatable {
  let x: Double
  let mean: Double
  let low: Double
  let high: Double
}

extension [Point] {
  /// The points in `count` intervals of equal length along the axis; empty ones are left out, and so are values that
  /// are not finite.
  func summarized(into count: Int, over axis: Axis) -> [Interval] {
    var groups = [[Point]](repeating: [], count: count)
    for point in self where point.y.isFinite {
      guard let position = axis.position(point.x), (0...1).contains(position) else { continue }
      groups[Swift.min(Int(position * Double(count)), count - 1)].append(point)
    }
    return groups.filter { !$0.isEmpty }.map { group in
      let total = Double(group.count)
      return Interval(
        x: group.reduce(0) { $0 + $1.x } / total, mean: group.reduce(0) { $0 + $1.y } / total,
        low: group.reduce(Double.infinity) { Swift.min($0, $1.y) },
        high: group.reduce(-Double.infinity) { Swift.max($0, $1.y) })
    }
  }
}

/// The number with about `digits` significant digits, for tips and keys: "0.0312", "93.40", "12345", "4.1×10⁻⁷".
func shortNumber(_ value: Double, digits: Int = 4) -> String {
  let size = value.magnitude
  if size != 0 && size < pow(10, Double(1 - digits)) { return Ticks.label(value, step: 0) }
  let whole = size < 1 ? 0 : size < 10 ? 1 : size < 100 ? 2 : size < 1000 ? 3 : digits
  return fixed(value, decimals: max(0, digits - whole))
}

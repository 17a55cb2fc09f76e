import Testing

@testable import Trainer

@Suite struct PlotContourTests {
  private func field(
    _ columns: Int, _ rows: Int, x: ClosedRange<Double> = -1...1, y: ClosedRange<Double> = -1...1,
    _ function: (Point) -> Double
  ) -> Field {
    let values = Field.points(columns: columns, rows: rows, x: x, y: y).map(function)
    return Field(columns: columns, rows: rows, x: x, y: y, values: values)
  }

  /// Twice the area inside, positive if the line runs counter-clockwise.
  private func doubleArea(_ line: Polyline) -> Double {
    zip(line.points, line.points.dropFirst() + [line.points[0]]).reduce(0) { $0 + $1.0.x * $1.1.y - $1.1.x * $1.0.y }
  }

  @Test func circleIsOneClosedLine() {
    let lines = field(81, 61) { 1 - $0.x * $0.x - $0.y * $0.y }.lines(at: 0.75)
    #expect(lines.count == 1 && lines[0].isClosed)
    for point in lines[0].points {
      #expect(abs((point.x * point.x + point.y * point.y).squareRoot() - 0.5) < 1e-3)
    }
    // The higher side is to the left, so the line runs counter-clockwise around the top.
    #expect(abs(doubleArea(lines[0]) - 2 * Double.pi / 4) < 0.01)
  }

  @Test func planeIsAStraightLineOfTwoPoints() {
    let lines = field(33, 57, x: 0...2, y: 0...3) { 2 * $0.x - $0.y + 0.1 }.lines(at: 0.5)
    #expect(lines.count == 1 && !lines[0].isClosed)
    for point in lines[0].points { #expect(abs(2 * point.x - point.y - 0.4) < 1e-12) }
    let simple = lines[0].simplified(tolerance: 1e-9)
    #expect(simple.points.count == 2)
    let ends = simple.points.sorted { $0.x < $1.x }
    #expect(abs(ends[0].x - 0.2) < 1e-12 && abs(ends[0].y) < 1e-12)
    #expect(abs(ends[1].x - 1.7) < 1e-12 && abs(ends[1].y - 3) < 1e-12)
  }

  @Test func saddleHasTwoBranches() {
    let hyperbola = field(40, 40) { $0.x * $0.y }
    for level in [0.1, -0.1] {
      let lines = hyperbola.lines(at: level)
      #expect(lines.count == 2)
      for point in lines.flatMap({ $0.points }) { #expect(abs(point.x * point.y - level) < 2e-3) }
    }
  }

  @Test func oneCellDecidesASaddleByItsMean() {
    let high = Field(columns: 2, rows: 2, x: 0...1, y: 0...1, values: [1, 0, 0, 1])
    #expect(high.lines(at: 0.4).count == 2 && high.lines(at: 0.6).count == 2)
    // Joined, the low corners are cut off; apart, the high ones are.
    func isCut(_ corner: Point, by line: Polyline) -> Bool {
      line.points.allSatisfy { abs($0.x - corner.x) + abs($0.y - corner.y) < 0.75 }
    }
    #expect(high.lines(at: 0.4).allSatisfy { isCut(Point(x: 1, y: 0), by: $0) || isCut(Point(x: 0, y: 1), by: $0) })
    #expect(high.lines(at: 0.6).allSatisfy { isCut(Point(x: 0, y: 0), by: $0) || isCut(Point(x: 1, y: 1), by: $0) })
  }

  @Test func regionClosesAlongTheBorder() {
    let half = field(21, 21) { $0.x }
    let region = half.region(above: 0.25)
    #expect(region.count == 1 && region[0].isClosed)
    #expect(abs(doubleArea(region[0]) - 2 * 0.75 * 2) < 1e-9)
    let all = half.region(above: -5)
    #expect(all.count == 1)
    #expect(abs(doubleArea(all[0]) - 8) < 1e-9)
    #expect(half.region(above: 5).isEmpty)
  }

  @Test func ringHasAHole() {
    let ring = field(121, 121) { point in
      let radius = (point.x * point.x + point.y * point.y).squareRoot()
      return -(radius - 0.6).magnitude
    }
    let region = ring.region(above: -0.2)
    #expect(region.count == 2)
    let area = region.reduce(0) { $0 + doubleArea($1) } / 2
    #expect(abs(area - Double.pi * (0.64 - 0.16)) < 0.02)
  }

  @Test func regionsNest() {
    var noise = Noise(seed: 23)
    let rough = field(30, 25) { _ in noise.next() }
    var last = Double.infinity
    for level in stride(from: -1.0, through: 1, by: 0.1) {
      let lines = rough.region(above: level)
      #expect(lines.allSatisfy { $0.isClosed })
      let area = lines.reduce(0) { $0 + doubleArea($1) } / 2
      #expect(area <= last + 1e-9 && area >= -1e-9)
      last = area
    }
  }

  @Test func valuesThatAreNotFiniteMakeNoLinesOfTheirOwn() {
    let steep = field(11, 11) { $0.x > 0.5 ? .infinity : $0.x < -0.5 ? .nan : $0.x }
    for line in steep.lines(at: 0) + steep.region(above: 0) {
      #expect(line.points.allSatisfy { $0.x.isFinite && $0.y.isFinite })
    }
    #expect(field(5, 5) { _ in .nan }.lines(at: 0).isEmpty)
  }

  @Test func simplifiedLineStaysNear() {
    let circle = Polyline(
      points: field(101, 101) { $0.x * $0.x + $0.y * $0.y }.lines(at: 0.5)[0].points, isClosed: true)
    let simple = circle.simplified(tolerance: 0.01)
    #expect(simple.points.count < circle.points.count / 4 && simple.points.count > 8)
    #expect(abs(doubleArea(simple).magnitude - doubleArea(circle).magnitude) < 0.06)
  }

  @Test func interpolationIsExactOnPlanes() {
    let plane = field(7, 9) { 3 * $0.x - 2 * $0.y + 1 }
    for point in [Point(x: 0.13, y: -0.77), Point(x: -1, y: 1), Point(x: 1, y: 1)] {
      #expect(abs(plane.value(near: point) - (3 * point.x - 2 * point.y + 1)) < 1e-12)
    }
    #expect(plane.value(near: Point(x: 9, y: 0)) == plane.value(near: Point(x: 1, y: 0)))
  }
}

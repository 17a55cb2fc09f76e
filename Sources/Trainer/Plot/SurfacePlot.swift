import Foundation
import Terminal

/// A function of two variables as a surface in space, seen from above one corner, in parallel projection.
struct SurfacePlot {
  let title: String
  let field: Field
  let x: String
  let y: String
  /// The height; its scale is logarithmic if that of the values spans more than `linearSpan`.
  let z: String
  /// A point on the surface that is pointed out.
  var mark: (point: Point, label: String)?
  var width = 500.0
  var height = 420.0

  /// Largest over smallest value that a linear axis still shows well.
  static let linearSpan = 20.0

  func drawing() -> Drawing {
    let finite = field.values.filter { $0.isFinite }
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    let isLogarithmic = low > 0 && high / low > SurfacePlot.linearSpan
    let scene = Scene(
      x: Axis(x, values: [field.x.lowerBound, field.x.upperBound], isTight: true, count: 4),
      y: Axis(y, values: [field.y.lowerBound, field.y.upperBound], isTight: true, count: 4),
      z: Axis(z, scale: isLogarithmic ? .logarithmic : .linear, values: finite), width: width, height: height - 40)
    var drawing = Drawing(
      width: width, height: height, summary: "\(title). \(z) as height over \(x) and \(y)")
    drawing.text(title, x: 0, y: 18, class: "title")
    drawing.text(z, x: 0, y: 40, class: "muted")
    scene.drawWalls(in: &drawing)
    drawCells(scene, &drawing)
    scene.drawFrontAxes(in: &drawing)
    if let mark, let at = scene.place(mark.point.x, mark.point.y, field.value(near: mark.point)) {
      drawing.line(at.x, at.y - 34, at.x, at.y - 5, class: "axis strong-line")
      drawing.circle(x: at.x, y: at.y, radius: 4, class: "dot fill \(Theme.seriesClass(1))")
      drawing.text(mark.label, x: at.x, y: at.y - 40, anchor: .middle, class: "strong haloed")
    }
    return drawing
  }

  /// The grid's cells, those behind first, so that nearer ones cover them.
  private func drawCells(_ scene: Scene, _ drawing: inout Drawing) {
    let bands = Bands(equalSharesOf: field)
    let points = Field.points(columns: field.columns, rows: field.rows, x: field.x, y: field.y)
    let cells = (0..<((field.rows - 1) * (field.columns - 1))).map { cell in
      cell / (field.columns - 1) * field.columns + cell % (field.columns - 1)
    }
    let ordered = cells.sorted {
      (scene.depth(points[$0].x, points[$0].y), $0) < (scene.depth(points[$1].x, points[$1].y), $1)
    }
    for cell in ordered {
      let corners = [cell, cell + 1, cell + field.columns + 1, cell + field.columns]
      let places = corners.compactMap { scene.place(points[$0].x, points[$0].y, field.values[$0]) }
      guard places.count == 4 else { continue }
      let mean = corners.reduce(0) { $0 + field.values[$1] } / 4
      drawing.path(Drawing.pathData(places, isClosed: true), class: "facet q\(bands.step(of: mean))")
    }
  }
}

/// The box that a surface stands in, and how it is projected.
private struct Scene {
  let x: Axis
  let y: Axis
  let z: Axis
  private let centre: Point
  private let scale: Double

  /// How far the box is turned, and how far above the floor the eye is.
  private static let turn = 0.62
  private static let elevation = 0.52
  /// The box's height, its sides being 1.
  private static let tall = 0.72

  init(x: Axis, y: Axis, z: Axis, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.z = z
    let (c, s) = (cos(Scene.turn), sin(Scene.turn))
    let spread = (c + s) * sin(Scene.elevation) + Scene.tall * cos(Scene.elevation)
    scale = min((width - 96) / (c + s), (height - 84) / spread)
    centre = Point(x: width / 2 + 10, y: 40 + (height - 40) / 2 + Scene.tall * cos(Scene.elevation) * scale / 2)
  }

  /// How near to the eye.
  func depth(_ a: Double, _ b: Double) -> Double {
    -((x.position(a) ?? 0) * sin(Scene.turn) + (y.position(b) ?? 0) * cos(Scene.turn))
  }

  /// Nil where an axis has no place for the value.
  func place(_ a: Double, _ b: Double, _ value: Double) -> Point? {
    guard let across = x.position(a), let along = y.position(b), let up = z.position(value) else { return nil }
    return place(across: across, along: along, up: up)
  }

  /// - Parameters: 0...1, on the box's sides.
  private func place(across: Double, along: Double, up: Double) -> Point {
    let (u, v) = (across - 0.5, along - 0.5)
    let right = u * cos(Scene.turn) - v * sin(Scene.turn)
    let back = u * sin(Scene.turn) + v * cos(Scene.turn)
    return Point(
      x: centre.x + scale * right,
      y: centre.y - scale * (back * sin(Scene.elevation) + up * Scene.tall * cos(Scene.elevation)))
  }

  /// The floor and the two walls behind, with a line for each tick of the height.
  func drawWalls(in drawing: inout Drawing) {
    let back = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]
    for tick in z.ticks where !tick.label.isEmpty {
      guard let up = z.position(tick.value) else { continue }
      drawing.path(
        Drawing.pathData(back.map { place(across: $0.0, along: $0.1, up: up) }), class: "grid")
      let at = place(across: 0, along: 1, up: up)
      drawing.text(tick.label, x: at.x - 8, y: at.y + 4, anchor: .end, class: "muted")
    }
    for corner in back {
      let (bottom, top) = (
        place(across: corner.0, along: corner.1, up: 0), place(across: corner.0, along: corner.1, up: 1)
      )
      drawing.line(bottom.x, bottom.y, top.x, top.y, class: "grid")
    }
    drawing.path(
      Drawing.pathData(
        [(0.0, 0.0), (1, 0), (1, 1), (0, 1)].map { place(across: $0.0, along: $0.1, up: 0) }, isClosed: true),
      class: "axis")
  }

  /// Ticks and labels of the floor's two near edges.
  func drawFrontAxes(in drawing: inout Drawing) {
    for tick in x.ticks where !tick.label.isEmpty {
      let at = place(across: x.position(tick.value) ?? 0, along: 0, up: 0)
      drawing.line(at.x, at.y, at.x + 2, at.y + 4, class: "axis")
      drawing.text(tick.label, x: at.x + 4, y: at.y + 17, anchor: .middle, class: "muted")
    }
    for tick in y.ticks where !tick.label.isEmpty {
      let at = place(across: 0, along: y.position(tick.value) ?? 0, up: 0)
      drawing.line(at.x, at.y, at.x - 4, at.y + 3, class: "axis")
      drawing.text(tick.label, x: at.x - 8, y: at.y + 13, anchor: .end, class: "muted")
    }
    let (below, left) = (place(across: 0.5, along: 0, up: 0), place(across: 0, along: 0.5, up: 0))
    drawing.text(x.label, x: below.x + 14, y: below.y + 38, anchor: .start, class: "muted")
    drawing.text(y.label, x: left.x - 26, y: left.y + 34, anchor: .end, class: "muted")
  }
}

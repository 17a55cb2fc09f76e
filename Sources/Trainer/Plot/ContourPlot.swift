/// A surface seen from above, as bands of colour between level lines, with paths over it.
struct ContourPlot {
  struct Path {
    let name: String
    let points: [Point]
    let color: Int
  }

  let title: String
  let field: Field
  let x: String
  let y: String
  var paths: [Path] = []
  var width = 500.0
  var height = 420.0

  func drawing() -> Drawing {
    let x = Axis(x, values: [field.x.lowerBound, field.x.upperBound], isTight: true)
    let y = Axis(y, values: [field.y.lowerBound, field.y.upperBound], isTight: true)
    let bands = Bands(equalSharesOf: field)
    let limits = bands.limits.map { shortNumber($0.value, digits: 3) }
    let keyWidth = 24 + limits.reduce(0) { max($0, Drawing.textWidth($1, size: 11)) }
    var drawing = Drawing(width: width, height: height, summary: "\(title). Level lines over \(x.label) and \(y.label)")
    drawing.text(title, x: 0, y: 18, class: "title")
    let entries = paths.map { Legend.Entry($0.name, $0.color) }
    let legendHeight = Legend(entries).draw(in: &drawing, x: 0, y: 38, width: width)
    let left = y.labelWidth + 8
    let top = 40 + legendHeight + (paths.isEmpty ? 14 : 34)
    let frame = Frame(
      left: left, top: top, width: width - left - keyWidth - 16, height: height - top - 48, x: x, y: y)
    drawing.field(field, bands: bands, ramp: "q", in: frame)
    frame.draw(in: &drawing, hasGrid: false)
    drawing.clipped(x: frame.left, y: frame.top, width: frame.width, height: frame.height) { drawing in
      for path in paths { draw(path, in: frame, &drawing) }
    }
    drawKey(limits, x: frame.right + 12, top: frame.top, height: frame.height, &drawing)
    return drawing
  }

  private func draw(_ path: Path, in frame: Frame, _ drawing: inout Drawing) {
    let points = path.points.compactMap { frame.place($0.x, $0.y) }
    let style = Theme.seriesClass(path.color)
    drawing.path(Drawing.pathData(points), class: "curve \(style)")
    for point in points { drawing.circle(x: point.x, y: point.y, radius: 2.2, class: "fill \(style)") }
  }

  /// The bands, the lowest at the bottom, with the values between them.
  private func drawKey(_ limits: [String], x: Double, top: Double, height: Double, _ drawing: inout Drawing) {
    let step = height / Double(Theme.steps)
    for index in 0..<Theme.steps {
      let y = top + height - Double(index + 1) * step
      drawing.rectangle(x: x, y: y, width: 12, height: step + 0.5, class: "q\(index)")
      if index < limits.count { drawing.text(limits[index], x: x + 17, y: y + 4, class: "muted small") }
    }
  }
}

/// Bars side by side, one group for each category, from left to right.
struct BarChart {
  struct Series {
    let name: String
    /// One for each category.
    let values: [Double]
  }

  let title: String
  /// What the values are.
  let axis: String
  let categories: [String]
  let series: [Series]
  /// The text at a bar's end.
  let format: (Double) -> String
  var width = 500.0

  func drawing() -> Drawing {
    let thickness = series.count > 1 ? 12.0 : 16.0
    let group = thickness * Double(series.count) + 12
    let left = 12 + categories.reduce(0) { max($0, Drawing.textWidth($1)) } + 8
    let texts = series.flatMap { $0.values.map(format) }
    let room = texts.reduce(0) { max($0, Drawing.textWidth($1, size: 11)) } + 10
    let top = series.count > 1 ? 62.0 : 40.0
    let height = group * Double(categories.count)
    let x = Axis(axis, values: series.flatMap { $0.values }, including: [0])
    var drawing = Drawing(
      width: width, height: top + height + 48, summary: "\(title). \(axis): \(categories.joined(separator: ", "))")
    drawing.text(title, x: 0, y: 18, class: "title")
    if series.count > 1 {
      let entries = series.enumerated().map { Legend.Entry($1.name, $0) }
      _ = Legend(entries).draw(in: &drawing, x: 0, y: 40, width: width)
    }
    let span = width - left - room
    for tick in x.ticks {
      guard let position = x.position(tick.value) else { continue }
      drawing.line(left + position * span, top, left + position * span, top + height, class: "grid")
      drawing.text(tick.label, x: left + position * span, y: top + height + 17, anchor: .middle, class: "muted")
    }
    drawing.text(axis, x: left + span / 2, y: top + height + 36, anchor: .middle, class: "muted")
    for (index, category) in categories.enumerated() {
      let start = top + Double(index) * group + 6
      drawing.text(category, x: left - 8, y: start + (group - 12) / 2 + 4, anchor: .end)
      for (place, series) in series.enumerated() {
        guard let zero = x.position(0), let end = x.position(series.values[index]) else { continue }
        let y = start + Double(place) * thickness
        drawing.rectangle(
          x: left + min(zero, end) * span, y: y, width: (end - zero).magnitude * span, height: thickness - 1.5,
          radius: 1.5, class: "fill \(Theme.seriesClass(place))")
        drawing.text(
          format(series.values[index]), x: left + max(zero, end) * span + 5, y: y + thickness / 2 + 3,
          class: "muted small")
      }
    }
    return drawing
  }
}

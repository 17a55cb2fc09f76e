import Foundation

/// One side of a chart: what it measures, and where a value lies on it.
struct Axis {
  enum Scale {
    case linear
    /// To the base of ten; only values above 0 have a place.
    case logarithmic
  }

  let label: String
  let scale: Scale
  let range: ClosedRange<Double>
  let ticks: [Tick]

  /// An axis that shows all of `values`; what is not finite, or not above 0 where the scale is logarithmic, is left out.
  ///
  /// - Parameters:
  ///   - including: values that it shows in any case.
  ///   - isTight: whether it ends at the outermost values, not at round ones.
  ///   - count: about how many labelled ticks.
  ///   - minimumStep: between them, if the scale is linear.
  init(
    _ label: String, scale: Scale = .linear, values: [Double], including: [Double] = [], isTight: Bool = false,
    count: Int = 5, minimumStep: Double = 0
  ) {
    let shown = (values + including).filter { $0.isFinite && (scale == .linear || $0 > 0) }
    let low = shown.min() ?? (scale == .linear ? 0 : 0.1)
    let high = shown.max() ?? 1
    self.label = label
    self.scale = scale
    switch scale {
    case .linear:
      // One value has no width: it gets some.
      let margin = high > low ? 0 : max(low.magnitude * 0.1, 1e-6)
      let range = (low - margin)...(high + margin)
      let ticks = Ticks.linear(range, count: count, minimumStep: minimumStep)
      if isTight || high == low {
        self.range = range
        self.ticks = ticks.filter { range.contains($0.value) }
      } else {
        self.range = ticks[0].value...ticks[ticks.count - 1].value
        self.ticks = ticks
      }
    case .logarithmic:
      range = high > low * 1.5 ? low...high : (low / 2)...(high * 2)
      ticks = Ticks.logarithmic(range, count: count)
    }
  }

  /// Where `value` lies: 0 at the lower end, 1 at the upper; nil if it has no place.
  func position(_ value: Double) -> Double? {
    guard value.isFinite else { return nil }
    switch scale {
    case .linear: return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
    case .logarithmic:
      guard value > 0 else { return nil }
      return log(value / range.lowerBound) / log(range.upperBound / range.lowerBound)
    }
  }

  /// Room for the labels of a vertical axis.
  var labelWidth: Double { ticks.reduce(0) { max($0, Drawing.textWidth($1.label)) } }
}

/// The rectangle that curves are drawn in, and its axes.
struct Frame {
  let left: Double
  let top: Double
  let width: Double
  let height: Double
  let x: Axis
  let y: Axis

  var right: Double { left + width }
  var bottom: Double { top + height }

  /// The place of (x, y) in the drawing; nil where an axis has none for it. Values far outside are brought nearer, so
  /// that no renderer meets coordinates that it cannot hold.
  func place(_ x: Double, _ y: Double) -> Point? {
    guard let across = self.x.position(x), let up = self.y.position(y) else { return nil }
    let near = -10.0...10.0
    return Point(
      x: left + min(max(across, near.lowerBound), near.upperBound) * width,
      y: bottom - min(max(up, near.lowerBound), near.upperBound) * height)
  }

  /// Grid, axes, ticks and labels. The vertical axis' label stands above it, where it needs no turned head.
  func draw(in drawing: inout Drawing, hasGrid: Bool = true) {
    for tick in y.ticks {
      guard let at = place(x.range.lowerBound, tick.value) else { continue }
      if hasGrid && !tick.label.isEmpty { drawing.line(left, at.y, right, at.y, class: "grid") }
      if !tick.label.isEmpty {
        drawing.text(tick.label, x: left - 8, y: at.y + 4, anchor: .end, class: "muted")
      }
    }
    drawing.line(left, bottom, right, bottom, class: "axis")
    var free = -Double.infinity
    for tick in x.ticks {
      guard let at = place(tick.value, y.range.lowerBound) else { continue }
      drawing.line(at.x, bottom, at.x, bottom + (tick.label.isEmpty ? 3 : 5), class: "axis")
      let half = Drawing.textWidth(tick.label) / 2
      if !tick.label.isEmpty && at.x - half >= free {
        drawing.text(tick.label, x: at.x, y: bottom + 19, anchor: .middle, class: "muted")
        free = at.x + half + 6
      }
    }
    drawing.text(x.label, x: left + width / 2, y: bottom + 38, anchor: .middle, class: "muted")
    drawing.text(y.label, x: left - y.labelWidth - 8, y: top - 12, class: "muted")
  }
}

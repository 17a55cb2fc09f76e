import Terminal

/// What a classifier of two variables says everywhere, its boundary, and the points that it learnt from.
struct DecisionPlot {
  struct Sample {
    let place: Point
    /// 0 or 1.
    let label: Int
    /// Whether the classifier says so: a ring is around those of which it does not.
    let isRight: Bool
  }

  let title: String
  /// Under the title: how well it does.
  let note: String
  /// What the classifier says: by default, the probability of class 1.
  let field: Field
  /// From which value on the answer is class 1.
  var threshold = 0.5
  var bands = Bands(linear: 0...1)
  let samples: [Sample]
  /// Width and height of the square that the field fills.
  var side = 190.0

  func drawing() -> Drawing {
    let x = Axis("x₁", values: [field.x.lowerBound, field.x.upperBound], isTight: true, count: 4)
    let y = Axis("x₂", values: [field.y.lowerBound, field.y.upperBound], isTight: true, count: 4)
    let left = y.labelWidth + 8
    let frame = Frame(left: left, top: 70, width: side, height: side, x: x, y: y)
    var drawing = Drawing(width: left + side + 12, height: 70 + side + 46, summary: "\(title): \(note)")
    drawing.text(title, x: 0, y: 18, class: "title")
    drawing.text(note, x: 0, y: 36, class: "muted")
    drawing.field(field, bands: bands, ramp: "d", in: frame)
    drawing.lines(of: field, at: threshold, class: "boundary", in: frame)
    frame.draw(in: &drawing, hasGrid: false)
    for sample in samples { draw(sample, in: frame, &drawing) }
    return drawing
  }

  /// Class 1 is a disc, class 0 a diamond; a ring is around a sample on the wrong side.
  private func draw(_ sample: Sample, in frame: Frame, _ drawing: inout Drawing) {
    guard let at = frame.place(sample.place.x, sample.place.y) else { return }
    let radius = samples.count > 40 ? 3.2 : 6.0
    if sample.label == 1 {
      drawing.circle(x: at.x, y: at.y, radius: radius, class: "dot fill s0")
    } else {
      let reach = radius * 1.25
      let corners = [
        Point(x: at.x, y: at.y - reach), Point(x: at.x + reach, y: at.y), Point(x: at.x, y: at.y + reach),
        Point(x: at.x - reach, y: at.y),
      ]
      drawing.path(Drawing.pathData(corners, isClosed: true), class: "dot fill s1")
    }
    if !sample.isRight { drawing.circle(x: at.x, y: at.y, radius: radius * 1.6, class: "wrong") }
  }
}

extension [DecisionPlot.Sample] {
  /// Share of the samples on the right side.
  var accuracy: Double { Double(count(where: \.isRight)) / Double(count) }
}

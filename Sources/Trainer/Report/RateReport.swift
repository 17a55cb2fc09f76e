/// A search for the learning rate as a page.
public struct RateReport {
  public let title: String
  public let summary: String
  public let curve: RateCurve
  /// How to get the same again.
  public let command: String

  public init(title: String, summary: String, curve: RateCurve, command: String) {
    self.title = title
    self.summary = summary
    self.curve = curve
    self.command = command
  }

  /// The page, in one file that opens offline.
  public var html: String {
    var page = Page(title: title, summary: summary)
    var figures: [(value: String, name: String)] = []
    if let valley = curve.valley {
      figures = [
        (shortNumber(valley.suggestion, digits: 3), "suggested rate"),
        (shortNumber(valley.rate, digits: 3), "loss lowest at rate"),
        (shortNumber(valley.highestRate, digits: 3), "loss low up to rate"),
      ]
    }
    page.figures(figures)
    page.drawings(
      [drawing],
      caption:
        "Each step has a higher rate than the one before. Rates are good where the loss falls: the suggestion is a "
        + "third of the highest at which it is still within a tenth of the lowest. Far to the left nothing is learnt in so few steps, far to the right each step "
        + "destroys more than it learns.")
    page.code(command)
    return page.html
  }

  private var drawing: Drawing {
    let steps = curve.losses.indices
    func series(_ name: String, color: Int, _ losses: [Double]) -> LineChart.Series {
      LineChart.Series(name: name, points: steps.map { Point(x: curve.rates[$0], y: losses[$0]) }, color: color)
    }
    // What explodes leaves the chart, so that the valley is seen.
    let smoothed = curve.smoothed
    let highest = 1.5 * (smoothed.first ?? 1)
    var marks: [LineChart.Mark] = []
    if let valley = curve.valley {
      marks.append(.init(x: valley.suggestion, label: "suggestion: \(shortNumber(valley.suggestion, digits: 3))"))
    }
    return LineChart(
      title: "Loss against learning rate",
      x: Axis("learning rate", scale: .logarithmic, values: Array(curve.rates[steps])),
      y: Axis("loss", values: curve.losses.filter { $0 <= highest } + [highest]),
      series: [series("steps", color: 5, curve.losses), series("smoothed", color: 0, smoothed)], marks: marks,
      width: 900, height: 420
    ).drawing()
  }
}

/// The loss on a square grid of a `WeightPlane`.
public struct LossLandscape: Equatable, Sendable {
  /// Points along each side; odd, so that (0, 0) is one of them.
  public let side: Int
  /// Row by row, the first row at b = −1, a and b from −1 to 1.
  public let losses: [Double]

  /// - Parameter losses: at `points(side:)`.
  public init(side: Int, losses: [Double]) {
    precondition(side >= 3 && !side.isMultiple(of: 2) && losses.count == side * side, "losses do not match the grid")
    self.side = side
    self.losses = losses
  }

  /// The grid's coordinates (a, b), in the order of `losses`.
  public static func points(side: Int) -> [(a: Double, b: Double)] {
    // Whole numbers over a whole number: the middle is exactly 0.
    let half = side / 2
    return (0..<(side * side)).map {
      (Double($0 % side - half) / Double(half), Double($0 / side - half) / Double(half))
    }
  }

  /// The loss of the network as it is.
  public var centre: Double { losses[losses.count / 2] }

  func add(to page: inout Page, caption: String) {
    page.heading("The loss landscape")
    page.paragraph(
      "The loss on a plane through the weights, along two random directions in which every filter has the length of the "
        + "network's own (Li et al. 2017): at (0, 0) the trained network, at a distance of 1 as much noise as weight. Each "
        + "colour stands for as many points of the plane. \(caption)")
    let field = Field(columns: side, rows: side, x: -1...1, y: -1...1, values: losses)
    let here = "trained: \(shortNumber(centre))"
    page.drawings([
      ContourPlot(
        title: "Contour", field: field, x: "first direction", y: "second direction",
        paths: [.init(name: here, points: [Point(x: 0, y: 0)], color: 1)]
      ).drawing(),
      SurfacePlot(
        title: "Surface", field: field, x: "first direction", y: "second direction", z: "loss",
        mark: (Point(x: 0, y: 0), here)
      ).drawing(),
    ])
  }
}

import Foundation

/// Points of the plane in two classes: small enough to see all that a network makes of them.
struct PlaneData {
  let name: String
  let points: [Point]
  /// 0 or 1 for each point.
  let labels: [Int32]
  /// What is shown of both axes.
  let range: ClosedRange<Double>

  /// A logical function of two inputs.
  init(gate name: String, _ function: (Bool, Bool) -> Bool) {
    self.name = name
    let corners = [(false, false), (false, true), (true, false), (true, true)]
    points = corners.map { Point(x: $0.0 ? 1 : 0, y: $0.1 ? 1 : 0) }
    labels = corners.map { function($0.0, $0.1) ? 1 : 0 }
    range = -0.5...1.5
  }

  static let and = PlaneData(gate: "AND") { $0 && $1 }
  static let or = PlaneData(gate: "OR") { $0 || $1 }
  static let xor = PlaneData(gate: "XOR") { $0 != $1 }

  /// Far from the streams of a network's initial weights, which count from 0.
  static let noiseStream: UInt32 = 1 << 31

  /// - Parameter place: of the point at `share` (0 to 1) of its class' points, with two numbers from N(0, 1).
  private init(
    _ name: String, range: ClosedRange<Double>, count: Int, seed: UInt64,
    place: (_ label: Int, _ share: Double, _ noise: Point) -> Point
  ) {
    self.name = name
    self.range = range
    let noise = Philox(key: seed).normals(count: 2 * count, stream: PlaneData.noiseStream).map { Double($0) }
    labels = (0..<count).map { Int32($0 % 2) }
    points = (0..<count).map { index in
      place(
        index % 2, Double(index / 2) / Double(count / 2), Point(x: noise[2 * index], y: noise[2 * index + 1]))
    }
  }

  /// Class 1 in a disc around the origin, class 0 in a ring around it.
  static func circles(count: Int = 160, seed: UInt64) -> PlaneData {
    PlaneData("Circles", range: -1.5...1.5, count: count, seed: seed) { label, share, noise in
      let radius = (label == 1 ? 0.4 : 1.1) + 0.08 * noise.x
      return Point(x: radius * cos(2 * .pi * share), y: radius * sin(2 * .pi * share))
    }
  }

  /// Two arms, one turn and a half each, wound around each other.
  static func spirals(count: Int = 160, seed: UInt64) -> PlaneData {
    PlaneData("Spirals", range: -1.25...1.25, count: count, seed: seed) { label, share, noise in
      let radius = 0.12 + 0.95 * share
      let angle = 3 * .pi * share + (label == 1 ? 0 : .pi)
      return Point(x: radius * cos(angle) + 0.02 * noise.x, y: radius * sin(angle) + 0.02 * noise.y)
    }
  }

  /// The points as a network takes them: [count, 2].
  var inputs: [Float] { points.flatMap { [Float($0.x), Float($0.y)] } }

  /// The points with what a classifier answers to each, 0 or 1.
  func samples(answers: [Int32]) -> [DecisionPlot.Sample] {
    points.indices.map { index in
      DecisionPlot.Sample(
        place: points[index], label: Int(labels[index]), isRight: answers[index] == labels[index])
    }
  }

  /// Samples of a function over all that is shown.
  func field(side: Int = 91, _ values: ([Point]) throws(TrainerError) -> [Double]) throws(TrainerError) -> Field {
    let points = Field.points(columns: side, rows: side, x: range, y: range)
    return Field(columns: side, rows: side, x: range, y: range, values: try values(points))
  }
}

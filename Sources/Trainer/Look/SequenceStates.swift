import Vision

/// What a recurrent layer put out at each step of a sequence.
public struct SequenceStates: Sendable {
  public let layer: String
  public let units: Int
  /// [steps][units]
  public let values: [Float]

  public init(layer: String, units: Int, values: [Float]) {
    self.layer = layer
    self.units = units
    self.values = values
  }

  public var steps: Int { values.count / units }

  /// A unit's output at each step.
  public func values(ofUnit unit: Int) -> [Float] {
    stride(from: unit, to: values.count, by: units).map { values[$0] }
  }

  /// The `count` units whose outputs differ most from step to step, the most lively first.
  public func liveliest(_ count: Int) -> [Int] {
    let variances = (0..<units).map { unit in
      let values = values(ofUnit: unit)
      let mean = values.reduce(0, +) / Float(max(values.count, 1))
      return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
    return Array(
      variances.indices.sorted { variances[$0] != variances[$1] ? variances[$0] > variances[$1] : $0 < $1 }
        .prefix(count))
  }

  /// All of it as a picture: a row for each unit, a column for each step; grey is 0, white and black are the largest.
  var image: Image {
    var rows: [Float] = []
    for unit in 0..<units { rows += values(ofUnit: unit) }
    return Image(signed: rows, ImageShape(height: units, width: steps, channels: 1))
  }

  /// A part of a page with the pictures of several layers.
  static func add(_ states: [SequenceStates], to page: inout Page) throws(VisionError) {
    page.paragraph(
      "Every unit of the recurrent layers over the steps: a row for each unit, a column for each step. Grey is 0, white "
        + "and black are the layer's largest value.")
    for each in states {
      page.subheading("\(each.layer): \(each.units) units, \(each.steps) steps")
      try page.widePicture(each.image, caption: "outputs of \(each.layer)")
    }
  }
}

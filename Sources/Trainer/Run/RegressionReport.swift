/// How well a model predicted numbers.
public struct RegressionReport: Sendable {
  /// One number that is predicted, in its own unit.
  public struct Target: Equatable, Sendable {
    public let name: String
    /// √(mean of squared errors).
    public let rootMeanSquare: Double
    public let meanAbsolute: Double
    /// 1 − Σ error² / Σ (truth − mean of truths)²: the share of the variance that is explained (R²); nil if all truths are
    /// equal.
    public let explained: Double?
  }

  public let count: Int
  public let targets: [Target]

  /// - Parameters:
  ///   - names: of the numbers that are predicted.
  ///   - truths: for each example, as many numbers; at least one example.
  ///   - predictions: likewise.
  public init(names: [String], truths: [Float], predictions: [Float]) {
    precondition(truths.count == predictions.count && !truths.isEmpty, "predictions do not match the truths")
    count = truths.count / names.count
    let rows = Double(count)
    targets = names.indices.map { column in
      let places = stride(from: column, to: truths.count, by: names.count)
      let mean = places.reduce(0) { $0 + Double(truths[$1]) } / rows
      var (squares, absolute, variance) = (0.0, 0.0, 0.0)
      for place in places {
        let error = Double(predictions[place]) - Double(truths[place])
        squares += error * error
        absolute += abs(error)
        variance += (Double(truths[place]) - mean) * (Double(truths[place]) - mean)
      }
      return Target(
        name: names[column], rootMeanSquare: (squares / rows).squareRoot(), meanAbsolute: absolute / rows,
        explained: variance > 0 ? 1 - squares / variance : nil)
    }
  }
}

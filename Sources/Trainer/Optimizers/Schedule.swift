import Foundation

/// The learning rate as a pure function of training's progress.
///
/// Progress is measured in epochs, `step / stepsPerEpoch`, so that a recipe keeps its meaning when batch or data change.
public struct Schedule: Equatable, Sendable {
  public enum Shape: Equatable, Sendable {
    /// The base rate, always.
    case constant
    /// The base rate times `factor` to the power of the number of whole `every` epochs that have passed.
    case step(factor: Float, every: Float)
    /// Half a cosine wave from the base rate to `floor` times it at the end of training (Loshchilov and Hutter 2017).
    case cosine(floor: Float = 0)
    /// One cycle over the whole training: half a cosine wave from 1/25 of the base rate up to it during the share `rise`
    /// of all steps, then half a cosine wave down to 1/250,000 of it (Smith and Topin 2018, as PyTorch's OneCycleLR has
    /// it). Momentum stays.
    case oneCycle(rise: Float = 0.3)
    /// The base rate times `factor` for each time that more than `patience` epochs in a row have not lowered the loss: see
    /// `Plateau`.
    case plateau(factor: Float, patience: Int)
  }

  public var shape: Shape
  /// Epochs during which the rate rises linearly to what `shape` says; 0 with `oneCycle`, which has its own rise.
  public var warmUp: Float

  public init(_ shape: Shape = .constant, warmUp: Float = 0) {
    self.shape = shape
    self.warmUp = warmUp
  }

  /// The rate of step `step`, counted from 0.
  ///
  /// - Parameters:
  ///   - base: the recipe's rate.
  ///   - stepsPerEpoch: at least 1.
  ///   - epochs: length of training, at least 1.
  ///   - reductions: what `Plateau` has counted; matters for `plateau` alone.
  public func rate(base: Float, step: Int, stepsPerEpoch: Int, epochs: Int, reductions: Int = 0) -> Float {
    let epoch = Double(step) / Double(stepsPerEpoch)
    var rate = Double(base)
    switch shape {
    case .constant: break
    case .step(let factor, let every):
      rate *= pow(Double(factor), (epoch / Double(every)).rounded(.down))
    case .cosine(let floor):
      let start = Double(warmUp)
      let span = max(Double(epochs) - start, .leastNonzeroMagnitude)
      let progress = min(max((epoch - start) / span, 0), 1)
      rate *= Double(floor) + (1 - Double(floor)) * 0.5 * (1 + cos(.pi * progress))
    case .plateau(let factor, _): rate *= pow(Double(factor), Double(reductions))
    case .oneCycle(let rise):
      rate *= Schedule.oneCycle(step: Double(step), last: Double(stepsPerEpoch * epochs - 1), rise: Double(rise))
    }
    let warmUpSteps = Double(warmUp) * Double(stepsPerEpoch)
    // The first step already moves: step s has the rate of its own end.
    if warmUpSteps > 0 { rate *= min((Double(step) + 1) / warmUpSteps, 1) }
    return Float(rate)
  }

  /// The factor of the base rate in step `step` of 0...`last`.
  private static func oneCycle(step: Double, last: Double, rise: Double) -> Double {
    let (start, end) = (1.0 / 25, 1.0 / 250_000)
    // The step of the peak, which may lie between two.
    let peak = rise * (last + 1) - 1
    if peak > 0, step <= peak { return start + (1 - start) * 0.5 * (1 - cos(.pi * step / peak)) }
    let progress = last > peak ? min((step - peak) / (last - peak), 1) : 1
    return end + (1 - end) * 0.5 * (1 + cos(.pi * progress))
  }
}

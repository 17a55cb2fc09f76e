/// Watches the losses of epochs for the schedule `plateau`: what PyTorch's ReduceLROnPlateau does by default.
public struct Plateau: Equatable, Sendable {
  /// The lowest loss so far.
  public var lowest = Double.infinity
  /// Epochs since then.
  public var epochsSince = 0
  /// How many times the rate was lowered.
  public var reductions = 0

  /// A loss counts as lower if it is so by this share.
  private static let threshold = 1e-4

  public init() {}

  /// Takes an epoch's loss: that of the examples held out, or where there are none of the training images.
  public mutating func observe(loss: Double, patience: Int) {
    if loss < lowest * (1 - Plateau.threshold) {
      lowest = loss
      epochsSince = 0
      return
    }
    epochsSince += 1
    guard epochsSince > patience else { return }
    reductions += 1
    epochsSince = 0
  }
}

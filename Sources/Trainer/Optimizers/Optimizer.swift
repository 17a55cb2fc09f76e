/// A rule that moves weights w against their gradient g with the rate η. Slots are its memory: arrays of the weights'
/// shape, zero at the start. All arithmetic is element-wise; t counts steps from 1.
public enum Optimizer: Equatable, Sendable {
  /// w ← w − η·g
  case sgd
  /// v ← μ·v + g; w ← w − η·v (Polyak 1964, in the form without damping)
  case momentum(Float)
  /// v ← μ·v + g; w ← w − η·(g + μ·v) (Nesterov 1983, as in Sutskever et al. 2013)
  case nesterov(Float)
  /// s ← s + g²; w ← w − η·g / (√s + ε) (Duchi et al. 2011)
  case adaGrad(epsilon: Float = 1e-10)
  /// s ← ρ·s + (1 − ρ)·g²; w ← w − η·g / (√s + ε) (Tieleman and Hinton 2012)
  case rmsProp(decay: Float = 0.9, epsilon: Float = 1e-8)
  /// m ← β₁·m + (1 − β₁)·g; s ← β₂·s + (1 − β₂)·g²;
  /// w ← w − η · m/(1 − β₁ᵗ) / (√(s/(1 − β₂ᵗ)) + ε) (Kingma and Ba 2015)
  case adam(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8)
  /// Adam with the decoupled weight decay λ of `OptimizerStep` (Loshchilov and Hutter 2019).
  case adamW(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float)

  /// Names of the slots, as they stand in a checkpoint.
  public var slots: [String] {
    switch self {
    case .sgd: []
    case .momentum, .nesterov: ["velocity"]
    case .adaGrad, .rmsProp: ["square"]
    case .adam, .adamW: ["mean", "square"]
    }
  }
}

/// One application of an optimizer, reduced to the numbers that all backends need.
///
/// Every rule sees the gradient g + penalty·w of the weights that are regularized and g of all others, and starts from
/// w − η·λ·w of those that are regularized, λ being `decay`: weight decay that is decoupled from the gradient (Loshchilov and
/// Hutter 2019).
public struct OptimizerStep: Equatable, Sendable {
  public var optimizer: Optimizer
  /// η of this step.
  public var rate: Float
  /// t, from 1.
  public var step: Int
  /// c of the penalty c/2 · Σ w² on the weights that are regularized.
  public var penalty: Float
  /// λ, beside what `adamW` has of its own.
  private let weightDecay: Float

  public init(optimizer: Optimizer, rate: Float, step: Int, penalty: Float = 0, weightDecay: Float = 0) {
    self.optimizer = optimizer
    self.rate = rate
    self.step = step
    self.penalty = penalty
    self.weightDecay = weightDecay
  }

  /// λ.
  public var decay: Float {
    guard case .adamW(_, _, _, let own) = optimizer else { return weightDecay }
    return own + weightDecay
  }
}

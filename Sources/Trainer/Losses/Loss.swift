/// What training minimizes: the mean over the m examples of a step of a function of the network's outputs z (K per
/// example, before the head's activation) and the targets t (one-hot where the data has class labels).
public enum Loss: String, Sendable, CaseIterable {
  /// −Σ t·log p with p = softmax(z). Head: softmax.
  case softmaxCrossEntropy = "softmax-cross-entropy"
  /// −Σ [t·log h + (1 − t)·log(1 − h)] with h = sigmoid(z), summed over the outputs: J(Θ) of logistic regression with
  /// several outputs. Head: sigmoid.
  case sigmoidCrossEntropy = "sigmoid-cross-entropy"
  /// 1/K · Σ (z − t)². Head: none.
  case meanSquaredError = "mean-squared-error"
  /// Σ max(0, 1 + z_j − z_y) over all j but y, the class with the largest target (Weston and Watkins 1999); with one
  /// output max(0, 1 − y·z) with y = 1 where t > ½ and −1 elsewhere. Head: none.
  case hinge
  /// Σ (h − t)·z with h = 1 where z > 0 and 0 elsewhere, each output being a threshold unit: the perceptron criterion, whose
  /// gradient step on one example is the perceptron rule w ← w + η·(t − h)·x (Rosenblatt 1958). Head: a threshold, if the description ends with one.
  case perceptron
}

/// The penalty on weights that is added to the loss. Biases and batch-norm's scale and shift are not regularized.
public enum WeightPenalty: Equatable, Sendable {
  case none
  /// c/2 · Σ w², whatever the number of examples.
  case l2(Float)
  /// λ/2m · Σ w² with m the number of training examples: the last term of J(Θ).
  case l2PerExample(Float)

  /// c of c/2 · Σ w² for a training set of `examples`.
  public func coefficient(examples: Int) -> Float {
    switch self {
    case .none: 0
    case .l2(let c): c
    case .l2PerExample(let lambda): lambda / Float(examples)
    }
  }
}

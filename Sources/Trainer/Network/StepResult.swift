/// What one step did.
public struct StepResult: Equatable, Sendable {
  /// Mean loss over the step's labels, without the weights' penalty.
  public var loss: Double
  /// c/2 · Σ w² of the weights before the step; `loss + penalty` is the objective, J(Θ).
  public var penalty: Double
  /// Labels at which the largest output stands where the target's does.
  public var correct: Int
  /// Labels that count: the step's examples, or the steps of its sequences that have one.
  public var labels: Int

  public init(loss: Double, penalty: Double = 0, correct: Int, labels: Int) {
    self.loss = loss
    self.penalty = penalty
    self.correct = correct
    self.labels = labels
  }
}

/// A step that a device has been given. Its results may still be on their way.
struct PendingStep {
  /// Labels, and of them those that count.
  let rows: Int
  let labels: Int
  /// Which ones; nil: all.
  let isCounted: [Bool]?
  /// c of the penalty c/2 · Σ w².
  let penalty: Float
  /// Nil if the results lie where the network keeps them, until the next step.
  let download: (any PendingDownload)?

  /// Whether other steps may be given to the device before the result is asked for.
  var canWait: Bool { download != nil }
}

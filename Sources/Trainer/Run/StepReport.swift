/// Where a run stands after a step.
public struct StepReport: Sendable {
  /// From 1.
  public var epoch: Int
  /// In the epoch, from 1.
  public var step: Int
  public var stepsPerEpoch: Int
  /// Training images of the epoch that were used so far.
  public var images: Int
  /// Mean over the labels of the steps whose losses are known.
  public var loss: Double
  /// Means over the labels of single steps: of those whose losses became known since the report before, the last one this
  /// step's, or, on a device that computes while the host goes on, the step's before.
  public var stepLosses: [Double]
  public var stepLoss: Double { stepLosses.last ?? .nan }
  /// Share of their labels that were told right, each before the step that learnt from it.
  public var accuracy: Double
  /// The step's learning rate.
  public var rate: Float
  /// After an epoch's last step.
  public var validation: ValidationReport?
}

/// How the network did on the examples that were held out.
public struct ValidationReport: Equatable, Sendable {
  /// Mean over the labels.
  public var loss: Double
  public var correct: Int
  /// Labels: one per image, or one per step of a sequence.
  public var count: Int
  /// No epoch before was better.
  public var isBest: Bool

  public var accuracy: Double { Double(correct) / Double(count) }
}

import Terminal

/// What an epoch of a training run came to: a line of its log.
public struct EpochRecord: Equatable, Sendable {
  /// From 1.
  public var epoch: Int
  /// Mean over the epoch's training images, each before the step that learnt from it.
  public var loss: Double
  /// The lowest and the highest mean loss of a step.
  public var stepLosses: ClosedRange<Double>
  /// Share of those images that were classified right; no number where numbers are predicted.
  public var accuracy: Double
  /// The last step's learning rate.
  public var rate: Double
  /// On the examples that were held out.
  public var validation: Validation?
  public var imagesPerSecond: Double
  /// Of the part of the epoch that this process computed.
  public var seconds: Double

  public struct Validation: Equatable, Sendable {
    public var loss: Double
    public var accuracy: Double
    /// No epoch before was better.
    public var isBest: Bool

    public init(loss: Double, accuracy: Double, isBest: Bool) {
      self.loss = loss
      self.accuracy = accuracy
      self.isBest = isBest
    }
  }

  public init(
    epoch: Int, loss: Double, stepLosses: ClosedRange<Double>, accuracy: Double, rate: Double, validation: Validation?,
    imagesPerSecond: Double, seconds: Double
  ) {
    self.epoch = epoch
    self.loss = loss
    self.stepLosses = stepLosses
    self.accuracy = accuracy
    self.rate = rate
    self.validation = validation
    self.imagesPerSecond = imagesPerSecond
    self.seconds = seconds
  }

  /// The record's fields, in an object that the caller has begun.
  public func write(to json: inout JSONWriter) {
    json.field("epoch", epoch)
    json.field("loss", loss, decimals: 6)
    json.field("lowest_step_loss", stepLosses.lowerBound, decimals: 6)
    json.field("highest_step_loss", stepLosses.upperBound, decimals: 6)
    json.field("accuracy", accuracy, decimals: 6)
    json.field("rate", rate, decimals: 9)
    if let validation {
      json.field("validation_loss", validation.loss, decimals: 6)
      json.field("validation_accuracy", validation.accuracy, decimals: 6)
      json.field("is_best", validation.isBest)
    }
    json.field("images_per_second", imagesPerSecond, decimals: 1)
    json.field("seconds", seconds, decimals: 3)
  }
}

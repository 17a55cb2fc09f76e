import Format

/// Labelled examples, split into those to train on and those that only measure.
public struct DataSet: Sendable {
  /// The name or path it was asked for.
  public var name: String
  /// One name per class; of numbers that are to be predicted, one per number.
  public var labels: [String]
  public var train: Examples
  /// Examples that are held out in training to choose the best epoch, where the data says which.
  public var validation: Examples?
  public var test: Examples
  public var skipped: [SkippedFile]
  /// What else there is to say about the reading, a line each.
  public var notes: [String] = []

  public init(
    name: String, labels: [String], train: Examples, validation: Examples? = nil, test: Examples,
    skipped: [SkippedFile] = []
  ) {
    self.name = name
    self.labels = labels
    self.train = train
    self.validation = validation
    self.test = test
    self.skipped = skipped
  }

  public var shape: ImageShape { train.shape }

  /// Examples of all parts.
  public var count: Int { train.count + (validation?.count ?? 0) + test.count }

  /// Of each class, the share that is kept for testing where the data does not say itself.
  public static let testShare = 0.2

  /// As in "fashion-mnist, 60000 images": what the model file says that it was trained on.
  public func provenance(trained count: Int) -> String { "\(name), \(count) \(train.holdsNumbers ? "rows" : "images")" }
}

/// A file of a data set that could not be decoded and was left out.
public struct SkippedFile: Equatable, Sendable {
  public var path: String
  public var reason: String
}

extension DataSet {
  /// The recipe that brings any picture to the shape of this data, with mean and deviation of the training images. Of
  /// pictures with another aspect ratio it takes the middle.
  ///
  /// - Precondition: these are images.
  var imagePreprocessing: Preprocessing {
    let (mean, deviation) = train.statistics()
    return Preprocessing(
      width: shape.width, height: shape.height, channels: shape.channels, fit: .crop, mean: mean,
      deviation: deviation)
  }
}

import Format
import Vision

/// Images of one shape with their classes: pixels as the decoder gave them, one byte each, NHWC.
public struct Examples: Sendable {
  public let shape: ImageShape
  /// `count` × `shape.count` bytes.
  public private(set) var pixels: [UInt8]
  /// One class per image, each in 0 ..< the data set's number of labels.
  public private(set) var classes: [Int32]

  /// - Precondition: `pixels` has `shape.count` bytes per class.
  public init(shape: ImageShape, pixels: [UInt8] = [], classes: [Int32] = []) {
    precondition(pixels.count == classes.count * shape.count, "pixels do not match the number of images")
    self.shape = shape
    self.pixels = pixels
    self.classes = classes
  }

  public var count: Int { classes.count }

  public mutating func append(pixels image: [UInt8], class label: Int32) {
    precondition(image.count == shape.count, "an image of another shape")
    pixels += image
    classes.append(label)
  }

  /// The examples at `indices`, in that order.
  public func subset(_ indices: some Sequence<Int>) -> Examples {
    var result = Examples(shape: shape)
    for index in indices {
      result.pixels += pixels[(index * shape.count)..<((index + 1) * shape.count)]
      result.classes.append(classes[index])
    }
    return result
  }

  public func image(_ index: Int) -> Image {
    Image(
      width: shape.width, height: shape.height, channels: shape.channels,
      pixels: Array(pixels[(index * shape.count)..<((index + 1) * shape.count)]))
  }

  /// How many examples each of `classCount` classes has.
  public func histogram(classCount: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: classCount)
    for label in classes { counts[Int(label)] += 1 }
    return counts
  }
}

extension DataSet {
  /// The recipe that brings any picture to the shape of this data, with mean and deviation of the training images. Of
  /// pictures with another aspect ratio it takes the middle.
  public var preprocessing: Preprocessing {
    let (mean, deviation) = train.statistics()
    return Preprocessing(
      width: shape.width, height: shape.height, channels: shape.channels, fit: .crop, mean: mean,
      deviation: deviation)
  }
}

/// A file of a data set that could not be decoded and was left out.
public struct SkippedFile: Equatable, Sendable {
  public var path: String
  public var reason: String
}

/// Labelled images, split into those to train on and those that only measure.
public struct DataSet: Sendable {
  /// The name or path it was asked for.
  public var name: String
  /// One name per class.
  public var labels: [String]
  public var train: Examples
  public var test: Examples
  public var skipped: [SkippedFile]

  public init(name: String, labels: [String], train: Examples, test: Examples, skipped: [SkippedFile] = []) {
    self.name = name
    self.labels = labels
    self.train = train
    self.test = test
    self.skipped = skipped
  }

  public var shape: ImageShape { train.shape }

  /// As in "fashion-mnist, 60000 images": what the model file says that it was trained on.
  public func provenance(trained count: Int) -> String { "\(name), \(count) images" }
}

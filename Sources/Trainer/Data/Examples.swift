import Format
import Vision

/// Examples of one shape: images, or rows of numbers; each with its class, or with numbers that are to be predicted.
public struct Examples: Sendable {
  public let shape: ImageShape
  /// Of images: `count` × `shape.count` bytes as the decoder gave them, NHWC. Empty for rows of numbers.
  public private(set) var pixels: [UInt8]
  /// Of rows of numbers: `count` × `shape.count`. Empty for images.
  public private(set) var values: [Float]
  /// One class per example, each in 0 ..< the data set's number of labels; all 0 where numbers are predicted.
  public private(set) var classes: [Int32]
  /// The numbers that are to be predicted, `targetCount` per example; empty where classes are.
  public private(set) var targets: [Float] = []
  /// The file of each image that has one of its own, else empty.
  public private(set) var files: [String] = []

  /// Images.
  ///
  /// - Precondition: `pixels` has `shape.count` bytes per class; there are as many `files` as classes, or none.
  public init(shape: ImageShape, pixels: [UInt8] = [], classes: [Int32] = [], files: [String] = []) {
    precondition(pixels.count == classes.count * shape.count, "pixels do not match the number of images")
    precondition(files.isEmpty || files.count == classes.count, "files do not match the number of images")
    self.shape = shape
    self.pixels = pixels
    values = []
    self.classes = classes
    self.files = files
  }

  /// Rows of numbers.
  ///
  /// - Parameter targets: what is to be predicted, the same number of them for each row; empty if classes are.
  /// - Precondition: `values` has `shape.count` numbers per class.
  public init(shape: ImageShape, values: [Float], classes: [Int32], targets: [Float] = []) {
    precondition(values.count == classes.count * shape.count, "values do not match the number of rows")
    precondition(targets.count % max(classes.count, 1) == 0, "targets do not match the number of rows")
    self.shape = shape
    pixels = []
    self.values = values
    self.classes = classes
    self.targets = targets
  }

  public var count: Int { classes.count }
  public var holdsNumbers: Bool { !values.isEmpty }
  /// Numbers to be predicted per example; 0 where classes are.
  public var targetCount: Int { count == 0 ? 0 : targets.count / count }

  /// - Precondition: these are images, none with a file of its own.
  public mutating func append(pixels image: [UInt8], class label: Int32) {
    precondition(image.count == shape.count && files.isEmpty && !holdsNumbers, "an example of another kind")
    pixels += image
    classes.append(label)
  }

  /// The examples at `indices`, in that order.
  public func subset(_ indices: some Sequence<Int>) -> Examples {
    var result = Examples(shape: shape)
    let targetCount = targetCount
    for index in indices {
      let range = (index * shape.count)..<((index + 1) * shape.count)
      if holdsNumbers { result.values += values[range] } else { result.pixels += pixels[range] }
      result.targets += targets[(index * targetCount)..<((index + 1) * targetCount)]
      result.classes.append(classes[index])
      if !files.isEmpty { result.files.append(files[index]) }
    }
    return result
  }

  /// - Precondition: these are images.
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

extension Examples {
  /// Every image brought to the size and channels of `geometry`; the same bytes where they have them already and
  /// nothing is to be cut off.
  func fitted(to geometry: Preprocessing) -> Examples {
    let target = ImageShape(height: geometry.height, width: geometry.width, channels: geometry.channels)
    guard shape != target || (geometry.fit == .crop && geometry.cropFraction < 1) else { return self }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(count * target.count)
    for index in 0..<count { pixels += geometry.fitted(image(index)).pixels }
    return Examples(shape: target, pixels: pixels, classes: classes, files: files)
  }

  /// Two parts of each class: a fifth (at least one example) to test with and the rest, in their order.
  ///
  /// - Parameter seed: draws which.
  func testSplit(seed: UInt64, classCount: Int) -> (train: Examples, test: Examples) {
    var members = [[Int]](repeating: [], count: classCount)
    for (index, label) in classes.enumerated() { members[Int(label)].append(index) }
    var inTest: Set<Int> = []
    for (label, members) in members.enumerated() where !members.isEmpty {
      var stream = RandomStream(seed: seed, .testSplit, number: label)
      let order = stream.permutation(of: members.count)
      let count = max(1, Int(Double(members.count) * DataSet.testShare))
      for place in order.prefix(count) { inTest.insert(members[place]) }
    }
    let indices = 0..<count
    return (subset(indices.filter { !inTest.contains($0) }), subset(indices.filter { inTest.contains($0) }))
  }
}

import Format

/// Whole numbers, `width` per example: tokens, or labels with −1 where there is none.
public struct TokenRows: Equatable, Sendable {
  public let width: Int
  public private(set) var values: [Int32] = []

  /// - Parameter width: at least 1.
  public init(width: Int) { self.width = width }

  public var count: Int { values.count / width }

  public subscript(row: Int) -> ArraySlice<Int32> { values[(row * width)..<((row + 1) * width)] }

  /// Adds a row, filled up with `filling`, or cut off at the end.
  public mutating func append(_ row: some Collection<Int32>, filling: Int32) {
    values += row.prefix(width)
    values += repeatElement(filling, count: max(width - row.count, 0))
  }

  func subset(_ rows: some Sequence<Int>) -> TokenRows {
    var result = TokenRows(width: width)
    for row in rows { result.values += self[row] }
    return result
  }
}

/// Examples of a task over sequences: an image or a text, perhaps the answer so far, and labels for the steps of one of them.
public struct SequenceExamples: Sendable {
  /// The first input, where that is an image; the classes in it play no part.
  public var images: Examples?
  /// The inputs that are texts, in the network's order.
  public var tokens: [TokenRows]
  /// One label per example, or one per step.
  public var labels: TokenRows

  public init(images: Examples? = nil, tokens: [TokenRows], labels: TokenRows) {
    self.images = images
    self.tokens = tokens
    self.labels = labels
  }

  public var count: Int { labels.count }

  /// The first `limit` examples; all of them if there are not as many.
  public func prefix(_ limit: Int) -> SequenceExamples { limit < count ? subset(0..<limit) : self }

  /// `limit` examples, all of them if that is nil or more: the first ones of a running text, else a random sample, always the
  /// same one.
  public func sample(_ limit: Int?, of task: SequenceData.Task) -> SequenceExamples {
    guard let limit, limit < count else { return self }
    guard task != .nextToken else { return prefix(limit) }
    var stream = RandomStream(seed: 0, .sample)
    return subset(stream.permutation(of: count)[..<limit].sorted())
  }

  /// The examples at `indices`, in that order.
  public func subset(_ indices: some Collection<Int>) -> SequenceExamples {
    SequenceExamples(
      images: images?.subset(indices), tokens: tokens.map { $0.subset(indices) }, labels: labels.subset(indices))
  }
}

/// Batches of such examples; images as the device prepares them.
struct SequenceBatches: BatchSource {
  let examples: SequenceExamples
  /// How images are normalised; nil without images.
  private let reader: BatchReader?

  init(_ examples: SequenceExamples, _ preprocessing: Preprocessing?) {
    self.examples = examples
    reader = preprocessing.map { BatchReader($0) }
  }

  var count: Int { examples.count }

  func makeBatch(size: Int) -> Batch {
    Batch(
      size: size, inputCounts: (examples.images.map { [$0.shape.count] } ?? []) + examples.tokens.map(\.width),
      labelCount: examples.labels.width)
  }

  func labels(of index: Int) -> Int { examples.labels[index].count { $0 >= 0 } }

  func fill(_ batch: inout Batch, indices: ArraySlice<Int>, epoch: Int?) {
    batch.count = indices.count
    for (place, index) in indices.enumerated() {
      var input = 0
      if let images = examples.images, let reader {
        let size = images.shape.count
        batch.inputs[0].withUnsafeMutableBufferPointer {
          reader.read(
            images, at: index, into: UnsafeMutableBufferPointer(rebasing: $0[(place * size)..<((place + 1) * size)]))
        }
        input = 1
      }
      for tokens in examples.tokens {
        for (step, token) in tokens[index].enumerated() {
          batch.inputs[input][place * tokens.width + step] = Float(token)
        }
        input += 1
      }
      for (step, label) in examples.labels[index].enumerated() {
        batch.labels[place * examples.labels.width + step] = label
      }
    }
  }
}

import Format

extension DataSet {
  /// A part of a data set.
  public enum Part: String, CaseIterable, Sendable {
    case train
    case validation
    case test
  }

  /// Where an example stands.
  public struct Place: Hashable, Sendable {
    public var part: Part
    /// In the part, from 0.
    public var index: Int
  }

  public func examples(_ part: Part) -> Examples? {
    switch part {
    case .train: train
    case .validation: validation
    case .test: test
    }
  }

  /// Examples that are the same, element by element, whatever their labels: groups of at least two, in the order of their
  /// first.
  public func duplicates() -> [[Place]] {
    var groups: [[Place]] = []
    // A hash stands for several contents if it must.
    var numbers: [UInt64: [Int]] = [:]
    for part in Part.allCases {
      guard let examples = examples(part) else { continue }
      for index in 0..<examples.count {
        let place = Place(part: part, index: index)
        let hash = examples.withContent(index) { XXH64.hash($0) }
        let known = numbers[hash, default: []].first { isSame(groups[$0][0], place) }
        if let known {
          groups[known].append(place)
        } else {
          numbers[hash, default: []].append(groups.count)
          groups.append([place])
        }
      }
    }
    return groups.filter { $0.count > 1 }
  }

  private func isSame(_ a: Place, _ b: Place) -> Bool {
    examples(a.part)!.withContent(a.index) { first in
      examples(b.part)!.withContent(b.index) { first.elementsEqual($0) }
    }
  }

  /// The example's class.
  public func label(_ place: Place) -> String { labels[Int(examples(place.part)!.classes[place.index])] }

  /// The example's file, or as in "test 17".
  public func name(_ place: Place) -> String {
    let files = examples(place.part)!.files
    return files.isEmpty ? "\(place.part.rawValue) \(place.index)" : files[place.index]
  }
}

extension Examples {
  /// The bytes of one example: pixels or numbers.
  fileprivate func withContent<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    func part(_ bytes: UnsafeRawBufferPointer, size: Int) -> Result {
      body(UnsafeRawBufferPointer(rebasing: bytes[(index * size)..<((index + 1) * size)]))
    }
    if holdsNumbers {
      return values.withUnsafeBytes { part($0, size: shape.count * MemoryLayout<Float>.stride) }
    }
    return pixels.withUnsafeBytes { part($0, size: shape.count) }
  }
}

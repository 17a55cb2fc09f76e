import Format
import Vision

/// Finds the parts of pictures that activate the units of a layer most, as Girshick et al. 2014 (R-CNN, section 3.1) did
/// for pool5: a unit (a channel) is taken as a detector and run everywhere in many pictures; of detections that overlap the
/// stronger one stays, and the strongest of all are kept.
public struct PatchSearch {
  /// A place in a layer where a unit is active.
  public struct Peak: Equatable, Sendable {
    public let image: Int
    /// Row and column in the layer.
    public let y: Int
    public let x: Int
    public let activation: Float
    /// What the unit sees there.
    public let region: Region
  }

  /// For each unit, the strongest first.
  public private(set) var peaks: [[Peak]]

  private let shape: ImageShape
  private let field: ReceptiveField
  private let picture: ImageShape
  private let count: Int

  /// Of two patches of a picture that have more than this share of their union in common, the weaker one is dropped.
  static let mostOverlap = 0.3

  /// - Parameters:
  ///   - layer: [H, W, C]; its first `units` channels are searched for.
  ///   - field: what an element of the layer sees of a picture of shape `picture`.
  ///   - count: peaks that are kept for each unit, at least 1.
  public init(layer shape: ImageShape, field: ReceptiveField, picture: ImageShape, units: Int, count: Int) {
    self.shape = shape
    self.field = field
    self.picture = picture
    self.count = count
    peaks = [[Peak]](repeating: [], count: min(units, shape.channels))
  }

  /// Looks at what the layer made of a picture.
  ///
  /// - Parameter values: [H, W, C]. Places that are not above 0 are no activations.
  public mutating func add(image: Int, _ values: UnsafeBufferPointer<Float>) {
    for channel in peaks.indices {
      let weakest = peaks[channel].count == count ? peaks[channel][count - 1].activation : 0
      let places = (0..<(shape.height * shape.width))
        .filter { values[$0 * shape.channels + channel] > weakest }
        .sorted { values[$0 * shape.channels + channel] > values[$1 * shape.channels + channel] }
      var found: [Peak] = []
      for place in places where found.count < count {
        let (y, x) = (place / shape.width, place % shape.width)
        let region = field.region(y: y, x: x, height: picture.height, width: picture.width)
        guard found.allSatisfy({ $0.region.overlap(with: region) <= PatchSearch.mostOverlap }) else { continue }
        found.append(
          Peak(image: image, y: y, x: x, activation: values[place * shape.channels + channel], region: region))
      }
      guard !found.isEmpty else { continue }
      // Of equals the earlier stays first: sorting is stable in fact, but says so nowhere.
      let all = (peaks[channel] + found).enumerated()
      peaks[channel] = all.sorted { ($1.element.activation, $0.offset) < ($0.element.activation, $1.offset) }
        .prefix(count).map { $0.element }
    }
  }
}

extension Region {
  /// Intersection over union of two regions that are not empty.
  func overlap(with other: Region) -> Double {
    let width = min(x + self.width, other.x + other.width) - max(x, other.x)
    let height = min(y + self.height, other.y + other.height) - max(y, other.y)
    guard width > 0, height > 0 else { return 0 }
    let common = width * height
    return Double(common) / Double(self.width * self.height + other.width * other.height - common)
  }
}

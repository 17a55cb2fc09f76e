/// One way to change training images at random. What is done to an image is a function of the run's seed, the epoch and
/// the image's number alone.
public enum Augmentation: Equatable, Sendable {
  /// Mirrored left to right, every second image.
  case flip
  /// Moved by up to so many pixels in both directions, black coming in.
  case shift(pixels: Int)
  /// Turned about the middle by up to so many degrees either way, black coming in.
  case rotate(degrees: Float)
  /// A part of at least `share` of the area, its sides in 3/4 to 4/3 of the image's proportion, brought to the image's
  /// size (Szegedy et al. 2015).
  case crop(share: Float)
  /// Brightness, contrast and, of colour images, saturation, each by a factor in 1 ± `strength`.
  case jitter(strength: Float)
  /// A square of this side about any pixel, cut off at the borders, takes the mean colour (DeVries and Taylor 2017).
  case cutout(side: Int)
  /// With this probability a rectangle of 2 to 40 % of the area, its sides 0.3 to 3.3 to 1, takes the mean colour
  /// (Zhong et al. 2020).
  case erase(probability: Float)
  /// λ of the image and 1 − λ of another training image, and so their labels, λ from Beta(α, α) (Zhang et al. 2018).
  case mixup(alpha: Float)
}

extension Augmentation {
  /// Whether it moves whole pixels and does no more.
  var movesPixels: Bool {
    switch self {
    case .flip, .shift: true
    case .rotate, .crop, .jitter, .cutout, .erase, .mixup: false
    }
  }

  static let keywords = ["flip", "shift", "rotate", "crop", "jitter", "cutout", "erase", "mixup"]

  /// What follows `augment` in a description.
  var text: String {
    switch self {
    case .flip: "flip"
    case .shift(let pixels): "shift \(pixels)"
    case .rotate(let degrees): "rotate \(degrees)"
    case .crop(let share): "crop \(share)"
    case .jitter(let strength): "jitter \(strength)"
    case .cutout(let side): "cutout \(side)"
    case .erase(let probability): "erase \(probability)"
    case .mixup(let alpha): "mixup \(alpha)"
    }
  }

  /// Takes the words of `text` from a line.
  init(_ line: inout LineScanner) throws(TrainerError) {
    guard let word = line.peek, Augmentation.keywords.contains(word.text) else {
      throw line.error("one of " + Augmentation.keywords.joined(separator: ", "), known: Augmentation.keywords)
    }
    _ = try line.take("an augmentation")
    switch word.text {
    case "flip": self = .flip
    case "shift": self = .shift(pixels: try line.integer("a positive number of pixels", in: 1...65_536))
    case "rotate":
      self = .rotate(degrees: try line.number("degrees above 0, at most 180", in: .leastNonzeroMagnitude...180))
    case "crop": self = .crop(share: try line.number("a share of the area in 0.01...1", in: 0.01...1))
    case "jitter": self = .jitter(strength: try line.number("a strength in 0...1", in: 0...1))
    case "cutout": self = .cutout(side: try line.integer("a positive number of pixels", in: 1...65_536))
    case "erase": self = .erase(probability: try line.number("a probability in 0...1", in: 0...1))
    default: self = .mixup(alpha: try line.number("alpha in 0.01...1", in: 0.01...1))
    }
  }
}

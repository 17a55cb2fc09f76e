import Foundation

/// What augmentation does to one image in one epoch.
struct ImageChange: Equatable {
  /// Factors of brightness, contrast and saturation.
  struct Jitter: Equatable {
    var brightness: Float
    var contrast: Float
    var saturation: Float
  }

  /// A part that takes the mean colour; inside the image.
  struct Hole: Equatable {
    var rows: Range<Int>
    var columns: Range<Int>
  }

  /// Another image, of which `share` is added to 1 − `share` of this one.
  struct Partner: Equatable {
    var index: Int
    var share: Float
  }

  /// Applied first.
  var map = PixelMap()
  /// Applied one after another to what the map gives.
  var jitters: [Jitter] = []
  /// Made last, so that they stay the mean colour.
  var holes: [Hole] = []
  /// In its own changed form; its own partner plays no part.
  var partner: Partner?

  /// No change.
  init() {}

  /// Draws what `changes` do.
  ///
  /// - Parameters:
  ///   - stream: random numbers of the image's own.
  ///   - count: images that a partner is drawn from.
  init(_ changes: [Augmentation], shape: ImageShape, count: Int, from stream: inout RandomStream) {
    for change in changes {
      switch change {
      case .flip:
        if stream.next(below: 2) == 1 { map = map.followed(by: .mirrored) }
      case .shift(let pixels):
        let right = stream.next(below: 2 * pixels + 1) - pixels
        let down = stream.next(below: 2 * pixels + 1) - pixels
        map = map.followed(by: .shift(right: Float(right), down: Float(down)))
      case .rotate(let degrees):
        map = map.followed(by: .rotation(angle: stream.uniform(around: 0, by: Double(degrees)) / 180 * .pi))
      case .crop(let share):
        map = map.followed(by: .part(shape, leastShare: Double(share), from: &stream))
      case .jitter(let strength):
        let factors = (0..<3).map { _ in Float(stream.uniform(around: 1, by: Double(strength))) }
        jitters.append(Jitter(brightness: factors[0], contrast: factors[1], saturation: factors[2]))
      case .cutout(let side):
        let (row, column) = (stream.next(below: shape.height), stream.next(below: shape.width))
        holes.append(
          Hole(
            rows: (row - side / 2..<row - side / 2 + side).clamped(to: 0..<shape.height),
            columns: (column - side / 2..<column - side / 2 + side).clamped(to: 0..<shape.width)))
      case .erase(let probability):
        guard stream.uniform() < Double(probability) else { break }
        if let hole = Hole.rectangle(in: shape, from: &stream) { holes.append(hole) }
      case .mixup(let alpha):
        partner = Partner(index: stream.next(below: count), share: Float(stream.beta(Double(alpha))))
      }
    }
  }
}

extension ImageChange.Hole {
  /// A rectangle of 2 to 40 % of the area with sides 0.3 to 3.3 to 1; nil where ten do not fit in.
  fileprivate static func rectangle(in shape: ImageShape, from stream: inout RandomStream) -> ImageChange.Hole? {
    for _ in 0..<10 {
      let area = (0.02 + 0.38 * stream.uniform()) * Double(shape.height * shape.width)
      let proportion = exp(stream.uniform(around: 0, by: log(1 / 0.3)))
      let height = Int((area * proportion).squareRoot().rounded())
      let width = Int((area / proportion).squareRoot().rounded())
      guard 1..<shape.height ~= height, 1..<shape.width ~= width else { continue }
      let top = stream.next(below: shape.height - height + 1)
      let left = stream.next(below: shape.width - width + 1)
      return ImageChange.Hole(rows: top..<(top + height), columns: left..<(left + width))
    }
    return nil
  }
}

extension PixelMap {
  /// Turned clockwise by `angle`, in radians.
  static func rotation(angle: Double) -> PixelMap {
    let (cosine, sine) = (Float(cos(angle)), Float(sin(angle)))
    return PixelMap(xx: cosine, xy: sine, yx: -sine, yy: cosine)
  }

  /// A random part of the image brought to its size: `leastShare` to all of the area, sides in 3/4 to 4/3 of the image's
  /// proportion; the whole image where ten parts do not fit in.
  fileprivate static func part(
    _ shape: ImageShape, leastShare: Double, from stream: inout RandomStream
  ) -> PixelMap {
    for _ in 0..<10 {
      let share = leastShare + (1 - leastShare) * stream.uniform()
      let proportion = exp(stream.uniform(around: 0, by: log(4.0 / 3)))
      let (height, width) = ((share * proportion).squareRoot(), (share / proportion).squareRoot())
      guard height <= 1, width <= 1 else { continue }
      return PixelMap(
        xx: Float(width), yy: Float(height),
        x: Float(stream.uniform(around: 0, by: (1 - width) / 2) * Double(shape.width - 1)),
        y: Float(stream.uniform(around: 0, by: (1 - height) / 2) * Double(shape.height - 1)))
    }
    return PixelMap()
  }
}

extension RandomStream {
  /// Uniform in [0, 1), of 32 bits.
  mutating func uniform() -> Double { Double(next()) / 4_294_967_296 }

  /// Uniform in [`middle` − `reach`, `middle` + `reach`).
  mutating func uniform(around middle: Double, by reach: Double) -> Double { middle + reach * (2 * uniform() - 1) }

  /// A draw from Beta(`alpha`, `alpha`): Jöhnk's method (1964), which accepts at least every second pair for α ≤ 1.
  ///
  /// - Precondition: `alpha` is in 0.01...1, so that powers stay numbers.
  mutating func beta(_ alpha: Double) -> Double {
    while true {
      // In (0, 1].
      let x = pow(1 - uniform(), 1 / alpha)
      let y = pow(1 - uniform(), 1 / alpha)
      if x + y <= 1, x + y > 0 { return x / (x + y) }
    }
  }
}

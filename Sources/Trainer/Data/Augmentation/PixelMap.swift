/// Where each pixel of a changed image comes from: source = A · (x, y) + b, both counted from the image's middle.
struct PixelMap: Equatable {
  /// A, row by row.
  var xx: Float = 1
  var xy: Float = 0
  var yx: Float = 0
  var yy: Float = 1
  /// b.
  var x: Float = 0
  var y: Float = 0

  static let mirrored = PixelMap(xx: -1)

  /// Pixels move so far to the right and down.
  static func shift(right: Float, down: Float) -> PixelMap { PixelMap(x: -right, y: -down) }

  /// The image changed by this map, then by `next`.
  func followed(by next: PixelMap) -> PixelMap {
    PixelMap(
      xx: xx * next.xx + xy * next.yx, xy: xx * next.xy + xy * next.yy,
      yx: yx * next.xx + yy * next.yx, yy: yx * next.xy + yy * next.yy,
      x: xx * next.x + xy * next.y + x, y: yx * next.x + yy * next.y + y)
  }

  /// Whether every pixel is moved as it is: nothing is turned, stretched or moved by a part of a pixel.
  var isExact: Bool {
    abs(xx) == 1 && yy == 1 && xy == 0 && yx == 0 && x == x.rounded() && y == y.rounded()
  }
}

/// A map that is exact: pixel (x, y) is the one at (first + step · x, y + down) of the image, black where that is outside.
struct PixelMove: Equatable {
  var first: Int
  /// 1, or −1 for a mirrored image.
  var step: Int
  var down: Int

  /// - Precondition: `map.isExact`.
  init(_ map: PixelMap, width: Int) {
    step = map.xx < 0 ? -1 : 1
    first = (map.xx < 0 ? width - 1 : 0) + Int(map.x)
    down = Int(map.y)
  }
}

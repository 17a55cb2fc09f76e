import Format

@testable import Vision

/// SplitMix64: the same numbers for the same seed, everywhere.
struct TestRandom: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Image {
  /// Independent random samples.
  static func noise(width: Int, height: Int, channels: Int, seed: UInt64) -> Image {
    var random = TestRandom(seed: seed)
    let pixels = (0..<(width * height * channels)).map { _ in UInt8.random(in: 0...255, using: &random) }
    return Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  /// A smooth picture without symmetries, which JPEG keeps well.
  static func smooth(width: Int, height: Int, channels: Int) -> Image {
    Image(width: width, height: height, channels: channels) { target in
      for y in 0..<height {
        for x in 0..<width {
          let (u, v) = (Double(x) / Double(width), Double(y) / Double(height))
          let values = [40 + 150 * u + 60 * v * v, 30 + 180 * v, 200 - 120 * u * v]
          for channel in 0..<channels { target[(y * width + x) * channels + channel] = UInt8(values[channel]) }
        }
      }
    }
  }

  func sample(_ x: Int, _ y: Int, _ channel: Int = 0) -> UInt8 { pixels[(y * width + x) * channels + channel] }

  init(decoding bytes: [UInt8], for recipe: Preprocessing? = nil) throws(VisionError) {
    // A copy of exactly the right size: reading past it is seen by address sanitizers and guard allocators.
    let storage = Storage(copying: bytes)
    try self.init(decoding: storage.bytes, name: "test", for: recipe)
  }
}

/// The largest difference between samples of two pictures of one size.
func largestDifference(_ a: Image, _ b: Image) -> Int {
  zip(a.pixels, b.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
}

func meanDifference(_ a: Image, _ b: Image) -> Double {
  Double(zip(a.pixels, b.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(a.pixels.count)
}

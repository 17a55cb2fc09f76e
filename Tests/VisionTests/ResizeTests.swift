import Testing

@testable import Vision

/// The same filter in real numbers, straight from its definition.
private func resizedInDouble(_ image: Image, _ region: Region, width: Int, height: Int) -> [Double] {
  func weights(_ inputs: Int, _ outputs: Int, _ output: Int) -> [Double] {
    let ratio = Double(inputs) / Double(outputs)
    let reach = max(ratio, 1)
    let centre = (Double(output) + 0.5) * ratio
    let heights = (0..<inputs).map { max(0, 1 - abs(Double($0) + 0.5 - centre) / reach) }
    let total = heights.reduce(0, +)
    return heights.map { $0 / total }
  }
  let columns = (0..<width).map { weights(region.width, width, $0) }
  let rows = (0..<height).map { weights(region.height, height, $0) }
  var result: [Double] = []
  for y in 0..<height {
    for x in 0..<width {
      for channel in 0..<image.channels {
        var sum = 0.0
        for (v, rowWeight) in rows[y].enumerated() where rowWeight > 0 {
          for (u, columnWeight) in columns[x].enumerated() where columnWeight > 0 {
            sum += rowWeight * columnWeight * Double(image.sample(region.x + u, region.y + v, channel))
          }
        }
        result.append(sum)
      }
    }
  }
  return result
}

@Suite struct ResizeTests {
  @Test(arguments: [
    (1, 1, 7, 5), (7, 5, 1, 1), (2, 2, 3, 3), (28, 28, 28, 14), (31, 17, 16, 40), (64, 48, 28, 28), (97, 5, 13, 13),
    (100, 1, 3, 9), (33, 65, 32, 64), (224, 10, 7, 9),
  ])
  func agreesWithRealArithmetic(_ width: Int, _ height: Int, _ newWidth: Int, _ newHeight: Int) {
    for channels in [1, 3] {
      let image = Image.noise(width: width, height: height, channels: channels, seed: UInt64(width * 1000 + height))
      let result = image.resized(width: newWidth, height: newHeight)
      #expect(result.width == newWidth && result.height == newHeight && result.channels == channels)
      let reference = resizedInDouble(image, image.bounds, width: newWidth, height: newHeight)
      // Half a level is the final rounding; the rest is that of the 8 fractional bits between the two passes.
      let error = zip(result.pixels, reference).map { abs(Double($0) - $1) }.max() ?? 0
      #expect(error < 0.51, "error \(error)")
    }
  }

  @Test func agreesWithRealArithmeticOnRandomRegions() {
    for seed in 0..<60 as Range<UInt64> {
      var random = TestRandom(seed: seed)
      let width = Int.random(in: 1...60, using: &random)
      let height = Int.random(in: 1...60, using: &random)
      let channels = Bool.random(using: &random) ? 1 : 3
      let image = Image.noise(width: width, height: height, channels: channels, seed: seed)
      let x = Int.random(in: 0..<width, using: &random)
      let y = Int.random(in: 0..<height, using: &random)
      let region = Region(
        x: x, y: y, width: Int.random(in: 1...(width - x), using: &random),
        height: Int.random(in: 1...(height - y), using: &random))
      let newWidth = Int.random(in: 1...70, using: &random)
      let newHeight = Int.random(in: 1...70, using: &random)
      let result = image.resized(region, width: newWidth, height: newHeight)
      let reference = resizedInDouble(image, region, width: newWidth, height: newHeight)
      let error = zip(result.pixels, reference).map { abs(Double($0) - $1) }.max() ?? 0
      #expect(error < 0.51, "seed \(seed): error \(error)")
      #expect(result == image.cropped(to: region).resized(width: newWidth, height: newHeight), "seed \(seed)")
    }
  }

  @Test func sameSizeKeepsEverySample() {
    let image = Image.noise(width: 37, height: 23, channels: 3, seed: 1)
    #expect(image.resized(width: 37, height: 23) == image)
    // One side kept: that side's filter has to be exact by its arithmetic, not by a short cut.
    let tall = Image.noise(width: 5, height: 1, channels: 1, seed: 2)
    #expect(tall.resized(width: 5, height: 3).pixels == tall.pixels + tall.pixels + tall.pixels)
  }

  @Test(arguments: [0, 1, 127, 254, 255] as [UInt8])
  func onePlainColourStays(_ level: UInt8) {
    let image = Image(width: 53, height: 41, channels: 1, pixels: [UInt8](repeating: level, count: 53 * 41))
    for side in [1, 2, 7, 40, 52, 54, 200] {
      #expect(image.resized(width: side, height: side).pixels.allSatisfy { $0 == level })
    }
  }

  @Test func extremeRatiosStayInRange() {
    let wide = Image(width: 65_535, height: 1, channels: 1, pixels: [UInt8](repeating: 255, count: 65_535))
    #expect(wide.resized(width: 1, height: 1).pixels == [255])
    let one = Image(width: 1, height: 1, channels: 3, pixels: [255, 0, 128])
    let row = one.resized(width: 65_535, height: 1)
    #expect(row.sample(0, 0, 0) == 255 && row.sample(65_534, 0, 1) == 0 && row.sample(30_000, 0, 2) == 128)
  }

  /// Golden bits: every CPU and every later version must give them.
  @Test func bitsAreFixed() {
    let image = Image(width: 4, height: 2, channels: 1, pixels: [0, 10, 200, 255, 30, 60, 90, 120])
    #expect(image.resized(width: 2, height: 1).pixels == [42, 147])
    #expect(image.resized(width: 3, height: 2).pixels == [3, 105, 238, 39, 75, 111])
    #expect(image.resized(width: 6, height: 1).pixels == [15, 25, 53, 127, 166, 188])
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in Image.noise(width: 301, height: 199, channels: 3, seed: 99).resized(width: 96, height: 224).pixels {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    #expect(hash == 16_843_380_600_156_264_665)
  }
}

import Format
import Testing

@testable import Vision

@Suite struct GeometryTests {
  @Test func cropTakesTheSamplesInside() {
    let image = Image.noise(width: 9, height: 7, channels: 3, seed: 3)
    let part = image.cropped(to: Region(x: 2, y: 3, width: 5, height: 4))
    #expect(part.width == 5 && part.height == 4)
    for y in 0..<4 {
      for x in 0..<5 {
        for channel in 0..<3 { #expect(part.sample(x, y, channel) == image.sample(x + 2, y + 3, channel)) }
      }
    }
  }

  /// Letters as EXIF's own picture of the eight values: what is stored, and how it is seen.
  @Test(arguments: [
    (1, 3, "abcdef"), (2, 3, "cbafed"), (3, 3, "fedcba"), (4, 3, "defabc"),
    (5, 2, "adbecf"), (6, 2, "daebfc"), (7, 2, "fcebda"), (8, 2, "cfbead"),
  ])
  func uprightTurnsAsTheTagSays(_ code: UInt8, _ width: Int, _ seen: String) throws {
    let stored = Image(width: 3, height: 2, channels: 1, pixels: Array("abcdef".utf8))
    let turned = stored.upright(from: try #require(Orientation(rawValue: code)))
    #expect(turned.width == width && turned.height == 6 / width)
    #expect(turned.pixels == Array(seen.utf8))
  }

  @Test(arguments: Orientation.allCases) func uprightKeepsPixelsWhole(_ orientation: Orientation) {
    let colour = Image.noise(width: 6, height: 5, channels: 3, seed: 4)
    let turned = colour.upright(from: orientation)
    for channel in 0..<3 {
      let plane = Image(
        width: 6, height: 5, channels: 1, pixels: (0..<30).map { colour.pixels[3 * $0 + channel] })
      #expect(plane.upright(from: orientation).pixels == (0..<30).map { turned.pixels[3 * $0 + channel] })
    }
  }

  @Test func greyIsLuma() {
    let colours = Image(
      width: 6, height: 1, channels: 3,
      pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 10, 20, 30])
    #expect(colours.converted(toChannels: 1).pixels == [76, 150, 29, 255, 0, 18])
    let grey = Image(width: 256, height: 1, channels: 1, pixels: (0...255).map { UInt8($0) })
    #expect(grey.converted(toChannels: 3).converted(toChannels: 1) == grey)
  }

  @Test func regionIsTheLargestCentredOne() {
    func region(_ width: Int, _ height: Int, _ recipeWidth: Int, _ recipeHeight: Int, _ fraction: Float) -> Region {
      Preprocessing(
        width: recipeWidth, height: recipeHeight, channels: 1, fit: .crop, cropFraction: fraction, mean: [0],
        deviation: [1]
      ).region(width: width, height: height)
    }
    #expect(region(640, 480, 224, 224, 1) == Region(x: 80, y: 0, width: 480, height: 480))
    #expect(region(480, 640, 224, 224, 0.875) == Region(x: 30, y: 110, width: 420, height: 420))
    #expect(region(100, 100, 200, 100, 1) == Region(x: 0, y: 25, width: 100, height: 50))
    #expect(region(100, 100, 3, 2, 1) == Region(x: 0, y: 16, width: 100, height: 67))
    #expect(region(1, 1, 640, 1, 0.01) == Region(x: 0, y: 0, width: 1, height: 1))
    #expect(region(65_535, 1, 1, 65_535, 1) == Region(x: 32_767, y: 0, width: 1, height: 1))
  }
}

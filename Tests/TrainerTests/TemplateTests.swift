import Format
import Testing
import Vision

@testable import Trainer

@Suite struct TemplateTests {
  private static func noise(_ width: Int, _ height: Int, _ channels: Int, seed: UInt64) -> Image {
    var random = TestRandom(seed: seed)
    return Image(
      width: width, height: height, channels: channels,
      pixels: (0..<(width * height * channels)).map { _ in UInt8(random.integer(below: 256)) })
  }

  /// The definition, window by window.
  private static func slowCorrelation(_ template: Image, _ picture: Image, x: Int, y: Int) -> Double {
    let window = picture.cropped(to: Region(x: x, y: y, width: template.width, height: template.height))
    var (product, a, b) = (0.0, 0.0, 0.0)
    for channel in 0..<template.channels {
      func centred(_ image: Image) -> [Double] {
        let values = stride(from: channel, to: image.pixels.count, by: image.channels).map { Double(image.pixels[$0]) }
        let mean = values.reduce(0, +) / Double(values.count)
        return values.map { $0 - mean }
      }
      let (p, t) = (centred(window), centred(template))
      for (p, t) in zip(p, t) {
        product += p * t
        a += p * p
        b += t * t
      }
    }
    return a * b > 0 ? product / (a * b).squareRoot() : 0
  }

  @Test(arguments: [(1, 1), (3, 2)]) func isTheDefinition(channels: Int, seed: Int) throws {
    let picture = TemplateTests.noise(19, 14, channels, seed: UInt64(seed))
    let template = TemplateTests.noise(5, 4, channels, seed: UInt64(seed + 10))
    let map = try #require(Template(template).correlation(with: picture))
    #expect(map.width == 15 && map.height == 11)
    for place in map.values.indices {
      let expected = TemplateTests.slowCorrelation(template, picture, x: place % 15, y: place / 15)
      #expect(abs(Double(map.values[place]) - expected) < 1e-5, "\(place)")
    }
  }

  /// A template with other brightness and contrast is found where it was planted, and its negative is −1.
  @Test(arguments: 1...5) func findsWhatWasPlanted(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let template = TemplateTests.noise(7, 6, 3, seed: seed + 100)
    var pixels = TemplateTests.noise(64, 48, 3, seed: seed).pixels
    let (x, y) = (random.integer(below: 50), random.integer(below: 20))
    let (negativeX, negativeY) = (random.integer(below: 50), 30 + random.integer(below: 12))
    for row in 0..<6 {
      for column in 0..<(7 * 3) {
        let value = Int(template.pixels[row * 21 + column])
        pixels[((y + row) * 64 + x) * 3 + column] = UInt8(40 + value / 2)
        pixels[((negativeY + row) * 64 + negativeX) * 3 + column] = UInt8(255 - value)
      }
    }
    let map = try #require(
      Template(template).correlation(with: Image(width: 64, height: 48, channels: 3, pixels: pixels)))
    let best = map.best(3)
    #expect(best[0].x == x && best[0].y == y, "seed \(seed)")
    #expect(best[0].correlation > 0.9999)
    #expect(best[1].correlation < 0.9)
    #expect(map.values.min()! == map.values[negativeY * map.width + negativeX])
    #expect(map.values.min()! < -0.99999)
    for (place, other) in [(best[0], best[1]), (best[0], best[2]), (best[1], best[2])] {
      #expect(abs(place.x - other.x) >= 4 || abs(place.y - other.y) >= 3)
    }
  }

  @Test func withoutContrastThereIsNoCorrelation() throws {
    let flat = Image(width: 8, height: 8, channels: 1, pixels: [UInt8](repeating: 77, count: 64))
    let noise = TemplateTests.noise(3, 3, 1, seed: 5)
    #expect(Template(noise).correlation(with: flat)?.values.allSatisfy { $0 == 0 } == true)
    let flatTemplate = Template(shape: ImageShape(height: 2, width: 2, channels: 1), values: [3, 3, 3, 3])
    #expect(
      flatTemplate.correlation(with: TemplateTests.noise(5, 5, 1, seed: 6))?.values.allSatisfy { $0 == 0 } == true)
    #expect(Template(TemplateTests.noise(9, 2, 1, seed: 7)).correlation(with: flat) == nil)
  }

  /// A filter of the first layer is a template: its correlation is largest where its own picture stands.
  @Test func filtersAreTemplates() throws {
    let filters = LookReport.Filters(
      layer: "conv1", shape: ImageShape(height: 3, width: 3, channels: 1),
      weights: [0, 1, 0, 1, -2, 1, 0, 1, 0] + [1, 0, -1, 2, 0, -2, 1, 0, -1])
    var pixels = [UInt8](repeating: 127, count: 20 * 10)
    for (index, value) in filters.image(1).pixels.enumerated() { pixels[(4 + index / 3) * 20 + 11 + index % 3] = value }
    let map = try #require(
      Template(shape: filters.shape, values: filters.values(1))
        .correlation(with: Image(width: 20, height: 10, channels: 1, pixels: pixels)))
    let best = try #require(map.best(1).first)
    #expect(best.x == 11 && best.y == 4 && best.correlation > 0.999)
  }
}

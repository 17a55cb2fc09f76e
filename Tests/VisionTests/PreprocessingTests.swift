import Format
import Testing

@testable import Vision

private func input(_ recipe: Preprocessing, _ image: Image) -> [Float] {
  var result = [Float](repeating: .nan, count: recipe.inputCount)
  result.withUnsafeMutableBufferPointer { recipe.apply(to: image, into: $0) }
  return result
}

@Suite struct PreprocessingTests {
  @Test func normalizesByHand() {
    let recipe = Preprocessing(
      width: 2, height: 1, channels: 3, mean: [0.5, 0.25, 0], deviation: [0.5, 0.125, 2])
    let image = Image(width: 2, height: 1, channels: 3, pixels: [0, 51, 255, 255, 102, 51])
    // 51/255 = 0.2 and 102/255 = 0.4, each rounded to a Float before it goes on.
    let expected: [Float] = [-1, (0.2 - 0.25) / 0.125, 0.5, 1, (0.4 - 0.25) / 0.125, 0.2 / 2]
    #expect(input(recipe, image) == expected)
  }

  @Test func greyAndColourMeet() {
    let grey = Image(width: 1, height: 1, channels: 1, pixels: [255])
    let toColour = Preprocessing(width: 1, height: 1, channels: 3, mean: [0, 0.5, 1], deviation: [1, 1, 1])
    #expect(input(toColour, grey) == [1, 0.5, 0])
    let red = Image(width: 1, height: 1, channels: 3, pixels: [255, 0, 0])
    let toGrey = Preprocessing(width: 1, height: 1, channels: 1, mean: [0], deviation: [1])
    #expect(input(toGrey, red) == [Float(76) / 255])
  }

  /// Training keeps `fitted` pictures and looks their samples up in `pixelTable`: the same numbers as `apply`.
  @Test(arguments: [1, 3], [1, 3])
  func fittedPicturesAndTablesAreWhatApplyDoes(from: Int, to: Int) {
    let image = Image.noise(width: 13, height: 7, channels: from, seed: 8)
    let recipe = Preprocessing(
      width: 5, height: 4, channels: to, fit: .crop, cropFraction: 0.9, mean: Array([0.1, 0.4, 0.7].prefix(to)),
      deviation: Array([0.3, 0.5, 0.2].prefix(to)))
    let fitted = recipe.fitted(image)
    #expect(fitted.width == 5 && fitted.height == 4 && fitted.channels == to)
    let tables = (0..<to).map { recipe.pixelTable($0) }
    #expect(input(recipe, image) == fitted.pixels.enumerated().map { tables[$0.offset % to][Int($0.element)] })
  }

  @Test func cropsThenScales() {
    let image = Image.noise(width: 40, height: 20, channels: 1, seed: 5)
    let recipe = Preprocessing(
      width: 5, height: 5, channels: 1, fit: .crop, cropFraction: 0.5, mean: [0], deviation: [1])
    let expected = image.cropped(to: Region(x: 15, y: 5, width: 10, height: 10)).resized(width: 5, height: 5)
    #expect(input(recipe, image) == expected.pixels.map { Float($0) / 255 })
  }

  @Test func stretchTakesTheWholePicture() {
    let image = Image.noise(width: 40, height: 20, channels: 3, seed: 6)
    let recipe = Preprocessing(width: 7, height: 9, channels: 3, mean: [0, 0, 0], deviation: [1, 1, 1])
    #expect(input(recipe, image) == image.resized(width: 7, height: 9).pixels.map { Float($0) / 255 })
  }
}

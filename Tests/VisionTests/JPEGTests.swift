import Format
import Testing

@testable import Vision

private func recipe(
  _ width: Int, _ height: Int, channels: Int = 3, fit: Preprocessing.Fit = .stretch
) -> Preprocessing {
  Preprocessing(
    width: width, height: height, channels: channels, fit: fit, mean: [Float](repeating: 0, count: channels),
    deviation: [Float](repeating: 1, count: channels))
}

@Suite struct JPEGTests {
  @Test(arguments: [1, 3], [false, true])
  func encodedPicturesComeBack(_ channels: Int, _ progressive: Bool) throws {
    let image = Image.smooth(width: 61, height: 43, channels: channels)
    let bytes = try image.jpeg(quality: 95, progressive: progressive)
    let decoded = try Image(decoding: bytes)
    #expect(decoded.width == 61 && decoded.height == 43 && decoded.channels == channels)
    #expect(meanDifference(decoded, image) < 1.5)
    #expect(largestDifference(decoded, image) <= 12)
  }

  @Test func betterQualityIsCloser() throws {
    let image = Image.noise(width: 64, height: 64, channels: 1, seed: 8)
    let sizes = try [1, 50, 100].map { try image.jpeg(quality: $0).count }
    #expect(sizes == sizes.sorted() && Set(sizes).count == 3)
    #expect(largestDifference(try Image(decoding: image.jpeg(quality: 100)), image) <= 3)
  }

  /// The file grows past the encoder's first buffer.
  @Test func largePicturesEncode() throws {
    let image = Image.noise(width: 700, height: 500, channels: 3, seed: 9)
    let bytes = try image.jpeg(quality: 98)
    #expect(bytes.count > 200_000)
    #expect(try Image(decoding: bytes).width == 700)
  }

  @Test(arguments: 1...8, [true, false]) func exifTurnsThePicture(_ code: Int, _ bigEndian: Bool) throws {
    let plain = try Image.smooth(width: 40, height: 24, channels: 3).jpeg(quality: 90)
    let orientation = try #require(Orientation(rawValue: UInt8(code)))
    let expected = try Image(decoding: plain).upright(from: orientation)
    for isLong in [false, true] {
      let exif = EXIF(orientation: UInt32(code), bigEndian: bigEndian, isLong: isLong).segment
      #expect(try Image(decoding: HandmadeJPEG.inserting(exif, into: plain)) == expected)
      // Behind a segment of another kind with the same marker, and with fill bytes before the marker.
      let other = HandmadeJPEG.segment(0xE1, Array("http://ns.adobe.com/xap/1.0/".utf8)) + [0xFF, 0xFF]
      #expect(try Image(decoding: HandmadeJPEG.inserting(other + exif, into: plain)) == expected)
    }
  }

  @Test func uselessEXIFIsIgnored() throws {
    let plain = try Image.smooth(width: 40, height: 24, channels: 1).jpeg(quality: 90)
    let expected = try Image(decoding: plain)
    let useless = [
      EXIF(orientation: 0), EXIF(orientation: 9), EXIF(orientation: 70_000, isLong: true),
      EXIF(orientation: 6, tagCount: 0), EXIF(orientation: 6, directory: 9), EXIF(orientation: 6, directory: 5000),
      EXIF(orientation: 6, directory: .max),
    ].map(\.segment)
    for segment in useless { #expect(try Image(decoding: HandmadeJPEG.inserting(segment, into: plain)) == expected) }
    // More entries told than there are: the one that is there counts.
    let turned = EXIF(orientation: 3, tagCount: .max).segment
    #expect(
      try Image(decoding: HandmadeJPEG.inserting(turned, into: plain)) == expected.upright(from: .halfTurn))
    // Cut at every byte.
    let whole = EXIF(orientation: 6).segment
    for count in 4..<(whole.count - 6) {
      let part = HandmadeJPEG.segment(0xE1, Array(whole[4..<count]))
      let image = try Image(decoding: HandmadeJPEG.inserting(part, into: plain))
      #expect(image == expected || image == expected.upright(from: .quarterTurn))
    }
  }

  @Test func theRecipeChoosesTheResolution() throws {
    #expect(recipe(80, 60).decodingScale(width: 640, height: 480, orientation: .upright) == 1)
    #expect(recipe(81, 60).decodingScale(width: 640, height: 480, orientation: .upright) == 2)
    #expect(recipe(60, 80).decodingScale(width: 640, height: 480, orientation: .quarterTurn) == 1)
    #expect(recipe(640, 480).decodingScale(width: 640, height: 480, orientation: .upright) == 8)
    #expect(recipe(2000, 2000).decodingScale(width: 640, height: 480, orientation: .upright) == 8)
    #expect(recipe(224, 224, fit: .crop).decodingScale(width: 640, height: 480, orientation: .upright) == 4)
    let bytes = try Image.smooth(width: 321, height: 200, channels: 3).jpeg(quality: 90)
    for (side, width, height) in [(10, 41, 25), (26, 81, 50), (60, 121, 75), (150, 241, 150), (151, 281, 175)] {
      let image = try Image(decoding: bytes, for: recipe(side, side))
      #expect(image.width == width && image.height == height && image.channels == 3)
    }
    let turned = HandmadeJPEG.inserting(EXIF(orientation: 6).segment, into: bytes)
    let image = try Image(decoding: turned, for: recipe(25, 40, channels: 1))
    #expect(image.width == 25 && image.height == 41 && image.channels == 1)
  }

  @Test(arguments: [1, 3], [9, 28, 40, 64, 96])
  func lowResolutionDecodingIsCloseToScaling(_ channels: Int, _ side: Int) throws {
    let bytes = try Image.smooth(width: 331, height: 247, channels: 3).jpeg(quality: 95)
    let full = try Image(decoding: bytes).converted(toChannels: channels)
    let low = try Image(decoding: bytes, for: recipe(side, side, channels: channels))
    #expect(low.width < full.width && low.width >= side && low.channels == channels)
    let (a, b) = (full.resized(width: side, height: side), low.resized(width: side, height: side))
    #expect(meanDifference(a, b) < 1 && largestDifference(a, b) <= 6)
  }

  @Test func everyColourSpaceBecomesRGB() throws {
    func colour(_ levels: [UInt8], _ adobe: UInt8?) throws -> [UInt8] {
      let image = try Image(decoding: HandmadeJPEG.plain(levels: levels, adobeTransform: adobe))
      #expect(
        image.width == 8 && image.height == 8
          && Set(
            image.pixels.enumerated().map {
              [UInt8($0.offset % image.channels), $0.element]
            }
          ).count == image.channels)
      return Array(image.pixels[..<image.channels])
    }
    #expect(try colour([77], nil) == [77])
    #expect(try colour([200, 100, 50], 0) == [200, 100, 50])
    #expect(try colour([128, 128, 128], 1) == [128, 128, 128])
    // Ink of 1/5 and 2/5, and a third of black: light is what both let through.
    #expect(try colour([51, 102, 0, 85], nil) == [136, 102, 170])
    #expect(try colour([204, 153, 255, 170], 0) == [136, 102, 170])
    // YCCK: the inks come as YCbCr.
    #expect(try colour([204, 128, 128, 255], 2) == [51, 51, 51])
    #expect(
      throws: VisionError.unsupported(
        image: "test", expected: "an 8-bit baseline or progressive JPEG", found: "unknown colour space")
    ) { try colour([1, 2], nil) }
    // Grey asked of files that do not store it.
    let red = HandmadeJPEG.plain(levels: [255, 0, 0], adobeTransform: 0)
    let grey = try Image(decoding: red, for: recipe(8, 8, channels: 1)).converted(toChannels: 1)
    #expect(grey.pixels.allSatisfy { $0 == 76 })
  }
}

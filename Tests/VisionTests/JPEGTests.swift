import Format
import Testing

@testable import Vision

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
}

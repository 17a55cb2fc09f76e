import Format
import Testing

@testable import Vision

/// Small files of every kind that the encoder makes.
private let samples: [(name: String, bytes: [UInt8])] = {
  var samples: [(String, [UInt8])] = []
  for channels in [1, 3] {
    for progressive in [false, true] {
      let image = Image.noise(width: 21, height: 13, channels: channels, seed: 10).resized(width: 42, height: 26)
      let bytes = try! image.jpeg(quality: 60, progressive: progressive)
      samples.append(("\(channels) channels, progressive \(progressive)", bytes))
    }
  }
  let exif = EXIF(orientation: 6, bigEndian: false).segment
  samples.append(("EXIF", HandmadeJPEG.inserting(exif, into: samples[2].1)))
  samples.append(("CMYK", HandmadeJPEG.plain(levels: [1, 200, 30, 90], adobeTransform: 2)))
  return samples
}()

private let small = Preprocessing(width: 8, height: 8, channels: 1, mean: [0], deviation: [1])

/// Decodes with and without a recipe. Whatever the bytes, each ends in a picture or in a typed error.
private func decode(_ bytes: [UInt8]) -> [Result<Image, VisionError>] {
  [nil, small].map { recipe in
    do throws(VisionError) {
      return .success(try Image(decoding: bytes, for: recipe))
    } catch {
      #expect(error.description.hasPrefix("test: "))
      return .failure(error)
    }
  }
}

private func failure(_ bytes: [UInt8]) -> VisionError? {
  guard case .failure(let error)? = decode(bytes).first else { return nil }
  return error
}

@Suite struct DamagedJPEGTests {
  @Test(arguments: samples.indices) func noPrefixIsAPicture(_ index: Int) {
    let whole = samples[index].bytes
    for count in whole.indices {
      for result in decode(Array(whole[..<count])) {
        guard case .failure(let error) = result else {
          Issue.record("\(samples[index].name): \(count) bytes were taken for a picture")
          continue
        }
        switch (count, error) {
        case (0, .empty), (1, .unknownKind), (2..., .truncated): break
        default: Issue.record("\(samples[index].name): \(count) bytes gave \(error)")
        }
      }
    }
  }

  @Test(arguments: samples.indices) func everyBitFlipEnds(_ index: Int) {
    let whole = samples[index].bytes
    var failures = 0
    for bit in 0..<(8 * whole.count) {
      var bytes = whole
      bytes[bit / 8] ^= 1 << (bit % 8)
      for case .failure in decode(bytes) { failures += 1 }
    }
    #expect(failures > 0)
  }

  @Test(arguments: samples.indices) func randomDamageEnds(_ index: Int) {
    for seed in 0..<1500 as Range<UInt64> {
      var random = TestRandom(seed: seed)
      var bytes = samples[index].bytes
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let place = Int.random(in: 2..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] = 0xFF
        case 2: bytes.remove(at: place)
        default:
          let source = Int.random(in: 2..<bytes.count, using: &random)
          bytes.insert(contentsOf: bytes[source..<min(source + 20, bytes.count)], at: place)
        }
      }
      _ = decode(bytes)
    }
  }

  @Test func impossibleSizesAreRefused() throws {
    let whole = samples[2].bytes
    #expect(
      failure(HandmadeJPEG.resizing(whole, width: 65_500, height: 65_500))
        == .tooLarge(
          image: "test", expected: "sides of at most 65535 and at most 67108864 pixels", found: "65500 x 65500"))
    for size in [(0, 26), (42, 0), (0, 0)] {
      guard case .corrupt = failure(HandmadeJPEG.resizing(whole, width: size.0, height: size.1)) else {
        Issue.record("\(size)")
        continue
      }
    }
    // Allowed, but the data is that of a small picture.
    for index in 0..<4 {
      guard case .truncated = failure(HandmadeJPEG.resizing(samples[index].bytes, width: 8000, height: 900)) else {
        Issue.record("\(samples[index].name)")
        continue
      }
    }
  }

  @Test func memoryIsBounded() {
    // 64 megapixels at full colour resolution and in several scans: 384 MiB of coefficients.
    var bytes = HandmadeJPEG.resizing(samples[3].bytes, width: 8000, height: 8000)
    let frame = HandmadeJPEG.frameHeader(of: bytes)
    bytes[frame + 11] = 0x11
    guard case .tooLarge = failure(bytes) else {
      Issue.record("\(String(describing: failure(bytes)))")
      return
    }
  }

  @Test func scansAreBounded() throws {
    // Plain, so that a refining scan means the same when it is read again.
    let plain = Image(width: 16, height: 16, channels: 1, pixels: [UInt8](repeating: 90, count: 256))
    let whole = try plain.jpeg(quality: 60, progressive: true)
    #expect(failure(HandmadeJPEG.repeatingLastScan(of: whole, count: 50)) == nil)
    #expect(
      failure(HandmadeJPEG.repeatingLastScan(of: whole, count: 200))
        == .tooLarge(
          image: "test", expected: "at most 100 scans and 256 MiB of memory", found: "too many scans"))
  }

  @Test func otherProcessesAreNamed() {
    var twelveBits = samples[0].bytes
    twelveBits[HandmadeJPEG.frameHeader(of: twelveBits) + 4] = 12
    var lossless = samples[0].bytes
    lossless[HandmadeJPEG.frameHeader(of: lossless) + 1] = 0xC3
    for bytes in [twelveBits, lossless] {
      guard case .unsupported = failure(bytes) else {
        Issue.record("\(String(describing: failure(bytes)))")
        continue
      }
    }
  }

  @Test func whatComesBehindThePictureIsIgnored() throws {
    let whole = samples[1].bytes
    #expect(try Image(decoding: whole + [1, 2, 3] + whole) == Image(decoding: whole))
  }
}

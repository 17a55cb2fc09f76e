import Testing

@testable import Vision

private func decode(_ header: String, _ samples: [UInt8] = []) throws(VisionError) -> Image {
  try Image(decoding: Array(header.utf8) + samples)
}

private func failure(_ header: String, _ samples: [UInt8] = []) -> VisionError? {
  do throws(VisionError) {
    _ = try decode(header, samples)
    return nil
  } catch {
    return error
  }
}

@Suite struct NetpbmTests {
  @Test func writtenFilesComeBack() throws {
    for channels in [1, 3] {
      let image = Image.noise(width: 13, height: 7, channels: channels, seed: 11)
      let bytes = image.netpbm()
      #expect(try Image(decoding: bytes) == image)
      #expect(try Image(decoding: bytes + [9, 9]) == image)
      for count in bytes.indices {
        #expect(throws: VisionError.self) { try Image(decoding: Array(bytes[..<count])) }
      }
    }
    #expect(Image(width: 2, height: 1, channels: 1, pixels: [65, 66]).netpbm() == Array("P5\n2 1\n255\nAB".utf8))
  }

  @Test func headersMayHoldCommentsAndAnySpace() throws {
    let expected = Image(width: 2, height: 1, channels: 1, pixels: [65, 66])
    #expect(try decode("P5 2 1 255 AB") == expected)
    #expect(try decode("P5\r\n# by hand # 7\n\t2#\n#\n 0001\u{B}255\nAB") == expected)
    // A comment may stand right behind the magic, and only one space ends the header: the next is a sample.
    #expect(try decode("P5#x\n2 1 255\n  ").pixels == [32, 32])
    #expect(try decode("P6 1 1 255\nABC").pixels == [65, 66, 67])
  }

  @Test func textSamplesAreRead() throws {
    #expect(try decode("P2 3 1 255 0 17 255").pixels == [0, 17, 255])
    #expect(try decode("P3\n1 2 15\n0 5 10 # half\n15 0 1\n").pixels == [0, 85, 170, 255, 0, 17])
  }

  @Test func otherDepthsAreScaledToEightBits() throws {
    #expect(try decode("P5 3 1 1\n", [0, 1, 1]).pixels == [0, 255, 255])
    #expect(try decode("P5 4 1 100\n", [0, 1, 50, 100]).pixels == [0, 3, 128, 255])
    #expect(try decode("P5 3 1 65535\n", [0, 0, 0x80, 0, 0xFF, 0xFF]).pixels == [0, 128, 255])
    #expect(try decode("P6 1 1 256\n", [0, 0, 0, 128, 1, 0]).pixels == [0, 128, 255])
  }

  @Test func brokenFilesAreExplained() {
    #expect(failure("") == .empty(image: "test"))
    #expect(failure("P") == .unknownKind(image: "test", found: "a file of another kind"))
    #expect(failure("P5") == .truncated(image: "test", expected: "a number (width)", found: "the end of the file"))
    #expect(failure("P5 2") == .truncated(image: "test", expected: "a number (height)", found: "the end of the file"))
    #expect(failure("P5 2 x") == .corrupt(image: "test", expected: "a number (height)", found: "the byte 120"))
    #expect(failure("P5 -2 1 255\n") == .corrupt(image: "test", expected: "a number (width)", found: "the byte 45"))
    #expect(failure("P5 0 1 255\n") == .corrupt(image: "test", expected: "at least one pixel", found: "0 x 1"))
    #expect(
      failure("P5 1 1 0\n", [0])
        == .corrupt(image: "test", expected: "a maximum sample value of at least 1", found: "0"))
    #expect(
      failure("P5 2 2 255\n", [1, 2, 3]) == .truncated(image: "test", expected: "4 bytes of pixels", found: "3"))
    #expect(
      failure("P6 2 2 999\n", [1, 2, 3]) == .truncated(image: "test", expected: "24 bytes of pixels", found: "3"))
    #expect(
      failure("P5 2 2 255")
        == .truncated(
          image: "test", expected: "pixels behind the header", found: "the end of the file"))
    #expect(
      failure("P5 1 1 255x")
        == .corrupt(image: "test", expected: "white space behind the header", found: "the byte 120"))
    #expect(failure("P5 1 1 7\n", [8]) == .corrupt(image: "test", expected: "samples of at most 7", found: "8"))
    #expect(failure("P2 1 1 7 8") == .corrupt(image: "test", expected: "samples of at most 7", found: "8"))
    #expect(failure("P2 2 1 7 1x") == .corrupt(image: "test", expected: "a number (sample)", found: "the byte 120"))
    #expect(
      failure("P4 8 1\n", [0]) == .unsupported(image: "test", expected: "PGM (P2, P5) or PPM (P3, P6)", found: "P4"))
  }

  @Test func hugeHeadersAllocateNothing() {
    for header in [
      "P5 65536 1 255\n", "P5 99999999999999999999999999 1 255\n", "P6 65535 65535 255\n", "P2 65535 1025 255\n",
      "P5 1 1 65536\n",
    ] {
      guard case .tooLarge = failure(header) else {
        Issue.record("\(header): \(String(describing: failure(header)))")
        continue
      }
    }
    for header in ["P5 65535 1024 255\n", "P3 8192 8192 255\n"] {
      guard case .truncated = failure(header) else {
        Issue.record("\(header): \(String(describing: failure(header)))")
        continue
      }
    }
  }

  @Test func randomBytesEnd() {
    let alphabet = Array("P2356 0123456789#\n\t-x".utf8)
    for seed in 0..<20_000 as Range<UInt64> {
      var random = TestRandom(seed: seed)
      let count = Int.random(in: 0..<40, using: &random)
      let bytes = [0x50, 0x30 + UInt8(seed % 10)] + (0..<count).map { _ in alphabet.randomElement(using: &random)! }
      if let image = try? Image(decoding: bytes) { #expect(image.pixels.count <= bytes.count, "seed \(seed)") }
    }
  }
}

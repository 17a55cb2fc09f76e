import Format
import Testing

private func hash(_ text: String, seed: UInt64 = 0) -> UInt64 {
  Array(text.utf8).withUnsafeBytes { XXH64.hash($0, seed: seed) }
}

@Test func xxh64GivesThePublishedHashesOfTexts() {
  #expect(hash("") == 0xEF46_DB37_51D8_E999)
  #expect(hash("a") == 0xD24E_C4F1_A98C_6E5B)
  #expect(hash("abc") == 0x44BC_2CF5_AD77_0999)
  #expect(hash("Nobody inspects the spammish repetition") == 0xFBCE_A83C_8A37_8BF1)
}

/// The reference implementation's own vectors: prefixes of a generated buffer, with seed 0 and with the first 32-bit prime.
@Test(
  arguments: [
    (0, 0xEF46_DB37_51D8_E999, 0xAC75_FDA2_929B_17EF),
    (1, 0xE934_A84A_DB05_2768, 0x5014_607643A9_B4C3),
    (4, 0x9136_A0DC_A574_57EE, 0xCAAB_286B_D8E9_FDB5),
    (14, 0x8282_DCC4_994E_35C8, 0xC3BD_6BF6_3DEB_6DF0),
    (222, 0xB641_AE8C_B691_C174, 0x20CB_8AB7_AE10_C14A),
  ] as [(Int, UInt64, UInt64)])
func xxh64GivesThePublishedHashesOfBuffers(count: Int, unseeded: UInt64, seeded: UInt64) {
  let prime32: UInt64 = 2_654_435_761
  var generator = prime32
  let buffer = (0..<count).map { _ in
    defer { generator &*= 0x9E37_79B1_85EB_CA8D }
    return UInt8(generator >> 56)
  }
  #expect(buffer.withUnsafeBytes { XXH64.hash($0) } == unseeded)
  #expect(buffer.withUnsafeBytes { XXH64.hash($0, seed: prime32) } == seeded)
}

@Test func xxh64NeedsNoAlignment() {
  let bytes = (0..<100).map { UInt8($0) }
  let shifted = [0xFF] + bytes
  let expected = bytes.withUnsafeBytes { XXH64.hash($0) }
  #expect(shifted.withUnsafeBytes { XXH64.hash(UnsafeRawBufferPointer(rebasing: $0.dropFirst())) } == expected)
}

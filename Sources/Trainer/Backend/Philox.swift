import Foundation

/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): 128 random bits as a function of
/// a key and a counter. No state: any element of any stream can be computed at any time, on any device.
public struct Philox: Equatable, Sendable {
  public let key: UInt64

  public init(key: UInt64) { self.key = key }

  /// The four words at a counter.
  public func callAsFunction(_ c0: UInt32, _ c1: UInt32, _ c2: UInt32, _ c3: UInt32) -> SIMD4<UInt32> {
    var c = SIMD4(c0, c1, c2, c3)
    var k0 = UInt32(truncatingIfNeeded: key)
    var k1 = UInt32(truncatingIfNeeded: key >> 32)
    for _ in 0..<10 {
      let p0 = (0xD251_1F53 as UInt32).multipliedFullWidth(by: c[0])
      let p1 = (0xCD9E_8D57 as UInt32).multipliedFullWidth(by: c[2])
      c = SIMD4(p1.high ^ c[1] ^ k0, p1.low, p0.high ^ c[3] ^ k1, p0.low)
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return c
  }

  /// `count` draws from N(0, 1): Box–Muller in double precision on pairs of 32-bit words at the
  /// counters (block, 1, `stream`, 0).
  public func normals(count: Int, stream: UInt32) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(count + 3)
    var block: UInt32 = 0
    while result.count < count {
      let words = self(block, 1, stream, 0)
      for pair in 0..<2 {
        // In (0, 1], so that the logarithm is finite.
        let u = (Double(words[2 * pair]) + 1) / 4_294_967_296
        let angle = 2 * Double.pi * Double(words[2 * pair + 1]) / 4_294_967_296
        let radius = sqrt(-2 * log(u))
        result.append(Float(radius * cos(angle)))
        result.append(Float(radius * sin(angle)))
      }
      block += 1
    }
    result.removeLast(result.count - count)
    return result
  }
}

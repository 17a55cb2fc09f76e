import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

@Suite struct WinogradTests {
  /// Images that are no multiple of the tile, every padding, channels that are no multiple of a vector, batches, and
  /// enough tiles for several blocks and pieces: within the bound of the reference, and the same bits for all threads.
  @Test(arguments: 0..<16 as Range<UInt64>) func isWithinTheBoundOfTheReference(seed: UInt64) throws {
    var net = NetworkBuilder(seed: seed)
    let shape = [
      net.random.int(1...2), net.random.int(12...37), net.random.int(12...37), net.random.pick([16, 17, 31, 48, 64]),
    ]
    let columns = net.random.pick([24, 33, 64, 100])
    let padding = Padding(
      top: net.random.int(0...3), left: net.random.int(0...3), bottom: net.random.int(0...3),
      right: net.random.int(0...3))
    let conv = Conv2D(padding: padding, activation: net.random.pick(FusedActivation.allCases))
    net.output(try net.conv(net.input(shape), columns, (3, 3), conv))
    for options in allOptions() where options.isa?.name != "scalar" {
      let kernels = try Session(net.model, options: options).plan.nodes.map { $0.kernel }
      #expect(kernels[0].hasPrefix("f32_winograd"), "\(shape) by \(columns)")
    }
    try expectReference(net.model, net.samples(1)[0], .float)
  }

  @Test func stridesDilationsAndThinLayersAreProducts() throws {
    let cases: [(channels: Int, conv: Conv2D, window: (Int, Int))] = [
      (64, Conv2D(strideHeight: 2, padding: Padding(all: 1)), (3, 3)),
      (64, Conv2D(strideWidth: 2, padding: Padding(all: 1)), (3, 3)), (64, Conv2D(dilationHeight: 2), (3, 3)),
      (64, Conv2D(dilationWidth: 2), (3, 3)), (64, Conv2D(groups: 2), (3, 3)), (64, Conv2D(), (3, 1)),
      (64, Conv2D(), (5, 5)), (3, Conv2D(), (3, 3)),
    ]
    for (channels, conv, window) in cases {
      var net = NetworkBuilder(seed: 3)
      net.output(try net.conv(net.input([1, 30, 30, channels]), 64, window, conv))
      let kernels = try Session(net.model).plan.nodes.map { $0.kernel }
      #expect(kernels[0].hasPrefix("f32_igemm"), "\(conv)")
    }
  }
}

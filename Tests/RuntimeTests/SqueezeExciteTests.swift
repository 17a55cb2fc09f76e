import Format
import TestSupport
import Testing

@testable import Runtime

/// Products by factors of channels that the convolution behind them makes, tile by tile: the bits of the graph as it stands.
@Suite struct SqueezeExciteTests {
  enum Reader: String, CaseIterable, Sendable {
    /// 1×1, in which rows are multiplied.
    case pointwise
    /// The same with the block's input added to its result, and a function behind it.
    case residual
    /// Two readers, two images, a window, groups, weights beyond the cache: a pass of its own.
    case shared, batch, window, strided, grouped, wide
    /// Both operands are whole tensors.
    case whole

    var multiplies: Bool { self == .pointwise || self == .residual }
  }

  private func network(_ reader: Reader, seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let channels = 2 * net.random.int(1...40)
    let input = net.input([
      reader == .batch ? 2 : 1, net.random.int(reader == .wide ? 12...12 : 2...9), net.random.int(5...12), 6,
    ])
    let x = try net.conv(input, channels, (1, 1))
    let mean = try net.apply(.globalAveragePool, [x])
    let squeezed = try net.conv(mean, net.random.int(1...9), (1, 1), Conv2D(activation: .relu))
    let factors = try net.apply(
      .activation(net.random.pick([.hardSigmoid, .sigmoid])), [try net.conv(squeezed, channels, (1, 1))])
    let y = try net.apply(.multiply, [x, reader == .whole ? x : factors])
    let columns = net.random.int(1...50)
    switch reader {
    case .pointwise, .batch, .whole: net.output(try net.conv(y, columns, (1, 1), Conv2D(activation: .relu6)))
    case .residual:
      let sum = try net.apply(.add(Add()), [try net.conv(y, channels, (1, 1)), x])
      net.output(try net.apply(.activation(.hardSwish), [sum]))
    case .shared:
      net.output(try net.conv(y, columns, (1, 1)))
      net.output(try net.conv(y, columns, (1, 1)))
    case .window: net.output(try net.conv(y, columns, (3, 3), Conv2D(padding: Padding(all: 1))))
    case .strided: net.output(try net.conv(y, columns, (1, 1), Conv2D(strideHeight: 2, strideWidth: 2)))
    case .grouped: net.output(try net.conv(y, 2 * columns, (1, 1), Conv2D(groups: 2)))
    case .wide: net.output(try net.conv(y, 1 << 17, (1, 1)))
    }
    return net
  }

  @Test(arguments: Reader.allCases.filter { $0 != .wide }, 0..<6 as Range<UInt64>)
  func blocksAreTheReference(reader: Reader, seed: UInt64) throws {
    var net = try network(reader, seed: seed)
    let sample = net.samples(1)[0]
    try expectReference(net.model, sample, .float)
    try expectReference(try net.int8(), sample, .exact)
  }

  @Test(arguments: Reader.allCases, 1...2) func theConvolutionMultiplies(reader: Reader, threads: Int) throws {
    var net = try network(reader, seed: 3)
    for model in reader == .wide ? [net.model] : [net.model, try net.int8()] {
      var options = SessionOptions(threads: threads)
      options.smallestPiece = 1
      // Lines that stages hand on are multiplied nowhere.
      options.usesPipelines = false
      let session = try Session(model, options: options)
      let product = try #require(session.graph.nodes.firstIndex { $0.op.name == "multiply" })
      #expect(session.stepsOfNode[product].isEmpty == (reader.multiplies && threads > 1))
    }
  }

  /// Weights quantized at run time want their whole input's range first.
  @Test func dynamicProductsDoNotMultiply() throws {
    var net = try network(.pointwise, seed: 5)
    let model = try net.model.dynamicallyQuantized()
    try expectReference(model, net.samples(1)[0], .float)
  }
}

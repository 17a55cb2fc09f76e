import Format
import TestSupport

extension NetworkBuilder {
  /// A random network over every operator that a float model may have: a chain on an image with side branches, then a
  /// head of dense layers.
  static func random(seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    var x = net.input([1, net.random.int(7...12), net.random.int(7...12), net.random.int(1...4)])
    x = try net.conv(x, net.random.int(2...4) * 2, (3, 3), Conv2D(padding: Padding(all: 1), activation: .relu))
    for _ in 0..<net.random.int(3...7) { x = try net.randomImageLayer(x) }
    x = try net.random.int(0...1) == 0 ? net.apply(.globalAveragePool, x) : x
    x = try net.dense(net.flatten(x), net.random.int(5...20), Dense(activation: .relu))
    if net.random.int(0...2) == 0 { x = try net.dense(net.apply(.softmax, x), 12) }
    x = try net.dense(x, net.random.int(2...10))
    net.output(net.random.int(0...1) == 0 ? x : try net.apply(.softmax, x))
    return net
  }

  private mutating func randomPadding(below window: (Int, Int)) -> Padding {
    Padding(
      top: random.int(0...(window.0 - 1)), left: random.int(0...(window.1 - 1)),
      bottom: random.int(0...(window.0 - 1)), right: random.int(0...(window.1 - 1)))
  }

  private mutating func randomActivation() -> FusedActivation {
    FusedActivation.allCases.randomElement(using: &random)!
  }

  private mutating func randomImageLayer(_ x: TensorIndex) throws -> TensorIndex {
    let (height, width, channels) = (shape(x)[1], shape(x)[2], shape(x)[3])
    let window = (random.int(1...min(3, height)), random.int(1...min(3, width)))
    let padding = randomPadding(below: window)
    switch random.int(0...9) {
    case 0:
      let groups = channels % 2 == 0 ? random.int(1...2) : 1
      let op = Conv2D(
        strideHeight: random.int(1...2), strideWidth: random.int(1...2), padding: padding, groups: groups,
        activation: randomActivation())
      return try conv(x, groups * random.int(1...5), window, op)
    case 1:
      let dilation = random.int(1...2)
      let op = Conv2D(
        dilationHeight: dilation, dilationWidth: dilation, padding: Padding(all: 2), activation: randomActivation())
      return try conv(x, random.int(1...8), window, op)
    case 2:
      let op = DepthwiseConv2D(strideHeight: random.int(1...2), padding: padding, activation: randomActivation())
      return try depthwise(x, multiplier: random.int(1...2), window, op)
    case 3, 4:
      let pool = Pool2D(
        windowHeight: window.0, windowWidth: window.1, strideHeight: random.int(1...2), strideWidth: 1,
        padding: padding)
      return try apply(random.int(0...1) == 0 ? .maxPool2D(pool) : .averagePool2D(pool), x)
    case 5 where random.bool():
      // Squeeze-and-excitation, or two branches of one size.
      let factors = random.bool() ? try apply(.globalAveragePool, x) : x
      return try apply(.multiply, x, try apply(.activation(.sigmoid), try conv(factors, channels, (1, 1), Conv2D())))
    case 5:
      let branch = try conv(x, channels, (1, 1), Conv2D())
      return try apply(.add(Add(activation: randomActivation())), x, branch)
    case 6:
      // One input is read by others too, one is not, and with luck both have ranges of their own.
      let branch = try apply(.activation(.sigmoid), try conv(x, random.int(1...3), (1, 1), Conv2D()))
      return try apply(.concat(Concat(axis: 3)), x, branch)
    case 7: return try apply(.activation(Activation.allCases.randomElement(using: &random)!), x)
    case 8: return try batchNorm(x)
    default: return try batchNorm(try apply(.activation(.tanh), x))
    }
  }
}

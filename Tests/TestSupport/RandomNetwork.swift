import Format

extension NetworkBuilder {
  /// A classifier like LeNet-5, for images of `side` × `side` × `channels`: convolutions, pools, dense layers, softmax.
  public static func lenet(seed: UInt64, side: Int = 12, channels: Int = 1) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let x = net.input([1, side, side, channels])
    let pool = Op.maxPool2D(Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2))
    var y = try net.conv(x, 6, (5, 5), Conv2D(padding: Padding(all: 2)))
    y = try net.apply(.activation(.relu), [y])
    y = try net.apply(pool, [y])
    y = try net.conv(y, 16, (3, 3), Conv2D(activation: .relu))
    y = try net.apply(pool, [y])
    y = try net.apply(.reshape, [y])
    y = try net.dense(y, 32, Dense(activation: .relu))
    y = try net.dense(y, 10)
    net.output(try net.apply(.softmax, [y]))
    return net
  }

  /// Inverted residual blocks like MobileNet v2's, with branches joined by concat, and batch-norms to fold.
  public static func mobile(seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let x = net.input([1, 17, 15, 3])
    var y = try net.conv(x, 8, (3, 3), Conv2D(strideHeight: 2, strideWidth: 2, padding: Padding(all: 1)))
    y = try net.apply(.activation(.relu6), [try net.batchNorm(y)])
    for _ in 0..<3 {
      var z = try net.conv(y, 24, (1, 1), Conv2D(activation: .relu6))
      z = try net.depthwise(z, (3, 3), DepthwiseConv2D(padding: Padding(all: 1)))
      z = try net.apply(.activation(.relu6), [try net.batchNorm(z)])
      z = try net.conv(z, net.shape(y)[3], (1, 1))
      y = try net.apply(.add(Add()), [y, z])
    }
    let left = try net.conv(y, 5, (1, 1), Conv2D(activation: .relu))
    let right = try net.conv(y, 7, (3, 3), Conv2D(padding: Padding(all: 1), activation: .relu))
    y = try net.apply(.concat(Concat(axis: 3)), [left, right])
    y = try net.apply(
      .averagePool2D(
        Pool2D(
          windowHeight: 3, windowWidth: 3, strideHeight: 2, strideWidth: 2,
          padding: Padding(top: 1, left: 0, bottom: 1, right: 1))), [y])
    y = try net.apply(.globalAveragePool, [y])
    y = try net.dense(try net.apply(.reshape, [y]), 10)
    net.output(try net.apply(.softmax, [y]))
    return net
  }

  /// A random network of branches over images of one size, of operators that dynamic int8 computes to the bit: what one
  /// tensor feeds, how long it is needed and what can share its memory is different for each seed.
  public static func branches(seed: UInt64) throws -> NetworkBuilder {
    var net = NetworkBuilder(seed: seed)
    let (height, width) = (net.random.int(2...7), net.random.int(2...7))
    var known: [TensorIndex] = []
    for _ in 0..<net.random.int(1...2) { known.append(net.input([1, height, width, net.random.int(1...6)])) }
    for _ in 0..<net.random.int(3...12) {
      let x = net.random.pick(known)
      let channels = net.shape(x)[3]
      switch net.random.int(0...6) {
      case 0, 1:
        let same = Conv2D(padding: Padding(all: 1), activation: net.random.pick(FusedActivation.allCases))
        known.append(try net.conv(x, net.random.int(1...9), (3, 3), same))
      case 2: known.append(try net.depthwise(x, (3, 3), DepthwiseConv2D(padding: Padding(all: 1))))
      case 3:
        let y = net.random.pick(known.filter { net.shape($0)[3] == channels })
        known.append(try net.apply(.add(Add(activation: net.random.pick(FusedActivation.allCases))), [x, y]))
      case 4: known.append(try net.apply(.concat(Concat(axis: 3)), [x, net.random.pick(known)]))
      case 5:
        let pool = Pool2D(
          windowHeight: 3, windowWidth: 3, strideHeight: 1, strideWidth: 1, padding: Padding(all: 1))
        known.append(try net.apply(.maxPool2D(pool), [x]))
      default: known.append(try net.apply(.activation(.relu), [x]))
      }
    }
    // Concat of one block each, whose operands can be written in place.
    let last = known.last!
    let flat = try net.apply(.reshape, [last])
    net.output(try net.apply(.concat(Concat(axis: 1)), [try net.dense(flat, 5), flat, try net.dense(flat, 3)]))
    if let other = known.dropLast().last, !net.graph.inputs.contains(other) { net.output(other) }
    return net
  }
}

// Operators in the file: code and attributes, both ways.

extension Op {
  /// The operator's code in the file. Codes keep their meaning, attributes included, for ever; an operator that changes
  /// gets a new one (docs/format.md, "Operators").
  var code: UInt16 {
    switch self {
    case .conv2D: 1
    case .depthwiseConv2D: 2
    case .dense: 3
    case .maxPool2D: 4
    case .averagePool2D: 5
    case .globalAveragePool: 6
    case .add: 7
    case .concat: 8
    case .activation(.leakyReLU): 18
    case .activation: 9
    case .softmax: 10
    case .batchNorm: 11
    case .reshape: 12
    case .quantize: 13
    case .dequantize: 14
    case .lookup: 15
    case .lookupSoftmax: 16
    case .multiply: 17
    case .embedding: 19
    case .recurrent: 20
    case .slice: 21
    case .transposedConv2D: 22
    case .resize: 23
    }
  }

  /// The minor version of the format that brought the operator.
  var minorVersion: UInt16 {
    switch self {
    case .conv2D, .depthwiseConv2D, .dense, .maxPool2D, .averagePool2D, .globalAveragePool, .add, .concat, .softmax,
      .batchNorm, .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax, .activation(.relu), .activation(.relu6),
      .activation(.sigmoid), .activation(.tanh):
      0
    case .embedding, .recurrent, .slice, .transposedConv2D, .resize, .activation(.threshold): 2
    case .multiply, .activation: 1
    }
  }
}

extension Activation {
  /// The function's code in operator 9; nil for the one that has an operator of its own, for it has an attribute.
  fileprivate var code: UInt8? {
    switch self {
    case .relu: 1
    case .relu6: 2
    case .sigmoid: 3
    case .tanh: 4
    case .hardSigmoid: 5
    case .hardSwish: 6
    case .gelu: 7
    case .silu: 8
    case .threshold: 9
    case .leakyReLU: nil
    }
  }
}

extension Model {
  /// The smallest minor version that has all that the model needs: that of its file.
  var minorVersion: UInt16 {
    let hasMore =
      decoder != nil || !graph.states.isEmpty || metadata.inputVocabulary != nil || metadata.vocabulary != nil
      || metadata.labeling != .whole || packed != nil
    return graph.nodes.reduce(hasMore ? 2 : 0) { max($0, $1.op.minorVersion) }
  }
}

extension ByteReader {
  /// An operator: u16 code, then the attributes of that code.
  mutating func op(_ field: String) throws(FormatError) -> Op {
    let code = try integer(field, as: UInt16.self)
    switch code {
    case 1:
      let window = try slidingWindow(field)
      let groups = try int(field)
      return .conv2D(
        Conv2D(
          strideHeight: window.strideHeight, strideWidth: window.strideWidth, dilationHeight: window.height,
          dilationWidth: window.width, padding: window.padding, groups: groups,
          activation: try self.code("fused activation")))
    case 2:
      let window = try slidingWindow(field)
      return .depthwiseConv2D(
        DepthwiseConv2D(
          strideHeight: window.strideHeight, strideWidth: window.strideWidth, dilationHeight: window.height,
          dilationWidth: window.width, padding: window.padding, activation: try self.code("fused activation")))
    case 3: return .dense(Dense(activation: try self.code("fused activation")))
    case 4: return .maxPool2D(try pool(field))
    case 5: return .averagePool2D(try pool(field))
    case 6: return .globalAveragePool
    case 7: return .add(Add(activation: try self.code("fused activation")))
    case 8: return .concat(Concat(axis: Int(try integer("concat axis", as: UInt8.self))))
    case 9: return .activation(try activation())
    case 10: return .softmax
    case 11: return .batchNorm(BatchNorm(epsilon: try float("batch_norm epsilon")))
    case 12: return .reshape
    case 13: return .quantize
    case 14: return .dequantize
    case 15: return .lookup
    case 16: return .lookupSoftmax
    case 17: return .multiply
    case 18: return .activation(.leakyReLU(slope: try float("leaky_relu slope")))
    case 19: return .embedding
    case 20:
      let cell = try self.code("recurrent cell", as: Recurrent.Cell.self)
      return .recurrent(Recurrent(cell: cell, isReversed: try flag("recurrent, reversed")))
    case 21:
      let axis = Int(try integer("slice axis", as: UInt8.self))
      let start = try int("slice start")
      return .slice(Slice(axis: axis, start: start, count: try int("slice count")))
    case 22: return .transposedConv2D(try transposedConv2D(field))
    case 23:
      let mode = try self.code("resize mode", as: Resize.Mode.self)
      let height = try int("resize height")
      return .resize(Resize(mode: mode, height: height, width: try int("resize width")))
    default:
      throw .invalid(
        what: place(field), expected: "an operator of version \(Container.versionText), 1 to 23", found: "\(code)")
    }
  }

  /// The attribute of operator 9.
  private mutating func activation() throws(FormatError) -> Activation {
    let code = try integer("activation", as: UInt8.self)
    for activation in Activation.allCases where activation.code == code { return activation }
    throw .invalid(
      what: place("activation"), expected: "a code of version \(Container.versionText)", found: "\(code)")
  }

  /// What convolutions and pools have in common: strides, then dilations or the window's size, then paddings.
  private mutating func slidingWindow(
    _ field: String
  ) throws(FormatError) -> (strideHeight: Int, strideWidth: Int, height: Int, width: Int, padding: Padding) {
    let strideHeight = try short(field)
    let strideWidth = try short(field)
    let height = try short(field)
    let width = try short(field)
    let top = try short(field)
    let left = try short(field)
    let bottom = try short(field)
    let right = try short(field)
    return (
      strideHeight, strideWidth, height, width, Padding(top: top, left: left, bottom: bottom, right: right)
    )
  }

  private mutating func pool(_ field: String) throws(FormatError) -> Pool2D {
    let window = try slidingWindow(field)
    return Pool2D(
      windowHeight: window.height, windowWidth: window.width, strideHeight: window.strideHeight,
      strideWidth: window.strideWidth, padding: window.padding)
  }

  private mutating func transposedConv2D(_ field: String) throws(FormatError) -> TransposedConv2D {
    let strideHeight = try short(field)
    let strideWidth = try short(field)
    let top = try short(field)
    let left = try short(field)
    let bottom = try short(field)
    let right = try short(field)
    return TransposedConv2D(
      strideHeight: strideHeight, strideWidth: strideWidth,
      padding: Padding(top: top, left: left, bottom: bottom, right: right),
      activation: try code("fused activation"))
  }

  private mutating func short(_ field: String) throws(FormatError) -> Int { Int(try integer(field, as: UInt16.self)) }
}

extension Padding {
  /// In the file's order.
  fileprivate var sides: [Int] { [top, left, bottom, right] }
}

extension ByteWriter {
  /// What `ByteReader.op` reads.
  mutating func put(_ op: Op) {
    put(op.code)
    switch op {
    case .conv2D(let conv):
      putWindow(conv.strideHeight, conv.strideWidth, conv.dilationHeight, conv.dilationWidth, conv.padding)
      put(int: conv.groups)
      put(conv.activation.rawValue)
    case .depthwiseConv2D(let conv):
      putWindow(conv.strideHeight, conv.strideWidth, conv.dilationHeight, conv.dilationWidth, conv.padding)
      put(conv.activation.rawValue)
    case .dense(let dense): put(dense.activation.rawValue)
    case .maxPool2D(let pool), .averagePool2D(let pool):
      putWindow(pool.strideHeight, pool.strideWidth, pool.windowHeight, pool.windowWidth, pool.padding)
    case .add(let add): put(add.activation.rawValue)
    case .concat(let concat): put(UInt8(concat.axis))
    case .activation(.leakyReLU(let slope)): put(slope)
    case .activation(let activation): if let code = activation.code { put(code) }
    case .batchNorm(let norm): put(norm.epsilon)
    case .recurrent(let recurrent):
      put(recurrent.cell.rawValue)
      put(recurrent.isReversed ? 1 as UInt8 : 0)
    case .slice(let slice):
      put(UInt8(slice.axis))
      put(int: slice.start)
      put(int: slice.count)
    case .transposedConv2D(let conv):
      putShorts([conv.strideHeight, conv.strideWidth])
      putShorts(conv.padding.sides)
      put(conv.activation.rawValue)
    case .resize(let resize):
      put(resize.mode.rawValue)
      put(int: resize.height)
      put(int: resize.width)
    case .globalAveragePool, .multiply, .softmax, .reshape, .quantize, .dequantize, .lookup, .lookupSoftmax,
      .embedding:
      break
    }
  }

  private mutating func putWindow(
    _ strideHeight: Int, _ strideWidth: Int, _ height: Int, _ width: Int, _ padding: Padding
  ) {
    putShorts([strideHeight, strideWidth, height, width])
    putShorts(padding.sides)
  }

  private mutating func putShorts(_ values: [Int]) {
    for value in values { put(UInt16(value)) }
  }
}

// Element types and quantization: which combinations each operator takes.

extension Op {
  /// Checks element types, quantization and the values of constants. Shapes fit already (`Graph.outputShapes`).
  func verifyTypes(inputs: [Tensor], outputs: [Tensor]) throws(FormatError) {
    // More than one output has only the recurrent layer: a state, in f32.
    for state in outputs.dropFirst() where state.type != .f32 {
      throw .invalid(what: "\(name), type of state", expected: "f32", found: state.type.name)
    }
    try verifyTypes(inputs: inputs, output: outputs[0])
  }

  private func verifyTypes(inputs: [Tensor], output: Tensor) throws(FormatError) {
    let x = inputs[0]
    switch self {
    case .conv2D:
      let shape = inputs[1].shape
      try verifyLinear(
        inputs, output, channelAxis: 0, products: [shape[1], shape[2], shape[3]])
    case .depthwiseConv2D:
      let shape = inputs[1].shape
      try verifyLinear(inputs, output, channelAxis: 2, products: [shape[0], shape[1]])
    case .dense:
      try verifyLinear(inputs, output, channelAxis: 0, products: [x.shape[1]])
    case .maxPool2D: try verifySame(inputs, output)
    case .averagePool2D(let pool):
      try verifySame(inputs, output)
      try verifyMean(x, [pool.windowHeight, pool.windowWidth])
    case .globalAveragePool:
      try verifySame(inputs, output)
      try verifyMean(x, [x.shape[1], x.shape[2]])
    case .add, .multiply: try verifyTypes(inputs, output, [output.type, output.type], output.type)
    case .concat, .reshape: try verifySame(inputs, output)
    case .activation, .softmax: try verifyTypes(inputs, output, [.f32], .f32)
    case .batchNorm:
      try verifyTypes(inputs, output, [.f32, .f32, .f32, .f32, .f32], .f32)
      guard inputs[4].constant?.isNonNegative == true else {
        throw .invalid(what: "\(name) variance", expected: "no negative number", found: "one")
      }
    case .quantize: try verifyTypes(inputs, output, [.f32], .s8)
    case .dequantize: try verifyTypes(inputs, output, [.s8], .f32)
    case .lookup: try verifyTypes(inputs, output, [.s8, .s8], .s8)
    case .lookupSoftmax:
      try verifyTypes(inputs, output, [.s8, .s32], .f32)
      // The maximum of each row looks up element 0, so the sum is positive.
      guard let table = inputs[1].constant, table.isWithin(0...Int32.max), table.elements(as: Int32.self)[0] > 0 else {
        throw .invalid(what: "\(name) table", expected: "no negative number, and a positive first one", found: "others")
      }
    case .embedding: try verifyEmbedding(inputs, output)
    case .recurrent: try verifyRecurrent(inputs, output)
    case .slice, .resize: try verifySame(inputs, output)
    case .transposedConv2D(let conv):
      let shape = inputs[1].shape
      try verifyLinear(
        inputs, output, channelAxis: 0, products: conv.places(height: shape[1], width: shape[2]) + [shape[3]])
    }
  }

  /// Float; s8 rows as they are; or f32 rows of s8 weights with a scale for each row.
  private func verifyEmbedding(_ inputs: [Tensor], _ output: Tensor) throws(FormatError) {
    let weights = inputs[1]
    guard weights.type == .s8 else { return try verifyTypes(inputs, output, [.f32, .f32], .f32) }
    let isPerRow = weights.quantization?.axis != nil
    try verifyTypes(inputs, output, [.f32, .s8], isPerRow ? .f32 : .s8)
    if isPerRow { return try verifyRows(weights) }
    guard weights.quantization != nil, weights.quantization == output.quantization else {
      throw .invalid(what: "\(name), quantization of output", expected: "that of the weights", found: "another")
    }
  }

  /// Float, or dynamic: s8 weights with a scale for each row, everything else f32.
  private func verifyRecurrent(_ inputs: [Tensor], _ output: Tensor) throws(FormatError) {
    var types = [ElementType](repeating: .f32, count: inputs.count)
    if inputs[1].type == .s8 { (types[1], types[2]) = (.s8, .s8) }
    try verifyTypes(inputs, output, types, .f32)
    if inputs[1].type == .s8 {
      for weights in inputs[1...2] { try verifyRows(weights) }
    }
  }

  /// s8 weights [rows, columns], symmetric, with a scale for each row; few enough columns for one sum.
  private func verifyRows(_ weights: Tensor) throws(FormatError) {
    guard weights.quantization?.axis == 0 else {
      throw .invalid(what: "\(name), quantization of weights", expected: "one scale per row", found: "another")
    }
    try verifySymmetric(weights, products: weights.shape[1])
  }

  private func verifyTypes(
    _ inputs: [Tensor], _ output: Tensor, _ inputTypes: [ElementType], _ outputType: ElementType
  ) throws(FormatError) {
    for (position, type) in inputTypes.enumerated() where inputs[position].type != type {
      throw .invalid(
        what: "\(name), type of input \(position)", expected: type.name, found: inputs[position].type.name)
    }
    guard output.type == outputType else {
      throw .invalid(what: "\(name), type of output", expected: outputType.name, found: output.type.name)
    }
  }

  /// Inputs and output of one type and one quantization: operators that only move or average elements.
  private func verifySame(_ inputs: [Tensor], _ output: Tensor) throws(FormatError) {
    for input in inputs {
      guard input.type == output.type else {
        throw .invalid(what: "\(name), type of output", expected: input.type.name, found: output.type.name)
      }
      guard input.quantization == output.quantization else {
        throw .invalid(what: "\(name), quantization of output", expected: "that of every input", found: "another")
      }
    }
  }

  private func verifyMean(_ x: Tensor, _ window: [Int]) throws(FormatError) {
    let count = Int64(window[0]) * Int64(window[1])
    guard x.type != .s8 || count <= Limits.quantizedMean else {
      throw .invalid(
        what: "\(name), elements in one s8 mean", expected: "at most \(Limits.quantizedMean)", found: "\(count)")
    }
  }

  /// Convolutions and matrix products: float, s8, or dynamic (f32 activations quantized at run time, s8 weights).
  ///
  /// `products` has the dimensions whose product is the number of products in one sum.
  private func verifyLinear(
    _ inputs: [Tensor], _ output: Tensor, channelAxis: Int, products: [Int]
  ) throws(FormatError) {
    let weights = inputs[1]
    let biasType: ElementType
    switch (inputs[0].type, weights.type) {
    case (.f32, .f32), (.f32, .s8): biasType = .f32
    case (.s8, .s8): biasType = .s32
    default:
      throw .invalid(
        what: "\(name), types of input and weights", expected: "f32 and f32, s8 and s8, or f32 and s8",
        found: "\(inputs[0].type.name) and \(weights.type.name)")
    }
    guard output.type == inputs[0].type else {
      throw .invalid(what: "\(name), type of output", expected: inputs[0].type.name, found: output.type.name)
    }
    if inputs.count > 2 {
      guard inputs[2].type == biasType else {
        throw .invalid(what: "\(name), type of bias", expected: biasType.name, found: inputs[2].type.name)
      }
      guard biasType == .f32 || inputs[2].constant?.isWithin(-Limits.bias...Limits.bias) == true else {
        throw .invalid(what: "\(name) bias", expected: "magnitudes of at most 2^30", found: "a larger one")
      }
    }
    guard weights.type == .s8 else { return }
    guard weights.quantization?.axis == channelAxis else {
      throw .invalid(
        what: "\(name), quantization of weights", expected: "one scale per output channel", found: "another")
    }
    // Safe: the product is at most the weights' element count.
    try verifySymmetric(weights, products: products.reduce(1, *))
  }

  private func verifySymmetric(_ weights: Tensor, products count: Int) throws(FormatError) {
    guard weights.constant?.isSymmetric == true else {
      throw .invalid(what: "\(name) weights", expected: "numbers from -127 to 127", found: "-128")
    }
    guard count <= Limits.quantizedProducts else {
      throw .invalid(
        what: "\(name), products in one s8 sum", expected: "at most \(Limits.quantizedProducts)", found: "\(count)")
    }
  }
}

extension Op {
  /// The operator's name for people, as "conv2d" or "relu".
  public var name: String {
    switch self {
    case .conv2D: "conv2d"
    case .depthwiseConv2D: "depthwise_conv2d"
    case .dense: "dense"
    case .maxPool2D: "max_pool2d"
    case .averagePool2D: "average_pool2d"
    case .globalAveragePool: "global_average_pool"
    case .add: "add"
    case .multiply: "multiply"
    case .concat: "concat"
    case .activation(let activation): activation.name
    case .softmax: "softmax"
    case .batchNorm: "batch_norm"
    case .reshape: "reshape"
    case .quantize: "quantize"
    case .dequantize: "dequantize"
    case .lookup: "lookup"
    case .lookupSoftmax: "lookup_softmax"
    case .embedding: "embedding"
    case .recurrent(let recurrent): recurrent.cell.name
    case .slice: "slice"
    case .transposedConv2D: "transposed_conv2d"
    case .resize: "resize"
    }
  }
}

extension Activation {
  /// The function's name for people.
  public var name: String {
    switch self {
    case .relu: "relu"
    case .relu6: "relu6"
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .hardSigmoid: "hard_sigmoid"
    case .hardSwish: "hard_swish"
    case .gelu: "gelu"
    case .silu: "silu"
    case .leakyReLU: "leaky_relu"
    case .threshold: "threshold"
    }
  }
}

extension Recurrent.Cell {
  /// The cell's name for people.
  public var name: String {
    switch self {
    case .rnn: "rnn"
    case .lstm: "lstm"
    case .gru: "gru"
    }
  }
}

extension ElementType {
  /// The type's name for people.
  public var name: String {
    switch self {
    case .f32: "f32"
    case .s8: "s8"
    case .s32: "s32"
    case .u8: "u8"
    }
  }
}

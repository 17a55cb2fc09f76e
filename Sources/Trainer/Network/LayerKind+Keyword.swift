import Format

extension LayerKind {
  /// The word that starts the layer's line in a description.
  public var keyword: String {
    switch self {
    case .convolution: "conv"
    case .depthwise: "depthwise"
    case .transposedConvolution: "transposedconv"
    case .dense: "dense"
    case .maxPool: "maxpool"
    case .averagePool: "avgpool"
    case .globalAveragePool: "globalavgpool"
    case .batchNorm: "batchnorm"
    case .activation(let activation): activation.keyword
    case .flatten: "flatten"
    case .dropout: "dropout"
    case .softmax: "softmax"
    case .add: "add"
    case .multiply: "multiply"
    case .concat: "concat"
    case .sequence: "sequence"
    case .embedding: "embedding"
    case .recurrent(let description): description.cell.name
    case .step(let end): end.rawValue
    case .input: "input"
    }
  }

  static let keywords =
    ["conv", "depthwise", "transposedconv", "dense", "maxpool", "avgpool", "globalavgpool", "batchnorm"]
    + Activation.allCases.map(\.keyword) + ["flatten", "dropout", "softmax", "add", "multiply", "concat"]
    + ["sequence", "embedding"] + Recurrent.Cell.allCases.map(\.name) + ["first", "last", "input"]
}

extension Activation {
  /// The word for it in a description.
  var keyword: String {
    switch self {
    case .relu: "relu"
    case .relu6: "relu6"
    case .sigmoid: "sigmoid"
    case .tanh: "tanh"
    case .hardSigmoid: "hardsigmoid"
    case .hardSwish: "hardswish"
    case .gelu: "gelu"
    case .silu: "silu"
    case .leakyReLU: "leakyrelu"
    case .threshold: "threshold"
    }
  }

  /// The words for activations, and for none, among a layer's options.
  static var optionKeywords: [String] { ["linear"] + allCases.map(\.keyword) }

  /// What follows the keyword: a slope other than that of `allCases`.
  var arguments: [String] {
    guard case .leakyReLU(let slope) = self, !Activation.allCases.contains(self) else { return [] }
    return ["\(slope)"]
  }

  init?(keyword: String) {
    guard let found = Activation.allCases.first(where: { $0.keyword == keyword }) else { return nil }
    self = found
  }
}

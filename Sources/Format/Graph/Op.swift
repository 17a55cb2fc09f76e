/// Zero padding in elements, on each side of an image.
public struct Padding: Equatable, Sendable {
  public var top: Int
  public var left: Int
  public var bottom: Int
  public var right: Int

  public init(top: Int, left: Int, bottom: Int, right: Int) {
    self.top = top
    self.left = left
    self.bottom = bottom
    self.right = right
  }

  public init(all: Int = 0) { self.init(top: all, left: all, bottom: all, right: all) }
}

/// A clamp that a linear operator applies to its result: what is left of a ReLU that was fused into it.
public enum FusedActivation: UInt8, Sendable, CaseIterable {
  case none = 0
  case relu = 1
  case relu6 = 2

  /// The real interval that results are clamped to.
  public var bounds: ClosedRange<Float> {
    switch self {
    case .none: -.infinity ... .infinity
    case .relu: 0 ... .infinity
    case .relu6: 0...6
    }
  }
}

/// An element-wise function of one tensor.
public enum Activation: Hashable, Sendable {
  case relu
  case relu6
  case sigmoid
  case tanh
  /// ReLU6(x + 3) / 6: a sigmoid of straight lines (Howard et al. 2019).
  case hardSigmoid
  /// x · ReLU6(x + 3) / 6 (Howard et al. 2019).
  case hardSwish
  /// x / 2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))), which is within 0.0005 of x times the normal distribution function
  /// (Hendrycks and Gimpel 2016).
  case gelu
  /// x · sigmoid(x), also called swish (Ramachandran et al. 2017).
  case silu
  /// x where it is positive, `slope` · x elsewhere (Maas et al. 2013); `slope` is in 0 … 1.
  case leakyReLU(slope: Float)
  /// 1 where x > 0, 0 elsewhere (NaN included): the threshold unit of McCulloch and Pitts 1943.
  case threshold
}

extension Activation: CaseIterable {
  /// Each function once, the leaky ReLU with its usual slope of 0.01.
  public static let allCases: [Activation] = [
    .relu, .relu6, .sigmoid, .tanh, .hardSigmoid, .hardSwish, .gelu, .silu, .threshold,
    .leakyReLU(slope: 0.01),
  ]
}

/// Two-dimensional convolution: inputs `x` [N, H, W, C], `weights` [O, KH, KW, C/groups], and optionally `bias` [O].
///
/// Output height is (H + top + bottom − dilationHeight·(KH − 1) − 1) / strideHeight + 1, width likewise. It is a
/// cross-correlation, as everywhere in this field: the weights are not mirrored.
public struct Conv2D: Equatable, Sendable {
  public var strideHeight: Int
  public var strideWidth: Int
  public var dilationHeight: Int
  public var dilationWidth: Int
  public var padding: Padding
  public var groups: Int
  public var activation: FusedActivation

  public init(
    strideHeight: Int = 1, strideWidth: Int = 1, dilationHeight: Int = 1, dilationWidth: Int = 1,
    padding: Padding = Padding(), groups: Int = 1, activation: FusedActivation = .none
  ) {
    self.strideHeight = strideHeight
    self.strideWidth = strideWidth
    self.dilationHeight = dilationHeight
    self.dilationWidth = dilationWidth
    self.padding = padding
    self.groups = groups
    self.activation = activation
  }
}

/// Convolution of each channel on its own: inputs `x` [N, H, W, C], `weights` [KH, KW, C·M], and optionally `bias`
/// [C·M]. Output channel c·M + m sees input channel c; M is the depth multiplier.
public struct DepthwiseConv2D: Equatable, Sendable {
  public var strideHeight: Int
  public var strideWidth: Int
  public var dilationHeight: Int
  public var dilationWidth: Int
  public var padding: Padding
  public var activation: FusedActivation

  public init(
    strideHeight: Int = 1, strideWidth: Int = 1, dilationHeight: Int = 1, dilationWidth: Int = 1,
    padding: Padding = Padding(), activation: FusedActivation = .none
  ) {
    self.strideHeight = strideHeight
    self.strideWidth = strideWidth
    self.dilationHeight = dilationHeight
    self.dilationWidth = dilationWidth
    self.padding = padding
    self.activation = activation
  }
}

/// A matrix product: inputs `x` [N, I], `weights` [O, I], and optionally `bias` [O]; output [N, O].
public struct Dense: Equatable, Sendable {
  public var activation: FusedActivation

  public init(activation: FusedActivation = .none) { self.activation = activation }
}

/// A window that slides over an image [N, H, W, C]. Padding is outside the picture: it is never the maximum and it
/// does not count in a mean. Each padding is smaller than the window, so that no window lies wholly outside.
public struct Pool2D: Equatable, Sendable {
  public var windowHeight: Int
  public var windowWidth: Int
  public var strideHeight: Int
  public var strideWidth: Int
  public var padding: Padding

  public init(
    windowHeight: Int, windowWidth: Int, strideHeight: Int, strideWidth: Int, padding: Padding = Padding()
  ) {
    self.windowHeight = windowHeight
    self.windowWidth = windowWidth
    self.strideHeight = strideHeight
    self.strideWidth = strideWidth
    self.padding = padding
  }
}

/// Sum of two tensors of one shape.
public struct Add: Equatable, Sendable {
  public var activation: FusedActivation

  public init(activation: FusedActivation = .none) { self.activation = activation }
}

/// Two or more tensors joined along dimension `axis`; all other dimensions are equal.
public struct Concat: Equatable, Sendable {
  public var axis: Int

  public init(axis: Int) { self.axis = axis }
}

/// y = gamma · (x − mean) / √(variance + epsilon) + beta per channel (the last dimension): inputs `x`, `gamma`, `beta`,
/// `mean`, `variance`, the last four of shape [C].
public struct BatchNorm: Equatable, Sendable {
  public var epsilon: Float

  public init(epsilon: Float = 1e-5) { self.epsilon = epsilon }
}

/// An operator with its attributes. What its inputs and outputs are is told at each payload; adding a case makes the
/// compiler point at every place that has to know it (docs/adding-an-operator.md).
public enum Op: Equatable, Sendable {
  case conv2D(Conv2D)
  case depthwiseConv2D(DepthwiseConv2D)
  case dense(Dense)
  case maxPool2D(Pool2D)
  case averagePool2D(Pool2D)
  /// The mean over height and width: [N, H, W, C] → [N, 1, 1, C].
  case globalAveragePool
  case add(Add)
  /// Product of two tensors, element by element: `b` has the shape of `a`, or, where `a` is [N, H, W, C], that of one
  /// factor per image and channel, [N, 1, 1, C].
  case multiply
  case concat(Concat)
  case activation(Activation)
  /// exp(x − max) / Σ exp(x − max) over the last dimension; f32.
  case softmax
  case batchNorm(BatchNorm)
  /// The same elements in the output tensor's shape. Flatten is the reshape to [N, everything else].
  case reshape
  /// f32 → s8 with the output's quantization.
  case quantize
  /// s8 → f32 with the input's quantization.
  case dequantize
  /// s8 → s8 through a table: inputs `x` and `table` s8 [256], output table[x + 128]. Every element-wise function of
  /// an s8 tensor is one of these (docs/quantization.md).
  case lookup
  /// Softmax of s8 over the last dimension by a table: inputs `x` and `table` s32 [256] of non-negative integers,
  /// output f32 table[max − x] / Σ table[max − x] (docs/quantization.md).
  case lookupSoftmax
  /// Rows of a table by their numbers: inputs `x` f32 [N, H, W, 1] and `weights` [V, D]; output [N, H, W, D]. Whole numbers
  /// in 0 ..< V are rows (a fraction is cut off), everything else, NaN included, is row 0, which so stands for what is unknown.
  case embedding
  case recurrent(Recurrent)
  case slice(Slice)
  case transposedConv2D(TransposedConv2D)
  case resize(Resize)
}

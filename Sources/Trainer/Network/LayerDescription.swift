import Format

/// Height, width and channels of one image in a network, NHWC without the N. A vector is 1 × 1 × length.
public struct ImageShape: Equatable, Sendable, CustomStringConvertible {
  public var height: Int
  public var width: Int
  public var channels: Int

  public init(height: Int, width: Int, channels: Int) {
    self.height = height
    self.width = width
    self.channels = channels
  }

  /// Number of elements.
  public var count: Int { height * width * channels }

  public var description: String { "\(height)x\(width)x\(channels)" }
}

/// Two extents of an image: a window, a stride, a dilation.
public struct Extent: Equatable, Sendable {
  public var height: Int
  public var width: Int

  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  public init(_ both: Int) { self.init(height: both, width: both) }
}

/// Padding as it is asked for.
public enum PaddingRule: Equatable, Sendable {
  case explicit(Padding)
  /// As much as makes the output ⌈input / stride⌉; where that is an odd number, the larger half is at the bottom and
  /// right.
  case same
}

/// Where weights start. Biases start at 0; fan-in and fan-out count connections of one output and one input.
public enum WeightInit: Equatable, Sendable {
  /// N(0, 2 / fan-in) (He et al. 2015); the default before ReLU and its like: all
  /// activations that are no sigmoids.
  case he
  /// N(0, 2 / (fan-in + fan-out)) (Glorot and Bengio 2010); the default elsewhere.
  case xavier
  /// N(0, σ²)
  case normal(deviation: Float)
}

/// A convolution; also the common part of a depthwise one, where `outputs` is the depth multiplier.
public struct ConvolutionDescription: Equatable, Sendable {
  public var kernel: Extent
  public var outputs: Int
  public var stride = Extent(1)
  public var dilation = Extent(1)
  public var padding = PaddingRule.explicit(Padding())
  public var groups = 1
  public var hasBias = true
  public var activation: Activation?
  public var weightInit: WeightInit?

  public init(
    kernel: Extent, outputs: Int, stride: Extent = Extent(1), dilation: Extent = Extent(1),
    padding: PaddingRule = .explicit(Padding()), groups: Int = 1, hasBias: Bool = true, activation: Activation? = nil,
    weightInit: WeightInit? = nil
  ) {
    self.kernel = kernel
    self.outputs = outputs
    self.stride = stride
    self.dilation = dilation
    self.padding = padding
    self.groups = groups
    self.hasBias = hasBias
    self.activation = activation
    self.weightInit = weightInit
  }
}

public struct DenseDescription: Equatable, Sendable {
  public var outputs: Int
  public var hasBias: Bool
  public var activation: Activation?
  public var weightInit: WeightInit?

  public init(outputs: Int, hasBias: Bool = true, activation: Activation? = nil, weightInit: WeightInit? = nil) {
    self.outputs = outputs
    self.hasBias = hasBias
    self.activation = activation
    self.weightInit = weightInit
  }
}

public struct PoolDescription: Equatable, Sendable {
  public var window: Extent
  public var stride: Extent
  public var padding: PaddingRule

  /// - Parameter stride: the window if nil.
  public init(window: Extent, stride: Extent? = nil, padding: PaddingRule = .explicit(Padding())) {
    self.window = window
    self.stride = stride ?? window
    self.padding = padding
  }
}

public struct BatchNormDescription: Equatable, Sendable {
  /// Share of a step's statistics in the running ones.
  public var momentum: Float
  public var epsilon: Float
  public var activation: Activation?

  public init(momentum: Float = 0.1, epsilon: Float = 1e-5, activation: Activation? = nil) {
    self.momentum = momentum
    self.epsilon = epsilon
    self.activation = activation
  }
}

/// What a layer computes.
public enum LayerKind: Equatable, Sendable {
  case convolution(ConvolutionDescription)
  /// `outputs` is the depth multiplier, `groups` is not used.
  case depthwise(ConvolutionDescription)
  /// `dilation` and `groups` are not used; `PaddingRule.same` makes the output input × stride.
  case transposedConvolution(ConvolutionDescription)
  case dense(DenseDescription)
  case maxPool(PoolDescription)
  case averagePool(PoolDescription)
  case globalAveragePool
  case batchNorm(BatchNormDescription)
  case activation(Activation)
  case flatten
  /// Each element is 0 with probability `rate`, else divided by 1 − rate; the identity outside training.
  case dropout(rate: Float)
  /// Only as the last layer, with `Loss.softmaxCrossEntropy`.
  case softmax
  case add(activation: Activation?)
  /// One of the two may have one factor per channel, 1 × 1 × C.
  case multiply
  /// Along channels.
  case concat
  /// The rows of an image as the steps of a sequence: H × W × C → H × 1 × (W·C).
  case sequence
  case embedding(EmbeddingDescription)
  case recurrent(RecurrentDescription)
  /// One step of a sequence.
  case step(SequenceEnd)
  /// A further input of the network, beside the first.
  case input(ImageShape)
}

/// One layer: its kind, its name and what it reads.
public struct LayerDescription: Equatable, Sendable {
  /// Unique; what others refer to. Empty: it gets one when the network is built, as "conv2".
  public var name: String
  public var kind: LayerKind
  /// Names of the layers it reads, or "input". Empty: the layer before. `add` with one name adds it to the layer
  /// before; so do `multiply` and `concat`.
  public var inputs: [String]
  /// Line of the description's text; 0 if made in code.
  public var line: Int

  public init(_ kind: LayerKind, name: String = "", inputs: [String] = [], line: Int = 0) {
    self.name = name
    self.kind = kind
    self.inputs = inputs
    self.line = line
  }

  /// Equal but for the place in the text.
  public static func == (a: LayerDescription, b: LayerDescription) -> Bool {
    a.name == b.name && a.kind == b.kind && a.inputs == b.inputs
  }
}

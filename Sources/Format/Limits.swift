/// How large things in a model may be. The verifier enforces these, so that whatever a file says, loading and running
/// it takes bounded memory and time.
///
/// Every limit on elements and bytes keeps single tensors addressable with the 32-bit `Int` of armv7.
public enum Limits {
  public static let tensors = 1 << 16
  public static let nodes = 1 << 16
  /// Inputs, and outputs, of a graph.
  public static let endpoints = 64
  /// Inputs of one node.
  public static let nodeInputs = 256
  /// Outputs of one node.
  public static let nodeOutputs = 2
  public static let rank = 6
  public static let dimension = 1 << 24
  /// Elements of one tensor.
  public static let elements = 1 << 28
  /// Bytes of all activations together, even where they could share memory.
  public static let activationBytes: Int64 = 1 << 30
  /// Bytes of all constants together, counted once for each node that uses them: each may keep a packed copy.
  public static let constantBytes: Int64 = 1 << 30
  /// Multiply-accumulates of linear operators plus elements read by pooling windows, over the whole graph.
  public static let operations: Int64 = 1 << 40
  /// Strides, dilations, windows; paddings may also be 0.
  public static let extent = 65_535
  /// Products in one s8 sum (KH·KW·C/groups, or I): with it and `bias`, s32 accumulators cannot overflow.
  public static let quantizedProducts = 32_768
  /// The largest magnitude of an s32 bias.
  public static let bias: Int32 = 1 << 30
  /// Elements in the mean of s8 values, so that their s32 sum cannot overflow.
  public static let quantizedMean = 1 << 23
  /// Bytes of a name, a label or another text, as UTF-8.
  public static let textBytes = 4096
  /// Labels, and tokens of a vocabulary.
  public static let labels = 1 << 20
  /// Tokens of a decoder's answer.
  public static let answerLength = 65_535
  /// Width and height of a preprocessed image.
  public static let imageSide = 1 << 14
}

extension Quantization {
  /// The scales a model may have: products and quotients of any three of them are finite normal floats, which no CPU
  /// flushes to zero.
  public static let scales: ClosedRange<Float> = 0x1p-40...0x1p40
}

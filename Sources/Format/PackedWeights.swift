/// Weights in the order in which one instruction set's kernels read them, made ahead of time (`edgetrain pack`): a session
/// uses them where they lie in the file. They repeat what the graph's constants say, which stay for every other CPU.
public struct PackedWeights: Sendable {
  /// What the order of a node's packed weights follows from, beside the node. Equal layouts of one node are equal bytes,
  /// whatever instruction set they were made for. docs/format.md, "Packed section", shows the orders.
  public struct Layout: Equatable, Sendable {
    public enum Form: UInt8, Sendable {
      /// Panels of a matrix product.
      case product = 1
      /// The 36 products of a convolution by Winograd's tiles.
      case winograd = 2
      /// Blocks of channels of a depthwise convolution.
      case depthwise = 3
      /// The 36 products of an s8 convolution by Winograd's tiles, in s16.
      case integerWinograd = 4
    }

    public var form: Form
    /// Columns of a panel, channels of a block.
    public var columns: UInt8
    /// Products, or taps, of a column that lie together.
    public var group: UInt8
    /// Vectors that the columns of a panel of s8 weights are spread over.
    public var vectors: UInt8
    /// What the kernel adds to s8 inputs.
    public var inputBias: UInt8
    /// Depthwise: the taps that the kernel was made for, 0 for any.
    public var windowTaps: UInt8
    /// Neighbouring output pixels whose columns are side by side, as if they were channels of one.
    public var pixels: UInt8
    /// Products: how a window is cut.
    public var taps: UInt32
    public var depth: UInt32

    public init(
      form: Form, columns: UInt8, group: UInt8, vectors: UInt8, inputBias: UInt8, windowTaps: UInt8, pixels: UInt8,
      taps: UInt32, depth: UInt32
    ) {
      self.form = form
      self.columns = columns
      self.group = group
      self.vectors = vectors
      self.inputBias = inputBias
      self.windowTaps = windowTaps
      self.pixels = pixels
      self.taps = taps
      self.depth = depth
    }
  }

  /// The weights of one node.
  public struct Block: Sendable {
    /// Which node of the model's graph.
    public var node: Int
    public var layout: Layout
    /// Aligned to 64 bytes.
    public var contents: Constant

    public init(node: Int, layout: Layout, contents: Constant) {
      self.node = node
      self.layout = layout
      self.contents = contents
    }
  }

  /// The instruction set that they were made for, as "avx512vnni".
  public var instructionSet: String
  /// By node, ascending.
  public var blocks: [Block]

  public init(instructionSet: String, blocks: [Block]) {
    self.instructionSet = instructionSet
    self.blocks = blocks
  }

  public var byteCount: Int { blocks.reduce(0) { $0 + $1.contents.bytes.count } }

  /// The weights of node `index`; nil if there are none.
  public func block(ofNode index: Int) -> Block? {
    // Blocks are sorted by node.
    var (low, high) = (0, blocks.count)
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].node < index { low = middle + 1 } else { high = middle }
    }
    return low < blocks.count && blocks[low].node == index ? blocks[low] : nil
  }
}

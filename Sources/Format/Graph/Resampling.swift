/// `count` places from `start` on along dimension `axis`: [.., D, ..] → [.., count, ..].
public struct Slice: Equatable, Sendable {
  public var axis: Int
  public var start: Int
  public var count: Int

  public init(axis: Int, start: Int, count: Int) {
    self.axis = axis
    self.start = start
    self.count = count
  }
}

/// Transposed two-dimensional convolution, which spreads each input over a window of outputs: inputs `x` [N, H, W, C],
/// `weights` [O, KH, KW, C], and optionally `bias` [O].
///
/// Input (y, x) adds its product with the weights' place (ky, kx) to output (y·strideHeight + ky − top, x·strideWidth + kx −
/// left), if there is one. Output height is (H − 1)·strideHeight + KH − top − bottom, width likewise; each padding is less
/// than the window. It is the gradient of a convolution of that stride and padding with respect to its input.
public struct TransposedConv2D: Equatable, Sendable {
  public var strideHeight: Int
  public var strideWidth: Int
  public var padding: Padding
  public var activation: FusedActivation

  public init(
    strideHeight: Int = 1, strideWidth: Int = 1, padding: Padding = Padding(), activation: FusedActivation = .none
  ) {
    self.strideHeight = strideHeight
    self.strideWidth = strideWidth
    self.padding = padding
    self.activation = activation
  }
}

/// A picture in another size: `x` [N, H, W, C] → [N, height, width, C].
public struct Resize: Equatable, Sendable {
  public enum Mode: UInt8, Sendable, CaseIterable {
    /// Output line oy is input line ⌊oy·H / height⌋; columns likewise.
    case nearest = 0
    /// Pixels are squares that fill both pictures: output line oy lies at (oy + 1/2)·H / height − 1/2, at least 0, between
    /// two input lines (the last one counts as its own neighbour), and is their mean weighted by nearness; columns likewise.
    case bilinear = 1
  }

  public var mode: Mode
  public var height: Int
  public var width: Int

  public init(mode: Mode, height: Int, width: Int) {
    self.mode = mode
    self.height = height
    self.width = width
  }
}

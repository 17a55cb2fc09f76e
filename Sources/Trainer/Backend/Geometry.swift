import Format

/// A convolution with every extent known. Weights are [outputChannels, kernel height, kernel width,
/// inputChannels / groups]; of a depthwise one [kernel height, kernel width, outputChannels].
public struct ConvolutionGeometry: Equatable, Sendable {
  public var input: ImageShape
  public var output: ImageShape
  public var kernel: Extent
  public var stride: Extent
  public var dilation: Extent
  public var padding: Padding
  public var groups: Int

  /// - Parameter outputChannels: a multiple of `groups`, as the input's channels are.
  /// - Throws: `TrainerError.invalid` about `name` if the kernel does not fit into the padded image.
  public init(
    _ name: String, input: ImageShape, outputChannels: Int, kernel: Extent, stride: Extent = Extent(1),
    dilation: Extent = Extent(1), padding: Padding = Padding(), groups: Int = 1
  ) throws(TrainerError) {
    self.input = input
    self.kernel = kernel
    self.stride = stride
    self.dilation = dilation
    self.padding = padding
    self.groups = groups
    let reach = Extent(
      height: dilation.height * (kernel.height - 1) + 1, width: dilation.width * (kernel.width - 1) + 1)
    let extent = try slide(reach, over: input, stride: stride, padding: padding, name: name)
    output = ImageShape(height: extent.height, width: extent.width, channels: outputChannels)
  }

  /// Input channels that one output sees.
  public var groupInputs: Int { input.channels / groups }
  public var groupOutputs: Int { output.channels / groups }
  /// Weights of one output channel.
  public var patch: Int { kernel.height * kernel.width * groupInputs }
  public var weightCount: Int { output.channels * patch }
  /// Whether Winograd's tiles compute it: windows of 3×3, stride 1.
  public var isWinograd: Bool {
    kernel == Extent(3) && stride == Extent(1) && dilation == Extent(1) && groups == 1
  }
  /// Whether the patches of an image are the image itself.
  public var isPointwise: Bool {
    kernel == Extent(1) && stride == Extent(1) && padding == Padding()
  }
}

/// The extents of a product: a [pixels, channels] times b [channels] in each image. Two images of one shape count as
/// one pixel of many channels.
public struct MultiplyGeometry: Equatable, Sendable {
  public var pixels: Int
  public var channels: Int

  public init(pixels: Int, channels: Int) {
    self.pixels = pixels
    self.channels = channels
  }

  /// Elements of a in one image.
  public var count: Int { pixels * channels }
}

/// A pooling window with every extent known. Padding never is the maximum and does not count in a mean.
public struct PoolGeometry: Equatable, Sendable {
  public var input: ImageShape
  public var output: ImageShape
  public var window: Extent
  public var stride: Extent
  public var padding: Padding

  /// - Throws: `TrainerError.invalid` about `name` if the window does not fit into the padded image or a padding is as
  ///   large as the window.
  public init(
    _ name: String, input: ImageShape, window: Extent, stride: Extent, padding: Padding = Padding()
  ) throws(TrainerError) {
    guard max(padding.top, padding.bottom) < window.height, max(padding.left, padding.right) < window.width else {
      throw .invalid(
        what: name, expected: "padding smaller than the window \(window.height)x\(window.width)",
        found: "\(padding.top) \(padding.left) \(padding.bottom) \(padding.right)")
    }
    self.input = input
    self.window = window
    self.stride = stride
    self.padding = padding
    let extent = try slide(window, over: input, stride: stride, padding: padding, name: name)
    output = ImageShape(height: extent.height, width: extent.width, channels: input.channels)
  }
}

/// The number of places at which a window of extent `reach` fits.
private func slide(
  _ reach: Extent, over input: ImageShape, stride: Extent, padding: Padding, name: String
) throws(TrainerError) -> Extent {
  let height = input.height + padding.top + padding.bottom
  let width = input.width + padding.left + padding.right
  guard reach.height <= height, reach.width <= width else {
    throw .invalid(
      what: name, expected: "a window of at most \(height)x\(width), the padded input",
      found: "\(reach.height)x\(reach.width)")
  }
  return Extent(height: (height - reach.height) / stride.height + 1, width: (width - reach.width) / stride.width + 1)
}

/// A matrix product: weights [outputs, inputs].
public struct DenseGeometry: Equatable, Sendable {
  public var inputs: Int
  public var outputs: Int

  public init(inputs: Int, outputs: Int) {
    self.inputs = inputs
    self.outputs = outputs
  }
}

/// Normalization over `rows` (images × height × width) of `channels`.
public struct BatchNormGeometry: Equatable, Sendable {
  public var channels: Int
  /// Pixels of one image.
  public var pixels: Int
  public var epsilon: Float
  /// Share of a step's statistics in the running ones.
  public var momentum: Float

  public init(channels: Int, pixels: Int, epsilon: Float, momentum: Float) {
    self.channels = channels
    self.pixels = pixels
    self.epsilon = epsilon
    self.momentum = momentum
  }

  /// Elements of so many images.
  func valueCount(_ images: Int) -> Int { images * pixels * channels }
}

/// Which elements a dropout keeps: Philox words (see `Philox`) of key `seed` and counter (element / 4, 0, stream, step)
/// below `rate` × 2³² are dropped; elements are counted from `first`. The same on every backend.
public struct DropoutMask: Equatable, Sendable {
  public var rate: Float
  public var seed: UInt64
  /// Tells layers apart.
  public var stream: UInt32
  public var step: UInt32
  /// Number of the slice's first element in the step's whole batch.
  public var first: Int

  public init(rate: Float, seed: UInt64, stream: UInt32, step: UInt32, first: Int = 0) {
    self.rate = rate
    self.seed = seed
    self.stream = stream
    self.step = step
    self.first = first
  }

  /// Words below this are dropped.
  public var threshold: UInt32 { UInt32(min(Double(rate) * 4_294_967_296, 4_294_967_295)) }
}

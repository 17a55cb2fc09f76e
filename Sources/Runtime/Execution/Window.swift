import Format

/// A window that slides over images: the geometry that convolutions and pools share. NHWC, counts in pixels.
struct Window {
  let batch: Int
  let inputHeight: Int
  let inputWidth: Int
  let channels: Int
  let outputHeight: Int
  let outputWidth: Int
  let height: Int
  let width: Int
  let strideHeight: Int
  let strideWidth: Int
  let dilationHeight: Int
  let dilationWidth: Int
  let top: Int
  let left: Int

  /// - Parameters:
  ///   - input, output: shapes [N, H, W, C].
  ///   - height, width: of the weights.
  init(_ convolution: Conv2D, input: [Int], output: [Int], height: Int, width: Int) {
    self.init(
      input: input, output: output, size: (height, width), stride: (convolution.strideHeight, convolution.strideWidth),
      dilation: (convolution.dilationHeight, convolution.dilationWidth), padding: convolution.padding)
  }

  init(_ convolution: DepthwiseConv2D, input: [Int], output: [Int], height: Int, width: Int) {
    self.init(
      input: input, output: output, size: (height, width), stride: (convolution.strideHeight, convolution.strideWidth),
      dilation: (convolution.dilationHeight, convolution.dilationWidth), padding: convolution.padding)
  }

  init(_ pool: Pool2D, input: [Int], output: [Int]) {
    self.init(
      input: input, output: output, size: (pool.windowHeight, pool.windowWidth),
      stride: (pool.strideHeight, pool.strideWidth), dilation: (1, 1), padding: pool.padding)
  }

  /// A window of one pixel on an image of `lines` × `pixels`: what a dense layer sees.
  init(lines: Int, pixels: Int, channels: Int) {
    self.init(
      input: [1, lines, pixels, channels], output: [1, lines, pixels, channels], size: (1, 1), stride: (1, 1),
      dilation: (1, 1), padding: Padding())
  }

  /// The window that sees what `pixels` neighbouring ones of a line see together; their number divides the line's.
  func grouped(_ pixels: Int) -> Window {
    let padding = Padding(top: top, left: left, bottom: 0, right: 0)
    return Window(
      input: [batch, inputHeight, inputWidth, channels], output: [batch, outputHeight, outputWidth / pixels],
      size: (height, width + (pixels - 1) * strideWidth), stride: (strideHeight, pixels * strideWidth),
      dilation: (dilationHeight, 1), padding: padding)
  }

  private init(
    input: [Int], output: [Int], size: (Int, Int), stride: (Int, Int), dilation: (Int, Int), padding: Padding
  ) {
    (batch, inputHeight, inputWidth, channels) = (input[0], input[1], input[2], input[3])
    (outputHeight, outputWidth) = (output[1], output[2])
    (height, width) = size
    (strideHeight, strideWidth) = stride
    (dilationHeight, dilationWidth) = dilation
    (top, left) = (padding.top, padding.left)
  }

  /// Number of output pixels.
  var pixels: Int { batch * outputHeight * outputWidth }

  /// Places in the window.
  var taps: Int { height * width }

  /// Lines of the input from the first to the last that a window sees.
  var seenLines: Int { (height - 1) * dilationHeight + 1 }

  /// Lines of the input that lines of the output are made of, in one image; none where only padding is seen.
  func inputLines(of lines: Range<Int>) -> Range<Int> {
    let first = max(lines.lowerBound * strideHeight - top, 0)
    let end = min((lines.upperBound - 1) * strideHeight - top + seenLines, inputHeight)
    return min(first, max(end, 0))..<max(end, 0)
  }

  /// Elements of one input image.
  var imageElements: Int { inputHeight * inputWidth * channels }

  /// Whether the window is one pixel and output pixel i sees input pixel i.
  var isPointwise: Bool {
    height == 1 && width == 1 && strideHeight == 1 && strideWidth == 1 && top == 0 && left == 0
      && inputHeight == outputHeight && inputWidth == outputWidth
  }

  /// Pixels of an input line with the padding that windows see, all of the line among them.
  var paddedLinePixels: Int { max((outputWidth - 1) * strideWidth + width, left + inputWidth) }

  /// Whether some window reaches beyond the left or right border.
  var leavesImageSideways: Bool {
    left > 0 || (outputWidth - 1) * strideWidth - left + (width - 1) * dilationWidth >= inputWidth
  }
}

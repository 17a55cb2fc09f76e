import Kernels

/// Neighbouring output pixels of a line computed as one, their channels side by side: a convolution of few channels then
/// fills the kernel's vectors, and makes fewer calls.
///
/// ```
///  window of pixel 0     ┌──w──┐                        columns 0 ..< K       weights w, then zeros
///  window of pixel 1        ┌──w──┐                     columns K ..< 2K      zeros before and behind w
///  window of the group   ├────────┤  width + (pixels − 1) · stride;  the next group is pixels · stride further on
/// ```
///
/// Results lie as they would without, and int8 results are the same: what is added are products with zero.
struct PixelGroup {
  /// Pixels in a group; 1 leaves the convolution as it is.
  let pixels: Int
  /// The convolution of groups.
  let shape: ProductShape
  private let original: ProductShape

  private static let mostPixels = 8

  /// Takes as many pixels as cost least; one if more are not allowed.
  init(_ shape: ProductShape, kernel: UnsafePointer<kernel>, isAllowed: Bool = true) {
    original = shape
    let window = shape.window
    var best = (pixels: 1, shape: shape)
    if isAllowed && shape.placement == nil && shape.groups == 1 && window.dilationWidth == 1 && window.width > 1
      && window.channels < Indirection.fewChannels
    {
      var least = PixelGroup.cost(shape, kernel)
      for pixels in 2...PixelGroup.mostPixels where window.outputWidth % pixels == 0 {
        let grouped = ProductShape(window: window.grouped(pixels), groups: 1, columns: shape.columns * pixels)
        let cost = PixelGroup.cost(grouped, kernel) / Float(pixels)
        if cost < least {
          least = cost
          best = (pixels, grouped)
        }
      }
    }
    (pixels, self.shape) = best
  }

  /// What an output row costs, in instructions: those of a tap, of a step of `kr` products, of putting away a vector, and
  /// of a call. Half of a panel can be computed by itself; s8 inputs take one more instruction where their bits are flipped.
  private static func cost(_ shape: ProductShape, _ kernel: UnsafePointer<kernel>) -> Float {
    let (nr, kr) = (Int(kernel.pointee.nr), Int(kernel.pointee.kr))
    let isFloat = kernel.pointee.family == .f32_igemm
    let panels = (shape.columns + nr - 1) / nr
    let rest = shape.columns - (panels - 1) * nr
    let hasHalf = rest <= nr / 2 && (isFloat || kernel.pointee.block_vectors == 2)
    let vectors = Float(2 * panels - (hasHalf ? 1 : 0))
    let window = shape.window
    let steps = Float(window.height * ((window.width * window.channels + kr - 1) / kr))
    let perStep = Float(panels * (kernel.pointee.input_bias == 0 ? 1 : 2)) + vectors
    return Float(3 * window.height * panels) + steps * perStep + vectors * (isFloat ? 4 : 7) + 10
  }

  /// Weights [columns][height][width][channels] of one pixel as those of a group.
  func weights<Element: BitwiseCopyable>(
    _ weights: UnsafePointer<Element>
  ) throws(RuntimeError) -> AlignedMemory {
    let (from, to) = (original.window, shape.window)
    let (fromLine, toLine) = (from.width * from.channels, to.width * to.channels)
    let lines = original.columns * from.height
    let memory = try AlignedMemory(count: pixels * lines * toLine * MemoryLayout<Element>.stride)
    memory.fill(0)
    let target = memory.base.assumingMemoryBound(to: Element.self)
    for pixel in 0..<pixels {
      for line in 0..<lines {
        (target + (pixel * lines + line) * toLine + pixel * from.strideWidth * from.channels)
          .update(from: weights + line * fromLine, count: fromLine)
      }
    }
    return memory
  }

  /// One value per column of a pixel as those of a group.
  func perColumn<Element: BitwiseCopyable>(_ values: [Element]) -> [Element] {
    var result: [Element] = []
    result.reserveCapacity(pixels * values.count)
    for _ in 0..<pixels { result += values }
    return result
  }
}

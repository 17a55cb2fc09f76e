import Format
import Vision

/// Turns pixels into the network's input, with the numbers that the device uses.
public struct BatchReader: Sendable {
  private let writer: ImageWriter

  public init(_ recipe: Preprocessing) { writer = ImageWriter(recipe) }

  /// Writes image `index` to `input`, which has `examples.shape.count` elements, NHWC.
  public func read(_ examples: Examples, at index: Int, into input: UnsafeMutableBufferPointer<Float>) {
    let size = examples.shape.count
    precondition(input.count == size, "the buffer does not match the images")
    examples.pixels.withUnsafeBufferPointer { pixels in
      writer.write(pixels.baseAddress! + index * size, examples.shape, ImageChange(), to: input.baseAddress!)
    }
  }
}

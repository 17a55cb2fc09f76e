import Format
import Vision

/// Turns examples into the input of a model, with the numbers that the device uses.
public struct BatchReader: Sendable {
  /// Nil for rows of numbers, which a model takes as they are.
  private let writer: ImageWriter?

  /// - Parameter recipe: how the model wants images; nil for a model of numbers.
  public init(_ recipe: Preprocessing?) { writer = recipe.map { ImageWriter($0) } }

  /// Writes example `index` to `input`, which has `examples.shape.count` elements, NHWC.
  public func read(_ examples: Examples, at index: Int, into input: UnsafeMutableBufferPointer<Float>) {
    let size = examples.shape.count
    precondition(input.count == size, "the buffer does not match the examples")
    guard let writer else {
      _ = input.update(from: examples.values[(index * size)..<((index + 1) * size)])
      return
    }
    examples.pixels.withUnsafeBufferPointer { pixels in
      writer.write(pixels.baseAddress! + index * size, examples.shape, ImageChange(), to: input.baseAddress!)
    }
  }
}

import Format
import Vision

/// Turns pixels into the network's input, with the numbers that the device uses.
public struct BatchReader: Sendable {
  /// `tables[channel][pixel]` = (pixel / 255 − mean) / deviation.
  private let tables: [[Float]]
  private let augmentation: [Augmentation]
  private let seed: UInt64

  /// - Parameter seed: draws how training images are changed.
  public init(_ recipe: Preprocessing, augmentation: [Augmentation] = [], seed: UInt64 = 0) {
    tables = (0..<recipe.channels).map { recipe.pixelTable($0) }
    self.augmentation = augmentation
    self.seed = seed
  }

  /// Writes image `index` as it is to `input`, which has `examples.shape.count` elements, NHWC.
  public func read(_ examples: Examples, at index: Int, into input: UnsafeMutableBufferPointer<Float>) {
    precondition(input.count == examples.shape.count, "the buffer does not match the images")
    let size = examples.shape.count
    examples.pixels.withUnsafeBufferPointer { pixels in
      write(
        UnsafeBufferPointer(rebasing: pixels[(index * size)..<((index + 1) * size)]), examples.shape, Movement(),
        to: input)
    }
  }

  /// Writes the images at `indices` one after another, NHWC, to the start of `inputs`, and their classes to `labels`.
  ///
  /// - Parameter epoch: training images are changed as (seed, epoch, index) says and nothing else, so that an order of
  ///   reading or a resumed run makes no difference. Nil leaves them as they are.
  func read(
    _ examples: Examples, at indices: ArraySlice<Int>, epoch: Int? = nil, inputs: inout [Float],
    labels: inout [Int32]
  ) {
    let size = examples.shape.count
    inputs.withUnsafeMutableBufferPointer { inputs in
      examples.pixels.withUnsafeBufferPointer { pixels in
        for (place, index) in indices.enumerated() {
          labels[place] = examples.classes[index]
          let move = epoch.map { movement(index: index, epoch: $0) } ?? Movement()
          write(
            UnsafeBufferPointer(rebasing: pixels[(index * size)..<((index + 1) * size)]), examples.shape, move,
            to: UnsafeMutableBufferPointer(rebasing: inputs[(place * size)..<((place + 1) * size)]))
        }
      }
    }
  }

  /// What augmentation does to one image in one epoch.
  private struct Movement {
    var isFlipped = false
    /// Pixels to the right and down.
    var right = 0
    var down = 0
  }

  private func movement(index: Int, epoch: Int) -> Movement {
    var movement = Movement()
    guard !augmentation.isEmpty else { return movement }
    var generator = RandomStream(seed: seed, .augmentation, number: epoch, index: index)
    for change in augmentation {
      switch change {
      case .flip:
        if generator.next(below: 2) == 1 {
          movement.isFlipped.toggle()
          movement.right = -movement.right
        }
      case .shift(let pixels):
        movement.right += generator.next(below: 2 * pixels + 1) - pixels
        movement.down += generator.next(below: 2 * pixels + 1) - pixels
      }
    }
    return movement
  }

  /// One image; what moves in from outside is black.
  private func write(
    _ pixels: UnsafeBufferPointer<UInt8>, _ shape: ImageShape, _ move: Movement,
    to output: UnsafeMutableBufferPointer<Float>
  ) {
    for channel in 0..<shape.channels {
      tables[channel].withUnsafeBufferPointer { table in
        for y in 0..<shape.height {
          let sourceY = y - move.down
          for x in 0..<shape.width {
            let movedX = x - move.right
            let sourceX = move.isFlipped ? shape.width - 1 - movedX : movedX
            let isInside = 0..<shape.height ~= sourceY && 0..<shape.width ~= sourceX
            let pixel = isInside ? pixels[(sourceY * shape.width + sourceX) * shape.channels + channel] : 0
            output[(y * shape.width + x) * shape.channels + channel] = table[Int(pixel)]
          }
        }
      }
    }
  }
}

import Kernels
import TestSupport

/// A run of windows over an input row, as depthwise convolution and pooling see it: pointers column by column, shared by
/// neighbouring windows, some of them to padding. All pixels lie in one buffer that ends at a guard page.
struct Windows<Element: BitwiseCopyable> {
  let pixels: Int
  let channels: Int
  let height: Int
  let width: Int
  let offset: Int
  let step: Int
  /// For each pointer the elements that it leads to, after `offset`; nil for padding.
  let values: [[Element]?]
  let pointers: [UnsafePointer<Element>?]
  private let buffers: [GuardedBuffer<Element>]

  var taps: Int { height * width }

  init(
    _ shape: WindowShape, padding: Element, using generator: inout SeededGenerator, pixel: (Int) -> [Element]
  ) {
    (pixels, channels, height, width) = (shape.pixels, shape.channels, shape.height, shape.width)
    offset = shape.offset
    step = shape.stride * height
    let count = (pixels - 1) * step + height * width
    var order = Array(0..<count)
    order.shuffle(using: &generator)
    var contents = pixel(offset)
    var values = [[Element]?](repeating: nil, count: count)
    var places = [Int?](repeating: nil, count: count)
    for place in order where Int.random(in: 0..<5, using: &generator) != 0 {
      let elements = pixel(channels)
      values[place] = elements
      places[place] = contents.count - offset
      contents += elements
    }
    let data = GuardedBuffer(contents.isEmpty ? [padding] : contents)
    let zeros = GuardedBuffer([Element](repeating: padding, count: offset + channels))
    pointers = places.map { UnsafePointer($0.map { data.base + $0 } ?? zeros.base) }
    self.values = values
    buffers = [data, zeros]
  }

  /// The inputs of one window at one channel, nil for padding, in the order of the pointers.
  func window(_ pixel: Int, _ channel: Int) -> [Element?] {
    (0..<taps).map { values[pixel * step + $0]?[channel] }
  }
}

struct WindowShape: CustomStringConvertible {
  var pixels: Int
  var channels: Int
  var height: Int
  var width: Int
  var stride: Int
  var offset: Int
  var description: String {
    "pixels \(pixels), channels \(channels), window \(height)×\(width), stride \(stride), offset \(offset)"
  }

  /// Channels around multiples of `block`, pixels around what a loop may unroll by.
  ///
  /// - Parameter taps: the only number of taps wanted; 0 is any.
  static func all(block: Int, taps: Int) -> [WindowShape] {
    let windows = [(3, 3), (1, 1), (1, 3), (3, 1), (2, 2), (7, 7), (4, 2), (1, 9), (9, 1), (5, 5), (1, 25)].filter {
      taps == 0 || $0 * $1 == taps
    }
    let widths = [
      1, 2, 3, 7, 8, 9, 13, block / 2, block - 1, block, block + 1, 3 * block / 2, 2 * block + 5, 4 * block, 97,
    ]
    var result: [WindowShape] = []
    for channels in Set(widths).sorted() where channels > 0 {
      for (number, (height, width)) in windows.enumerated() {
        for (pixels, stride) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 1), (8, 2), (13, 1)] {
          let offset = (number + pixels) % 3 == 0 ? 5 : 0
          result.append(
            .init(pixels: pixels, channels: channels, height: height, width: width, stride: stride, offset: offset))
        }
      }
    }
    return result
  }
}

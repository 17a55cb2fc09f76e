import Format
import Kernels
import TrainerKernels

/// A convolution, or the gradient of its input, by the device's indirect matrix product `f32_igemm`: rows are pixels, and each tap of
/// a row points at the pixel that it sees. No patches are gathered, and none scattered.
///
/// The gradient of the input of a convolution with strides falls into parts, one for each remainder of a pixel's place modulo the
/// stride: all pixels of a part see the same taps of the window, each at one pixel of the output's gradient, so that each part is a
/// convolution of stride 1 and no product is made in vain.
struct PixelProducts {
  /// Pixels of the target that see the same taps.
  private struct Part {
    /// Places in the window.
    let taps: [Int]
    /// Where the packed weights begin.
    let packed: Int
    /// The lines of the target that it makes pixels of, the first of them in a line, and from one to the next.
    let lines: [Int]
    let column: Int
    let step: Int
    /// Pixels of a line.
    let width: Int
    /// [tiles, taps, rows of a tile]: the source's element at which each row's tap begins; −1 beyond the image. Tiles take the
    /// part's pixels line by line.
    let places: [Int32]

    var pixels: Int { lines.count * width }
  }

  /// Packed weights that stay in a core's second-level cache beside what they are multiplied with.
  private static let mostWeights = 128 << 10
  /// Fewer channels leave lanes of vectors, or steps of a tap, empty.
  private static let fewestChannels = 16

  private let kernels: ConvolutionKernels
  private let geometry: ConvolutionGeometry
  private let isGradient: Bool
  private let source: ImageShape
  private let target: ImageShape
  private let parts: [Part]
  /// Elements of packed weights.
  let packedCount: Int

  /// The forward convolution, if products suit it.
  init?(_ geometry: ConvolutionGeometry, kernels: ConvolutionKernels) {
    self.init(geometry, isGradient: false, kernels: kernels)
  }

  /// What makes the input's gradient of the output's, if products suit it.
  init?(inputGradientOf geometry: ConvolutionGeometry, kernels: ConvolutionKernels) {
    self.init(geometry, isGradient: true, kernels: kernels)
  }

  private init?(_ geometry: ConvolutionGeometry, isGradient: Bool, kernels: ConvolutionKernels) {
    guard geometry.groups == 1, geometry.weightCount <= PixelProducts.mostWeights,
      min(geometry.input.channels, geometry.output.channels) >= PixelProducts.fewestChannels
    else { return nil }
    self.geometry = geometry
    self.isGradient = isGradient
    self.kernels = kernels
    (source, target) = isGradient ? (geometry.output, geometry.input) : (geometry.input, geometry.output)
    var (parts, packed) = ([Part](), 0)
    let steps = isGradient ? geometry.stride : Extent(1)
    for top in 0..<min(steps.height, target.height) {
      for left in 0..<min(steps.width, target.width) {
        let vertical = PixelProducts.line(
          first: top, step: steps.height, end: target.height, kernel: geometry.kernel.height,
          stride: geometry.stride.height, dilation: geometry.dilation.height, padding: geometry.padding.top,
          source: source.height, isGradient: isGradient)
        let horizontal = PixelProducts.line(
          first: left, step: steps.width, end: target.width, kernel: geometry.kernel.width,
          stride: geometry.stride.width, dilation: geometry.dilation.width, padding: geometry.padding.left,
          source: source.width, isGradient: isGradient)
        let part = PixelProducts.part(
          vertical, horizontal, source: source, kernel: geometry.kernel, step: steps.width,
          packed: packed, mostRows: kernels.rows)
        packed +=
          igemm_packed_size(kernels.multiply, target.channels, part.taps.count, source.channels)
          / MemoryLayout<Float>.stride
        parts.append(part)
      }
    }
    self.parts = parts
    packedCount = packed
  }

  // MARK: Planning

  /// One dimension of a part: the target's places, the window's taps, and the source's place that each tap sees from each place,
  /// nil beyond the image.
  private struct Line {
    var places: [Int] = []
    var taps: [Int] = []
    /// [places][taps]
    var sources: [[Int?]] = []
  }

  private static func line(
    first: Int, step: Int, end: Int, kernel: Int, stride: Int, dilation: Int, padding: Int, source: Int,
    isGradient: Bool
  ) -> Line {
    var line = Line()
    line.places = Array(Swift.stride(from: first, to: end, by: step))
    // Forward, an output sees input `place · stride + tap · dilation − padding`; the gradient asks which outputs saw an input.
    line.taps = (0..<kernel).filter { !isGradient || (first + padding - $0 * dilation) % stride == 0 }
    line.sources = line.places.map { place in
      line.taps.map { tap in
        let seen =
          isGradient
          ? (place + padding - tap * dilation) / stride : place * stride + tap * dilation - padding
        let isBefore = isGradient && place + padding < tap * dilation
        return seen >= 0 && seen < source && !isBefore ? seen : nil
      }
    }
    return line
  }

  private static func part(
    _ vertical: Line, _ horizontal: Line, source: ImageShape, kernel: Extent, step: Int, packed: Int, mostRows: Int
  ) -> Part {
    let taps = vertical.taps.flatMap { y in horizontal.taps.map { y * kernel.width + $0 } }
    let width = horizontal.places.count
    let pixels = vertical.places.count * width
    var places: [Int32] = []
    for start in stride(from: 0, to: pixels, by: mostRows) {
      for y in vertical.taps.indices {
        for x in horizontal.taps.indices {
          for pixel in start..<(start + mostRows) {
            let (line, column) = min(pixel, pixels - 1).quotientAndRemainder(dividingBy: width)
            guard let sy = vertical.sources[line][y], let sx = horizontal.sources[column][x] else {
              places.append(-1)
              continue
            }
            places.append(Int32((sy * source.width + sx) * source.channels))
          }
        }
      }
    }
    return Part(
      taps: taps, packed: packed, lines: vertical.places, column: horizontal.places.first ?? 0, step: step,
      width: width, places: places)
  }

  // MARK: Running

  /// Elements of working memory for `pack` and for `run`.
  var scratchCount: Int {
    max(isGradient ? geometry.weightCount : 0, zeros + (parts.map(\.pixels).max() ?? 0) * target.channels)
  }
  /// Elements that stand for a pixel beyond the image.
  private var zeros: Int { MemoryPlanner.aligned(source.channels) }

  /// Packs weights [output channels, window, input channels] and, forward, biases.
  ///
  /// - Parameter scratch: `scratchCount` elements.
  func pack(
    _ weights: UnsafePointer<Float>, bias: UnsafePointer<Float>?, into packed: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (depth, window) = (source.channels, geometry.kernel.height * geometry.kernel.width)
    for part in parts {
      var turned = weights
      if isGradient {
        // [input channels, taps, output channels]
        for (place, tap) in part.taps.enumerated() {
          for output in 0..<depth {
            let from = weights + (output * window + tap) * target.channels
            for input in 0..<target.channels {
              scratch[(input * part.taps.count + place) * depth + output] = from[input]
            }
          }
        }
        turned = UnsafePointer(scratch)
      }
      f32_igemm_pack(
        kernels.multiply, target.channels, part.taps.count, depth, turned, bias, packed + part.packed)
    }
  }

  /// One image.
  ///
  /// - Parameters:
  ///   - residual: like the output, to be added before the bounds apply.
  ///   - scratch: `scratchCount` elements.
  func run(
    _ image: UnsafePointer<Float>, packed: UnsafePointer<Float>, bounds: ClosedRange<Float>,
    residual: UnsafePointer<Float>? = nil, into output: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    scratch.update(repeating: 0, count: source.channels)
    let most = (parts.map(\.taps.count).max() ?? 0) * kernels.rows
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: max(most, 1)) { pointers in
      pointers.initialize(repeating: UnsafePointer(scratch))
      for part in parts {
        // Pixels that lie apart are made side by side first: tiles are then full, and go on from line to line.
        let isApart = part.step > 1 || part.lines.count < target.height
        multiply(
          part, image, packed: packed, bounds: bounds, residual: isApart ? nil : residual,
          into: isApart ? scratch + zeros : output, pointers: pointers.baseAddress!, zeros: scratch)
        guard isApart else { continue }
        for (index, line) in part.lines.enumerated() {
          let start = (line * target.width + part.column) * target.channels
          trainer_spread_pixels(
            scratch + zeros + index * part.width * target.channels, part.width, target.channels,
            residual.map { $0 + start }, output + start, part.step * target.channels)
        }
      }
    }
  }

  /// output [pixels, channels] of a part.
  private func multiply(
    _ part: Part, _ image: UnsafePointer<Float>, packed: UnsafePointer<Float>, bounds: ClosedRange<Float>,
    residual: UnsafePointer<Float>?, into output: UnsafeMutablePointer<Float>,
    pointers: UnsafeMutablePointer<UnsafePointer<Float>>, zeros: UnsafePointer<Float>
  ) {
    let channels = target.channels
    var arguments = f32_igemm_arguments(
      rows: 0, columns: channels, taps: part.taps.count, depth: source.channels, inputs: UnsafePointer(pointers),
      weights: packed + part.packed, output: output, output_stride: channels, residual: nil, residual_stride: channels,
      minimum: bounds.lowerBound, maximum: bounds.upperBound)
    let count = part.taps.count * kernels.rows
    part.places.withUnsafeBufferPointer { places in
      for (tile, pixel) in stride(from: 0, to: part.pixels, by: kernels.rows).enumerated() {
        if count > 0 { trainer_point(places.baseAddress! + tile * count, count, image, zeros, pointers) }
        arguments.rows = min(kernels.rows, part.pixels - pixel)
        arguments.output = output + pixel * channels
        arguments.residual = residual.map { $0 + pixel * channels }
        kernels.multiplyRows(&arguments)
      }
    }
  }
}

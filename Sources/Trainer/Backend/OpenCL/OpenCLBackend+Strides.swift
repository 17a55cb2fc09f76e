import Format
import OpenCLKernels

// The input's gradient of a strided convolution: pixels with the same remainders of row and column, a phase, see the same taps
// of the kernel, every stride-th one; each phase is a product without zeros, and a last kernel puts the phases together.

/// Pixels whose row and column have certain remainders.
struct StridePhase {
  let height: Int
  let width: Int
  /// The taps that they see; none where an extent is 0. And the last of them.
  let taps: Extent
  let lastTap: Extent
  fileprivate let top: Int
  fileprivate let left: Int

  init(_ geometry: ConvolutionGeometry, row: Int, column: Int) {
    func along(
      _ remainder: Int, _ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int
    ) -> (pixels: Int, taps: Int, last: Int, before: Int) {
      // Input pixel remainder + stride · j sees output pixel j + base − t through tap first + stride · t.
      let first = (remainder + padding) % stride
      let base = (remainder + padding) / stride
      let taps = first < kernel ? ceilDivide(kernel - first, stride) : 0
      return (max(ceilDivide(size - remainder, stride), 0), taps, first + stride * (taps - 1), taps - 1 - base)
    }
    let vertical = along(
      row, geometry.input.height, geometry.kernel.height, geometry.stride.height, geometry.padding.top)
    let horizontal = along(
      column, geometry.input.width, geometry.kernel.width, geometry.stride.width, geometry.padding.left)
    (height, width) = (vertical.pixels, horizontal.pixels)
    taps = Extent(height: vertical.taps, width: horizontal.taps)
    lastTap = Extent(height: vertical.last, width: horizontal.last)
    (top, left) = (vertical.before, horizontal.before)
  }

  var isEmpty: Bool { height * width == 0 }
  var hasTaps: Bool { taps.height * taps.width > 0 }
}

extension OpenCLBackend {
  func stridedInputGradient(
    _ geometry: ConvolutionGeometry, images: Int, weights: DeviceSlice, outputGradient: DeviceSlice,
    inputGradient: DeviceSlice
  ) {
    let input = geometry.input
    guard let parts = scratch(.products, images * input.count) else { return }
    var start = 0
    for row in 0..<geometry.stride.height {
      for column in 0..<geometry.stride.width {
        let phase = StridePhase(geometry, row: row, column: column)
        let count = images * phase.height * phase.width * input.channels
        defer { start += count }
        guard !phase.isEmpty, phase.hasTaps else { continue }
        guard let matrix = pack(.backward(geometry, phase), weights, groups: geometry.groups) else { return }
        multiplyRows(
          opencl_patches(ofGradientOf: geometry, phase, images: images), image: outputGradient, matrix,
          groups: geometry.groups, columns: geometry.groupInputs, output: parts[start..<(start + count)])
      }
    }
    let argument = opencl_phases(
      images: Int32(images), height: Int32(input.height), width: Int32(input.width), channels: Int32(input.channels),
      kernel_height: Int32(geometry.kernel.height), kernel_width: Int32(geometry.kernel.width),
      stride_height: Int32(geometry.stride.height), stride_width: Int32(geometry.stride.width),
      top: Int32(geometry.padding.top), left: Int32(geometry.padding.left))
    runVectors(
      .elementwise, "join_phases", columns: input.channels, rows: images * input.height * input.width,
      [parts, inputGradient, argument])
  }
}

extension opencl_patches {
  /// Patches of the output's gradient, one per pixel of a phase, its last tap's first.
  fileprivate init(ofGradientOf geometry: ConvolutionGeometry, _ phase: StridePhase, images: Int) {
    self.init(
      image: geometry.output, channels: geometry.groupOutputs,
      output: ImageShape(height: phase.height, width: phase.width, channels: geometry.input.channels),
      kernel: phase.taps, stride: Extent(1), dilation: Extent(1), top: phase.top, left: phase.left,
      upsample: Extent(1), images: images)
  }
}

import TrainerKernels

extension CPUBackend {
  public func maxPoolForward(
    _ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice, indices: DeviceSlice
  ) {
    let (x, y, index) = (floats(input), floats(output), integers(indices))
    let (inputs, outputs) = (geometry.input.count, geometry.output.count)
    forEachPooledImage(geometry, count) { pool, image in
      trainer_max_pool(pool, x + image * inputs, y + image * outputs, index + image * outputs)
    }
  }

  public func maxPoolBackward(
    _ geometry: PoolGeometry, count: Int, indices: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (index, dy, dx) = (integers(indices), floats(outputGradient), floats(inputGradient))
    let (inputs, outputs) = (geometry.input.count, geometry.output.count)
    forEachPooledImage(geometry, count) { pool, image in
      trainer_max_pool_gradient(pool, index + image * outputs, dy + image * outputs, dx + image * inputs)
    }
  }

  public func averagePoolForward(_ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (floats(input), floats(output))
    let (inputs, outputs) = (geometry.input.count, geometry.output.count)
    forEachPooledImage(geometry, count) { pool, image in
      trainer_average_pool(pool, x + image * inputs, y + image * outputs)
    }
  }

  public func averagePoolBackward(
    _ geometry: PoolGeometry, count: Int, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (dy, dx) = (floats(outputGradient), floats(inputGradient))
    let (inputs, outputs) = (geometry.input.count, geometry.output.count)
    forEachPooledImage(geometry, count) { pool, image in
      trainer_average_pool_gradient(pool, dy + image * outputs, dx + image * inputs)
    }
  }

  private func forEachPooledImage(
    _ geometry: PoolGeometry, _ count: Int, _ body: (UnsafePointer<trainer_pool>, _ image: Int) -> Void
  ) {
    let pool = trainer_pool(
      height: geometry.input.height, width: geometry.input.width, channels: geometry.input.channels,
      output_height: geometry.output.height, output_width: geometry.output.width, window_height: geometry.window.height,
      window_width: geometry.window.width, stride_height: geometry.stride.height, stride_width: geometry.stride.width,
      top: geometry.padding.top, left: geometry.padding.left)
    let least = max(CPUBackend.run / geometry.input.count, 1)
    withUnsafePointer(to: pool) { pool in
      forEachRange(of: count, atLeast: least) { images in
        for image in images { body(pool, image) }
      }
    }
  }
}

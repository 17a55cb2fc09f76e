extension NaiveBackend {
  public func maxPoolForward(
    _ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice, indices: DeviceSlice
  ) {
    let (x, y, index) = (Doubles(input), Doubles(output), Doubles(indices))
    geometry.forEachWindow(count: count) { yi, window in
      y[yi] = -.infinity
      for xi in window where x[xi] > y[yi] {
        y[yi] = x[xi]
        index[yi] = Double(xi)
      }
    }
  }

  public func maxPoolBackward(
    _ geometry: PoolGeometry, count: Int, indices: DeviceSlice, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (index, dy, dx) = (Doubles(indices), Doubles(outputGradient), Doubles(inputGradient))
    for xi in 0..<(count * geometry.input.count) { dx[xi] = 0 }
    for yi in 0..<(count * geometry.output.count) { dx[Int(index[yi])] += dy[yi] }
  }

  public func averagePoolForward(_ geometry: PoolGeometry, count: Int, input: DeviceSlice, output: DeviceSlice) {
    let (x, y) = (Doubles(input), Doubles(output))
    geometry.forEachWindow(count: count) { yi, window in
      y[yi] = window.reduce(0) { $0 + x[$1] } / Double(window.count)
    }
  }

  public func averagePoolBackward(
    _ geometry: PoolGeometry, count: Int, outputGradient: DeviceSlice, inputGradient: DeviceSlice
  ) {
    let (dy, dx) = (Doubles(outputGradient), Doubles(inputGradient))
    for xi in 0..<(count * geometry.input.count) { dx[xi] = 0 }
    geometry.forEachWindow(count: count) { yi, window in
      for xi in window { dx[xi] += dy[yi] / Double(window.count) }
    }
  }
}

extension PoolGeometry {
  /// Calls `body` with the place of every output and the places of the inputs in its window, in row order.
  fileprivate func forEachWindow(count: Int, _ body: (Int, [Int]) -> Void) {
    for n in 0..<count {
      for oy in 0..<output.height {
        for ox in 0..<output.width {
          for c in 0..<output.channels {
            var places: [Int] = []
            for ky in 0..<window.height {
              for kx in 0..<window.width {
                let iy = oy * stride.height - padding.top + ky
                let ix = ox * stride.width - padding.left + kx
                guard (0..<input.height).contains(iy), (0..<input.width).contains(ix) else { continue }
                places.append(((n * input.height + iy) * input.width + ix) * input.channels + c)
              }
            }
            body(((n * output.height + oy) * output.width + ox) * output.channels + c, places)
          }
        }
      }
    }
  }
}

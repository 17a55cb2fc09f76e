import Format

/// input [N, H, W, C] → output [N, H', W', C]: the largest element of each window.
final class MaxPoolLayer: Layer {
  let name: String
  let geometry: PoolGeometry
  let input: Value
  let output: Value
  /// Where each maximum was, [N, H', W', C].
  private var indices: DeviceSlice?

  init(_ name: String, _ description: PoolDescription, input: Value) throws(TrainerError) {
    self.name = name
    self.input = input
    geometry = try PoolGeometry(name, description, input: input.shape)
    output = Value(geometry.output, needsGradient: input.needsGradient)
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }

  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {
    let count = batch * geometry.output.count
    indices = DeviceSlice(try backend.allocate(.int32, count: count), count: count)
  }

  func forward(_ pass: Pass) {
    pass.backend.maxPoolForward(geometry, count: pass.count, input: input.data, output: output.data, indices: indices!)
  }

  func backward(_ pass: Pass) {
    pass.backend.maxPoolBackward(
      geometry, count: pass.count, indices: indices!, outputGradient: output.gradient!, inputGradient: input.gradient!)
  }
}

/// input [N, H, W, C] → output [N, H', W', C]: the mean of each window's elements that lie inside the image.
final class AveragePoolLayer: Layer {
  let name: String
  let geometry: PoolGeometry
  /// Whether the window is the whole image.
  let isGlobal: Bool
  let input: Value
  let output: Value

  init(_ name: String, _ description: PoolDescription, input: Value) throws(TrainerError) {
    self.name = name
    self.input = input
    isGlobal = false
    geometry = try PoolGeometry(name, description, input: input.shape)
    output = Value(geometry.output, needsGradient: input.needsGradient)
  }

  /// The mean over height and width.
  init(globalOver input: Value, name: String) throws(TrainerError) {
    self.name = name
    self.input = input
    isGlobal = true
    let whole = Extent(height: input.shape.height, width: input.shape.width)
    geometry = try PoolGeometry(name, input: input.shape, window: whole, stride: whole)
    output = Value(geometry.output, needsGradient: input.needsGradient)
  }

  var inputs: [Value] { [input] }
  var outputs: [Value] { [output] }

  func forward(_ pass: Pass) {
    pass.backend.averagePoolForward(geometry, count: pass.count, input: input.data, output: output.data)
  }

  func backward(_ pass: Pass) {
    pass.backend.averagePoolBackward(
      geometry, count: pass.count, outputGradient: output.gradient!, inputGradient: input.gradient!)
  }
}

extension PoolGeometry {
  fileprivate init(_ name: String, _ description: PoolDescription, input: ImageShape) throws(TrainerError) {
    try self.init(
      name, input: input, window: description.window, stride: description.stride,
      padding: description.padding.resolved(input: input, window: description.window, stride: description.stride))
  }
}

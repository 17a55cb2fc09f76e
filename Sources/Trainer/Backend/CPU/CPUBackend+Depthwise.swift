import Format
import TrainerKernels

extension CPUBackend {
  public func depthwiseForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    let plan = PatchPlan(geometry)
    let (x, w, b, y) = (floats(input), floats(weights), bias.map(floats), floats(output))
    let window = trainer_window(geometry, firstChannel: 0, groupChannels: geometry.input.channels)
    let outputs = geometry.output.channels
    forEachImage(count) { image, worker in
      let padded = plan.pad(x + image * geometry.input.count, into: scratch(worker: worker, plan.patchesOffset))
      let target = y + image * geometry.output.count
      target.update(repeating: 0, count: geometry.output.count)
      withUnsafePointer(to: window) {
        trainer_depthwise($0, geometry.output.height, geometry.groupOutputs, padded, w, target)
      }
      trainer_bias_activation(
        target, geometry.output.height * geometry.output.width, outputs, outputs, b, activation.function)
    }
  }

  public func depthwiseBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let plan = PatchPlan(geometry)
    let (x, w, y) = (floats(input), floats(weights), floats(output))
    let (dy, dx) = (floats(outputGradient), inputGradient.map(floats))
    let window = trainer_window(geometry, firstChannel: 0, groupChannels: geometry.input.channels)
    let (outputs, padding) = (geometry.output.channels, geometry.padding)
    sumOverImages(
      count, weights: geometry.weightCount, weightGradient, biases: outputs, biasGradient
    ) { images, worker, dw, db in
      let scratch = scratch(worker: worker, 2 * plan.patchesOffset)
      let paddedGradient = scratch + plan.patchesOffset
      for image in images {
        let gradient = dy + image * geometry.output.count
        if let activation {
          trainer_activation_gradient(
            activation.function, y + image * geometry.output.count, gradient, gradient, geometry.output.count)
        }
        trainer_column_sums(gradient, geometry.output.height * geometry.output.width, outputs, db)
        let padded = plan.pad(x + image * geometry.input.count, into: scratch)
        if dx != nil { paddedGradient.update(repeating: 0, count: plan.patchesOffset) }
        withUnsafePointer(to: window) {
          trainer_depthwise_gradient(
            $0, geometry.output.height, geometry.groupOutputs, padded, w, gradient, dx == nil ? nil : paddedGradient, dw
          )
        }
        if let dx {
          trainer_crop(
            paddedGradient, geometry.input.height, geometry.input.width, geometry.input.channels, padding.top,
            padding.left, padding.right, dx + image * geometry.input.count)
        }
      }
    }
  }
}

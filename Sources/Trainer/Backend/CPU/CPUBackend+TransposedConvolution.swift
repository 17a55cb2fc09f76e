import Format
import TrainerKernels

// A transposed convolution is a convolution run backwards: its forward is that one's gradient of the input, its gradient of
// the input that one's forward, and both share the gradient of the weights, with `input` and the gradient of `output` in the
// places of the gradient of the output and of the input. Weights are turned into that convolution's order first.

extension CPUBackend {
  public func transposedConvolutionForward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    let plan = PatchPlan(geometry)
    let (x, b, y) = (floats(input), bias.map(floats), floats(output))
    let outputs = geometry.input.channels
    let turned = turned(weights, geometry)
    forEachImage(count) { image, worker in
      let target = y + image * geometry.input.count
      let scratch = scratch(worker: worker, plan.scratchCount)
      plan.inputGradient(x + image * geometry.output.count, turned, scratch: scratch, into: target)
      trainer_bias_activation(
        target, geometry.input.height * geometry.input.width, outputs, outputs, b, activation.function)
    }
  }

  public func transposedConvolutionBackward(
    _ geometry: ConvolutionGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let plan = PatchPlan(geometry)
    let (x, y) = (floats(input), floats(output))
    let (dy, dx) = (floats(outputGradient), inputGradient.map(floats))
    let outputs = geometry.input.channels
    sumOverImages(count, weights: geometry.weightCount, weightGradient, biases: outputs, biasGradient) {
      images, worker, dw, db in
      let scratch = scratch(worker: worker, plan.scratchCount)
      for image in images {
        let gradient = dy + image * geometry.input.count
        if let activation {
          trainer_activation_gradient(
            activation.function, y + image * geometry.input.count, gradient, gradient, geometry.input.count)
        }
        trainer_column_sums(gradient, geometry.input.height * geometry.input.width, outputs, db)
        plan.addWeightGradient(plan.pad(gradient, into: scratch), x + image * geometry.output.count, to: dw)
      }
    }
    let dw = floats(weightGradient)
    let turnedGradient = scratch(worker: 0, geometry.weightCount)
    turnedGradient.update(from: dw, count: geometry.weightCount)
    turn(turnedGradient, rows: geometry.output.channels, columns: outputs, taps: geometry.taps, into: dw)
    guard let dx else { return }
    let turned = turned(weights, geometry)
    forEachImage(count) { image, worker in
      let scratch = scratch(worker: worker, plan.scratchCount)
      let padded = plan.pad(dy + image * geometry.input.count, into: scratch)
      plan.forward(padded, turned, patches: scratch + plan.patchesOffset, into: dx + image * geometry.output.count)
    }
  }

  /// The weights as the convolution `geometry` has them; valid until the next use of `parts`.
  private func turned(_ weights: DeviceSlice, _ geometry: ConvolutionGeometry) -> UnsafeMutablePointer<Float> {
    let turned = parts(geometry.weightCount)
    turn(
      floats(weights), rows: geometry.input.channels, columns: geometry.output.channels, taps: geometry.taps,
      into: turned)
    return turned
  }

  /// [rows, taps, columns] → [columns, taps, rows]
  private func turn(
    _ source: UnsafePointer<Float>, rows: Int, columns: Int, taps: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<rows {
      for tap in 0..<taps {
        let line = source + (row * taps + tap) * columns
        for column in 0..<columns { target[(column * taps + tap) * rows + row] = line[column] }
      }
    }
  }
}

extension ConvolutionGeometry {
  /// Places of the kernel.
  fileprivate var taps: Int { kernel.height * kernel.width }
}

import Format

// What each layer is in the inference graph.

extension ConvolutionLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    var inputs = [exporter.image(input), try exporter.constant(weights)]
    if let bias { inputs.append(try exporter.constant(bias)) }
    let shape = [1, output.shape.height, output.shape.width, output.shape.channels]
    let geometry = geometry
    let isDepthwise = isDepthwise
    let result = exporter.add(name, activation: activation, inputs: inputs, shape: shape) { fused in
      if isDepthwise {
        return .depthwiseConv2D(
          DepthwiseConv2D(
            strideHeight: geometry.stride.height, strideWidth: geometry.stride.width,
            dilationHeight: geometry.dilation.height, dilationWidth: geometry.dilation.width,
            padding: geometry.padding, activation: fused))
      }
      return .conv2D(
        Conv2D(
          strideHeight: geometry.stride.height, strideWidth: geometry.stride.width,
          dilationHeight: geometry.dilation.height, dilationWidth: geometry.dilation.width, padding: geometry.padding,
          groups: geometry.groups, activation: fused))
    }
    exporter.bind(output, to: result)
  }
}

extension TransposedConvolutionLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    var inputs = [exporter.image(input), try exporter.constant(weights)]
    if let bias { inputs.append(try exporter.constant(bias)) }
    let shape = [1, output.shape.height, output.shape.width, output.shape.channels]
    let (stride, padding) = (geometry.stride, geometry.padding)
    let result = exporter.add(name, activation: activation, inputs: inputs, shape: shape) {
      .transposedConv2D(
        TransposedConv2D(
          strideHeight: stride.height, strideWidth: stride.width, padding: padding, activation: $0))
    }
    exporter.bind(output, to: result)
  }
}

extension DenseLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    // The steps of a sequence are what images of a batch are elsewhere.
    let x = steps == 1 ? exporter.flat(input) : exporter.reshape(exporter.image(input), to: [steps, geometry.inputs])
    var inputs = [x, try exporter.constant(weights)]
    if let bias { inputs.append(try exporter.constant(bias)) }
    let result = exporter.add(name, activation: activation, inputs: inputs, shape: [steps, geometry.outputs]) {
      .dense(Dense(activation: $0))
    }
    exporter.bind(output, to: steps == 1 ? result : exporter.reshape(result, to: [1, steps, 1, geometry.outputs]))
  }
}

extension PoolGeometry {
  fileprivate var op: Pool2D {
    Pool2D(
      windowHeight: window.height, windowWidth: window.width, strideHeight: stride.height, strideWidth: stride.width,
      padding: padding)
  }

  fileprivate var outputShape: [Int] { [1, output.height, output.width, output.channels] }
}

extension MaxPoolLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let x = exporter.image(input)
    exporter.bind(
      output, to: exporter.add(.maxPool2D(geometry.op), name: name, inputs: [x], shape: geometry.outputShape))
  }
}

extension AveragePoolLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let x = exporter.image(input)
    let op: Op = isGlobal ? .globalAveragePool : .averagePool2D(geometry.op)
    exporter.bind(output, to: exporter.add(op, name: name, inputs: [x], shape: geometry.outputShape))
  }
}

extension ActivationLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let x = exporter.tensor(of: input)
    exporter.bind(
      output,
      to: exporter.add(.activation(activation), name: name, inputs: [x], shape: exporter.graph.tensors[x].shape))
  }
}

extension DropoutLayer {
  /// The identity on the device.
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    exporter.bind(output, to: exporter.tensor(of: input))
  }
}

extension AddLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let isFlat = exporter.graph.tensors[exporter.tensor(of: a)].shape.count == 2
    let inputs = isFlat ? [exporter.flat(a), exporter.flat(b)] : [exporter.image(a), exporter.image(b)]
    exporter.bind(
      output,
      to: exporter.add(.add(Add()), name: name, inputs: inputs, shape: exporter.graph.tensors[inputs[0]].shape))
  }
}

extension MultiplyLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let isFlat = exporter.graph.tensors[exporter.tensor(of: a)].shape.count == 2
    let inputs = isFlat ? [exporter.flat(a), exporter.flat(b)] : [exporter.image(a), exporter.image(b)]
    exporter.bind(
      output, to: exporter.add(.multiply, name: name, inputs: inputs, shape: exporter.graph.tensors[inputs[0]].shape))
  }
}

extension ForkLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let x = exporter.tensor(of: input)
    for output in outputs { exporter.bind(output, to: x) }
  }
}

extension ConcatLayer {
  func export(to exporter: inout GraphExporter) throws(TrainerError) {
    let images = inputs.map { exporter.image($0) }
    let shape = [1, output.shape.height, output.shape.width, output.shape.channels]
    exporter.bind(output, to: exporter.add(.concat(Concat(axis: 3)), name: name, inputs: images, shape: shape))
  }
}

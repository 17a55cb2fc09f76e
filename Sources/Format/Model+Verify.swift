extension Model {
  /// Makes sure that the graph can be run, and that metadata and self-test belong to it. Reading and writing a file both
  /// do this; nothing can skip it.
  ///
  /// - Throws: `FormatError.invalid`, naming what is wrong and what was expected.
  public func verify() throws(FormatError) {
    try graph.verify()
    try decoder?.verify(main: graph)
    try verifyTexts()
    try verifyLabels()
    try verifyVocabularies()
    if let preprocessing = metadata.preprocessing {
      try preprocessing.verify()
      try verify(preprocessing, matches: graph.tensors[graph.inputs[0]])
    }
    try verifyShare(metadata.provenance.floatAccuracy, "float accuracy")
    try verifyShare(metadata.provenance.int8Accuracy, "int8 accuracy")
    try verifyCalibration()
    try verifySelfTest()
    try verifyPacked()
  }

  private func verifyPacked() throws(FormatError) {
    guard let packed else { return }
    try verifyText(packed.instructionSet, "packed weights, instruction set")
    var next = 0
    for block in packed.blocks {
      guard next..<max(next, graph.nodes.count) ~= block.node else {
        throw .invalid(
          what: "packed weights, node", expected: "\(next) to \(graph.nodes.count - 1), ascending",
          found: "\(block.node)")
      }
      next = block.node + 1
    }
  }

  private func verifyTexts() throws(FormatError) {
    try verifyText(metadata.name, "model name")
    try verifyText(metadata.provenance.tool, "provenance, tool")
    try verifyText(metadata.provenance.data, "provenance, data")
  }

  private func verifyLabels() throws(FormatError) {
    let labels = metadata.labels
    let shape = graph.tensors[graph.outputs[0]].shape
    let classes = shape[shape.count - 1]
    guard labels.isEmpty || labels.count == classes else {
      throw .invalid(
        what: "labels", expected: "none, or one for each of the \(classes) outputs", found: "\(labels.count)")
    }
    guard labels.count <= Limits.labels else {
      throw .invalid(what: "labels", expected: "at most \(Limits.labels)", found: "\(labels.count)")
    }
    for (index, label) in labels.enumerated() { try verifyText(label, "label \(index)") }
  }

  private func verifyVocabularies() throws(FormatError) {
    if let vocabulary = metadata.inputVocabulary {
      try vocabulary.verify("input vocabulary")
      let input = graph.tensors[graph.inputs[0]]
      guard input.type == .f32, input.shape.count == 4, input.shape[2] == 1, input.shape[3] == 1 else {
        throw .invalid(
          what: "input vocabulary", expected: "a first input of f32 tokens, NxTx1x1",
          found: "\(input.type.name) \(shapeText(input.shape))")
      }
    }
    if let vocabulary = metadata.vocabulary {
      try vocabulary.verify("vocabulary")
      let shape = graph.tensors[graph.outputs[0]].shape
      let tokens = decoder?.tokenCount ?? shape[shape.count - 1]
      guard vocabulary.texts.count == tokens else {
        throw .invalid(
          what: "vocabulary", expected: "one text for each of the \(tokens) outputs", found: "\(vocabulary.texts.count)"
        )
      }
    }
    guard metadata.labeling == .whole || !metadata.labels.isEmpty else {
      throw .invalid(what: "labels of steps", expected: "some", found: "none")
    }
  }

  private func verify(_ preprocessing: Preprocessing, matches input: Tensor) throws(FormatError) {
    let image = [preprocessing.height, preprocessing.width, preprocessing.channels]
    let expected = Array(input.shape.dropFirst())
    guard expected == image || expected == [image[0] * image[1] * image[2]] else {
      throw .invalid(
        what: "preprocessing", expected: "an image of the first input's \(shapeText(expected))",
        found: shapeText(image))
    }
  }

  private func verifyShare(_ share: Float?, _ what: String) throws(FormatError) {
    guard let share, !(0...1 ~= share) else { return }
    throw .invalid(what: "provenance, \(what)", expected: "0 to 1", found: share.shortText)
  }

  private func verifyCalibration() throws(FormatError) {
    guard metadata.calibration.count <= Limits.tensors else {
      throw .invalid(
        what: "calibration ranges", expected: "at most \(Limits.tensors)", found: "\(metadata.calibration.count)")
    }
    for (index, range) in metadata.calibration.enumerated() {
      try verifyText(range.tensor, "calibration range \(index), tensor")
      guard range.minimum.isFinite, range.maximum.isFinite, range.minimum <= range.maximum else {
        throw .invalid(
          what: "calibration range \(index)", expected: "finite, minimum at most maximum",
          found: "\(range.minimum.shortText) to \(range.maximum.shortText)")
      }
    }
  }

  private func verifySelfTest() throws(FormatError) {
    guard let selfTest else { return }
    guard selfTest.tolerance >= 0, selfTest.tolerance.isFinite else {
      throw .invalid(
        what: "self-test, tolerance", expected: "finite, not negative", found: selfTest.tolerance.shortText)
    }
    try verify(selfTest.inputs, match: graph.inputs, of: graph, "self-test, input")
    try verify(selfTest.outputs, match: graph.outputs, of: graph, "self-test, output")
    let second = decoder?.graph ?? Graph()
    try verify(selfTest.decoderInputs, match: second.inputs, of: second, "self-test, decoder input")
    try verify(selfTest.decoderOutputs, match: second.outputs, of: second, "self-test, decoder output")
  }

  private func verify(
    _ constants: [Constant], match indices: [TensorIndex], of graph: Graph, _ what: String
  ) throws(FormatError) {
    guard constants.count == indices.count else {
      throw .invalid(what: "\(what) count", expected: "\(indices.count)", found: "\(constants.count)")
    }
    for (position, constant) in constants.enumerated() {
      let tensor = graph.tensors[indices[position]]
      guard constant.bytes.count == tensor.byteCount else {
        throw .invalid(
          what: "\(what) \(position)", expected: "\(tensor.byteCount) bytes", found: "\(constant.bytes.count)")
      }
      try constant.verifyElements(of: tensor.type, "\(what) \(position)")
    }
  }
}

extension Vocabulary {
  fileprivate func verify(_ what: String) throws(FormatError) {
    guard 1...Limits.labels ~= texts.count else {
      throw .invalid(what: what, expected: "1 to \(Limits.labels) texts", found: "\(texts.count)")
    }
    // A text file's characters are tokens: its lines end, and it may have tabs.
    for (index, text) in texts.enumerated() where text != "\n" && text != "\t" {
      try verifyText(text, "\(what), text \(index)")
    }
  }
}

extension Preprocessing {
  fileprivate func verify() throws(FormatError) {
    for side in [width, height] where !(1...Limits.imageSide ~= side) {
      throw .invalid(
        what: "preprocessing, width and height", expected: "1 to \(Limits.imageSide)", found: "\(side)")
    }
    guard channels == 1 || channels == 3 else {
      throw .invalid(what: "preprocessing, channels", expected: "1 or 3", found: "\(channels)")
    }
    guard cropFraction > 0, cropFraction <= 1 else {
      throw .invalid(
        what: "preprocessing, crop fraction", expected: "more than 0, at most 1", found: cropFraction.shortText)
    }
    guard mean.count == channels, deviation.count == channels else {
      throw .invalid(
        what: "preprocessing, means and deviations", expected: "\(channels) each",
        found: "\(mean.count) and \(deviation.count)")
    }
    for value in mean where !value.isFinite {
      throw .invalid(what: "preprocessing, mean", expected: "a finite number", found: value.shortText)
    }
    // As small as a scale may be: dividing a pixel by it stays finite.
    for value in deviation where !(Quantization.scales ~= value) {
      throw .invalid(what: "preprocessing, deviation", expected: "2^-40 to 2^40", found: value.shortText)
    }
  }
}

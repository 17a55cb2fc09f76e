import Platform

extension Model {
  /// Verifies the model and writes it to `path`, which holds the old file or the whole new one, whatever happens.
  ///
  /// - Throws: `FormatError.invalid` if the model is not valid; `FormatError.cannotWrite` with the system's reason.
  public func write(to path: String) throws(FormatError) {
    let bytes = try encoded()
    let error = bytes.withUnsafeBytes { platform_write_file_atomically(path, $0.baseAddress, $0.count) }
    guard error == 0 else { throw .cannotWrite(path: path, reason: systemErrorText(error)) }
  }

  /// The model as the bytes of a file. Equal models give equal bytes.
  ///
  /// - Throws: `FormatError.invalid` if the model is not valid: nobody can write a file that cannot be read.
  public func encoded() throws(FormatError) -> [UInt8] {
    try verify()
    var graphSection = ByteWriter()
    var weights = ByteWriter()
    let minor = minorVersion
    graphSection.put(graph, weights: &weights)
    if minor >= 2 { graphSection.put(graph.states) }
    var metadataSection = ByteWriter()
    metadataSection.put(metadata)
    if minor >= 2 {
      metadataSection.put(metadata.inputVocabulary)
      metadataSection.put(metadata.vocabulary)
      metadataSection.put(metadata.labeling.rawValue)
    }
    var decoderSection = ByteWriter()
    if let decoder { decoderSection.put(decoder, weights: &weights) }
    var sections: [(code: Container.SectionCode, bytes: [UInt8])] = [
      (.graph, graphSection.bytes), (.weights, weights.bytes), (.metadata, metadataSection.bytes),
    ]
    if let selfTest {
      var section = ByteWriter()
      section.put(selfTest.tolerance)
      for constant in selfTest.inputs + selfTest.outputs + selfTest.decoderInputs + selfTest.decoderOutputs {
        section.put(aligned: constant)
      }
      sections.append((.selfTest, section.bytes))
    }
    if let packed {
      var section = ByteWriter()
      section.put(
        packed, graph: graphSection.bytes.withUnsafeBytes { XXH64.hash($0) },
        weights: weights.bytes.withUnsafeBytes { XXH64.hash($0) })
      sections.append((.packed, section.bytes))
    }
    if decoder != nil { sections.append((.decoder, decoderSection.bytes)) }
    return Container.encode(sections, minor: minor)
  }
}

extension ByteWriter {
  fileprivate mutating func put(_ graph: Graph, weights: inout ByteWriter) {
    put(int: graph.tensors.count)
    for tensor in graph.tensors { put(tensor, weights: &weights) }
    put(int: graph.nodes.count)
    for node in graph.nodes {
      put(node.name)
      put(node.op)
      put(indices: node.inputs)
      put(indices: node.outputs)
    }
    put(indices: graph.inputs)
    put(indices: graph.outputs)
  }

  fileprivate mutating func put(_ states: [State]) {
    put(UInt16(states.count))
    for state in states {
      put(int: state.input)
      put(int: state.output)
    }
  }

  fileprivate mutating func put(_ decoder: Decoder, weights: inout ByteWriter) {
    put(int: decoder.startToken)
    put(int: decoder.endToken)
    put(int: decoder.maximumLength)
    put(UInt16(decoder.links.count))
    for link in decoder.links {
      put(UInt16(link.output))
      put(UInt16(link.input))
    }
    put(decoder.graph, weights: &weights)
    put(decoder.graph.states)
  }

  /// A flag byte, and the vocabulary if there is one.
  fileprivate mutating func put(_ vocabulary: Vocabulary?) {
    put(vocabulary == nil ? 0 as UInt8 : 1)
    guard let vocabulary else { return }
    put(vocabulary.unit.rawValue)
    put(vocabulary.texts)
  }

  /// A u32 count and as many texts.
  private mutating func put(_ texts: [String]) {
    put(int: texts.count)
    for text in texts { put(text) }
  }

  private mutating func put(indices: [TensorIndex]) {
    put(UInt16(indices.count))
    for index in indices { put(int: index) }
  }

  private mutating func put(_ tensor: Tensor, weights: inout ByteWriter) {
    put(tensor.name)
    put(tensor.type.rawValue)
    put(UInt8(tensor.shape.count))
    var flags: UInt8 = 0
    if tensor.quantization != nil { flags |= TensorFlags.quantized }
    if tensor.constant != nil { flags |= TensorFlags.constant }
    put(flags)
    for dimension in tensor.shape { put(int: dimension) }
    if let quantization = tensor.quantization {
      put(quantization.zeroPoint)
      put(quantization.axis.map { UInt8($0) } ?? noAxis)
      put(int: quantization.scales.count)
      put(quantization.scales)
    }
    if let constant = tensor.constant {
      weights.align()
      put(UInt64(weights.bytes.count))
      weights.put(aligned: constant)
    }
  }

  fileprivate mutating func put(_ metadata: Metadata) {
    put(metadata.name)
    put(metadata.labels)
    put(metadata.preprocessing == nil ? 0 as UInt8 : 1)
    if let preprocessing = metadata.preprocessing {
      put(int: preprocessing.width)
      put(int: preprocessing.height)
      put(UInt8(preprocessing.channels))
      put(preprocessing.fit.rawValue)
      put(preprocessing.cropFraction)
      put(preprocessing.mean)
      put(preprocessing.deviation)
    }
    put(metadata.provenance.tool)
    put(metadata.provenance.data)
    put(optional: metadata.provenance.seed)
    put(optional: metadata.provenance.floatAccuracy?.bitPattern)
    put(optional: metadata.provenance.int8Accuracy?.bitPattern)
    put(int: metadata.calibration.count)
    for range in metadata.calibration {
      put(range.tensor)
      put(range.minimum)
      put(range.maximum)
    }
  }

  /// A flag byte, and the value if there is one.
  private mutating func put<Integer: FixedWidthInteger & BitwiseCopyable>(optional value: Integer?) {
    put(value == nil ? 0 as UInt8 : 1)
    if let value { put(value) }
  }
}

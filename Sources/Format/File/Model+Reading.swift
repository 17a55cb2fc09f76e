extension Model {
  /// Maps and verifies the model file at `path`. Constants stay in the mapping: nothing is copied but the graph.
  ///
  /// The file must not be changed in place while a model uses it; replacing it, as `write(to:)` does, is safe.
  ///
  /// - Throws: `FormatError`, of whatever kind is wrong first: the file, its checksums, a record, the graph.
  public init(path: String) throws(FormatError) {
    try self.init(storage: Storage(mapping: path))
  }

  /// Reads and verifies a model file that lies in `storage`.
  ///
  /// - Throws: `FormatError` if the bytes are not a model that this version can run.
  public init(storage: Storage) throws(FormatError) {
    // Container and readers hold pointers into the storage, and no constant may be left to keep it.
    defer { withExtendedLifetime(storage) {} }
    let container = try Container(storage.bytes)
    let minor = container.minor
    var weights = WeightsSection(
      contents: Constant(storage: storage, range: try container.required(.weights)), end: 0)
    var reader = try container.reader(.graph, in: storage)
    graph = try reader.graph(&weights)
    if minor >= 2 { graph.states = try reader.states() }
    try reader.finish(minor: minor)
    reader = try container.reader(.metadata, in: storage)
    metadata = try reader.metadata()
    if minor >= 2 { try reader.vocabularies(into: &metadata) }
    try reader.finish(minor: minor)
    decoder = nil
    selfTest = nil
    if minor >= 2, container.range(of: .decoder) != nil {
      reader = try container.reader(.decoder, in: storage)
      decoder = try reader.decoder(&weights)
      try reader.finish(minor: minor)
    }
    guard weights.end == weights.contents.range.count || minor > Container.minor else {
      throw .invalid(
        what: "weights section", expected: "\(weights.end) bytes", found: "\(weights.contents.range.count)")
    }
    packed = nil
    if minor >= 2, let range = container.range(of: .packed) {
      reader = try container.reader(.packed, in: storage)
      packed = try reader.packedWeights(
        nodes: graph.nodes.count, section: Constant(storage: storage, range: range),
        graph: container.checksum(of: .graph), weights: container.checksum(of: .weights))
      try reader.finish(minor: minor)
    }
    guard minor > Container.minor || minor == minorVersion else {
      throw .invalid(
        what: "minor version", expected: "\(minorVersion), the smallest that has all the model needs",
        found: "\(minor)")
    }
    if let range = container.range(of: .selfTest) {
      reader = try container.reader(.selfTest, in: storage)
      selfTest = try reader.selfTest(of: self, section: Constant(storage: storage, range: range))
      try reader.finish(minor: minor)
    }
    try verify()
    // Sessions read constants once more, a layer at a time, and few read the self-test: until then they only take room.
    storage.release(0..<storage.bytes.count)
    try container.verifyChecksum(of: .packed)
  }
}

extension Container {
  fileprivate func reader(_ code: SectionCode, in storage: Storage) throws(FormatError) -> ByteReader {
    ByteReader(UnsafeRawBufferPointer(rebasing: storage.bytes[try required(code)]), section: code.name)
  }
}

/// The weights section, and where the constants read so far end in it.
private struct WeightsSection {
  let contents: Constant
  var end: Int
}

/// Bits of a tensor record's flags.
enum TensorFlags {
  static let quantized: UInt8 = 1
  static let constant: UInt8 = 2
  static let all = quantized | constant
}

/// A quantization axis that stands for "one scale for the whole tensor".
let noAxis: UInt8 = 255

// Readers of records check only what they need to build the record in bounded memory; `Model.verify` checks the rest.
extension ByteReader {
  fileprivate mutating func graph(_ weights: inout WeightsSection) throws(FormatError) -> Graph {
    var graph = Graph()
    // The smallest record has an empty name, type, rank, flags and one dimension.
    let tensors = try count("tensor count", limit: Limits.tensors, recordBytes: 9)
    graph.tensors.reserveCapacity(tensors)
    for _ in 0..<tensors { graph.tensors.append(try tensor(&weights)) }
    // An empty name, an operator code, two counts, and at least one input and one output.
    let nodes = try count("node count", limit: Limits.nodes, recordBytes: 16)
    graph.nodes.reserveCapacity(nodes)
    for _ in 0..<nodes {
      let name = try string("node name")
      let op = try op("operator")
      let inputs = try indices("node inputs", limit: Limits.nodeInputs)
      let outputs = try indices("node outputs", limit: Limits.nodeOutputs)
      graph.nodes.append(Node(name: name, op: op, inputs: inputs, outputs: outputs))
    }
    graph.inputs = try indices("graph inputs", limit: Limits.endpoints)
    graph.outputs = try indices("graph outputs", limit: Limits.endpoints)
    return graph
  }

  /// A u16 count and as many u32 tensor indices.
  private mutating func indices(_ field: String, limit: Int) throws(FormatError) -> [TensorIndex] {
    let count = Int(try integer(field, as: UInt16.self))
    guard count <= limit else {
      throw .invalid(what: place(field), expected: "at most \(limit)", found: "\(count)")
    }
    var result: [TensorIndex] = []
    for _ in 0..<count { result.append(try int(field)) }
    return result
  }

  /// A u16 count and as many pairs of u32 tensor indices.
  fileprivate mutating func states() throws(FormatError) -> [State] {
    let count = Int(try integer("states", as: UInt16.self))
    guard count <= Limits.endpoints else {
      throw .invalid(what: place("states"), expected: "at most \(Limits.endpoints)", found: "\(count)")
    }
    var states: [State] = []
    for _ in 0..<count {
      let input = try int("state, input")
      states.append(State(input: input, output: try int("state, output")))
    }
    return states
  }

  fileprivate mutating func decoder(_ weights: inout WeightsSection) throws(FormatError) -> Decoder {
    let startToken = try int("start token")
    let endToken = try int("end token")
    let maximumLength = try int("maximum length")
    let count = Int(try integer("links", as: UInt16.self))
    guard count <= Limits.endpoints else {
      throw .invalid(what: place("links"), expected: "at most \(Limits.endpoints)", found: "\(count)")
    }
    var links: [Decoder.Link] = []
    for _ in 0..<count {
      let output = Int(try integer("link, output", as: UInt16.self))
      links.append(Decoder.Link(output: output, input: Int(try integer("link, input", as: UInt16.self))))
    }
    var graph = try graph(&weights)
    graph.states = try states()
    return Decoder(
      graph: graph, links: links, startToken: startToken, endToken: endToken, maximumLength: maximumLength)
  }

  private mutating func tensor(_ weights: inout WeightsSection) throws(FormatError) -> Tensor {
    let name = try string("tensor name")
    let type = try code("element type", as: ElementType.self)
    let rank = Int(try integer("tensor rank", as: UInt8.self))
    let flags = try integer("tensor flags", as: UInt8.self)
    guard flags & ~TensorFlags.all == 0 else {
      throw .invalid(what: place("tensor flags"), expected: "bits 0 and 1 only", found: "\(flags)")
    }
    var shape: [Int] = []
    for _ in 0..<rank { shape.append(try int("tensor dimension")) }
    var tensor = Tensor(name: name, type: type, shape: shape)
    if flags & TensorFlags.quantized != 0 { tensor.quantization = try quantization() }
    if flags & TensorFlags.constant != 0 {
      let byteCount = try checkedByteCount(shape, type, place("tensor"))
      let offset = try integer("offset of a constant", as: UInt64.self)
      let start = weights.end + paddingToAlignment(weights.end)
      guard offset == UInt64(start) else {
        throw .invalid(what: place("offset of a constant"), expected: "\(start)", found: "\(offset)")
      }
      let available = weights.contents.range.count
      guard start <= available, byteCount <= available - start else {
        throw .truncated(
          what: "weights section", expected: Int(clamping: Int64(start) + Int64(byteCount)), found: available)
      }
      guard weights.contents.bytes[weights.end..<start].allSatisfy({ $0 == 0 }) else {
        throw .invalid(what: "weights section", expected: "zero bytes between constants", found: "others")
      }
      weights.end = start + byteCount
      tensor.constant = weights.contents.slice(start..<weights.end)
    }
    return tensor
  }

  private mutating func quantization() throws(FormatError) -> Quantization {
    let zeroPoint = try integer("zero point", as: Int32.self)
    let axis = try integer("quantization axis", as: UInt8.self)
    let count = try count("scale count", limit: Limits.dimension, recordBytes: 4)
    var result = Quantization(scales: try floats(count, "scale"), axis: Int(axis))
    result.zeroPoint = zeroPoint
    if axis == noAxis { result.axis = nil }
    return result
  }

  fileprivate mutating func metadata() throws(FormatError) -> Metadata {
    var metadata = Metadata(name: try string("model name"))
    metadata.labels = try strings("label")
    if try flag("preprocessing flag") { metadata.preprocessing = try preprocessing() }
    metadata.provenance.tool = try string("provenance, tool")
    metadata.provenance.data = try string("provenance, data")
    if try flag("seed flag") { metadata.provenance.seed = try integer("seed") }
    if try flag("float accuracy flag") { metadata.provenance.floatAccuracy = try float("float accuracy") }
    if try flag("int8 accuracy flag") { metadata.provenance.int8Accuracy = try float("int8 accuracy") }
    let ranges = try count("calibration range count", limit: Limits.tensors, recordBytes: 10)
    for _ in 0..<ranges {
      let tensor = try string("calibration range, tensor")
      let minimum = try float("calibration range, minimum")
      let maximum = try float("calibration range, maximum")
      metadata.calibration.append(CalibrationRange(tensor: tensor, minimum: minimum, maximum: maximum))
    }
    return metadata
  }

  /// A u32 count and as many texts.
  private mutating func strings(_ field: String) throws(FormatError) -> [String] {
    let count = try count("\(field) count", limit: Limits.labels, recordBytes: 2)
    var result: [String] = []
    result.reserveCapacity(count)
    for _ in 0..<count { result.append(try string(field)) }
    return result
  }

  /// What version 1.2 appended to the metadata.
  fileprivate mutating func vocabularies(into metadata: inout Metadata) throws(FormatError) {
    metadata.inputVocabulary = try vocabulary("input vocabulary")
    metadata.vocabulary = try vocabulary("vocabulary")
    metadata.labeling = try code("labeling")
  }

  private mutating func vocabulary(_ field: String) throws(FormatError) -> Vocabulary? {
    guard try flag("\(field) flag") else { return nil }
    let unit = try code("\(field), unit", as: Vocabulary.Unit.self)
    return Vocabulary(unit: unit, texts: try strings("\(field), text"))
  }

  private mutating func preprocessing() throws(FormatError) -> Preprocessing {
    let width = try int("preprocessing, width")
    let height = try int("preprocessing, height")
    let channels = Int(try integer("preprocessing, channels", as: UInt8.self))
    let fit = try code("preprocessing, fit", as: Preprocessing.Fit.self)
    let cropFraction = try float("preprocessing, crop fraction")
    let mean = try floats(channels, "preprocessing, mean")
    let deviation = try floats(channels, "preprocessing, deviation")
    return Preprocessing(
      width: width, height: height, channels: channels, fit: fit, cropFraction: cropFraction, mean: mean,
      deviation: deviation)
  }

  /// `model` tells how many inputs and outputs there are, and their sizes; it is not verified yet.
  fileprivate mutating func selfTest(of model: Model, section: Constant) throws(FormatError) -> SelfTest {
    let graph = model.graph
    let tolerance = try float("tolerance")
    let inputs = try constants(of: graph, graph.inputs, section, "input")
    let outputs = try constants(of: graph, graph.outputs, section, "output")
    var selfTest = SelfTest(inputs: inputs, outputs: outputs, tolerance: tolerance)
    if let decoder = model.decoder?.graph {
      selfTest.decoderInputs = try constants(of: decoder, decoder.inputs, section, "decoder input")
      selfTest.decoderOutputs = try constants(of: decoder, decoder.outputs, section, "decoder output")
    }
    return selfTest
  }

  private mutating func constants(
    of graph: Graph, _ indices: [TensorIndex], _ section: Constant, _ field: String
  ) throws(FormatError) -> [Constant] {
    var result: [Constant] = []
    for index in indices {
      guard graph.tensors.indices ~= index else {
        throw .invalid(
          what: place(field), expected: "a tensor, 0 to \(graph.tensors.count - 1)", found: "\(index)")
      }
      let tensor = graph.tensors[index]
      let byteCount = try checkedByteCount(tensor.shape, tensor.type, place(field))
      try align(field)
      let start = offset
      _ = try take(byteCount, field)
      result.append(section.slice(start..<offset))
    }
    return result
  }
}

extension Constant {
  /// Bytes `part` of this constant, counted from its own start.
  fileprivate func slice(_ part: Range<Int>) -> Constant {
    Constant(
      storage: storage, range: (range.lowerBound + part.lowerBound)..<(range.lowerBound + part.upperBound))
  }
}

// The packed section: docs/format.md.

extension ByteWriter {
  /// - Parameters:
  ///   - graph: checksum of the graph section that the weights belong to.
  ///   - weights: checksum of the weights section.
  mutating func put(_ packed: PackedWeights, graph: UInt64, weights: UInt64) {
    put(graph)
    put(weights)
    put(packed.instructionSet)
    put(int: packed.blocks.count)
    for block in packed.blocks {
      put(int: block.node)
      put(block.layout)
      put(UInt64(block.contents.bytes.count))
    }
    for block in packed.blocks { put(aligned: block.contents) }
  }

  private mutating func put(_ layout: PackedWeights.Layout) {
    put(layout.form.rawValue)
    put(layout.columns)
    put(layout.group)
    put(layout.vectors)
    put(layout.inputBias)
    put(layout.windowTaps)
    put(layout.pixels)
    put(layout.taps)
    put(layout.depth)
  }
}

extension ByteReader {
  /// A block's record: node, layout, length.
  private static var recordBytes: Int { 4 + 15 + 8 }

  /// - Parameters:
  ///   - nodes: of the graph.
  ///   - section: the bytes that this reader reads.
  ///   - graph, weights: the checksums of those sections of the file.
  mutating func packedWeights(
    nodes: Int, section: Constant, graph: UInt64, weights: UInt64
  ) throws(FormatError) -> PackedWeights {
    let madeOfGraph = try integer("checksum of the graph", as: UInt64.self)
    let madeOfWeights = try integer("checksum of the weights", as: UInt64.self)
    guard madeOfGraph == graph, madeOfWeights == weights else {
      throw .invalid(what: "packed section", expected: "one made of this file's graph and weights", found: "another")
    }
    let instructionSet = try string("instruction set")
    try verifyText(instructionSet, place("instruction set"))
    let count = try count("block count", limit: nodes, recordBytes: ByteReader.recordBytes)
    var records: [(node: Int, layout: PackedWeights.Layout, length: UInt64)] = []
    records.reserveCapacity(count)
    var next = 0
    for _ in 0..<count {
      let node = try int("node")
      guard next..<max(next, nodes) ~= node else {
        throw .invalid(what: place("node"), expected: "\(next) to \(nodes - 1), ascending", found: "\(node)")
      }
      next = node + 1
      records.append((node, try layout(), try integer("length", as: UInt64.self)))
    }
    var packed = PackedWeights(instructionSet: instructionSet, blocks: [])
    packed.blocks.reserveCapacity(count)
    for record in records {
      try align("block")
      guard record.length <= UInt64(remaining) else {
        throw .truncated(what: place("block"), expected: Int(clamping: record.length), found: remaining)
      }
      let start = section.range.lowerBound + offset
      _ = try take(Int(record.length), "block")
      let contents = Constant(storage: section.storage, range: start..<(section.range.lowerBound + offset))
      packed.blocks.append(.init(node: record.node, layout: record.layout, contents: contents))
    }
    return packed
  }

  private mutating func layout() throws(FormatError) -> PackedWeights.Layout {
    let form = try code("form", as: PackedWeights.Layout.Form.self)
    let columns = try integer("columns", as: UInt8.self)
    let group = try integer("group", as: UInt8.self)
    let vectors = try integer("vectors", as: UInt8.self)
    let inputBias = try integer("input bias", as: UInt8.self)
    let windowTaps = try integer("window taps", as: UInt8.self)
    let pixels = try integer("pixels", as: UInt8.self)
    let taps = try integer("taps", as: UInt32.self)
    return PackedWeights.Layout(
      form: form, columns: columns, group: group, vectors: vectors, inputBias: inputBias, windowTaps: windowTaps,
      pixels: pixels, taps: taps, depth: try integer("depth", as: UInt32.self))
  }
}

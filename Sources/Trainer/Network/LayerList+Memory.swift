extension LayerList {
  /// Gives every value its memory, all in one buffer, and gives that buffer's number of elements.
  ///
  /// Time is counted in layers: n layers run forward at 0..<n, the loss at n, backward at n + 1...2n. Data lives from its
  /// making to its last reader, which may be a backward; a gradient from its first writer, a consumer's backward, to its
  /// producer's.
  func placeActivations(on backend: any Backend, batch: Int) throws(TrainerError) -> Int {
    var lifetimes = Lifetimes(batch: batch)
    let loss = layers.count
    for input in inputs { lifetimes.touchData(input, at: 0) }
    for (index, layer) in layers.enumerated() {
      let backward = 2 * layers.count - index
      for value in layer.inputs + layer.outputs { lifetimes.touchData(value, at: index) }
      guard layer.outputs[0].needsGradient else { continue }
      for value in layer.backwardReads { lifetimes.touchData(value, at: backward) }
      for value in layer.inputs + layer.outputs where value.needsGradient {
        lifetimes.touchGradient(value, at: backward)
      }
    }
    lifetimes.touchData(output, at: loss)
    lifetimes.touchGradient(output, at: loss)

    let (offsets, size) = lifetimes.planner.plan()
    let arena = try backend.reals(size)
    for (value, block) in lifetimes.data.values {
      value.place(data: arena[offsets[block]..<(offsets[block] + batch * value.shape.count)])
    }
    for (value, block) in lifetimes.gradients.values {
      value.place(gradient: arena[offsets[block]..<(offsets[block] + batch * value.shape.count)])
    }
    return size
  }
}

/// Collects when each value's memory is in use.
private struct Lifetimes {
  /// Values that own memory, with their block's number.
  typealias Blocks = [ObjectIdentifier: (Value, Int)]

  let batch: Int
  var planner = MemoryPlanner()
  var data: Blocks = [:]
  var gradients: Blocks = [:]

  init(batch: Int) { self.batch = batch }

  mutating func touchData(_ value: Value, at time: Int) {
    data[ObjectIdentifier(value.dataRoot)] = touch(value.dataRoot, in: data, at: time)
  }

  mutating func touchGradient(_ value: Value, at time: Int) {
    gradients[ObjectIdentifier(value.gradientRoot)] = touch(value.gradientRoot, in: gradients, at: time)
  }

  private mutating func touch(_ root: Value, in blocks: Blocks, at time: Int) -> (Value, Int) {
    if let (_, block) = blocks[ObjectIdentifier(root)] {
      planner.extend(block, to: time)
      return (root, block)
    }
    return (root, planner.request(size: batch * root.shape.count, first: time, last: time))
  }
}

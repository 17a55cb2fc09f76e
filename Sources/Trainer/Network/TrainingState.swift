/// A tensor with a name: a weight, an optimizer's slot, running statistics.
public struct NamedTensor: Equatable, Sendable {
  public var name: String
  public var shape: [Int]
  public var values: [Float]

  public init(name: String, shape: [Int], values: [Float]) {
    self.name = name
    self.shape = shape
    self.values = values
  }
}

/// All that training goes on from. Random numbers need no more than seed and step: they are functions of both (`Philox`).
public struct TrainingState: Equatable, Sendable {
  /// Steps done.
  public var step: Int
  public var seed: UInt64
  public var tensors: [NamedTensor]

  public init(step: Int, seed: UInt64, tensors: [NamedTensor]) {
    self.step = step
    self.seed = seed
    self.tensors = tensors
  }
}

extension Network {
  /// A copy of everything that training goes on from.
  ///
  /// Law: after `restore(state())` in a network of the same description and batch, on the same backend, every step gives
  /// the bits that it would have given here.
  public func state() throws(TrainerError) -> TrainingState {
    var tensors: [NamedTensor] = []
    for place in places {
      tensors.append(NamedTensor(name: place.name, shape: place.shape, values: try backend.values(of: place.slice)))
    }
    return TrainingState(step: step, seed: seed, tensors: tensors)
  }

  /// Goes on from `state`.
  ///
  /// - Throws: `TrainerError.invalid` if a tensor is missing or has another shape; nothing has changed then.
  public func restore(_ state: TrainingState) throws(TrainerError) {
    let given = Dictionary(state.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let places = self.places
    for place in places {
      guard let tensor = given[place.name] else {
        throw .invalid(what: "training state", expected: "the tensor \(place.name)", found: "none of this name")
      }
      guard tensor.shape == place.shape, tensor.values.count == place.slice.count else {
        throw .invalid(what: place.name, expected: "shape \(place.shape)", found: "\(tensor.shape)")
      }
    }
    for place in places {
      given[place.name]!.values.withUnsafeBufferPointer { backend.upload($0, to: place.slice) }
    }
    step = state.step
    seed = state.seed
  }

  /// Lets the next step begin a new text: states that layers carry from step to step become 0.
  public func resetCarriedStates() {
    for layer in list.layers {
      for each in layer.carriedStates { each.reset(on: backend) }
    }
  }

  /// Every tensor of a state, and where it lies.
  private var places: [(name: String, shape: [Int], slice: DeviceSlice)] {
    var result: [(name: String, shape: [Int], slice: DeviceSlice)] = []
    for parameter in parameters {
      result.append((parameter.name, parameter.shape, parameter.weights))
      let start = parameter.weights.offset - weights.offset
      if let average {
        result.append(
          ("\(parameter.name)/average", parameter.shape, average.weights[start..<(start + parameter.count)]))
      }
      for (slot, name) in zip(slots, description.recipe.optimizer.slots) {
        result.append(("\(parameter.name)/\(name)", parameter.shape, slot[start..<(start + parameter.count)]))
      }
    }
    for (index, each) in statistics.enumerated() {
      result.append((each.name, [2, each.channels], each.values))
      if let average { result.append(("\(each.name)/average", [2, each.channels], average.statistics[index])) }
    }
    for layer in list.layers {
      for each in layer.carriedStates { result += each.tensors }
    }
    return result
  }
}

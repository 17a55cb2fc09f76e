import Format

/// input [N, T, 1, F], weights [G·H, F] and [G·H, H], bias [B·H] → output [N, T, 1, H]: a cell run over the steps of every
/// sequence, forwards or backwards.
///
/// The state before the first step is another layer's (`initialHidden`, `initialCell`), what the step of training before left
/// (`carried`, truncated backpropagation through time: no gradient goes back across it), or zero.
final class RecurrentLayer: Layer {
  let name: String
  let geometry: RecurrentGeometry
  let input: Value
  let output: Value
  /// [N, 1, 1, H]
  let initialHidden: Value?
  let initialCell: Value?
  /// The state behind the last computed step, where another layer begins with it.
  let finalHidden: Value?
  let finalCell: Value?
  let inputWeights: Parameter
  let recurrentWeights: Parameter
  let bias: Parameter
  let carried: CarriedState?
  private var saved: DeviceSlice?

  /// - Parameters:
  ///   - isReversed: runs from the last step to the first.
  ///   - outputIsRead: whether a layer or the loss reads the output, and so gives it a gradient.
  ///   - stateIsRead: whether a layer begins with the final state.
  /// - Throws: `TrainerError.invalid` if the input is no sequence or the initial state is not one of H numbers.
  init(
    _ name: String, _ description: RecurrentDescription, isReversed: Bool, input: Value,
    initial: InitialState?, outputIsRead: Bool = true, stateIsRead: Bool = false
  ) throws(TrainerError) {
    guard input.shape.width == 1 else {
      throw .invalid(
        what: name, expected: "a sequence, STEPSx1xFEATURES (layer 'sequence' makes one of an image's rows)",
        found: "\(input.shape)")
    }
    let units = description.units
    let state = ImageShape(height: 1, width: 1, channels: units)
    if let initial, initial.hidden.shape != state {
      throw .invalid(what: name, expected: "a state of shape \(state)", found: "\(initial.hidden.shape)")
    }
    self.name = name
    self.input = input
    geometry = RecurrentGeometry(
      cell: description.cell, steps: input.shape.height, inputs: input.shape.channels, units: units,
      isReversed: isReversed)
    output = Value(
      ImageShape(height: geometry.steps, width: 1, channels: units), needsGradient: outputIsRead)
    initialHidden = initial?.hidden
    initialCell = initial?.cell
    let isLSTM = description.cell == .lstm
    finalHidden = stateIsRead ? Value(state, needsGradient: true) : nil
    finalCell = stateIsRead && isLSTM ? Value(state, needsGradient: true) : nil
    carried = description.isCarried ? CarriedState(name, units: units, hasCell: isLSTM) : nil
    let rows = geometry.gateRows
    inputWeights = Parameter(
      name + ".inputWeights", shape: [rows, geometry.inputs], regularized: true,
      initial: WeightInit.xavier.initial(fanIn: geometry.inputs, fanOut: units))
    recurrentWeights = Parameter(
      name + ".recurrentWeights", shape: [rows, units], regularized: true,
      initial: WeightInit.xavier.initial(fanIn: units, fanOut: units))
    // A forget gate that begins open lets gradients through from the start (Gers et al. 2000; Jozefowicz et al. 2015).
    bias = Parameter(
      name + ".bias", shape: [geometry.biasCount], regularized: false,
      initial: isLSTM
        ? .given((0..<geometry.biasCount).map { $0 / units == 1 ? 1 : 0 }) : .constant(0))
  }

  var inputs: [Value] { [input] + [initialHidden, initialCell].compactMap { $0 } }
  /// First one that has a gradient.
  var outputs: [Value] {
    let state = [finalHidden, finalCell].compactMap { $0 }
    return output.needsGradient ? [output] + state : state + [output]
  }
  var parameters: [Parameter] { [inputWeights, recurrentWeights, bias] }
  var carriedStates: [CarriedState] { carried.map { [$0] } ?? [] }

  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {
    saved = try backend.reals(batch * geometry.savedCount)
    try carried?.allocate(on: backend, batch: batch)
  }

  private var weights: RecurrentWeights {
    RecurrentWeights(input: inputWeights.weights, recurrent: recurrentWeights.weights, bias: bias.weights)
  }

  func forward(_ pass: Pass) {
    let initial = initialHidden.map { RecurrentState(hidden: $0.data, cell: initialCell?.data) }
    let final = finalHidden.map { RecurrentState(hidden: $0.data, cell: finalCell?.data) }
    pass.backend.recurrentForward(
      geometry, count: pass.count, input: input.data, weights: weights, initial: carried?.state ?? initial,
      output: output.data, final: carried?.state ?? final, saved: saved!)
  }

  func backward(_ pass: Pass) {
    pass.backend.recurrentBackward(
      geometry, count: pass.count, weights: weights, saved: saved!, outputGradient: output.gradient,
      finalGradient: finalHidden.map { RecurrentState(hidden: $0.gradient!, cell: finalCell?.gradient) },
      weightGradient: RecurrentWeights(
        input: inputWeights.gradient, recurrent: recurrentWeights.gradient, bias: bias.gradient),
      inputGradient: input.gradient, initialGradient: initialGradient)
  }

  /// Where the gradient of the initial state goes; nil where it has none.
  private var initialGradient: RecurrentState? {
    guard let hidden = initialHidden?.gradient else { return nil }
    return RecurrentState(hidden: hidden, cell: initialCell?.gradient)
  }
}

/// What a recurrent layer begins with: h, and c or zero, [N, 1, 1, H] each.
struct InitialState {
  let hidden: Value
  var cell: Value?
}

/// The state that a recurrent layer keeps from one step of training to the next: [batch, H], twice for an LSTM.
final class CarriedState {
  let name: String
  private let units: Int
  private let hasCell: Bool
  private var values: [DeviceSlice] = []

  init(_ name: String, units: Int, hasCell: Bool) {
    self.name = name
    self.units = units
    self.hasCell = hasCell
  }

  func allocate(on backend: any Backend, batch: Int) throws(TrainerError) {
    values = []
    for _ in 0..<(hasCell ? 2 : 1) { values.append(try backend.reals(batch * units)) }
  }

  var state: RecurrentState { RecurrentState(hidden: values[0], cell: hasCell ? values[1] : nil) }

  func reset(on backend: any Backend) {
    for slice in values {
      [Float](repeating: 0, count: slice.count).withUnsafeBufferPointer { backend.upload($0, to: slice) }
    }
  }

  /// Each part with its name.
  var tensors: [(name: String, shape: [Int], slice: DeviceSlice)] {
    zip(["hidden", "cell"], values).map { ("\(name).\($0)", [$1.count / units, units], $1) }
  }
}

import Format

/// A recurrent layer over sequences of `steps`: input [N, T, F], output [N, T, H]. Weights, biases and gates are those of
/// Format's `Recurrent`: weights [G·H, F] and [G·H, H], biases [B·H].
public struct RecurrentGeometry: Equatable, Sendable {
  public var cell: Recurrent.Cell
  /// T.
  public var steps: Int
  /// F.
  public var inputs: Int
  /// H.
  public var units: Int
  /// Whether it runs from the last step to the first.
  public var isReversed: Bool

  public init(cell: Recurrent.Cell, steps: Int, inputs: Int, units: Int, isReversed: Bool = false) {
    self.cell = cell
    self.steps = steps
    self.inputs = inputs
    self.units = units
    self.isReversed = isReversed
  }

  /// G·H.
  public var gateRows: Int { cell.gates * units }
  /// B·H: biases; also what is kept of a step's gates.
  public var biasCount: Int { cell.biases * units }
  /// Reals per image that `recurrentForward` keeps for `recurrentBackward`; how they lie is the backend's affair. They
  /// suffice for every step's input, gates, h and c, and the h and c before the first.
  public var savedCount: Int { steps * biasCount + (steps + 1) * (inputs + 2 * units) }

  /// The step that is computed `index`-th.
  func step(_ index: Int) -> Int { isReversed ? steps - 1 - index : index }
}

/// h, and for an LSTM c, of a recurrent layer at one step, [N, H] each; or their gradients.
public struct RecurrentState {
  public var hidden: DeviceSlice
  /// Nil stands for 0; not looked at but with an LSTM.
  public var cell: DeviceSlice?

  public init(hidden: DeviceSlice, cell: DeviceSlice? = nil) {
    self.hidden = hidden
    self.cell = cell
  }
}

/// The three parameters of a recurrent layer, or their gradients.
public struct RecurrentWeights {
  /// [G·H, F]
  public var input: DeviceSlice
  /// [G·H, H]
  public var recurrent: DeviceSlice
  /// [B·H]
  public var bias: DeviceSlice

  public init(input: DeviceSlice, recurrent: DeviceSlice, bias: DeviceSlice) {
    self.input = input
    self.recurrent = recurrent
    self.bias = bias
  }
}

/// A table of `width` numbers for each of `vocabulary` tokens.
public struct EmbeddingGeometry: Equatable, Sendable {
  public var vocabulary: Int
  public var width: Int

  public init(vocabulary: Int, width: Int) {
    self.vocabulary = vocabulary
    self.width = width
  }

  /// The row of the table that a token reads: 0 where there is none of its number.
  func row(of token: Double) -> Int { token >= 0 && token < Double(vocabulary) ? Int(token) : 0 }
}

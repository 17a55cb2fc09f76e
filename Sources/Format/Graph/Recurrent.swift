/// A recurrent layer: one cell, run over the time steps of a sequence with its own last result as a second input.
///
/// A sequence is [N, T, 1, F]: height counts time steps, channels are features. Inputs: `x` [N, T, 1, F],
/// `inputWeights` [G·H, F], `recurrentWeights` [G·H, H], `bias` [B·H], then optionally the state to begin with, `h` [N, 1, 1,
/// H] and, for an LSTM, `c` [N, 1, 1, H]; what is missing is zero. Outputs: `y` [N, T, 1, H], the h of every step, and, for an
/// LSTM, the last step's `c` [N, 1, 1, H].
///
/// With a = inputWeights·x + bias and b = recurrentWeights·h, rows in blocks of H, σ the logistic function:
///
/// - rnn (G = B = 1; Elman 1990): h' = tanh(a + b).
/// - lstm (G = B = 4: i, f, g, o; Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):
///   i, f, o = σ(a + b), g = tanh(a + b); c' = f·c + i·g; h' = o·tanh c'.
/// - gru (G = 3: r, z, n; B = 4: those of r, z, of n's input part and of n's recurrent part; Cho et al. 2014, the reset gate
///   behind the recurrent product): r, z = σ(a + b), n = tanh(a + r·(b + its bias)); h' = (1 − z)·n + z·h.
public struct Recurrent: Equatable, Sendable {
  public enum Cell: UInt8, Sendable, CaseIterable {
    case rnn = 1
    case lstm = 2
    case gru = 3

    /// G: blocks of rows of the weights.
    public var gates: Int {
      switch self {
      case .rnn: 1
      case .lstm: 4
      case .gru: 3
      }
    }

    /// B: blocks of the bias.
    public var biases: Int {
      switch self {
      case .rnn: 1
      case .lstm, .gru: 4
      }
    }

    /// Tensors of the state, h and perhaps c. There are as many outputs.
    public var states: Int { self == .lstm ? 2 : 1 }
  }

  public var cell: Cell
  /// Whether it runs from the last step to the first; `y` is in the input's order all the same.
  public var isReversed: Bool

  public init(cell: Cell, isReversed: Bool = false) {
    self.cell = cell
    self.isReversed = isReversed
  }
}

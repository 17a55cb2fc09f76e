import Format

/// A table of `width` numbers for each of `vocabulary` tokens.
public struct EmbeddingDescription: Equatable, Sendable {
  public var vocabulary: Int
  public var width: Int

  public init(vocabulary: Int, width: Int) {
    self.vocabulary = vocabulary
    self.width = width
  }
}

/// A recurrent layer; what its cells compute is told at Format's `Recurrent`.
public struct RecurrentDescription: Equatable, Sendable {
  public enum Direction: Sendable {
    case forward
    /// From the last step to the first.
    case reverse
    /// One of each, with weights of their own; their outputs joined along the features (Schuster and Paliwal 1997).
    case both
  }

  public var cell: Recurrent.Cell
  /// H, the features of the output, in each direction.
  public var units: Int
  public var direction: Direction
  /// Whether training begins each step with the state that the step before ended with: truncated backpropagation through
  /// time over texts that are longer than the network's sequence.
  public var isCarried: Bool
  /// The layer whose final state this one begins with, or a layer of `units` numbers that are h; nil begins with 0.
  public var state: String?

  public init(
    cell: Recurrent.Cell, units: Int, direction: Direction = .forward, isCarried: Bool = false, state: String? = nil
  ) {
    self.cell = cell
    self.units = units
    self.direction = direction
    self.isCarried = isCarried
    self.state = state
  }
}

/// One end of a sequence.
public enum SequenceEnd: String, Sendable {
  case first
  case last
}

import Format

/// Why a training run could not begin, go on or be continued.
public enum RunError: Error, Equatable, Sendable {
  case network(TrainerError)
  /// The network does not fit the data: `what` of it.
  case mismatch(what: String, expected: String, found: String)
  /// The network has not an output for each class of `data`.
  case otherOutputs(network: String, expected: Int, data: String, found: Int)
  /// The loss of a step is no number, or larger than `limit`. `epoch` and `step` (in the epoch) count from 1.
  case diverged(epoch: Int, step: Int, rate: Float, loss: Double, limit: Double)
  case cannotReadCheckpoint(path: String, reason: String)
  case cannotWriteCheckpoint(path: String, reason: String)
  case notACheckpoint(path: String)
  case newerCheckpoint(path: String, found: UInt32, supported: UInt32)
  case olderCheckpoint(path: String, found: UInt32, supported: UInt32)
  case damagedCheckpoint(path: String)
  /// The checkpoint is of another run: a line of its description, or its data, differs.
  case otherRun(expected: String, found: String)
  /// The model to start from has no tensor of a name and shape that one of the network's has.
  case nothingTaken(network: String, tensors: Int)
  /// The checkpoint of the best epoch is not that of epoch `expected`.
  case otherBest(expected: Int, found: Int?)
}

extension RunError: CustomStringConvertible {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .network(let error): error.description
    case .mismatch(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    case .otherOutputs(let network, let expected, let data, let found):
      "\(network): outputs: expected \(expected), one per class of \(data), found \(found)"
    case .diverged(let epoch, let step, let rate, let loss, let limit):
      "training diverged in step \(step) of epoch \(epoch) at rate \(rate): expected a loss of at most \(limit), "
        + "found \(loss)"
    case .cannotReadCheckpoint(let path, let reason): "\(path): cannot read: \(reason)"
    case .cannotWriteCheckpoint(let path, let reason): "\(path): cannot write: \(reason)"
    case .notACheckpoint(let path): "\(path): expected a checkpoint of edgetrain, found another kind of file"
    case .newerCheckpoint(let path, let found, let supported):
      "\(path): checkpoint version: expected at most \(supported), found \(found)"
    case .olderCheckpoint(let path, let found, let supported):
      "\(path): checkpoint version: expected \(supported), found \(found)"
    case .damagedCheckpoint(let path): "\(path): expected the checksum stored with it, found another"
    case .nothingTaken(let network, let tensors):
      "model to start from: expected names and shapes of \(network)'s \(tensors) tensors, found none of them"
    case .otherBest(let expected, let found):
      "best checkpoint: expected that of epoch \(expected), found \(found.map { "that of epoch \($0)" } ?? "none")"
    case .otherRun(let expected, let found): "checkpoint: expected `\(expected)` as in this run, found `\(found)`"
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .network(let error): error.hint
    case .diverged(_, _, let rate, _, _): "try a smaller rate: --rate \(rate / 10)"
    case .otherOutputs(_, let expected, _, _):
      "let its last layer be 'dense \(expected)'; a network that begins with a model (--from) gets a new one by itself"
    case .nothingTaken:
      "layers are found by their names: give those of NET the names that `edgetrain info` shows for the model's"
    case .otherRun: "give the options that the run was begun with, or begin anew without --resume"
    case .newerCheckpoint: "update edgetrain"
    case .damagedCheckpoint, .notACheckpoint, .olderCheckpoint, .otherBest, .cannotReadCheckpoint:
      "begin anew without --resume"
    case .mismatch, .cannotWriteCheckpoint: nil
    }
  }
}

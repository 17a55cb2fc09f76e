import Format

/// Why a model could not be quantized, calibrated or run by the reference.
public enum QuantizeError: Error, Equatable, Sendable {
  /// The model has int8 tensors already.
  case alreadyQuantized(tensor: String)
  /// No calibration range for an activation that becomes int8.
  case missingRange(tensor: String)
  /// A calibration range whose ends are not finite, or lie in the wrong order.
  case invalidRange(tensor: String, minimum: Float, maximum: Float)
  /// Calibration saw a value that is infinite or no number.
  case notFiniteActivation(tensor: String)
  /// No node of the network has an int8 form.
  case nothingToQuantize
  /// An input given to the reference interpreter: `what` is "input count", or the input's name.
  case wrongInput(what: String, expected: String, found: String)
  /// The graph breaks a rule of the format.
  case invalidGraph(FormatError)
}

extension QuantizeError {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .alreadyQuantized(let tensor): "\(tensor): expected a float tensor, found int8"
    case .missingRange(let tensor): "\(tensor): expected a calibration range, found none"
    // Without the numbers themselves: printing floats is a tenth of the device program.
    case .invalidRange(let tensor, _, _):
      "\(tensor), calibration range: expected finite numbers in order, found others"
    case .notFiniteActivation(let tensor):
      "\(tensor): expected finite values on the calibration data, found infinity or NaN"
    case .nothingToQuantize: "graph: expected a layer with weights to quantize, found none"
    case .wrongInput(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    case .invalidGraph(let error): error.description
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .alreadyQuantized: "quantize the float model that this one was made from"
    case .missingRange, .invalidRange:
      "calibrate this very model with `edgetrain quantize MODEL --data DATA`"
    case .notFiniteActivation: "the training diverged, or the calibration data is not what the model was trained on"
    case .nothingToQuantize, .wrongInput: nil
    case .invalidGraph(let error): error.hint
    }
  }
}

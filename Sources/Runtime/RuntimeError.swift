import Format

/// Why a model cannot run here.
public enum RuntimeError: Error, Equatable, Sendable {
  /// No instruction set has that name, or this CPU lacks it. `supported` are the names of those it has.
  case unavailableISA(name: String, supported: [String])
  /// No instruction set has that name.
  case unknownISA(name: String, known: [String])
  case invalidThreadCount(found: Int, maximum: Int)
  case cannotStartThreads(count: Int)
  case outOfMemory(bytes: Int)
  /// No kernel takes these operands.
  case unsupportedNode(name: String, operation: String, expected: String, found: String)
  /// Elements handed in for graph input `index` do not fit it.
  case wrongInput(index: Int, expected: String, found: String)
  /// The model file holds no self-test.
  case noSelfTest
  /// The model is asked for an answer, and has no decoder to make one.
  case noDecoder
}

extension RuntimeError {
  /// One line: "<what>: expected X, found Y".
  public var description: String {
    switch self {
    case .unavailableISA(let name, let supported):
      "instruction set: expected one of \(RuntimeError.list(supported)), found \(name)"
    case .unknownISA(let name, let known):
      "instruction set: expected one of \(RuntimeError.list(known)), found \(name)"
    case .invalidThreadCount(let found, let maximum):
      "number of threads: expected 1 to \(maximum), found \(found)"
    case .cannotStartThreads(let count): "threads: expected \(count), found that the system gives fewer"
    case .outOfMemory(let bytes): "memory: expected \(bytes) bytes more, found less"
    case .unsupportedNode(let name, let operation, let expected, let found):
      "node \(name) (\(operation)): expected \(expected), found \(found)"
    case .wrongInput(let index, let expected, let found): "input \(index): expected \(expected), found \(found)"
    case .noSelfTest: "self-test: expected a test vector in the model file, found none"
    case .noDecoder: "model: expected one with a decoder, found none"
    }
  }

  /// What to do next, where there is something to say.
  public var hint: String? {
    switch self {
    case .unavailableISA: "unset EDGERUN_ISA to use the best one of this CPU"
    case .cannotStartThreads: "ask for fewer with --threads"
    case .outOfMemory: "a quantized model needs about a quarter of the memory"
    case .noSelfTest: "models exported by `edgetrain` carry one"
    case .unknownISA, .invalidThreadCount, .unsupportedNode, .wrongInput, .noDecoder: nil
    }
  }

  private static func list(_ names: [String]) -> String {
    var text = ""
    for (index, name) in names.enumerated() { text += (index == 0 ? "" : ", ") + name }
    return text
  }
}

import Format
import Quantize
import TestSupport
import Testing

@testable import Runtime

/// Every instruction set of this machine with one, two and three threads, work split as small as can be.
///
/// - Parameter pipelines: whether nodes hand lines to each other; nil for where that pays.
func allOptions(pipelines: Bool? = nil) -> [SessionOptions] {
  ISA.supported.flatMap { isa in
    (1...3).map { threads in
      var options = SessionOptions(threads: threads, isa: isa)
      options.smallestPiece = 1
      options.usesPipelines = pipelines
      return options
    }
  }
}

extension SessionOptions: CustomTestStringConvertible {
  public var testDescription: String { "\(isa?.name ?? "default") on \(threads ?? 0) threads" }
}

extension Session {
  func set(_ inputs: [TensorValue]) throws {
    for (index, value) in inputs.enumerated() {
      switch value {
      case .f32(let elements): try setInput(index, elements)
      case .s8(let elements): try setInput(index, elements)
      case .s32, .u8: Issue.record("no network has such an input")
      }
    }
  }

  var outputs: [TensorValue] {
    graph.outputs.indices.map { TensorValue(output($0), type: graph.tensors[graph.outputs[$0]].type) }
  }

  func results(_ inputs: [TensorValue]) throws -> [TensorValue] {
    try set(inputs)
    run()
    return outputs
  }
}

/// How close a session has to come to the reference interpreter.
enum Agreement {
  /// Every bit.
  case exact
  /// As sums in f32 come to sums in double: about 2^-24 for each addition, of the output's magnitude.
  case float
}

/// Runs `model` by all `options` and compares each output with the reference interpreter's, and each thread count
/// with one thread.
func expectReference(
  _ model: Model, _ inputs: [TensorValue], _ agreement: Agreement, options: [SessionOptions] = allOptions(),
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  try model.graph.verify()
  let expected = try ReferenceInterpreter(model.graph).run(inputs)
  var alone: [TensorValue] = []
  for options in options {
    let session = try Session(model, options: options)
    let found = try session.results(inputs)
    if options.threads == 1 { alone = found }
    let what = "\(options.testDescription), \(session.plan.nodes.map { $0.kernel })"
    #expect(found == alone, "not the bits of one thread: \(what)", sourceLocation: sourceLocation)
    switch agreement {
    case .exact: #expect(found == expected, "\(what)", sourceLocation: sourceLocation)
    case .float: expectClose(found, expected, what, sourceLocation)
    }
    // Inputs keep their values, so that running again gives the same.
    session.run()
    #expect(session.outputs == found, "a second run: \(what)", sourceLocation: sourceLocation)
  }
}

private func expectClose(
  _ found: [TensorValue], _ expected: [TensorValue], _ what: String, _ sourceLocation: SourceLocation
) {
  for (found, expected) in zip(found, expected) {
    guard case (.f32(let found), .f32(let expected)) = (found, expected) else {
      #expect(found == expected, "\(what)", sourceLocation: sourceLocation)
      continue
    }
    let magnitude = expected.reduce(0) { max($0, $1.magnitude) }
    let tolerance = 1e-5 * max(magnitude, 1e-3)
    let worst = zip(found, expected).map { ($0 - $1).magnitude }.max() ?? 0
    #expect(
      worst <= tolerance && found.count == expected.count, "off by \(worst) of \(magnitude): \(what)",
      sourceLocation: sourceLocation)
  }
}

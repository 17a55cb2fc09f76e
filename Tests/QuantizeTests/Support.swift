import Format
import Quantize
import TestSupport

extension NetworkBuilder {
  mutating func apply(_ op: Op, _ inputs: TensorIndex...) throws -> TensorIndex { try apply(op, inputs) }

  mutating func flatten(_ x: TensorIndex) throws -> TensorIndex { try apply(.reshape, x) }
}

/// Ranges of `graph`'s activations over `samples`, by the reference interpreter.
func calibrated(_ graph: Graph, _ samples: [[TensorValue]], _ kind: ObserverKind = .minMax) throws -> [CalibrationRange]
{
  let float = graph.simplified()
  let interpreter = try ReferenceInterpreter(float)
  var calibrator = Calibrator(graph: float, observer: kind)
  for sample in samples { calibrator.observe(try interpreter.values(sample)) }
  return try calibrator.ranges()
}

/// 10·log₁₀(signal power / noise power) of all outputs of `model` against those of `float`, in dB.
func outputSQNR(_ float: Model, _ model: Model, _ samples: [[TensorValue]]) throws -> Double {
  let exact = try ReferenceInterpreter(float.graph)
  let other = try ReferenceInterpreter(model.graph)
  var noise = NoisePower()
  for sample in samples {
    for (expected, got) in zip(try exact.run(sample), try other.run(sample)) {
      guard case (.f32(let expected), .f32(let got)) = (expected, got) else { throw TestError.outputIsNoFloat }
      noise.add(expected, got)
    }
  }
  return noise.decibels
}

enum TestError: Error { case outputIsNoFloat }

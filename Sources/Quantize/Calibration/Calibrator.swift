import Format

/// The ways to choose an activation's range from what it was on calibration data.
public enum ObserverKind: Equatable, Sendable {
  /// All values.
  case minMax
  /// All but the rarest: this many per cent stay inside on either side, in (50, 100]; 99.99 is usual.
  case percentile(Double)
}

/// One observer of either kind.
private enum RangeObserver {
  case minMax(MinMaxObserver)
  case percentile(PercentileObserver)

  init(_ kind: ObserverKind) {
    switch kind {
    case .minMax: self = .minMax(MinMaxObserver())
    case .percentile(let percentile): self = .percentile(PercentileObserver(percentile: percentile))
    }
  }

  mutating func observe(_ values: UnsafeBufferPointer<Float>) {
    switch self {
    case .minMax(var observer):
      observer.observe(values)
      self = .minMax(observer)
    case .percentile(var observer):
      // The payload is moved out and back, so that its bins are not copied.
      self = .minMax(MinMaxObserver())
      observer.observe(values)
      self = .percentile(observer)
    }
  }

  var range: ClosedRange<Float>? {
    switch self {
    case .minMax(let observer): observer.range
    case .percentile(let observer): observer.range
    }
  }

  var sawNonFinite: Bool {
    switch self {
    case .minMax(let observer): observer.sawNonFinite
    case .percentile(let observer): observer.sawNonFinite
    }
  }
}

/// Collects the ranges of a float graph's activations while something else runs it.
///
/// ```swift
/// var calibrator = Calibrator(graph: graph.simplified(), observer: .percentile(99.99))
/// // for every example, for every activation, graph inputs included:
/// calibrator.observe(tensor: index, values: values)
/// let int8 = try model.quantized(ranges: calibrator.ranges())
/// ```
public struct Calibrator {
  public let graph: Graph
  private var observers: [RangeObserver]

  /// - Parameter graph: the canonical form, `Graph.simplified()`, of the graph that will be quantized.
  public init(graph: Graph, observer kind: ObserverKind) {
    self.graph = graph
    observers = graph.tensors.map { _ in RangeObserver(kind) }
  }

  /// Takes in the elements of one activation for one example.
  public mutating func observe(tensor: TensorIndex, values: UnsafeBufferPointer<Float>) {
    observers[tensor].observe(values)
  }

  /// Takes in all f32 values of a run of the reference interpreter.
  public mutating func observe(_ values: [TensorValue?]) {
    for (index, value) in values.enumerated() where graph.tensors[index].constant == nil {
      guard case .f32(let elements) = value else { continue }
      elements.withUnsafeBufferPointer { observe(tensor: index, values: $0) }
    }
  }

  /// The range of every activation that was observed, in the graph's order.
  ///
  /// - Throws: `QuantizeError.notFiniteActivation` if an activation was infinite or no number.
  public func ranges() throws(QuantizeError) -> [CalibrationRange] {
    var ranges: [CalibrationRange] = []
    for (index, observer) in observers.enumerated() {
      let name = graph.tensors[index].name
      guard !observer.sawNonFinite else { throw .notFiniteActivation(tensor: name) }
      guard let range = observer.range else { continue }
      ranges.append(CalibrationRange(tensor: name, minimum: range.lowerBound, maximum: range.upperBound))
    }
    return ranges
  }
}

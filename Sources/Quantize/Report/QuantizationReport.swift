import Format

/// What int8 costs a network, layer by layer and altogether.
public struct QuantizationReport: Equatable, Sendable {
  /// One node of the float graph.
  public struct Layer: Equatable, Sendable {
    public var name: String
    /// The operator's name, as "conv2d".
    public var op: String
    /// Smallest and largest value of the result in the float network; nil if it was not observed.
    public var activations: ClosedRange<Float>?
    /// Smallest and largest weight; nil without weights.
    public var weights: ClosedRange<Float>?
    /// Signal-to-quantization-noise ratio of the result, in dB, all errors from the input on included; infinite where
    /// both are equal, nil if one of them was not observed.
    public var sqnr: Double?
    /// Whether the layer computes with int8 weights or on int8 values.
    public var isInt8: Bool
  }

  public var layers: [Layer]
  /// Bytes of the float and of the int8 model's constants, or of their files if the caller sets them.
  public var bytesBefore: Int
  public var bytesAfter: Int
}

/// Compares a float network with its int8 version while something else runs both.
///
/// For every example the float network runs first, so that its values are there when the int8 ones arrive. Only one
/// example's activations are kept.
///
/// ```swift
/// var comparison = QuantizationComparison(float: floatSession.graph, int8: int8Session.graph)
/// for example in examples {
///   // … copy the example into both sessions …
///   floatSession.run { comparison.observe(float: $0, $1) }
///   int8Session.run { comparison.observe(int8: $0, $1) }
/// }
/// var report = comparison.report
/// ```
public struct QuantizationComparison {
  private let float: Graph
  private let int8: Graph
  /// Per tensor of the int8 graph: the float tensor it stands for.
  private let counterparts: [TensorIndex?]

  // Per tensor of the float graph.
  private var values: [[Float]?]
  private var ranges: [MinMaxObserver]
  private var noise: [NoisePower?]

  /// - Parameters:
  ///   - float: the canonical form of the float graph.
  ///   - int8: the graph that `Model.quantized` or `Model.dynamicallyQuantized` made of it.
  public init(float: Graph, int8: Graph) {
    self.float = float
    self.int8 = int8
    var names: [String: TensorIndex] = [:]
    for (index, tensor) in int8.tensors.enumerated() where tensor.constant == nil { names[tensor.name] = index }
    var counterparts = [TensorIndex?](repeating: nil, count: int8.tensors.count)
    for (index, tensor) in float.tensors.enumerated() where tensor.constant == nil {
      if let form = names[tensor.name] ?? names[tensor.name + ".s8"] { counterparts[form] = index }
    }
    self.counterparts = counterparts
    values = [[Float]?](repeating: nil, count: float.tensors.count)
    ranges = [MinMaxObserver](repeating: MinMaxObserver(), count: float.tensors.count)
    noise = [NoisePower?](repeating: nil, count: float.tensors.count)
  }

  /// Takes in the bytes of a tensor of the float graph.
  public mutating func observe(float tensor: TensorIndex, _ bytes: UnsafeRawBufferPointer) {
    observe(float: tensor, TensorValue(bytes, type: float.tensors[tensor].type))
  }

  /// Takes in the bytes of a tensor of the int8 graph, for the example that `observe(float:)` saw last.
  public mutating func observe(int8 tensor: TensorIndex, _ bytes: UnsafeRawBufferPointer) {
    guard counterparts[tensor] != nil else { return }
    observe(int8: tensor, TensorValue(bytes, type: int8.tensors[tensor].type))
  }

  /// Runs both networks on `inputs` by the reference interpreter.
  ///
  /// - Throws: `QuantizeError.wrongInput`, or `.invalidGraph`.
  public mutating func runReference(_ inputs: [TensorValue]) throws(QuantizeError) {
    for (index, value) in try ReferenceInterpreter(float).values(inputs).enumerated() {
      if let value, float.tensors[index].constant == nil { observe(float: index, value) }
    }
    for (index, value) in try ReferenceInterpreter(int8).values(inputs).enumerated() {
      if let value { observe(int8: index, value) }
    }
  }

  private mutating func observe(float tensor: TensorIndex, _ value: TensorValue) {
    guard case .f32(let elements) = value else { return }
    elements.withUnsafeBufferPointer { ranges[tensor].observe($0) }
    values[tensor] = elements
  }

  private mutating func observe(int8 tensor: TensorIndex, _ value: TensorValue) {
    guard let counterpart = counterparts[tensor], let exact = values[counterpart],
      let reals = value.reals(of: int8.tensors[tensor])
    else { return }
    var power = noise[counterpart] ?? NoisePower()
    power.add(exact, reals)
    noise[counterpart] = power
  }

  /// The findings so far. Bytes are those of the graphs' constants.
  public var report: QuantizationReport {
    QuantizationReport(
      layers: float.nodes.map { layer($0) }, bytesBefore: float.constantBytes, bytesAfter: int8.constantBytes)
  }

  private func layer(_ node: Node) -> QuantizationReport.Layer {
    let output = node.outputs[0]
    let counterpart = int8.nodes.first { $0.name == node.name }
    return QuantizationReport.Layer(
      name: node.name, op: node.op.name, activations: ranges[output].range,
      weights: float.weightRange(of: node),
      sqnr: noise[output]?.decibels,
      isInt8: counterpart?.inputs.contains { int8.tensors[$0].type == .s8 } ?? false)
  }
}

extension Graph {
  /// Bytes of all constants.
  fileprivate var constantBytes: Int {
    tensors.reduce(0) { $0 + ($1.constant?.bytes.count ?? 0) }
  }
}

extension Graph {
  /// Smallest and largest of a node's f32 weights; nil without weights.
  fileprivate func weightRange(of node: Node) -> ClosedRange<Float>? {
    guard node.op.weightAxis != nil else { return nil }
    var observer = MinMaxObserver()
    for position in node.op.weightPositions {
      guard let values = tensors[node.inputs[position]].constant?.elements(as: Float.self) else { return nil }
      values.withUnsafeBufferPointer { observer.observe($0) }
    }
    return observer.range
  }
}

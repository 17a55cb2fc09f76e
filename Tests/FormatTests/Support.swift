import TestSupport

@testable import Format

extension Tensor {
  static func floats(_ name: String, _ shape: [Int], _ values: [Float]) -> Tensor {
    Tensor(name: name, type: .f32, shape: shape, constant: Constant(values))
  }

  /// An activation without quantization.
  static func floats(_ name: String, _ shape: [Int]) -> Tensor { Tensor(name: name, type: .f32, shape: shape) }

  static func bytes(_ name: String, _ shape: [Int], scale: Float = 0.05, zeroPoint: Int32 = 3) -> Tensor {
    Tensor(name: name, type: .s8, shape: shape, quantization: Quantization(scale: scale, zeroPoint: zeroPoint))
  }
}

/// A file whose section checksums and header checksum have been made right again after a change of its bytes: what a
/// forger would send. Section ranges are taken from the table as far as they lie inside.
func resealed(_ file: [UInt8]) -> [UInt8] {
  var file = file
  func u64(_ offset: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(file[offset + $1]) << (8 * UInt64($1)) } }
  func put(_ value: UInt64, at offset: Int) {
    for byte in 0..<8 { file[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
  }
  let sections = Int(file[12])
  let tableEnd = Container.headerBytes + sections * Container.entryBytes
  guard tableEnd <= file.count else { return file }
  for section in 0..<sections {
    let entry = Container.headerBytes + section * Container.entryBytes
    guard let start = Int(exactly: u64(entry + 8)), let length = Int(exactly: u64(entry + 16)), start <= file.count,
      length <= file.count - start
    else { continue }
    put(file[start..<(start + length)].withUnsafeBytes { XXH64.hash($0) }, at: entry + 24)
  }
  let covered = Array(file[..<Container.checksumOffset] + file[Container.headerBytes..<tableEnd])
  put(covered.withUnsafeBytes { XXH64.hash($0) }, at: Container.checksumOffset)
  return file
}

/// The error that reading `file` gives; nil if it is a valid model.
func readingError(_ file: [UInt8]) -> FormatError? {
  do throws(FormatError) {
    _ = try Model(storage: Storage(copying: file))
    return nil
  } catch {
    return error
  }
}

/// The error that verifying `model` gives; nil if it is valid.
func verifyError(_ model: Model) -> FormatError? {
  do throws(FormatError) {
    try model.verify()
    return nil
  } catch {
    return error
  }
}

/// The models that are corrupted in every way.
enum SmallModel: CaseIterable {
  case sample
  case quantized
  case caption
  case packed

  var model: Model {
    switch self {
    case .sample: sampleModel()
    case .quantized: quantizedModel()
    case .caption: captionModel()
    case .packed: packedModel()
    }
  }
}

/// The model of Fixtures/sample.bin and of the annotated hexdump in docs/format.md: small, but with every section.
func sampleModel() -> Model {
  var graph = Graph()
  let x = graph.add(.floats("image", [1, 2, 2, 1]))
  let flat = graph.add(.reshape, name: "flatten", inputs: [x], output: .floats("flat", [1, 4]))
  let weights = graph.add(
    Tensor(
      name: "weights", type: .s8, shape: [2, 4], quantization: Quantization(scales: [0.5, 0.25], axis: 0),
      constant: Constant([2, -2, 1, 0, 0, 1, -2, 8] as [Int8])))
  let bias = graph.add(.floats("bias", [2], [0.5, -0.5]))
  let y = graph.add(
    .dense(Dense(activation: .relu)), name: "dense", inputs: [flat, weights, bias], output: .floats("y", [1, 2]))
  graph.inputs = [x]
  graph.outputs = [y]
  let metadata = Metadata(
    name: "sample", labels: ["dark", "light"],
    preprocessing: Preprocessing(width: 2, height: 2, channels: 1, mean: [0.5], deviation: [0.25]),
    provenance: Provenance(tool: "edgetrain 1.0", data: "none", seed: 7, floatAccuracy: 0.75),
    calibration: [CalibrationRange(tensor: "image", minimum: -2, maximum: 2)])
  return Model(
    graph: graph, metadata: metadata,
    selfTest: SelfTest(
      inputs: [Constant([1, 0, 2, 3] as [Float])], outputs: [Constant([2.5, 4.5] as [Float])], tolerance: 0.0625))
}

/// An s8 model with every operator that works on s8, for the fuzzers.
func quantizedModel() -> Model {
  var random = SeededGenerator(seed: 1)
  var graph = Graph()
  let x = graph.add(.floats("x", [1, 4, 4, 2]))
  let q = graph.add(.quantize, name: "quantize", inputs: [x], output: .bytes("q", [1, 4, 4, 2]))
  let weights = graph.add(
    Tensor(
      name: "w", type: .s8, shape: [2, 3, 3, 1], quantization: Quantization(scales: [0.01, 0.02], axis: 0),
      constant: Constant(random.bytes(18, in: -127...127))))
  let bias = graph.add(Tensor(name: "b", type: .s32, shape: [2], constant: Constant([100, -100] as [Int32])))
  let conv = graph.add(
    .conv2D(Conv2D(padding: Padding(all: 1), groups: 2, activation: .relu6)), name: "conv", inputs: [q, weights, bias],
    output: .bytes("c", [1, 4, 4, 2], scale: 0.1))
  let dwWeights = graph.add(
    Tensor(
      name: "dw", type: .s8, shape: [1, 1, 2], quantization: Quantization(scales: [0.5, 0.25], axis: 2),
      constant: Constant([1, 127] as [Int8])))
  let dw = graph.add(
    .depthwiseConv2D(DepthwiseConv2D()), name: "dw", inputs: [conv, dwWeights], output: .bytes("d", [1, 4, 4, 2]))
  let sum = graph.add(
    .add(Add()), name: "add", inputs: [dw, q], output: .bytes("sum", [1, 4, 4, 2], scale: 0.1, zeroPoint: -7))
  let table = graph.add(
    Tensor(name: "table", type: .s8, shape: [256], constant: Constant((0..<256).map { Int8(clamping: $0 - 128) })))
  let tanh = graph.add(
    .lookup, name: "tanh", inputs: [sum, table], output: .bytes("t", [1, 4, 4, 2], scale: 0.1, zeroPoint: -7))
  let joined = graph.add(
    .concat(Concat(axis: 3)), name: "concat", inputs: [sum, tanh],
    output: .bytes("j", [1, 4, 4, 4], scale: 0.1, zeroPoint: -7))
  let pool = graph.add(
    .maxPool2D(Pool2D(windowHeight: 2, windowWidth: 2, strideHeight: 2, strideWidth: 2)), name: "pool",
    inputs: [joined], output: .bytes("p", [1, 2, 2, 4], scale: 0.1, zeroPoint: -7))
  let mean = graph.add(
    .globalAveragePool, name: "mean", inputs: [pool], output: .bytes("m", [1, 1, 1, 4], scale: 0.1, zeroPoint: -7))
  let exponentials = graph.add(
    Tensor(
      name: "exp", type: .s32, shape: [256], constant: Constant((0..<256).map { Int32(1 << 20) >> Int32($0 / 16) })))
  let y = graph.add(.lookupSoftmax, name: "softmax", inputs: [mean, exponentials], output: .floats("y", [1, 1, 1, 4]))
  let raw = graph.add(.dequantize, name: "dequantize", inputs: [mean], output: .floats("raw", [1, 1, 1, 4]))
  let gated = graph.add(
    .multiply, name: "gate", inputs: [pool, mean], output: .bytes("g", [1, 2, 2, 4], scale: 0.2, zeroPoint: 9))
  graph.inputs = [x]
  graph.outputs = [y, raw, gated]
  return Model(graph: graph, metadata: Metadata(labels: ["a", "b", "c", "d"]))
}

/// The sample with weights packed for two of its nodes.
func packedModel() -> Model {
  let layout = PackedWeights.Layout(
    form: .product, columns: 4, group: 1, vectors: 1, inputBias: 0, windowTaps: 0, pixels: 1, taps: 1, depth: 4)
  var model = sampleModel()
  model.packed = PackedWeights(
    instructionSet: "scalar",
    blocks: [
      .init(node: 0, layout: layout, contents: Constant([1, 2, 3] as [Int8])),
      .init(node: 1, layout: layout, contents: Constant([Int8](repeating: 7, count: 70))),
    ])
  return model
}

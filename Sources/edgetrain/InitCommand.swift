import Format
import Quantize
import Runtime
import Terminal
import Trainer

enum InitCommand {
  static let command = Command(
    name: "edgetrain init",
    summary:
      "Writes a model file with random weights whose activations stay of a sane size: speed can be measured untrained.",
    operands: [Operand("NET")],
    options: [
      Option("output", letter: "o", value: "MODEL", help: "the model file to write"),
      Option("seed", value: "N", help: "draws the weights and the inputs they are measured with (default 0)"),
      CommonOptions.threads,
    ],
    examples: [
      "edgetrain init nets/mobilenet_v2.net --seed 0 -o mobilenet_v2.bin",
      "edgetrain init nets/captions.net -o captions.bin",
      "edgerun bench mobilenet_v2.bin",
    ])

  /// Random inputs whose ranges become the file's calibration.
  private static let calibrationInputs = 4

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let output = try OutputFile(path: command.required("output", of: arguments))
    let seed = UInt64(try arguments.integer("seed", in: 0...Int.max) ?? 0)
    let threads = try arguments.integer("threads", in: CommonOptions.threadRange) ?? availableThreads()
    let description = try NetworkDescription(path: arguments.operands[0])
    OpenBLASEnvironment.establish()

    // Small inputs need many images for statistics of many values; two of 224×224 have plenty.
    let images = min(max(200_000 / description.input.count, 2), 32)
    let network = try description.untrained(backend: CPUBackend(threads: threads), images: images, seed: seed)
    let exported = try network.export()
    let shape = try SequenceShape(description)
    var model = Model(exported, answerSteps: shape.answerSteps ?? 1)
    model.metadata.name = description.name
    if shape.inputTokens == nil { model.metadata.preprocessing = preprocessing(description.input) }
    model.metadata.provenance = Provenance(
      tool: "edgetrain \(Edgetrain.version)", data: "none: random weights", seed: seed)
    let inputs = description.randomInputs(count: calibrationInputs, seed: seed &+ 1)
    if model.decoder != nil || !model.graph.states.isEmpty || shape.inputTokens != nil {
      try calibrateSequences(&model, inputs: inputs, of: shape)
    } else {
      try calibrate(&model, inputs: inputs)
    }
    try model.write(to: output.path)
    write("\(output.path): \(network.parameterCount) random weights, \(byteSize(try model.encoded().count))\n")
  }

  /// Ranges over the inputs, and the first of them with its outputs as the self-test.
  private static func calibrate(_ model: inout Model, inputs: [Float]) throws {
    let session = try Session(model, options: SessionOptions(threads: 1, computesEveryTensor: true))
    var calibrator = Calibrator(graph: session.graph, observer: .minMax)
    let size = inputs.count / calibrationInputs
    for index in 0..<calibrationInputs {
      let input = Array(inputs[(index * size)..<((index + 1) * size)])
      input.withUnsafeBytes { session.input(0).copyMemory(from: $0) }
      calibrator.observeRun(of: session)
      guard index == 0 else { continue }
      let outputs = session.graph.outputs.indices.map {
        Constant(Array(session.output($0).bindMemory(to: Float.self)))
      }
      model.selfTest = SelfTest(inputs: [Constant(input)], outputs: outputs, tolerance: Exporter.selfTestTolerance)
    }
    model.metadata.calibration = try calibrator.ranges()
  }

  /// The same for models that take tokens, sequences step by step, or have a decoder.
  ///
  /// - Parameter inputs: normal numbers, which make tokens where the network takes such.
  private static func calibrateSequences(_ model: inout Model, inputs: [Float], of shape: SequenceShape) throws {
    let values =
      shape.inputTokens.map { tokens in
        inputs.map { Float(Int($0.magnitude * 10_000) % tokens) }
      } ?? inputs
    let (all, size) = (shape.input.count, model.graph.tensors[model.graph.inputs[0]].count)
    let ranges = try SequenceCalibration(model).ranges(count: calibrationInputs, isOneText: false) { example in
      stride(from: example * all, to: (example + 1) * all, by: size).map { values[$0..<($0 + size)] }
    }
    model.metadata.calibration = ranges
    model.selfTest = try model.sequenceSelfTest(values[..<size])
  }

  /// A recipe for inputs that are pictures; others have none.
  private static func preprocessing(_ input: ImageShape) -> Preprocessing? {
    guard input.channels == 1 || input.channels == 3 else { return nil }
    return Preprocessing(
      width: input.width, height: input.height, channels: input.channels, fit: .crop,
      mean: [Float](repeating: 0.5, count: input.channels),
      deviation: [Float](repeating: 0.25, count: input.channels))
  }
}

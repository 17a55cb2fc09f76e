import Foundation
import Format
import Quantize
import TestSupport

@testable import edgerun

/// What a run of the program left.
struct Outcome {
  let status: Int32
  let output: String
  let errors: String
}

/// The program that was built beside these tests.
let programURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  .appendingPathComponent("edgerun")

func edgerun(_ arguments: String..., environment: [String: String] = [:], output: String? = nil) throws -> Outcome {
  try edgerun(arguments, environment: environment, output: output)
}

func edgerun(_ arguments: [String], environment: [String: String] = [:], output: String? = nil) throws -> Outcome {
  let process = Process()
  process.executableURL = programURL
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  // Files, because a full pipe would block the program.
  let folder = try temporaryFolder()
  defer { try? FileManager.default.removeItem(at: folder) }
  let outputPath = output.map { URL(fileURLWithPath: $0) } ?? folder.appendingPathComponent("output")
  let errorsPath = folder.appendingPathComponent("errors")
  for path in [outputPath, errorsPath] where !FileManager.default.fileExists(atPath: path.path) {
    _ = FileManager.default.createFile(atPath: path.path, contents: nil)
  }
  process.standardOutput = try FileHandle(forWritingTo: outputPath)
  process.standardError = try FileHandle(forWritingTo: errorsPath)
  try process.run()
  process.waitUntilExit()
  return Outcome(
    status: process.terminationStatus,
    output: output == nil ? try String(contentsOf: outputPath, encoding: .utf8) : "",
    errors: try String(contentsOf: errorsPath, encoding: .utf8))
}

func temporaryFolder() throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("edgerun-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}

/// A folder with models and pictures.
struct Samples {
  let folder: URL

  init() throws {
    folder = try temporaryFolder()
    var net = try NetworkBuilder.lenet(seed: 1)
    var float = net.model
    float.metadata = Metadata(
      name: "tiny", labels: (0..<10).map { "label \($0)" },
      preprocessing: Preprocessing(width: 12, height: 12, channels: 1, mean: [0.5], deviation: [0.25]),
      provenance: Provenance(tool: "test 1.0", data: "random", seed: 1, floatAccuracy: 0.9))
    try float.write(to: path("dynamic.bin"))
    var int8 = try net.int8()
    int8.metadata = float.metadata
    try int8.write(to: path("int8.bin"))
    let interpreter = try ReferenceInterpreter(float.graph.simplified())
    var calibrator = Calibrator(graph: float.graph.simplified(), observer: .minMax)
    for sample in net.samples(3) { calibrator.observe(try interpreter.values(sample)) }
    float.metadata.calibration = try calibrator.ranges()
    try float.write(to: path("float.bin"))
    float.metadata.preprocessing = nil
    try float.write(to: path("no-recipe.bin"))
    var logits = float.graph
    logits.outputs = [logits.nodes[logits.nodes.count - 1].inputs[0]]
    logits.nodes.removeLast()
    logits.tensors.removeLast()
    var scores = int8.metadata
    scores.labels = []
    try Model(graph: logits, metadata: scores).write(to: path("scores.bin"))
    let pixels = (0..<(20 * 16)).map { UInt8(truncatingIfNeeded: $0 * 37) }
    try (Data("P5 20 16 255\n".utf8) + Data(pixels)).write(to: folder.appendingPathComponent("a.pgm"))
    try Data("not a picture".utf8).write(to: folder.appendingPathComponent("b.jpg"))
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}

/// The text with numbers that differ from run to run written as `#`.
func withoutNumbers(_ text: String) -> String {
  text.replacingOccurrences(of: "[0-9]+(\\.[0-9]+)?", with: "#", options: .regularExpression)
}

/// A JSON document as dictionaries and arrays.
func json(_ text: String) throws -> [String: Any] {
  try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
}

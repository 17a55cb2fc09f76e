import Format
import Runtime
import Terminal

enum PackCommand {
  static let command = Command(
    name: "edgetrain pack",
    summary: "Writes a model file with its weights laid out for one instruction set: it loads faster there.",
    operands: [Operand("MODEL")],
    options: [
      Option("for", value: "ISA", help: "avx2, avx512vnni, neondot, ... (default: the best one of this CPU)"),
      Option("output", letter: "o", value: "MODEL", help: "the model file to write"),
      Option("save-memory", help: "no layout that takes more memory than the weights do"),
    ],
    examples: [
      "edgetrain pack mobilenet_v2.int8.bin -o mobilenet_v2.packed.bin",
      "edgetrain pack lenet5.int8.bin --for neondot -o lenet5.neondot.bin",
    ])

  static func run(_ words: [String]) throws {
    guard let arguments = try command.arguments(words) else { return }
    let output = try OutputFile(path: command.required("output", of: arguments))
    let isa = try arguments.string("for").map { try ISA(packingFor: $0) } ?? .best
    let model = try Model(readingFrom: arguments.operands[0]).packed(
      for: isa, savesMemory: arguments.has("save-memory"))
    let bytes = try model.encoded()
    try output.write(bytes)
    write(
      "\(output.path): \(byteSize(bytes.count)), of which \(byteSize(model.packed?.byteCount ?? 0)) for \(isa.name)\n")
  }
}

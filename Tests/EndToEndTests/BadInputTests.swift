import Foundation
import Testing

/// Every wrong input to `edgetrain` gives one line that names the thing and what was expected, the right exit status,
/// and leaves nothing half-written.
@Suite struct BadInputTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.writeNetwork()
    try folder.write("", to: "empty.bin")
    try folder.write("no model at all", to: "text.bin")
    try folder.write("input 8x8x1\nflatten\ndense 3\nsoftmax\nfrobnicate 7\n", to: "wrong.net")
    try folder.write("input 8x8x1\nconv 9x9x4\nflatten\ndense 3\nsoftmax\n", to: "shape.net")
    try folder.write("input 8x8x1\nflatten\ndense 7\nsoftmax\n", to: "seven.net")
    try FileManager.default.createDirectory(atPath: folder.path + "/nothing", withIntermediateDirectories: true)
  }

  func expect(
    _ arguments: [String], status: Int32, error: String, location: SourceLocation = #_sourceLocation
  ) throws {
    let before = folder.entries.filter { !$0.hasPrefix(".") }
    let result = try edgetrain.run(arguments, in: folder)
    #expect(result.status == status, "\(result.errors)", sourceLocation: location)
    let lines = result.errors.split(separator: "\n").filter { !$0.hasPrefix("hint: ") }
    #expect(lines == ["error: " + Substring(error)], sourceLocation: location)
    #expect(result.output.isEmpty, sourceLocation: location)
    #expect(folder.entries.filter { !$0.hasPrefix(".") } == before, sourceLocation: location)
  }

  @Test func commandLines() throws {
    try expect([], status: 64, error: "arguments: expected a command, found nothing")
    try expect(
      ["fly"], status: 64,
      error:
        "command: expected train, evaluate, quantize, pack, bench, devices, init, info, data, lr-find, look, demo or photo, "
        + "found fly"
    )
    try expect(
      ["train", "rows.net", "-o", "m.bin"], status: 64, error: "--data: expected DATA, found nothing")
    try expect(
      ["train", "rows.net", "--data", "rows"], status: 64, error: "--output: expected MODEL, found nothing")
    let train = ["train", "rows.net", "--data", "rows", "-o", "m.bin"]
    try expect(
      train + ["--device", "gpu"], status: 64,
      error: "--device: expected cpu, opencl, opencl:N, or several, as opencl:0,1 or cpu+opencl, found gpu")
    try expect(
      train + ["--device", "cpu+opencl:0,"], status: 64,
      error: "--device: expected cpu, opencl, opencl:N, or several, as opencl:0,1 or cpu+opencl, found cpu+opencl:0,")
    try expect(
      train + ["--shares", "1,2"], status: 64, error: "--shares: expected several devices beside it, found 1,2")
    try expect(
      train + ["--device", "cpu+cpu", "--shares", "1,0"], status: 64,
      error: "--shares: expected 2 numbers from 1 on, as 1,4, found 1,0")
    try expect(
      train + ["--profile"], status: 64, error: "--profile: expected --device opencl beside it, found the device cpu")
    try expect(
      train + ["--threads", "0"], status: 64, error: "--threads: expected an integer from 1 to 256, found 0")
    for rate in ["-1", "0", "1e-300", "1e300"] {
      try expect(
        train + ["--rate", rate], status: 64,
        error: "--rate: expected a number above 0 that single precision holds, found \(rate)")
    }
    for share in ["1", "0.9999999999", "-0.1"] {
      try expect(
        train + ["--validation", share], status: 64,
        error: "--validation: expected a number of at least 0 and below 1, found \(share)")
    }
    for seconds in ["0", "1e30"] {
      try expect(
        ["bench", "rows.net", "--seconds", seconds], status: 64,
        error: "--seconds: expected a number of seconds above 0, at most 3600, found \(seconds)")
    }
    try expect(
      train + ["--frobnicate"], status: 64,
      error: "--frobnicate: expected an option of `edgetrain train`, found an unknown one")
    try expect(
      ["photo", "--data", "rows", "--index", "60", "-o", "x.jpg"], status: 64,
      error: "--index: expected 0 to 59, a test image of rows, found 60")
  }

  @Test func networks() throws {
    func train(_ net: String) -> [String] { ["train", net, "--data", "rows", "-o", "m.bin"] }
    try expect(train("no.net"), status: 1, error: "no.net: cannot read: No such file or directory")
    try expect(train("nothing"), status: 1, error: "nothing: cannot read: Is a directory")
    let wrong = try edgetrain.run(train("wrong.net"), in: folder)
    #expect(wrong.status == 1 && wrong.errors.hasPrefix("error: wrong.net:5:1: expected "))
    let shape = try edgetrain.run(train("shape.net"), in: folder)
    #expect(shape.status == 1 && shape.errors.hasPrefix("error: shape.net: ") && shape.errors.contains("9x9"))
    try expect(
      train("seven.net"), status: 1, error: "seven: outputs: expected 3, one per class of rows, found 7")
    #expect(try edgetrain.run(train("seven.net"), in: folder).errors.contains("hint: let its last layer be 'dense 3'"))
  }

  /// Sizes that no machine has, and files of another kind.
  @Test(arguments: [
    ("input 65536x65536x3\nflatten\ndense 10\n", "input: expected at most 2147483647 elements"),
    ("input 28x28x1\nflatten\ndense 9999999999\n", "expected a number of outputs"),
    ("input 8x8x1\nflatten\ndense 60000\ndense 60000\n", "dense2.weights: expected at most 2147483647 elements"),
    ("input 8x8x1\nflatten\ndense 3\ntrain\n batch 999999999999\n", "expected a positive number of images"),
    ("input 8x8x1\nflatten\n" + String(repeating: "dense 3\n", count: 20_000), "expected at most 10000 layers"),
  ]) func absurdNetworks(text: String, error: String) throws {
    try folder.write(text, to: "absurd.net")
    for command in [["info", "absurd.net"], ["train", "absurd.net", "--data", "rows", "-o", "m.bin"]] {
      let result = try edgetrain.run(command, in: folder)
      #expect(result.status == 1 && result.errors.hasPrefix("error: absurd.net"), "\(result.errors)")
      #expect(result.errors.contains(error) && !folder.has("m.bin"), "\(result.errors)")
    }
  }

  /// Names that no model file can have are told of before the training, and not at its end.
  @Test func namesThatCannotBeWritten() throws {
    let text = "input 8x8x1\nflatten\ndense 3\ntrain\nepochs 2\n"
    try folder.write("name bell\u{7}\n" + text, to: "bell.net")
    try folder.write(text, to: "plain.net")
    func train(_ net: String) throws -> String {
      let result = try edgetrain.run(["train", net, "--data", "rows", "-o", "m.bin"], in: folder)
      #expect(result.status == 1 && !folder.has("m.bin.checkpoint"))
      return result.errors
    }
    #expect(try train("bell.net") == "error: model name: expected no control characters, found byte 7\n")
    try folder.write("top\nmid\u{1}dle\nbottom", to: "rows/labels.txt")
    #expect(try train("plain.net") == "error: label 1: expected no control characters, found byte 1\n")
  }

  /// The shell's limit of file sizes, as a full disk, costs a checkpoint and not the training.
  @Test func limitedFiles() throws {
    let words = ["train", "rows.net", "--data", "rows", "--run", "run", "-o", "/dev/null"]
    let script = "ulimit -f 4; exec \"$0\" \"$@\""
    let result = try Program(path: "/bin/sh").run(["-c", script, edgetrain.path] + words, in: folder)
    #expect(result.errors.contains("warning: run/last.checkpoint: cannot write: File too large; going on without"))
    #expect(result.errors.contains("epoch 2/2  loss "))
    #expect(result.status == 1 && result.errors.contains("error: run/report.html: cannot write: File too large"))
  }

  @Test func outputs() throws {
    func train(_ output: String) -> [String] { ["train", "rows.net", "--data", "rows", "--quiet", "-o", output] }
    try expect(train("no/m.bin"), status: 1, error: "no/m.bin: cannot write: No such file or directory")
    try expect(train("nothing"), status: 1, error: "nothing: cannot write: Is a directory")
    try expect(train(""), status: 1, error: "\"\": cannot write: No such file or directory")
    try expect(
      ["demo", "-o", "text.bin/demo"], status: 1, error: "text.bin/demo: cannot write: Not a directory")
    // What was trained is not lost with the disk's last byte.
    let full = try edgetrain.run(train("/dev/full") + ["--checkpoint", "kept"], in: folder)
    #expect(full.status == 1)
    #expect(full.errors == "error: /dev/full: cannot write: No space left on device\n")
    #expect(folder.has("kept"))
    let resumed = try edgetrain.run(train("m.bin") + ["--checkpoint", "kept", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(folder.has("m.bin") && !folder.has("kept"))
  }

  @Test func models() throws {
    func evaluate(_ model: String) -> [String] { ["evaluate", model, "--data", "rows"] }
    try expect(evaluate("no.bin"), status: 1, error: "no.bin: cannot read: No such file or directory")
    try expect(evaluate("nothing"), status: 1, error: "nothing: cannot read: Is a directory")
    for model in ["empty.bin", "text.bin"] {
      let result = try edgetrain.run(evaluate(model), in: folder)
      #expect(result.status == 1 && result.errors.hasPrefix("error: ") && result.errors.contains("expected"))
    }
  }

  @Test func data() throws {
    func info(_ data: String) -> [String] { ["data", "info", data] }
    let kinds = "`fashion-mnist`, a folder of IDX or CIFAR files, a CSV file or a folder of images per class"
    try expect(info("no"), status: 1, error: "no: expected \(kinds), found nothing of that name")
    try expect(info("nothing"), status: 1, error: "nothing: expected \(kinds), found a folder with none of these")
    try expect(info("rows.net"), status: 1, error: "rows.net: expected \(kinds), found a file of another kind")
    try folder.write("no photo", to: "photos/cat/1.jpg")
    try folder.write("no photo", to: "photos/dog/1.jpg")
    try expect(
      info("photos"), status: 1,
      error: "photos/cat: expected at least 2 readable images, found 0 (1 could not be decoded)")
  }
}

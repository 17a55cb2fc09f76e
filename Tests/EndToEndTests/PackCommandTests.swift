import Testing

/// `edgetrain pack`: files with weights in a kernel's layout answer as the plain file does, wherever they run.
@Suite struct PackCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")
  let edgerun = Program(name: "edgerun")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.writeNetwork()
    for arguments in [
      ["train", "rows.net", "--data", "rows", "-o", "rows.bin", "--quiet"],
      ["quantize", "rows.bin", "--data", "rows", "-o", "rows.int8.bin"],
    ] {
      let result = try edgetrain.run(arguments, in: folder)
      try #require(result.status == 0, "\(result.errors)")
    }
  }

  /// For this CPU, for one without vectors, and for one of another architecture.
  @Test(arguments: ["rows.bin", "rows.int8.bin"], [nil, "scalar", "neondot", "neoni8mm"])
  func answersAsThePlainFileDoes(model: String, isa: String?) throws {
    let packed = try edgetrain.run(
      ["pack", model, "-o", "packed.bin"] + (isa.map { ["--for", $0] } ?? []), in: folder)
    #expect(packed.status == 0, "\(packed.errors)")
    #expect(packed.output.contains(isa.map { "for \($0)" } ?? "for "))
    let sizes = try (folder.bytes("packed.bin").count, folder.bytes(model).count)
    #expect(sizes.0 > sizes.1, "nothing was packed")
    #expect(try edgerun.run(["--self-test", "packed.bin"], in: folder).status == 0)
    let answers = try ["packed.bin", model].map { file in
      let result = try edgetrain.run(["evaluate", file, "--data", "rows", "--json"], in: folder)
      #expect(result.status == 0, "\(result.errors)")
      return result.output.split(separator: "\n").filter { !$0.contains("seconds") && !$0.contains("\(file)") }
    }
    #expect(!answers[0].isEmpty && answers[0] == answers[1])
  }

  @Test func wrongInstructionSetsAreErrors() throws {
    let result = try edgetrain.run(["pack", "rows.bin", "--for", "mmx", "-o", "packed.bin"], in: folder)
    #expect(result.status == 1 && result.errors.contains("mmx") && result.errors.contains("avx512vnni"))
    #expect(!folder.has("packed.bin"))
  }
}

import Foundation
import Terminal
import Testing

@testable import edgerun

@Suite struct CommandTests {
  static let commands = [EdgeRun.classifyCommand, EdgeRun.infoCommand, EdgeRun.benchCommand, EdgeRun.kernelsCommand]

  /// docs/cli.md has every help text as it is: the page is the snapshot.
  @Test(arguments: commands.indices) func helpIsInTheManual(index: Int) throws {
    let command = Self.commands[index]
    let manual = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/cli.md")
    let text = try String(contentsOf: manual, encoding: .utf8)
    #expect(text.contains("```\n$ \(command.name) --help\n\(command.help)```\n"), "\(command.help)")
  }

  @Test func helpAndVersion() throws {
    let help = try edgerun("--help")
    #expect(help.status == 0 && help.output == EdgeRun.classifyCommand.help && help.errors.isEmpty)
    #expect(try edgerun().output == help.output)
    #expect(try edgerun("info", "-h").output == EdgeRun.infoCommand.help)
    #expect(try edgerun("--version").output == "edgerun \(EdgeRun.version)\n")
  }

  @Test func wrongUsageExitsWith64() throws {
    let cases: [([String], String)] = [
      (["--threads", "0", "m", "x"], "--threads: expected an integer from 1 to 256, found 0"),
      (["--threads", "many", "m", "x"], "--threads: expected an integer from 1 to 256, found many"),
      (["--top", "0", "m", "x"], "--top: expected an integer of at least 1, found 0"),
      (["--fast", "m", "x"], "--fast: expected an option of `edgerun`, found an unknown one"),
      (["m"], "arguments: expected INPUT, found nothing"),
      (["--json"], "arguments: expected MODEL, found nothing"),
    ]
    for (arguments, message) in cases {
      let outcome = try edgerun(arguments)
      #expect(outcome.status == 64 && outcome.output.isEmpty)
      #expect(outcome.errors == "error: \(message)\nhint: see `edgerun --help`\n")
    }
    let bench = try edgerun("bench", "--seconds", "-1", "m")
    #expect(bench.status == 64)
    #expect(
      bench.errors
        == "error: --seconds: expected a number of seconds above 0, at most 3600, found -1\nhint: see `edgerun bench --help`\n"
    )
    for (arguments, message) in [
      (["--check"], "--check: expected MODEL with it, found nothing"),
      (["--seconds", "1"], "--seconds: expected MODEL with it, found nothing"),
      (["--int8"], "--int8: expected MODEL with it, found nothing"),
      (["--all", "m"], "--all: expected no MODEL with it, found m"),
    ] {
      let outcome = try edgerun(["kernels"] + arguments)
      #expect(outcome.status == 64 && outcome.errors == "error: \(message)\nhint: see `edgerun kernels --help`\n")
    }
    #expect(
      try edgerun("info").errors == "error: arguments: expected MODEL, found nothing\nhint: see `edgerun info --help`\n"
    )
  }

  @Test func modelsThatAreNone() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let missing = try edgerun("/nowhere/m.bin", "x")
    #expect(missing.status == 1 && missing.errors == "error: /nowhere/m.bin: cannot read: No such file or directory\n")
    let folder = try edgerun("info", "/tmp")
    #expect(folder.status == 1 && folder.errors == "error: /tmp: cannot read: Is a directory\n")
    let image = try edgerun("bench", samples.path("b.jpg"))
    #expect(
      image.status == 1 && image.errors.hasPrefix("error: \(samples.path("b.jpg")): ")
        && image.errors.contains("hint: "))
    let recipe = try edgerun(samples.path("no-recipe.bin"), samples.path("a.pgm"))
    #expect(recipe.status == 1)
    #expect(
      recipe.errors
        == "error: \(samples.path("no-recipe.bin")): expected a preprocessing recipe for pictures, found none\n")
    let twice = try edgerun("--int8", samples.path("int8.bin"), samples.path("a.pgm"))
    #expect(twice.status == 1 && twice.errors.hasPrefix("error: \(samples.path("int8.bin")): "))
    let selfTest = try edgerun("--self-test", samples.path("float.bin"))
    #expect(selfTest.status == 1)
    #expect(
      selfTest.errors == """
        error: self-test: expected a test vector in the model file, found none
        hint: models exported by `edgetrain` carry one

        """)
  }

  @Test func instructionSetsAreForcedByTheEnvironment() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let scalar = try edgerun("info", "--json", samples.path("float.bin"), environment: ["EDGERUN_ISA": "scalar"])
    #expect(try json(scalar.output)["isa"] as? String == "scalar")
    let unknown = try edgerun("info", samples.path("float.bin"), environment: ["EDGERUN_ISA": "mmx"])
    #expect(unknown.status == 1 && unknown.errors.hasPrefix("error: instruction set: expected one of scalar"))
    #expect(unknown.errors.hasSuffix(", found mmx\nhint: unset EDGERUN_ISA to use the best one of this CPU\n"))
    #expect(try edgerun("info", samples.path("float.bin"), environment: ["EDGERUN_ISA": ""]).status == 0)
  }

  @Test func outputThatCannotBeWrittenIsAnError() throws {
    let outcome = try edgerun("--help", output: "/dev/full")
    #expect(outcome.status == 1)
    #expect(outcome.errors == "error: standard output: cannot write: No space left on device\n")
  }
}

@Suite struct ResultTests {
  @Test func classesAreListedBestFirst() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let outcome = try edgerun(samples.path("float.bin"), samples.path("a.pgm"), "--top", "2")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    let pattern = """
      \(samples.path("a.pgm"))
        1.  label #  # %
        2.  label #  # %
        decode # ms, preprocess # ms, inference # ms

      """
    #expect(
      withoutNumbers(outcome.output).replacingOccurrences(of: "  +", with: " ", options: .regularExpression)
        == withoutNumbers(pattern).replacingOccurrences(of: "  +", with: " ", options: .regularExpression))
  }

  @Test func jsonHasTheSameForAProgram() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let image = samples.path("a.pgm")
    let outcome = try edgerun("--json", "--profile", samples.path("float.bin"), image, "--top", "20")
    let document = try json(outcome.output)
    let images = try #require(document["images"] as? [[String: Any]])
    #expect(images.count == 1 && images[0]["image"] as? String == image)
    let classes = try #require(images[0]["classes"] as? [[String: Any]])
    let probabilities = classes.compactMap { $0["probability"] as? Double }
    #expect(probabilities.count == 10 && abs(probabilities.reduce(0, +) - 1) < 1e-4)
    #expect(probabilities == probabilities.sorted(by: >))
    #expect(classes.allSatisfy { $0["label"] as? String == "label \($0["index"] as? Int ?? -1)" })
    #expect((images[0]["inference_ms"] as? Double ?? 0) > 0)
    let profile = try #require(document["profile"] as? [[String: Any]])
    #expect(profile.count == 8)
    for node in profile {
      #expect((node["inputs"] as? [[Int]])?.isEmpty == false)
      #expect((node["gmac_per_s"] as? Double ?? 0) > 0 || node["of_peak"] is NSNull)
    }
  }

  @Test func aBadPictureDoesNotStopTheOthers() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let (good, bad) = (samples.path("a.pgm"), samples.path("b.jpg"))
    let outcome = try edgerun(samples.path("int8.bin"), bad, good, "/nowhere.jpg", good)
    #expect(outcome.status == 1)
    #expect(outcome.output.components(separatedBy: good).count == 3)
    let errors = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(errors.count == 2 && errors[0].hasPrefix("error: \(bad): ") && errors[1].contains("/nowhere.jpg"))
    let document = try json(edgerun("--json", samples.path("int8.bin"), bad, good).output)
    let images = try #require(document["images"] as? [[String: Any]])
    #expect(images.count == 2 && images[0]["error"] != nil && images[1]["classes"] != nil)
  }

  @Test func scoresThatAreNoProbabilitiesAreNotCalledSo() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let text = try edgerun(samples.path("scores.bin"), samples.path("a.pgm"), "--top", "1").output
    #expect(!text.contains("%") && text.contains("class "))
    let document = try json(edgerun("--json", samples.path("scores.bin"), samples.path("a.pgm")).output)
    let classes = try #require((document["images"] as? [[String: Any]])?[0]["classes"] as? [[String: Any]])
    #expect(classes[0]["score"] != nil && classes[0]["probability"] == nil)
  }

  /// Calibrated if the file has ranges, dynamic otherwise; the numbers are the same with every tier and thread count.
  @Test(arguments: ["float.bin", "dynamic.bin"]) func floatModelsAreQuantizedOnLoading(name: String) throws {
    let samples = try Samples()
    defer { samples.remove() }
    let info = try json(edgerun("info", "--int8", "--json", samples.path(name)).output)
    let nodes = try #require(info["nodes"] as? [[String: Any]])
    #expect((nodes[0]["op"] as? String == "quantize") == (name == "float.bin"))
    #expect(
      nodes.contains { ($0["kernel"] as? String ?? "").hasPrefix(name == "float.bin" ? "qs8_igemm" : "qs8_f32_igemm") })
    func classes(_ threads: String, _ isa: String) throws -> NSArray? {
      let outcome = try edgerun(
        "--int8", "--json", "--threads", threads, samples.path(name), samples.path("a.pgm"),
        environment: ["EDGERUN_ISA": isa])
      return (try json(outcome.output)["images"] as? [[String: Any]])?[0]["classes"] as? NSArray
    }
    let expected = try #require(try classes("1", "scalar"))
    #expect(try classes("3", "") == expected)
  }

  @Test func theSelfTestIsRun() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let outcome = try edgerun("--self-test", samples.path("int8.bin"))
    #expect(outcome.status == 0 && outcome.output == "self-test passed: every bit as expected\n")
    let document = try json(edgerun("--self-test", "--int8", "--json", samples.path("float.bin")).output)
    #expect((document["self_test"] as? [String: Any])?["passed"] as? Bool == true)
  }

  @Test func infoTellsWhatADeviceNeeds() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let path = samples.path("int8.bin")
    let document = try json(edgerun("info", "--json", path).output)
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    #expect(document["file_bytes"] as? Int == size && (document["arena_bytes"] as? Int ?? 0) > 0)
    #expect(document["macs"] as? Int == 37_792 && (document["labels"] as? [String])?.count == 10)
    #expect((document["preprocessing"] as? [String: Any])?["width"] as? Int == 12)
    #expect((document["provenance"] as? [String: Any])?["tool"] as? String == "test 1.0")
    let text = try edgerun("info", path).output
    for part in [
      "node ", "qs8_igemm", "file ", "\(size ?? 0) bytes", "arena ", "12 x 12 pixels, grey, stretched", "90.00 %",
    ] {
      #expect(text.contains(part), "\(part)")
    }
  }

  @Test func benchAndKernelsMeasure() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let outcome = try edgerun("bench", "--seconds", "0.05", "--threads", "1", "--json", samples.path("int8.bin"))
    #expect(outcome.output.split(separator: "\n").count == 1)
    let figures = try json(outcome.output)
    for key in ["median_ms", "min_ms", "p95_ms", "cold_ms", "gmac_per_s", "arena_bytes", "peak_bytes", "runs"] {
      #expect((figures[key] as? Double ?? 0) > 0, "\(key)")
    }
    let text = try edgerun("bench", "--seconds", "0.01", samples.path("float.bin")).output
    for part in ["inference", "cold", "GMAC/s", "memory"] { #expect(text.contains(part), "\(part)") }
    let kernels = try json(edgerun("kernels", "--json", environment: ["EDGERUN_ISA": "scalar"]).output)
    let used = (kernels["kernels"] as? [[String: Any]] ?? []).filter { $0["used"] as? Bool == true }
    #expect(!used.isEmpty && used.allSatisfy { $0["isa"] as? String == "scalar" })
    // What plain C reaches is the compiler's choice.
    #expect(kernels["int8_peak_gmac_per_s"] == nil)
  }

  @Test func kernelsOfAModelAreCompared() throws {
    let samples = try Samples()
    defer { samples.remove() }
    let path = samples.path("int8.bin")
    let document = try json(edgerun("kernels", "--seconds", "0.01", "--json", path).output)
    let nodes = try #require(document["nodes"] as? [[String: Any]])
    #expect(!nodes.isEmpty && (document["chains"] as? [Any])?.isEmpty == true)
    for node in nodes {
      let candidates = try #require(node["candidates"] as? [[String: Any]])
      #expect(candidates.count { $0["used"] as? Bool == true } == 1 && candidates[0]["used"] as? Bool == true)
      #expect(candidates.allSatisfy { $0["kernel"] as? String != "-" && ($0["ms"] as? Double ?? 0) > 0 })
    }
    let text = try edgerun("kernels", "--seconds", "0.01", path).output
    for part in ["instruction set: ", "node ", "qs8_igemm", "<- used"] { #expect(text.contains(part), "\(part)") }
  }
}

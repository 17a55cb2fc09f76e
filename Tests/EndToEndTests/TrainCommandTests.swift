import Foundation
import Testing

@Suite struct TrainCommandTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.writeNetwork()
  }

  @Test func theWholeRoad() throws {
    let trained = try edgetrain.run(["train", "rows.net", "--data", "rows", "-o", "rows.bin"], in: folder)
    #expect(trained.status == 0, "\(trained.errors)")
    #expect(trained.output.hasPrefix("rows.bin: "))
    // Not a terminal: a plain line per epoch, no escape sequences.
    #expect(trained.errors.contains("epoch 1/2  loss ") && trained.errors.contains("epoch 2/2  loss "))
    #expect(!trained.errors.contains("\u{1b}") && !trained.errors.contains("\r"))
    #expect(!folder.has("rows.bin.checkpoint"))

    let quantized = try edgetrain.run(
      ["quantize", "rows.bin", "--data", "rows", "-o", "rows.int8.bin", "--report"], in: folder)
    #expect(quantized.status == 0, "\(quantized.errors)")
    #expect(quantized.output.contains("SQNR") && quantized.output.contains("McNemar"))

    for model in ["rows.bin", "rows.int8.bin"] {
      let evaluated = try edgetrain.run(["evaluate", model, "--data", "rows", "--json"], in: folder)
      #expect(evaluated.status == 0, "\(evaluated.errors)")
      let json = try #require(
        try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as? [String: Any])
      #expect(json["images"] as? Int == 60)
      #expect(try #require(json["accuracy"] as? Double) > 0.8)
      let selfTest = try Program(name: "edgerun").run([model, "--self-test"], in: folder)
      #expect(selfTest.status == 0, "\(selfTest.errors)")
    }

    let photo = try edgetrain.run(["photo", "--data", "rows", "--index", "3", "-o", "camera.jpg"], in: folder)
    #expect(photo.status == 0, "\(photo.errors)")
    #expect(try folder.bytes("camera.jpg").prefix(3) == [0xff, 0xd8, 0xff])
  }

  /// `init` stores ranges in the file.
  @Test func theStoredRangesQuantizeWithoutData() throws {
    func run(_ words: [String]) throws -> Program.Result { try edgetrain.run(words, in: folder) }
    #expect(try run(["init", "rows.net", "-o", "rows.bin"]).status == 0)
    let quantized = try run(["quantize", "rows.bin", "-o", "rows.int8.bin"])
    #expect(quantized.status == 0, "\(quantized.errors)")
    #expect(quantized.output.hasPrefix("rows.int8.bin: ") && quantized.output.contains("accuracy not measured"))
    let selfTest = try Program(name: "edgerun").run(["rows.int8.bin", "--self-test"], in: folder)
    #expect(selfTest.status == 0, "\(selfTest.errors)")
    let dynamic = try run(["quantize", "rows.bin", "-o", "rows.dynamic.bin", "--dynamic", "--json"])
    #expect(dynamic.status == 0 && dynamic.output.contains("\"bytes_after\""), "\(dynamic.errors)")

    let again = try run(["quantize", "rows.int8.bin", "-o", "again.bin"])
    #expect(again.status == 1 && again.errors.contains("expected a float tensor, found int8"), "\(again.errors)")
    let report = try run(["quantize", "rows.bin", "-o", "again.bin", "--report"])
    #expect(report.status == 64 && report.errors.contains("--data: expected a value, because of --report"))
    #expect(!folder.has("again.bin"))
  }

  /// A batch that two devices share gives the losses of one, but for rounding.
  @Test func devicesShareABatch() throws {
    try folder.write(
      "name rows\ninput 8x8x1\nconv 3x3x4 relu\nflatten\ndense 3\n\ntrain\n  epochs 2\n  rate 0.05\n", to: "rows.net")
    func losses(_ options: [String]) throws -> [Double] {
      let result = try edgetrain.run(
        ["train", "rows.net", "--data", "rows", "-o", "rows.bin", "--json", "--threads", "1"] + options, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      return try result.output.split(separator: "\n").compactMap { line in
        try (JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["loss"] as? Double
      }
    }
    let one = try losses([])
    let two = try losses(["--device", "cpu+cpu", "--shares", "1,3"])
    #expect(one.count == 2 && two.count == 2)
    for (one, two) in zip(one, two) { #expect(abs(one - two) <= 1e-4 * one) }
  }

  @Test func jsonIsOneDocumentALine() throws {
    let result = try edgetrain.run(
      ["train", "rows.net", "--data", "rows", "-o", "rows.bin", "--json", "--validation", "0.1"], in: folder)
    #expect(result.status == 0, "\(result.errors)")
    let lines = result.output.split(separator: "\n")
    let events = try lines.map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])["event"] as? String
    }
    #expect(events == ["epoch", "epoch", "model"])
    #expect(result.errors.isEmpty)
  }

  /// The same options and seed give the same file, whatever the number of threads.
  @Test func theFileDependsOnTheSeedAlone() throws {
    func model(_ options: [String]) throws -> [UInt8] {
      let result = try edgetrain.run(
        ["train", "rows.net", "--data", "rows", "-o", "rows.bin", "--quiet"] + options, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      return try folder.bytes("rows.bin")
    }
    let first = try model(["--threads", "1"])
    #expect(try model(["--threads", "1"]) == first)
    #expect(try model(["--threads", "3"]) == first)
    #expect(try model(["--seed", "77"]) != first)
  }

  /// Ctrl-C in the middle of an epoch, and kill −9 at any time: `--resume` ends with the very file that an
  /// uninterrupted run writes.
  @Test(arguments: [SIGINT, SIGKILL])
  func aStoppedRunGoesOnAsIfNothingHadHappened(_ signal: Int32) throws {
    try folder.writeNetwork(
      epochs: 150, recipe: "augment shift 1\naugment mixup 0.2\nsampling balanced\nvalidation 0.1")
    let arguments = ["train", "rows.net", "--data", "rows", "-o"]
    let whole = try edgetrain.run(arguments + ["whole.bin", "--quiet"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")

    let stopped = try edgetrain.run(arguments + ["model.bin", "--quiet"], in: folder) { process in
      // The first checkpoint is there after the first epoch.
      while process.isRunning && !folder.has("model.bin.checkpoint") { usleep(500) }
      usleep(20_000)
      kill(process.processIdentifier, signal)
    }
    try #require(stopped.status != 0 && !folder.has("model.bin"), "the run was over before it could be stopped")
    if signal == SIGINT {
      #expect(stopped.status == 1)
      #expect(stopped.errors.contains("to go on: ") && stopped.errors.contains(" --resume\n"))
    }
    let resumed = try edgetrain.run(arguments + ["model.bin", "--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(resumed.errors.contains("going on in epoch "))
    #expect(try folder.bytes("model.bin") == folder.bytes("whole.bin"))
    #expect(folder.entries.filter { $0.contains("checkpoint") }.isEmpty)
  }

  /// Killed again and again, at times that fall anywhere, between the writing of one checkpoint and the other, too: the run
  /// ends with the model and the log of one that was left alone.
  @Test func killedAgainAndAgain() throws {
    try folder.writeNetwork(epochs: 60, recipe: "validation 0.4\naugment flip")
    func train(_ run: String, _ options: [String] = [], for time: UInt32? = nil) throws -> Program.Result {
      try edgetrain.run(
        ["train", "rows.net", "--data", "rows", "--quiet", "--rate", "0.0002", "--run", run] + options, in: folder
      ) {
        guard let time else { return }
        while $0.isRunning && !folder.has(run + "/last.checkpoint") { usleep(500) }
        usleep(time)
        kill($0.processIdentifier, SIGKILL)
      }
    }
    /// Figures of the epochs; times differ.
    func log(_ run: String) throws -> [String] {
      String(decoding: try folder.bytes(run + "/log.csv"), as: UTF8.self).split(separator: "\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false).prefix(9).joined(separator: ",")
      }
    }
    let whole = try train("whole")
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(try log("whole").count { $0.hasSuffix("true") } > 1)
    var kills = 0
    for attempt in 0..<12 where !folder.has("run/model.bin") {
      let time = UInt32(20_000 + 7_919 * attempt)
      let result = try train("run", folder.has("run/last.checkpoint") ? ["--resume"] : [], for: time)
      if result.status == SIGKILL { kills += 1 }
    }
    #expect(kills > 0)
    let last = try train("run", ["--resume"])
    #expect(last.status == 0, "\(last.errors)")
    #expect(try folder.bytes("run/model.bin") == folder.bytes("whole/model.bin"))
    #expect(try folder.bytes("run/last.checkpoint") == folder.bytes("whole/last.checkpoint"))
    #expect(try log("run") == log("whole"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/run")
    #expect(names.filter { $0.contains("checkpoint.tmp-") }.isEmpty)
  }

  @Test func anotherRunsCheckpointIsRefused() throws {
    // So long that it is not over before it is interrupted, however busy the machine.
    try folder.writeNetwork(epochs: 600)
    let arguments = ["train", "rows.net", "--data", "rows", "-o", "model.bin"]
    _ = try edgetrain.run(arguments, in: folder) { process in
      while process.isRunning && !folder.has("model.bin.checkpoint") { usleep(500) }
      process.interrupt()
    }
    let resumed = try edgetrain.run(arguments + ["--resume", "--seed", "7"], in: folder)
    #expect(resumed.status == 1)
    #expect(resumed.errors.contains("error: checkpoint: expected `seed 7` as in this run, found `seed 1`\nhint: "))
  }

  /// A divergence leaves the last checkpoint, from which a smaller rate goes on.
  @Test func aDivergedRunGoesOnAtASmallerRate() throws {
    // So long that it is not over before it is interrupted, however busy the machine.
    try folder.writeNetwork(epochs: 600)
    let arguments = ["train", "rows.net", "--data", "rows", "-o", "model.bin"]
    _ = try edgetrain.run(arguments, in: folder) { process in
      while process.isRunning && !folder.has("model.bin.checkpoint") { usleep(500) }
      process.interrupt()
    }
    let kept = try folder.bytes("model.bin.checkpoint")
    let diverged = try edgetrain.run(arguments + ["--resume", "--rate", "1e9"], in: folder)
    #expect(diverged.status == 1)
    #expect(diverged.errors.contains("model.bin.checkpoint is kept, of epoch "))
    #expect(diverged.errors.contains("error: training diverged in step "))
    #expect(try folder.bytes("model.bin.checkpoint") == kept)
    let slower = try edgetrain.run(arguments + ["--resume", "--rate", "0.01"], in: folder)
    #expect(slower.status == 0 && slower.errors.contains("going on in epoch "), "\(slower.errors)")
    #expect(folder.has("model.bin"))
  }

  @Test func divergenceIsAnErrorThatNamesStepAndRate() throws {
    let result = try edgetrain.run(
      ["train", "rows.net", "--data", "rows", "-o", "rows.bin", "--rate", "1e9", "--quiet"], in: folder)
    #expect(result.status == 1)
    #expect(result.errors.hasPrefix("error: training diverged in step "))
    #expect(result.errors.contains(" of epoch 1 at rate ") && result.errors.contains("\nhint: try a smaller rate"))
    #expect(!folder.has("rows.bin"))
  }
}

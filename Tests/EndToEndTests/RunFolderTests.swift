import Foundation
import Testing

@Suite struct RunFolderTests {
  let folder: TemporaryFolder
  let edgetrain = Program(name: "edgetrain")

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeRows()
    try folder.writeNetwork()
  }

  private func text(_ name: String) throws -> String { String(decoding: try folder.bytes(name), as: UTF8.self) }

  /// The first column of the log.
  private func loggedEpochs() throws -> [String] {
    try text("run/log.csv").split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "," }) }
  }

  @Test func keepsAllOfARun() throws {
    let arguments = ["train", "rows.net", "--data", "rows", "--validation", "0.1", "--run", "run"]
    let result = try edgetrain.run(arguments, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.hasPrefix("run/model.bin: "))
    #expect(try loggedEpochs() == ["1", "2"])
    #expect(try text("run/log.jsonl").split(separator: "\n").count == 2)
    let config = try #require(
      try JSONSerialization.jsonObject(with: Data(folder.bytes("run/config.json"))) as? [String: Any])
    #expect(config["arguments"] as? [String] == arguments)
    #expect(config["training_images"] as? Int == 216 && config["held_out_images"] as? Int == 24)
    let page = try text("run/report.html")
    #expect(page.contains("Confusion matrix") && page.contains("best: ") && page.contains("--run run"))
    #expect(folder.has("run/last.checkpoint") && folder.has("run/best.checkpoint"))

    // The network as it was trained, options included, is a description that trains to the same file.
    let again = try edgetrain.run(
      ["train", "run/network.net", "--data", "rows", "-o", "again.bin", "--quiet"], in: folder)
    #expect(again.status == 0, "\(again.errors)")
    #expect(try folder.bytes("again.bin") == folder.bytes("run/model.bin"))

    // Another run does not overwrite it.
    let before = try text("run/log.csv")
    let second = try edgetrain.run(arguments, in: folder)
    #expect(second.status == 1)
    #expect(second.errors.hasPrefix("error: run: expected a new folder, found run/last.checkpoint of a run\nhint: "))
    #expect(try text("run/log.csv") == before)

    let evaluated = try edgetrain.run(
      ["evaluate", "run/model.bin", "--data", "rows", "--report", "page.html"], in: folder)
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    #expect(try text("page.html").contains("Precision and recall"))
  }

  /// Whenever the run is stopped, the log of both processes together has every epoch once.
  @Test func logGoesOnWithTheRun() throws {
    let arguments = ["train", "rows.net", "--data", "rows", "--run", "run", "--epochs", "40"]
    let stopped = try edgetrain.run(arguments, in: folder) { process in
      while process.isRunning && !folder.has("run/last.checkpoint") { Thread.sleep(forTimeInterval: 0.005) }
      process.interrupt()
    }
    try #require(stopped.status == 1, "it ended before it could be stopped")
    let resumed = try edgetrain.run(arguments + ["--resume"], in: folder)
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(try loggedEpochs() == (1...40).map { "\($0)" })
    #expect(folder.has("run/report.html") && folder.has("run/model.bin"))
  }

  /// A finished run can be exported again, and goes on with more epochs: to the model and the log of a run that had as many
  /// from the start.
  @Test func aFinishedRunGoesOnWithMoreEpochs() throws {
    try folder.writeNetwork(schedule: "constant", recipe: "validation 0.1")
    func train(_ run: String, _ options: [String]) throws -> Program.Result {
      let result = try edgetrain.run(["train", "rows.net", "--data", "rows", "--run", run] + options, in: folder)
      #expect(result.status == 0, "\(result.errors)")
      return result
    }
    _ = try train("whole", ["--epochs", "5"])
    _ = try train("run", [])
    let model = try folder.bytes("run/model.bin")
    try FileManager.default.removeItem(atPath: folder.path + "/run/model.bin")
    #expect(try train("run", ["--resume"]).errors.contains("nothing is left to train: the run has done its 2 epochs"))
    #expect(try folder.bytes("run/model.bin") == model)
    #expect(try train("run", ["--resume", "--epochs", "5"]).errors.contains("going on in epoch 3 after 0 of "))
    #expect(try folder.bytes("run/model.bin") == folder.bytes("whole/model.bin"))
    #expect(try folder.bytes("run/network.net") == folder.bytes("whole/network.net"))
    #expect(try loggedEpochs() == ["1", "2", "3", "4", "5"])
    let config = try #require(
      try JSONSerialization.jsonObject(with: Data(folder.bytes("run/config.json"))) as? [String: Any])
    #expect(config["epochs"] as? Int == 5)
  }

  /// Killed behind its first line of the log, when there is no checkpoint, here because no file may be so large: the folder is
  /// taken again, and the run that is begun there is one that was left alone.
  @Test func aRunThatLeftNoCheckpointBeginsAnew() throws {
    func words(_ run: String, _ epochs: Int, _ options: [String] = []) -> [String] {
      ["train", "rows.net", "--data", "rows", "--run", run, "--epochs", "\(epochs)"] + options
    }
    let small = Program(path: "/bin/bash")
    let killed = try small.run(
      ["-c", "ulimit -f 2; exec \"$0\" \"$@\"", edgetrain.path] + words("run", 1_000_000), in: folder
    ) { process in
      while process.isRunning && ((try? loggedEpochs()) ?? []).isEmpty { usleep(2000) }
      kill(process.processIdentifier, SIGKILL)
    }
    #expect(killed.status == SIGKILL, "\(killed.errors)")
    try #require(!folder.has("run/last.checkpoint"), "the limit is too large for the test")
    let resumed = try edgetrain.run(words("run", 2, ["--resume"]), in: folder)
    #expect(resumed.status == 1)
    #expect(
      resumed.errors.hasPrefix("error: run/last.checkpoint: cannot read: ") && resumed.errors.contains("begin anew"))

    let again = try edgetrain.run(words("run", 2), in: folder)
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.errors.contains("run has the log of a run that left no checkpoint; it is replaced"))
    #expect(try edgetrain.run(words("whole", 2), in: folder).status == 0)
    #expect(try folder.bytes("run/model.bin") == folder.bytes("whole/model.bin"))
    #expect(try loggedEpochs() == ["1", "2"])
  }

  /// A run that diverges in its first epoch leaves nothing to go on with either.
  @Test func aRunThatDivergesAtOnceBeginsAnew() throws {
    let words = ["train", "rows.net", "--data", "rows", "--run", "run"]
    let diverged = try edgetrain.run(words + ["--rate", "1e9"], in: folder)
    #expect(diverged.status == 1 && diverged.errors.contains("error: training diverged in step "))
    #expect(try edgetrain.run(words, in: folder).status == 0)
    #expect(try loggedEpochs() == ["1", "2"])
  }

  /// Each of these alone tells of a run that must stay: its checkpoint, in the folder or elsewhere, its report, its model.
  @Test(arguments: ["run/last.checkpoint", "other.checkpoint", "run/report.html", "run/model.bin"])
  func aRunIsNotOverwritten(kept: String) throws {
    let elsewhere = kept == "other.checkpoint" ? ["--checkpoint", kept] : []
    let words = ["train", "rows.net", "--data", "rows", "--run", "run"]
    let result = try edgetrain.run(words + elsewhere, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    for name in ["run/last.checkpoint", "run/best.checkpoint", "run/report.html", "run/model.bin"] where name != kept {
      try? FileManager.default.removeItem(atPath: folder.path + "/" + name)
    }
    func files() throws -> [String: [UInt8]] {
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/run")
      return try Dictionary(uniqueKeysWithValues: names.map { ($0, try folder.bytes("run/" + $0)) })
    }
    let before = try files()
    let second = try edgetrain.run(words, in: folder)
    #expect(second.status == 1)
    #expect(
      second.errors.contains(": expected a new folder, found ") && second.errors.contains("\(kept) of a run\nhint: "))
    #expect(try files() == before)
  }

  /// What processes that were killed long ago have half written is gone when a run begins, what may still be written when it
  /// is over, and what only looks like it never.
  @Test func remainsOfKilledRunsGo() throws {
    let others = ["notes.tmp-abc123", "config.json.tmp-abc1234", "config.json.tmp-abc12!", "config.json.tmp"]
    let (old, new) = ("network.net.tmp-aB3xYz", "log.csv.tmp-000000")
    for name in others + [old, new] { try folder.write("half", to: "run/" + name) }
    let time = [timespec(tv_sec: time(nil) - 120, tv_nsec: 0), timespec(tv_sec: time(nil) - 120, tv_nsec: 0)]
    #expect(utimensat(AT_FDCWD, folder.path + "/run/" + old, time, 0) == 0)
    func names() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/run").filter { $0.contains(".tmp") })
    }
    let result = try edgetrain.run(["train", "rows.net", "--data", "none", "--run", "run"], in: folder)
    #expect(result.status == 1)
    #expect(try names() == Set(others + [new]))
    let whole = try edgetrain.run(["train", "rows.net", "--data", "rows", "--run", "run", "--quiet"], in: folder)
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(try names() == Set(others))
  }

  /// What the log has beyond the checkpoint, and a line that a kill has torn, are gone when the run goes on.
  @Test func resumingCutsTheLog() throws {
    // A schedule without end: what is logged of an epoch does not depend on how many there are.
    try folder.writeNetwork(schedule: "constant", recipe: "validation 0.1")
    func train(_ options: [String]) throws {
      let result = try edgetrain.run(["train", "rows.net", "--data", "rows", "--run", "run"] + options, in: folder)
      #expect(result.status == 0, "\(result.errors)")
    }
    try train(["--epochs", "3"])
    let (csv, json) = (try text("run/log.csv"), try text("run/log.jsonl"))
    let line = try #require(csv.split(separator: "\n").last)
    let more = "4\(line.dropFirst())\n"
    for tail in ["\(line.prefix(9))", more, "\(more)\(line.prefix(20))"] {
      try folder.write(csv + tail, to: "run/log.csv")
      try folder.write(json + "{\"epoch\": 4", to: "run/log.jsonl")
      try train(["--resume", "--epochs", "3"])
      #expect(try text("run/log.csv") == csv)
      #expect(try text("run/log.jsonl") == json)
    }
    try folder.write("\(csv)\(line.prefix(30))", to: "run/log.csv")
    try train(["--resume", "--epochs", "5"])
    #expect(try text("run/log.csv").hasPrefix(csv) && text("run/log.jsonl").hasPrefix(json))
    #expect(try loggedEpochs() == ["1", "2", "3", "4", "5"])
  }

  /// A log of many epochs is read: what is missing here is the checkpoint.
  @Test func aLongLogIsRead() throws {
    var log = "epoch,loss,lowest_step_loss,highest_step_loss,accuracy,rate,validation_loss,validation_accuracy,is_best,"
    log += "images_per_second,seconds\n"
    for epoch in 1...20_000 { log += "\(epoch),0.693147180559945,0.5,0.9,0.5,0.01,,,,1234.5678,0.0123456789\n" }
    try #require(log.utf8.count > 1 << 20)
    try folder.write(log, to: "run/log.csv")
    let result = try edgetrain.run(["train", "rows.net", "--data", "rows", "--run", "run", "--resume"], in: folder)
    #expect(result.status == 1)
    #expect(result.errors.hasPrefix("error: run/last.checkpoint: cannot read: "), "\(result.errors)")
  }

  @Test func namesALogThatIsNone() throws {
    try folder.write("epoch\nmany\n", to: "run/log.csv")
    let result = try edgetrain.run(["train", "rows.net", "--data", "rows", "--run", "run", "--resume"], in: folder)
    #expect(result.status == 1)
    #expect(result.errors == "error: run/log.csv: expected the log of a run, found another text\n")
  }
}

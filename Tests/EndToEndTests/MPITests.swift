import Foundation
import Testing

#if MPI
  /// Training by several processes of this machine; in builds with the trait MPI.
  @Suite struct MPITests {
    let folder: TemporaryFolder
    let edgetrain = Program(name: "edgetrain")
    let mpirun = Program(path: "/usr/bin/mpirun")

    init() throws {
      folder = try TemporaryFolder()
      try folder.writeRows()
      // More weights than one run of an exchange has, so that sums begin while layers are still computed.
      try folder.write(
        """
        name rows
        input 8x8x1
        conv 3x3x32 relu
        flatten
        dense 96 relu
        dropout 0.2
        dense 3
        softmax
        train
          epochs 4
          rate 0.02
          batch 48
          validation 20%
        """, to: "rows.net")
    }

    private func train(_ options: [String], ranks: Int) throws -> Program.Result {
      let words = ["train", "rows.net", "--data", "rows", "--threads", "1"] + options
      guard ranks > 1 else { return try edgetrain.run(words, in: folder) }
      return try mpirun.run(mpirunWords(ranks) + [edgetrain.path] + words, in: folder)
    }

    /// Tests may run as root, and with fewer CPUs than ranks.
    private func mpirunWords(_ ranks: Int) -> [String] {
      ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "\(ranks)"]
    }

    /// What the run logged of each epoch.
    private func log(_ run: String) throws -> [[String: Double]] {
      try String(decoding: folder.bytes("\(run)/log.jsonl"), as: UTF8.self).split(separator: "\n").map { line in
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        return fields.compactMapValues { $0 as? Double }
      }
    }

    private func expectEqualRuns(_ one: String, _ other: String) throws {
      let (one, other) = (try log(one), try log(other))
      #expect(one.count == 4 && other.count == 4)
      for (a, b) in zip(one, other) {
        for name in ["epoch", "rate", "accuracy", "validation_accuracy"] { #expect(a[name] == b[name], "\(name)") }
        for name in ["loss", "lowest_step_loss", "highest_step_loss", "validation_loss"] {
          let (a, b) = (try #require(a[name]), try #require(b[name]))
          #expect(abs(a - b) <= 1e-4 * a, "\(name): \(a), \(b)")
        }
      }
    }

    /// The same batch divided among 1, 2 or 3 processes gives the same losses, but for rounding.
    @Test func lossesAreThoseOfOneProcess() throws {
      let one = try train(["--run", "one", "--quiet"], ranks: 1)
      #expect(one.status == 0, "\(one.errors)")
      for (ranks, batch) in [(2, 24), (3, 16)] {
        let run = "ranks\(ranks)"
        let several = try train(
          ["--run", run, "--batch", "\(batch)", "--rate-scaling", "none"], ranks: ranks)
        #expect(several.status == 0, "\(several.errors)")
        // Rank 0 speaks, the others are silent.
        #expect(several.errors.components(separatedBy: "epoch 4/4").count == 2, "\(several.errors)")
        #expect(several.errors.contains("1 thread in each of \(ranks) processes"))
        #expect(several.output.split(separator: "\n").count == 1)
        try expectEqualRuns("one", run)
      }
    }

    /// Each process adds a batch, and the rate grows alike, after a warm-up of a quarter of the epochs.
    @Test func theRateFollowsTheBatch() throws {
      let two = try train(["--run", "two", "--batch", "24", "--quiet"], ranks: 2)
      #expect(two.status == 0, "\(two.errors)")
      let network = String(decoding: try folder.bytes("two/network.net"), as: UTF8.self)
      #expect(network.contains("batch 48\n") && network.contains("rate 0.04\n") && network.contains("warmup 1"))
      let rates = try log("two").map { $0["rate"] }
      #expect(rates.allSatisfy { abs($0! - 0.04) < 1e-8 })
      // One process that is told the same does the same.
      let text = String(decoding: try folder.bytes("two/network.net"), as: UTF8.self)
      try folder.write(text, to: "rows.net")
      let one = try train(["--run", "one", "--quiet"], ranks: 1)
      #expect(one.status == 0, "\(one.errors)")
      try expectEqualRuns("one", "two")
    }

    /// A process that is killed ends the others with an error, and any number of processes goes on from the checkpoint.
    @Test(arguments: [1, 2]) func aKilledRankEndsTheJob(ranksAfterwards: Int) throws {
      let one = try train(["--run", "one", "--quiet"], ranks: 1)
      #expect(one.status == 0, "\(one.errors)")
      let options = ["--batch", "16", "--rate-scaling", "none", "--run", "killed", "-o", "killed.bin"]
      // A checkpoint of the middle of the run is had by stopping after an epoch: mpirun's children are the ranks.
      let words = ["train", "rows.net", "--data", "rows", "--threads", "1"] + options
      let killed = try mpirun.run(mpirunWords(3) + [edgetrain.path] + words, in: folder) { process in
        while process.isRunning && !folder.has("killed/last.checkpoint") { usleep(2000) }
        if let rank = children(of: process.processIdentifier).last { kill(rank, SIGKILL) }
      }
      #expect(killed.status != 0)
      #expect(killed.errors.contains("signal 9"), "\(killed.errors)")
      #expect(!folder.has("killed.bin") && folder.has("killed/last.checkpoint"))
      // The checkpoint's batch counts, not that of so many processes now.
      let resumed = try train(options + ["--resume", "--quiet"], ranks: ranksAfterwards)
      #expect(resumed.status == 0, "\(resumed.errors)")
      try expectEqualRuns("one", "killed")
    }

    /// Ctrl-C reaches all processes; the command that is printed then starts as many again.
    @Test func anInterruptedJobGoesOn() throws {
      let words = ["train", "rows.net", "--data", "rows", "--threads", "1", "-o", "rows.bin", "--epochs"]
      let stopped = try mpirun.run(mpirunWords(2) + [edgetrain.path] + words + ["100000"], in: folder) { process in
        while process.isRunning && !folder.has("rows.bin.checkpoint") { usleep(2000) }
        for rank in children(of: process.processIdentifier) { kill(rank, SIGINT) }
      }
      #expect(stopped.status != 0 && !folder.has("rows.bin"))
      #expect(
        stopped.errors.contains(
          "to go on: mpirun -n 2 \(edgetrain.path) \((words + ["100000", "--resume"]).joined(separator: " "))\n"),
        "\(stopped.errors)")
    }

    /// An error in one process, here in the file that only rank 0 reads, ends the job.
    @Test func anErrorEndsTheJob() throws {
      let result = try train(["-o", "rows.bin", "--resume"], ranks: 2)
      #expect(result.status == 1)
      #expect(result.errors.contains("error: rows.bin.checkpoint: cannot read: No such file or directory"))
    }

    /// Processes that `parent` has started.
    private func children(of parent: Int32) -> [Int32] {
      let processes = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
      return processes.sorted().filter { process in
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
          let end = status.lastIndex(of: ")")
        else { return false }
        let fields = status[status.index(after: end)...].split(separator: " ")
        return fields.count > 1 && Int32(fields[1]) == parent
      }
    }
  }
#else
  /// A build without MPI says so, where mpirun starts it several times.
  @Suite struct MPITests {
    @Test func aBuildWithoutMPISaysSo() throws {
      let folder = try TemporaryFolder()
      try folder.writeRows()
      try folder.writeNetwork()
      let result = try Program(path: "/usr/bin/env").run(
        [
          "OMPI_COMM_WORLD_SIZE=2", Program(name: "edgetrain").path, "train", "rows.net", "--data", "rows", "-o",
          "rows.bin",
        ], in: folder)
      #expect(result.status == 1)
      #expect(
        result.errors == """
          error: mpirun: expected a build with MPI, found one without that was started 2 times
          hint: build edgetrain by `swift build -c release --traits MPI`

          """)
      #expect(!folder.has("rows.bin"))
    }
  }
#endif

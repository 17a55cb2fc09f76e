import Format
import Platform
import Runtime
import Terminal

// edgerun bench MODEL: how long one inference takes, warm and from a cold start.

extension EdgeRun {
  static let benchCommand = Command(
    name: "edgerun bench", summary: "Measures how long a model takes, on made-up input.",
    operands: [ModelOptions.model],
    options: [
      ModelOptions.threads, ModelOptions.int8, ModelOptions.saveMemory,
      Option("seconds", value: "S", help: "how long to measure, behind a warm-up of a tenth of it (default: 2)"),
      Option("json", help: "print JSON, on one line"),
    ],
    examples: ["edgerun bench lenet5.int8.bin", "edgerun bench --threads 1 --seconds 5 --json mobilenet.bin"])

  static func bench(_ words: [String]) throws(Failure) {
    guard let arguments = try benchCommand.arguments(words) else { return }
    let seconds = try seconds(arguments)
    let options = try arguments.sessionOptions()
    let start = platform_monotonic_nanoseconds()
    let loaded = try LoadedModel(path: arguments.operands[0], int8: arguments.has("int8"))
    let sessions = try Sessions(loaded, options)
    let session = sessions.main
    for session in sessions.all {
      fillInputs(session)
      session.run()
    }
    let cold = platform_monotonic_nanoseconds() - start
    _ = runTimes(session, seconds: seconds / 10)
    let times = runTimes(session, seconds: seconds).sorted()
    let decoderTimes = sessions.answerer.map { runTimes($0.decoder, seconds: seconds).sorted() }
    let figures = Figures(
      runs: times.count, median: times[times.count / 2], least: times[0], percentile95: times[times.count * 95 / 100],
      cold: cold, multiplyAccumulates: session.plan.multiplyAccumulates, arenaBytes: session.plan.arenaBytes,
      packedBytes: session.plan.packedWeightBytes, fileBytes: loaded.fileBytes,
      decoderMedian: decoderTimes.map { $0[$0.count / 2] }, peakBytes: Int(platform_peak_memory_bytes()),
      threads: session.plan.threads, isa: session.plan.isa.name)
    write(arguments.has("json") ? figures.json(model: arguments.operands[0]) : figures.text)
  }

  static func seconds(_ arguments: Arguments) throws(Failure) -> Double {
    do throws(UsageError) {
      let expected = "a number of seconds above 0, at most 3600"
      return try arguments.number("seconds", expected: expected) { $0 > 0 && $0 <= 3600 } ?? 2
    } catch {
      throw Failure(error)
    }
  }

  /// Numbers of no pattern, the same each time: zeros could be faster than real input.
  private static func fillInputs(_ session: Session) {
    var state: UInt32 = 1
    func next() -> UInt32 {
      state = state &* 1_664_525 &+ 1_013_904_223
      return state >> 8
    }
    for (index, input) in session.graph.inputs.enumerated() {
      let bytes = session.input(index)
      switch session.graph.tensors[input].type {
      case .f32:
        for offset in stride(from: 0, to: bytes.count, by: 4) {
          bytes.storeBytes(of: Float(next()) * 0x1p-23 - 1, toByteOffset: offset, as: Float.self)
        }
      case .s8, .u8, .s32:
        for offset in 0..<bytes.count { bytes[offset] = UInt8(truncatingIfNeeded: next()) }
      }
    }
  }

  /// Nanoseconds of each run, for about `seconds`; at least one run, and at most a million.
  private static func runTimes(_ session: Session, seconds: Double) -> [UInt64] {
    var times: [UInt64] = []
    let start = platform_monotonic_nanoseconds()
    let end = start + UInt64(seconds * 1e9)
    var before = start
    repeat {
      session.run()
      let now = platform_monotonic_nanoseconds()
      times.append(now - before)
      before = now
    } while before < end && times.count < 1_000_000
    return times
  }
}

/// What was measured. Times in nanoseconds.
private struct Figures {
  let runs: Int
  let median: UInt64
  let least: UInt64
  let percentile95: UInt64
  /// Loading the file, making the session, and the first run.
  let cold: UInt64
  let multiplyAccumulates: Int
  let arenaBytes: Int
  let packedBytes: Int
  let fileBytes: Int
  /// Of the decoder, for one token; nil without one.
  let decoderMedian: UInt64?
  let peakBytes: Int
  let threads: Int
  let isa: String

  /// 10⁹ multiply-accumulates per second.
  private var rate: Double { Double(multiplyAccumulates) / Double(max(median, 1)) }

  var text: String {
    """
    inference  median \(milliseconds(median)), least \(milliseconds(least)), 95 % under \(milliseconds(percentile95)), \(runs) runs
    cold       \(milliseconds(cold)) to load the model and run once
    \(decoderText)rate       \(fixed(rate, decimals: 2)) GMAC/s (\(shortCount(multiplyAccumulates)) MACs) on \(isa), threads: \(threads)
    memory     file \(byteSize(fileBytes)), arena \(byteSize(arenaBytes)), packed weights \(byteSize(packedBytes)), process at most \(byteSize(peakBytes))

    """
  }

  private var decoderText: String {
    decoderMedian.map { "decoder    median \(milliseconds($0)) a token\n" } ?? ""
  }

  func json(model: String) -> String {
    var json = JSONWriter(isOneLine: true)
    json.object { json in
      json.field("model", model)
      json.field("isa", isa)
      json.field("threads", threads)
      json.field("runs", runs)
      json.field("median_ms", Double(median) / 1e6, decimals: 6)
      json.field("min_ms", Double(least) / 1e6, decimals: 6)
      json.field("p95_ms", Double(percentile95) / 1e6, decimals: 6)
      json.field("cold_ms", Double(cold) / 1e6, decimals: 6)
      if let decoderMedian { json.field("decoder_median_ms", Double(decoderMedian) / 1e6, decimals: 6) }
      json.field("gmac_per_s", rate, decimals: 3)
      json.field("macs", multiplyAccumulates)
      json.field("file_bytes", fileBytes)
      json.field("arena_bytes", arenaBytes)
      json.field("packed_weight_bytes", packedBytes)
      json.field("peak_bytes", peakBytes)
    }
    return json.text
  }
}

import Foundation
import Testing

@testable import edgetrain

/// Options that would do nothing, or harm, with the others on the line.
extension BadInputTests {
  @Test func optionsOfColumnsNeedColumns() throws {
    for (option, data) in [("--label", "rows"), ("--target", "rows"), ("--label", "numbers")] {
      try expect(
        ["data", "info", data, option, "kind"], status: 64,
        error: "\(option): expected a CSV file beside it, found \(data)")
      try expect(
        ["train", "rows.net", "--data", data, "-o", "m.bin", option, "kind"], status: 64,
        error: "\(option): expected a CSV file beside it, found \(data)")
    }
  }

  @Test func infoOfAFileReadsNoData() throws {
    _ = try edgetrain.run(["init", "rows.net", "-o", "rows.bin"], in: folder)
    for file in ["rows.net", "rows.bin"] {
      for option in ["--split-seed", "--label", "--target", "--cache"] {
        try expect(
          ["info", file, option, "1"], status: 64, error: "\(option): expected a data set beside it, found \(file)")
      }
    }
  }

  @Test func quantizeTakesNoOptionForNothing() throws {
    _ = try edgetrain.run(["init", "rows.net", "-o", "rows.bin"], in: folder)
    let quantize = ["quantize", "rows.bin", "-o", "int8.bin"]
    for (option, value) in [("--images", "8"), ("--observer", "minmax")] {
      for data in [[], ["--data", "rows"]] {
        try expect(
          quantize + data + ["--dynamic", option, value], status: 64,
          error: "\(option): expected no --dynamic beside it, which needs no calibration, found both")
      }
    }
    for option in ["images", "observer", "threads", "split-seed", "label", "target", "cache"] {
      try expect(
        quantize + ["--\(option)", "0"], status: 64,
        error: "--data: expected a value, because of --\(option), found none")
    }
  }

  /// The checkpoint goes when the model is there: they must not be one file, nor what was never a file of the run's.
  @Test func aCheckpointIsNotTheModel() throws {
    let train = ["train", "rows.net", "--data", "rows", "-o", "m.bin", "--checkpoint"]
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/here", withDestinationPath: ".")
    for name in ["m.bin", "./m.bin", "here/m.bin"] {
      try expect(
        train + [name], status: 64,
        error:
          "--checkpoint: expected another file than the model's, which stays when the checkpoint goes, found \(name)")
    }
    let pipe = folder.path + "/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    OutputFile.remove(pipe)
    #expect(folder.has("pipe"))
    OutputFile.remove(folder.path + "/rows.net")
    #expect(!folder.has("rows.net"))
  }

  /// What stops a command leaves no page behind.
  @Test func aComparisonThatFailsWritesNoPage() throws {
    _ = try edgetrain.run(["init", "rows.net", "-o", "rows.bin"], in: folder)
    try expect(
      ["evaluate", "rows.bin", "--data", "rows", "--report", "page.html", "--compare", "no.bin"], status: 1,
      error: "no.bin: cannot read: No such file or directory")
  }
}

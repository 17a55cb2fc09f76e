import Foundation
import Terminal
import Testing

@testable import edgetrain

@Suite struct HelpTests {
  static let commands = [
    Edgetrain.command, TrainCommand.command, EvaluateCommand.command, QuantizeCommand.command, PackCommand.command,
    BenchCommand.command, DevicesCommand.command, InitCommand.command, InfoCommand.command, DataCommand.command,
    RateFindCommand.command, LookCommand.command, DemoCommand.command, PhotoCommand.command,
  ]
  /// As typed behind `edgetrain`.
  static let names = commands.dropFirst().map { String($0.name.dropFirst("edgetrain ".count)) }

  /// docs/cli.md has every help text as it is: the page is the snapshot.
  @Test(arguments: commands.indices) func helpIsInTheManual(index: Int) throws {
    let command = Self.commands[index]
    let manual = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/cli.md")
    let text = try String(contentsOf: manual, encoding: .utf8)
    #expect(text.contains("```\n$ \(command.name) --help\n\(command.help)```\n"), "\(command.help)")
  }

  /// Summaries have lines that a terminal of a usual width shows whole.
  @Test func summariesAreWrapped() {
    for command in Self.commands {
      for line in command.summary.split(separator: "\n") { #expect(line.count <= 120, "\(command.name): \(line)") }
    }
  }

  /// And prints it, on standard output, whatever else is on the line.
  @Test(arguments: names) func everyCommandHasHelp(name: String) throws {
    let folder = try TemporaryFolder()
    let result = try Program(name: "edgetrain").run([name, "--help"], in: folder)
    #expect(result.status == 0 && result.errors.isEmpty)
    #expect(Self.commands.contains { $0.name == "edgetrain \(name)" && $0.help == result.output })
  }

  @Test func everyCommandIsInTheList() {
    let listed = Edgetrain.command.subcommands.map { String($0.synopsis.prefix { $0 != " " }) }
    #expect(listed == Self.names)
  }
}

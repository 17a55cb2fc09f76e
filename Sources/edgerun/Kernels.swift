import Runtime
import Terminal

// edgerun kernels: what this machine computes with.

extension EdgeRun {
  static let kernelsCommand = Command(
    name: "edgerun kernels",
    summary: "Lists the micro-kernels: which ones this machine uses, and how fast the main ones are on one thread.",
    options: [
      Option("all", help: "list those that this CPU cannot run too"), ModelOptions.json,
    ],
    examples: ["edgerun kernels", "EDGERUN_ISA=scalar edgerun kernels --json"])

  static func kernels(_ words: [String]) throws(Failure) {
    guard let arguments = try kernelsCommand.arguments(words) else { return }
    do throws(RuntimeError) {
      let isa = try ISA.fromEnvironment()
      var listed: [(entry: KernelCatalog.Entry, rate: Double?)] = []
      for entry in KernelCatalog(for: isa).entries where entry.isSupported || arguments.has("all") {
        listed.append((entry, try entry.measure(milliseconds: measuringTime)))
      }
      write(arguments.has("json") ? kernelsJSON(isa, listed) : kernelsText(isa, listed))
    } catch {
      throw Failure(error)
    }
  }

  /// Per kernel, in milliseconds: enough for a steady figure.
  private static let measuringTime = 20

  private static func kernelsText(_ isa: ISA, _ listed: [(entry: KernelCatalog.Entry, rate: Double?)]) -> String {
    var table = TextTable([.left("kernel"), .left("instruction set"), .right("GMAC/s"), .left("")])
    for (entry, rate) in listed {
      let mark = entry.isUsed ? "<- used" : entry.isSupported ? "" : "not on this CPU"
      table.add([entry.name, entry.isa.name, rate.map { fixed($0 / 1e9, decimals: 1) } ?? "", mark])
    }
    return "instruction set: " + isa.name + "\n" + table.text
  }

  private static func kernelsJSON(_ isa: ISA, _ listed: [(entry: KernelCatalog.Entry, rate: Double?)]) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("isa", isa.name)
      json.array("kernels") { json in
        for (entry, rate) in listed {
          json.object { json in
            json.field("name", entry.name)
            json.field("isa", entry.isa.name)
            json.field("supported", entry.isSupported)
            json.field("used", entry.isUsed)
            if let rate { json.field("gmac_per_s", rate / 1e9, decimals: 3) } else { json.null("gmac_per_s") }
          }
        }
      }
    }
    return json.text
  }
}

import Runtime
import Terminal

// edgerun kernels [MODEL]: what this machine computes with.

extension EdgeRun {
  static let kernelsCommand = Command(
    name: "edgerun kernels",
    summary:
      "Lists the micro-kernels and how fast they are on one thread: the main ones, or all that a model could take.",
    operands: [Operand("MODEL", count: 0...1)],
    options: [
      Option("all", help: "without a model: list those that this CPU cannot run too"),
      ModelOptions.int8,
      Option("seconds", value: "S", help: "how long to measure a model (default: 2)"),
      Option("check", help: "fail if a node's kernel is more than 10 % slower than the best one"), ModelOptions.json,
    ],
    examples: [
      "edgerun kernels", "EDGERUN_ISA=scalar edgerun kernels --json", "edgerun kernels --check mobilenet_v2.int8.bin",
    ])

  static func kernels(_ words: [String]) throws(Failure) {
    guard let arguments = try kernelsCommand.arguments(words) else { return }
    try checkOptions(arguments)
    if arguments.operands.isEmpty { try listKernels(arguments) } else { try compareKernels(arguments) }
  }

  /// An option that would do nothing is a mistake.
  private static func checkOptions(_ arguments: Arguments) throws(Failure) {
    let model = arguments.operands.first
    for option in model == nil ? ["int8", "seconds", "check"] : ["all"] where arguments.has(option) {
      throw Failure(
        UsageError(
          "--" + option, expected: model == nil ? "MODEL with it" : "no MODEL with it", found: model ?? "nothing",
          command: kernelsCommand.name))
    }
  }

  // MARK: The kernels of a model

  /// A node's kernel may be so much slower than the best one.
  private static let allowedLoss = 0.1
  /// Nodes that take less of the whole time are too short to tell.
  private static let smallestShare = 0.01

  private static func compareKernels(_ arguments: Arguments) throws(Failure) {
    let seconds = try seconds(arguments)
    let loaded = try LoadedModel(path: arguments.operands[0], int8: arguments.has("int8"))
    let isa: ISA
    do throws(RuntimeError) { isa = try ISA.fromEnvironment() } catch { throw Failure(error) }
    let comparison = try KernelComparison(isa: isa, seconds: seconds) { options throws(Failure) in
      try loaded.session(options)
    }
    write(arguments.has("json") ? json(of: comparison) : text(of: comparison))
    guard arguments.has("check") else { return }
    let total = comparison.choices.reduce(0) { $0 + Double($1.pick.nanoseconds) }
    let wrong = comparison.choices.filter {
      $0.loss > allowedLoss && Double($0.pick.nanoseconds) > smallestShare * total
    }
    let wrongChains = comparison.chains.filter {
      $0.loss > allowedLoss && Double($0.nanoseconds) > smallestShare * total
    }
    for chain in wrongChains {
      report(
        name(of: chain, comparison.plan)
          + ": expected lines to be handed on where that is at most 10 % slower, found it "
          + percent(chain.loss) + " slower", hint: nil)
    }
    guard wrong.isEmpty && wrongChains.isEmpty else {
      for choice in wrong {
        let name = comparison.plan.nodes[choice.node].name
        report(
          name + ": expected the best kernel or one at most 10 % slower, found one " + percent(choice.loss) + " slower",
          hint: nil)
      }
      throw .reported
    }
  }

  private static func text(of comparison: KernelComparison) -> String {
    var table = TextTable([
      .left("node"), .left("output"), .left("kernel"), .right("pixels"), .right("ms"), .right("GMAC/s"), .left(""),
    ])
    for choice in comparison.choices {
      let node = comparison.plan.nodes[choice.node]
      for (position, candidate) in ([choice.pick] + choice.others).enumerated() {
        let work = node.multiplyAccumulates
        table.add([
          position == 0 ? node.name : "", position == 0 ? shapeText(node.outputShape) : "", candidate.kernel,
          candidate.pixels > 1 ? String(candidate.pixels) : "", fixed(Double(candidate.nanoseconds) / 1e6, decimals: 4),
          work > 0 ? fixed(rate(work, candidate.nanoseconds), decimals: 1) : "", position == 0 ? "<- used" : "",
        ])
      }
    }
    return "instruction set: " + comparison.plan.isa.name + "\n" + table.text + chainText(of: comparison)
  }

  private static func chainText(of comparison: KernelComparison) -> String {
    guard !comparison.chains.isEmpty else { return "" }
    var table = TextTable([.left("handed on in lines"), .right("ms"), .right("ms one by one")])
    for chain in comparison.chains {
      table.add([
        name(of: chain, comparison.plan), fixed(Double(chain.nanoseconds) / 1e6, decimals: 4),
        fixed(Double(chain.apartNanoseconds) / 1e6, decimals: 4),
      ])
    }
    return "\n" + table.text
  }

  /// As "conv1 ... conv4".
  private static func name(of chain: ChainChoice, _ plan: Plan) -> String {
    plan.nodes[chain.nodes[0]].name + " ... " + plan.nodes[chain.nodes[chain.nodes.count - 1]].name
  }

  private static func json(of comparison: KernelComparison) -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("isa", comparison.plan.isa.name)
      json.array("nodes") { json in
        for choice in comparison.choices {
          let node = comparison.plan.nodes[choice.node]
          json.object { json in
            json.field("node", node.name)
            json.field("op", node.operation)
            writeShape(node.outputShape, "output", to: &json)
            json.field("macs", node.multiplyAccumulates)
            json.array("candidates") { json in
              for (position, candidate) in ([choice.pick] + choice.others).enumerated() {
                json.object { json in
                  json.field("kernel", candidate.kernel)
                  json.field("pixels", candidate.pixels)
                  json.field("ms", Double(candidate.nanoseconds) / 1e6, decimals: 6)
                  json.field("used", position == 0)
                }
              }
            }
          }
        }
      }
      json.array("chains") { json in
        for chain in comparison.chains {
          json.object { json in
            json.array("nodes") { json in
              for node in chain.nodes { json.value(comparison.plan.nodes[node].name) }
            }
            json.field("ms", Double(chain.nanoseconds) / 1e6, decimals: 6)
            json.field("one_by_one_ms", Double(chain.apartNanoseconds) / 1e6, decimals: 6)
          }
        }
      }
    }
    return json.text
  }

  // MARK: The list

  private static func listKernels(_ arguments: Arguments) throws(Failure) {
    do throws(RuntimeError) {
      let isa = try ISA.fromEnvironment()
      var listed: [(entry: KernelCatalog.Entry, rate: Double?)] = []
      for entry in KernelCatalog(for: isa).entries where entry.isSupported || arguments.has("all") {
        listed.append((entry, try entry.measure(milliseconds: measuringTime)))
      }
      let peak = Peak(of: isa, milliseconds: measuringTime)
      write(arguments.has("json") ? kernelsJSON(isa, listed, peak) : kernelsText(isa, listed, peak))
    } catch {
      throw Failure(error)
    }
  }

  /// Per kernel, in milliseconds: enough for a steady figure.
  private static let measuringTime = 20

  private static func kernelsText(_ isa: ISA, _ listed: [(entry: KernelCatalog.Entry, rate: Double?)], _ peak: Peak)
    -> String
  {
    var table = TextTable([.left("kernel"), .left("instruction set"), .right("GMAC/s"), .left("")])
    for (entry, rate) in listed {
      let mark = entry.isUsed ? "<- used" : entry.isSupported ? "" : "not on this CPU"
      table.add([entry.name, entry.isa.name, rate.map { fixed($0 / 1e9, decimals: 1) } ?? "", mark])
    }
    table.add(["peak of f32", isa.name, peak.f32.map { fixed($0 / 1e9, decimals: 1) } ?? "", ""])
    table.add(["peak of int8", isa.name, peak.int8.map { fixed($0 / 1e9, decimals: 1) } ?? "", ""])
    return "instruction set: " + isa.name + "\n" + table.text
  }

  private static func kernelsJSON(_ isa: ISA, _ listed: [(entry: KernelCatalog.Entry, rate: Double?)], _ peak: Peak)
    -> String
  {
    var json = JSONWriter()
    json.object { json in
      json.field("isa", isa.name)
      if let rate = peak.f32 { json.field("f32_peak_gmac_per_s", rate / 1e9, decimals: 3) }
      if let rate = peak.int8 { json.field("int8_peak_gmac_per_s", rate / 1e9, decimals: 3) }
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

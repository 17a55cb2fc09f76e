import Format
import Runtime
import Terminal

/// What `--profile` tells: the time that each node of a session takes, and what part of the machine's peak that is.
struct Profile {
  let plan: Plan
  /// Of one node each, medians.
  let nanoseconds: [UInt64]
  /// Of one thread.
  let peak: Peak

  init(_ session: Session, _ peak: Peak) {
    plan = session.plan
    nanoseconds = session.profile(runs: Profile.runs)
    self.peak = peak
  }

  /// Runs whose median is a node's time.
  private static let runs = 20
  /// For each of the two peaks, in milliseconds.
  static let peakTime = 20

  private var total: UInt64 { nanoseconds.reduce(0, +) }

  /// The part of all threads' peak that a node reaches. Winograd's tiles need fewer multiplications than the
  /// multiply-accumulates counted, and can pass 1. nil for nodes that do not multiply, and where there is no peak.
  private func share(of node: Plan.Node, _ time: UInt64) -> Double? {
    guard node.multiplyAccumulates > 0, let peak = node.weightType == .s8 ? peak.int8 : peak.f32 else { return nil }
    return 1e9 * rate(node.multiplyAccumulates, time) / (peak * Double(plan.threads))
  }

  var text: String {
    var table = TextTable([
      .left("node"), .left("op"), .left("input"), .left("output"), .left("kernel"), .right("ms"), .right("%"),
      .right("GMAC/s"), .right("of peak"),
    ])
    for (node, time) in zip(plan.nodes, nanoseconds) {
      table.add([
        node.name, node.operation, node.inputShapes.first.map(EdgeRun.shapeText) ?? "",
        EdgeRun.shapeText(node.outputShape), node.kernel, milliseconds(time),
        fixed(100 * Double(time) / Double(max(total, 1)), decimals: 1),
        node.multiplyAccumulates > 0 ? fixed(rate(node.multiplyAccumulates, time), decimals: 1) : "",
        share(of: node, time).map { fixed(100 * $0, decimals: 0) + " %" } ?? "",
      ])
    }
    table.add([
      "all", "", "", "", "", milliseconds(total), "100.0", fixed(rate(plan.multiplyAccumulates, total), decimals: 1),
      "",
    ])
    return table.text + peakLine
  }

  private var peakLine: String {
    guard let int8 = peak.int8 else { return "" }
    let threads = Double(plan.threads)
    var line = "peak of " + (plan.threads == 1 ? "one thread" : String(plan.threads) + " threads") + " ("
    line += plan.isa.name + "): "
    if let f32 = peak.f32 { line += "f32 " + fixed(f32 * threads / 1e9, decimals: 0) + ", " }
    return line + "int8 " + fixed(int8 * threads / 1e9, decimals: 0) + " GMAC/s\n"
  }

  private func milliseconds(_ time: UInt64) -> String {
    fixed(Double(time) / 1e6, decimals: total < 1_000_000 ? 5 : 3)
  }

  func write(key: String, to json: inout JSONWriter) {
    json.array(key) { json in
      for (node, time) in zip(plan.nodes, nanoseconds) {
        json.object { json in
          json.field("node", node.name)
          json.field("op", node.operation)
          json.array("inputs") { json in
            for shape in node.inputShapes { EdgeRun.writeShape(shape, nil, to: &json) }
          }
          EdgeRun.writeShape(node.outputShape, "output", to: &json)
          json.field("kernel", node.kernel)
          json.field("ms", Double(time) / 1e6, decimals: 6)
          json.field("gmac_per_s", rate(node.multiplyAccumulates, time), decimals: 3)
          if let share = share(of: node, time) {
            json.field("of_peak", share, decimals: 4)
          } else {
            json.null("of_peak")
          }
        }
      }
    }
  }
}

/// 10⁹ multiply-accumulates per second: one per nanosecond.
func rate(_ multiplyAccumulates: Int, _ nanoseconds: UInt64) -> Double {
  Double(multiplyAccumulates) / Double(max(nanoseconds, 1))
}

extension EdgeRun {
  static func shapeText(_ shape: [Int]) -> String {
    var text = ""
    for (index, dimension) in shape.enumerated() { text += (index == 0 ? "" : "x") + String(dimension) }
    return text
  }

  static func writeShape(_ shape: [Int], _ key: String?, to json: inout JSONWriter) {
    json.array(key) { json in
      for dimension in shape { json.value(dimension) }
    }
  }
}

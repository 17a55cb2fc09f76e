import Format
import Runtime
import Terminal

// The times of `--profile`, as a table and as JSON.

extension EdgeRun {
  /// Runs whose median is a node's time.
  static let profiledRuns = 20

  static func text(of profile: [UInt64], _ session: Session) -> String {
    var table = TextTable([
      .left("node"), .left("op"), .left("output"), .left("kernel"), .right("ms"), .right("%"), .right("GMAC/s"),
    ])
    let total = max(profile.reduce(0, +), 1)
    for (node, time) in zip(session.plan.nodes, profile) {
      table.add([
        node.name, node.operation, shapeText(node.outputShape), node.kernel, fixed(Double(time) / 1e6, decimals: 3),
        fixed(100 * Double(time) / Double(total), decimals: 1),
        node.multiplyAccumulates > 0 ? fixed(rate(node.multiplyAccumulates, time), decimals: 1) : "",
      ])
    }
    table.add([
      "all", "", "", "", fixed(Double(total) / 1e6, decimals: 3), "100.0",
      fixed(rate(session.plan.multiplyAccumulates, total), decimals: 1),
    ])
    return table.text
  }

  static func writeProfile(_ profile: [UInt64], _ session: Session, key: String, to json: inout JSONWriter) {
    json.array(key) { json in
      for (node, time) in zip(session.plan.nodes, profile) {
        json.object { json in
          json.field("node", node.name)
          json.field("op", node.operation)
          writeShape(node.outputShape, "output", to: &json)
          json.field("kernel", node.kernel)
          json.field("ms", Double(time) / 1e6, decimals: 6)
          json.field("gmac_per_s", rate(node.multiplyAccumulates, time), decimals: 3)
        }
      }
    }
  }

  /// 10⁹ multiply-accumulates per second: one per nanosecond.
  static func rate(_ multiplyAccumulates: Int, _ nanoseconds: UInt64) -> Double {
    Double(multiplyAccumulates) / Double(max(nanoseconds, 1))
  }

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

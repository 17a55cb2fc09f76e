import Terminal

/// How often each class was taken for each: rows are the truth, columns the answers.
struct ConfusionMatrix {
  let labels: [String]
  /// `counts[truth][answer]`.
  let counts: [[Int]]

  /// More classes than this are drawn without numbers in the cells.
  private static let mostNumbered = 24

  func drawing() -> Drawing {
    let isNumbered = labels.count <= ConfusionMatrix.mostNumbered
    let digits = counts.joined().max().map { String($0).utf8.count } ?? 1
    let cell = isNumbered ? max(30, Double(digits) * 7 + 12) : max(4, 640 / Double(labels.count))
    let names = labels.map { $0.count > 18 ? $0.prefix(17) + "…" : $0 }
    let room = isNumbered ? names.reduce(0) { max($0, Drawing.textWidth($1)) } + 14 : 14
    let side = cell * Double(labels.count)
    let (left, top) = (room + 20, 58 + room * 0.72)
    var drawing = Drawing(
      width: left + side + max(12, room * 0.75), height: top + side + 12,
      summary: "Confusion matrix of \(labels.count) classes: rows are the truth, columns the answers")
    drawing.text("Confusion matrix", x: 0, y: 18, class: "title")
    drawing.text("rows: the truth; columns: the answer; shade: share of the row", x: 0, y: 37, class: "muted")
    for (truth, row) in counts.enumerated() {
      let total = row.reduce(0, +)
      let y = top + Double(truth) * cell
      if isNumbered { drawing.text(names[truth], x: left - 8, y: y + cell / 2 + 4, anchor: .end) }
      for (answer, count) in row.enumerated() {
        // The root: a class that takes one in twenty of another's examples is to be seen.
        let step = Theme.step(total > 0 ? (Double(count) / Double(total)).squareRoot() : 0)
        let x = left + Double(answer) * cell
        let tip =
          truth == answer
          ? "\(labels[truth]): \(count) of \(total) right" : "\(labels[truth]) taken for \(labels[answer]): \(count)"
        let gap = isNumbered ? 1.0 : 0
        drawing.rectangle(
          x: x + gap / 2, y: y + gap / 2, width: cell - gap, height: cell - gap, radius: 2 * gap, class: "q\(step)",
          tip: tip)
        if isNumbered && count > 0 {
          let style = "on-q\(step) small" + (truth == answer ? " strong" : "")
          drawing.text(String(count), x: x + cell / 2, y: y + cell / 2 + 4, anchor: .middle, class: style)
        }
      }
    }
    if isNumbered {
      for (answer, name) in names.enumerated() {
        drawing.text(name, x: left + (Double(answer) + 0.5) * cell + 2, y: top - 8, rotation: -45)
      }
    }
    return drawing
  }
}

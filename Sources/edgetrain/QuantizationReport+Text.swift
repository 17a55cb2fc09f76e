import Quantize
import Terminal

extension QuantizationReport {
  /// The report for people: a table of layers, then the totals.
  var text: String {
    var table = TextTable([
      .left("layer"), .left("op"), .left("type"), .right("weights"), .right("activations"), .right("SQNR"),
    ])
    for layer in layers {
      table.add([
        layer.name, layer.op, layer.isInt8 ? "int8" : "float", rangeText(layer.weights, decimals: 3),
        rangeText(layer.activations, decimals: 2), layer.sqnr.map { decibels($0) } ?? "-",
      ])
    }
    var text = table.text + "\n"
    text += "size      \(byteSize(bytesBefore)) float, \(byteSize(bytesAfter)) int8"
    if bytesAfter > 0 { text += " (\(fixed(Double(bytesBefore) / Double(bytesAfter), decimals: 1)) times smaller)" }
    text += "\n"
    if let accuracyBefore, let accuracyAfter {
      let points = fixed((accuracyAfter - accuracyBefore) * 100, decimals: 2)
      text += "accuracy  \(percent(accuracyBefore, decimals: 2)) float, \(percent(accuracyAfter, decimals: 2)) int8"
      text += " (\(accuracyAfter > accuracyBefore ? "+" : "")\(points) points)\n"
    }
    return text
  }

  /// The report for programs. Ratios without noise, which JSON has no number for, are null.
  func write(to json: inout JSONWriter) {
    json.array("layers") { json in
      for layer in layers {
        json.object { json in
          json.field("name", layer.name)
          json.field("op", layer.op)
          json.field("int8", layer.isInt8)
          json.range("weights", layer.weights)
          json.range("activations", layer.activations)
          json.optional("sqnr_db", layer.sqnr, decimals: 2)
        }
      }
    }
    json.field("bytes_float", bytesBefore)
    json.field("bytes_int8", bytesAfter)
    json.optional("accuracy_float", accuracyBefore, decimals: 6)
    json.optional("accuracy_int8", accuracyAfter, decimals: 6)
  }
}

private func rangeText(_ range: ClosedRange<Float>?, decimals: Int) -> String {
  guard let range else { return "" }
  return
    "\(fixed(Double(range.lowerBound), decimals: decimals)) … \(fixed(Double(range.upperBound), decimals: decimals))"
}

private func decibels(_ ratio: Double) -> String {
  if ratio == .infinity { return "exact" }
  return ratio.isFinite ? "\(fixed(ratio, decimals: 1)) dB" : "-"
}

extension JSONWriter {
  fileprivate mutating func range(_ key: String, _ range: ClosedRange<Float>?) {
    guard let range else { return null(key) }
    array(key) { json in
      json.value(Double(range.lowerBound), decimals: 6)
      json.value(Double(range.upperBound), decimals: 6)
    }
  }

  fileprivate mutating func optional(_ key: String, _ value: Double?, decimals: Int) {
    if let value { field(key, value, decimals: decimals) } else { null(key) }
  }
}

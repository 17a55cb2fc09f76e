/// Writes a JSON document (RFC 8259), indented by two spaces or on one line.
///
/// ```swift
/// var json = JSONWriter()
/// json.object { json in
///   json.field("model", "lenet5")
///   json.array("shape") { json in
///     json.value(1)
///     json.value(28)
///   }
/// }
/// write(json.text)
/// ```
public struct JSONWriter {
  /// What was written so far; a finished document ends with a newline.
  public private(set) var text = ""
  private var depth = 0
  private var isFirst = true
  private let isOneLine: Bool

  /// - Parameter isOneLine: for a program that writes one document a line ("JSON lines").
  public init(isOneLine: Bool = false) { self.isOneLine = isOneLine }

  /// An object: `body` writes its fields. Inside an object it needs a key, elsewhere none.
  public mutating func object(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
    nest(key, "{", "}", body)
  }

  /// An array: `body` writes its elements.
  public mutating func array(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
    nest(key, "[", "]", body)
  }

  public mutating func field(_ key: String, _ value: String) { scalar(key, JSONWriter.quoted(value)) }
  public mutating func field(_ key: String, _ value: Bool) { scalar(key, value ? "true" : "false") }
  public mutating func field<Number: FixedWidthInteger>(_ key: String, _ value: Number) { scalar(key, String(value)) }

  /// A number with `decimals` digits behind the point; null if it is not finite, for which JSON has no number.
  public mutating func field(_ key: String, _ value: Double, decimals: Int) {
    scalar(key, value.isFinite ? fixed(value, decimals: decimals) : "null")
  }

  public mutating func null(_ key: String) { scalar(key, "null") }

  public mutating func value(_ value: String) { scalar(nil, JSONWriter.quoted(value)) }
  public mutating func value<Number: FixedWidthInteger>(_ value: Number) { scalar(nil, String(value)) }
  public mutating func value(_ value: Double, decimals: Int) {
    scalar(nil, value.isFinite ? fixed(value, decimals: decimals) : "null")
  }

  private mutating func nest(
    _ key: String?, _ open: String, _ close: String, _ body: (inout JSONWriter) -> Void
  ) {
    begin(key)
    text += open
    depth += 1
    isFirst = true
    body(&self)
    depth -= 1
    if !isFirst { newLine() }
    isFirst = false
    text += close
    if depth == 0 { text += "\n" }
  }

  private mutating func scalar(_ key: String?, _ written: String) {
    begin(key)
    text += written
  }

  private mutating func begin(_ key: String?) {
    if !isFirst { text += isOneLine ? ", " : "," }
    isFirst = false
    if depth > 0 { newLine() }
    if let key { text += JSONWriter.quoted(key) + ": " }
  }

  private mutating func newLine() {
    guard !isOneLine else { return }
    text += "\n" + String(repeating: " ", count: 2 * depth)
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case "\u{0}"..."\u{1f}", "\u{7f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

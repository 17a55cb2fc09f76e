/// XML being written: elements, attributes and text, escaped. Pages are written as XML, too, so that one checker reads
/// all that is made here.
struct Markup {
  private(set) var text = ""

  typealias Attributes = KeyValuePairs<String, String>

  /// An element without content.
  mutating func empty(_ name: String, _ attributes: Attributes = [:]) {
    start(name, attributes)
    text += "/>"
  }

  /// An element that holds text.
  mutating func element(_ name: String, _ attributes: Attributes = [:], text content: String) {
    element(name, attributes) { $0.text += Markup.escaped(content) }
  }

  /// An element whose content `body` writes.
  mutating func element(_ name: String, _ attributes: Attributes = [:], _ body: (inout Markup) -> Void) {
    start(name, attributes)
    text += ">"
    body(&self)
    text += "</" + name + ">"
  }

  /// Text that is markup already: style sheets, other drawings.
  mutating func verbatim(_ markup: String) { text += markup }

  private mutating func start(_ name: String, _ attributes: Attributes) {
    text += "<" + name
    for (key, value) in attributes where !value.isEmpty {
      text += " " + key + "=\"" + Markup.escaped(value) + "\""
    }
  }

  /// `text` as character data or attribute value. Characters that XML has no way to write become U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

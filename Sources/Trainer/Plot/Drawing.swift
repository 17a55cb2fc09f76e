import Terminal
import Vision

/// A drawing in SVG: what charts are made of. Lengths are in pixels, y grows downwards; colours are classes of `Theme`.
struct Drawing {
  let width: Double
  let height: Double
  /// What it shows, in a sentence, for who does not see it.
  let summary: String
  private(set) var body = Markup()

  init(width: Double, height: Double, summary: String) {
    self.width = width
    self.height = height
    self.summary = summary
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class style: String) {
    path("M\(coordinate(x1)) \(coordinate(y1))L\(coordinate(x2)) \(coordinate(y2))", class: style)
  }

  /// - Parameter d: path data, as `Drawing.pathData` writes it.
  mutating func path(_ d: String, class style: String) {
    body.empty("path", ["class": style, "d": d])
  }

  mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, radius: Double = 0, class style: String, tip: String? = nil
  ) {
    let attributes: Markup.Attributes = [
      "class": style, "x": coordinate(x), "y": coordinate(y), "width": coordinate(width),
      "height": coordinate(height), "rx": radius > 0 ? coordinate(radius) : "",
    ]
    element("rect", attributes, tip: tip)
  }

  /// - Parameter tip: text that appears under the pointer.
  mutating func circle(x: Double, y: Double, radius: Double, class style: String, tip: String? = nil) {
    let attributes: Markup.Attributes = [
      "class": style, "cx": coordinate(x), "cy": coordinate(y), "r": coordinate(radius),
    ]
    element("circle", attributes, tip: tip)
  }

  /// A picture, stretched to `width` × `height`.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  mutating func picture(
    _ image: Image, x: Double, y: Double, width: Double, height: Double
  ) throws(VisionError) {
    body.empty(
      "image",
      [
        "x": coordinate(x), "y": coordinate(y), "width": coordinate(width), "height": coordinate(height),
        "preserveAspectRatio": "none", "href": try image.dataURL(),
      ])
  }

  enum Anchor: String {
    case start
    case middle
    case end
  }

  /// - Parameters:
  ///   - y: of the base line.
  ///   - rotation: degrees, clockwise, around (x, y).
  mutating func text(
    _ text: String, x: Double, y: Double, anchor: Anchor = .start, class style: String = "", rotation: Double = 0
  ) {
    let attributes: Markup.Attributes = [
      "class": style, "x": coordinate(x), "y": coordinate(y), "text-anchor": anchor == .start ? "" : anchor.rawValue,
      "transform": rotation == 0 ? "" : "rotate(\(coordinate(rotation)) \(coordinate(x)) \(coordinate(y)))",
    ]
    body.element("text", attributes, text: text)
  }

  /// What `content` draws is cut off at the rectangle's sides.
  mutating func clipped(x: Double, y: Double, width: Double, height: Double, _ content: (inout Drawing) -> Void) {
    // A nested <svg> clips by itself; a <clipPath> would need an id that no other drawing of the page has.
    let (x, y, width, height) = (coordinate(x), coordinate(y), coordinate(width), coordinate(height))
    body.verbatim("<svg x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"")
    body.verbatim(" viewBox=\"\(x) \(y) \(width) \(height)\">")
    content(&self)
    body.verbatim("</svg>")
  }

  private mutating func element(_ name: String, _ attributes: Markup.Attributes, tip: String?) {
    if let tip {
      body.element(name, attributes) { $0.element("title", text: tip) }
    } else {
      body.empty(name, attributes)
    }
  }
}

extension Drawing {
  /// The drawing as part of a page that has `Theme.drawingCSS` in its style sheet.
  var inline: String { document(margin: 0, hasStyle: false) }

  /// The drawing as an SVG file.
  var file: String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + document(margin: 12, hasStyle: true) + "\n"
  }

  /// - Parameter margin: around the drawing, whose own texts begin at its left side.
  private func document(margin: Double, hasStyle: Bool) -> String {
    let (fullWidth, fullHeight) = (coordinate(width + 2 * margin), coordinate(height + 2 * margin))
    let corner = coordinate(-margin)
    let attributes: Markup.Attributes = [
      "xmlns": "http://www.w3.org/2000/svg", "role": "img", "aria-label": summary,
      "viewBox": "\(corner) \(corner) \(fullWidth) \(fullHeight)", "width": fullWidth, "height": fullHeight,
    ]
    var markup = Markup()
    markup.element("svg", attributes) { markup in
      if hasStyle {
        markup.element("style") { $0.verbatim(Theme.drawingCSS) }
        markup.empty("rect", ["class": "paper", "x": corner, "y": corner, "width": fullWidth, "height": fullHeight])
      }
      markup.verbatim(body.text)
    }
    return markup.text
  }

  /// Path data for corners joined by straight lines.
  static func pathData(_ points: [Point], isClosed: Bool = false) -> String {
    var data = ""
    for (index, point) in points.enumerated() {
      data += (index == 0 ? "M" : "L") + coordinate(point.x) + " " + coordinate(point.y)
    }
    return isClosed && !data.isEmpty ? data + "Z" : data
  }

  /// About how wide `text` is in a sans-serif font of `size` pixels: charts leave that much room.
  static func textWidth(_ text: String, size: Double = 12) -> Double {
    text.reduce(0) { width, character in
      switch character {
      case "i", "j", "l", "t", "f", "r", "I", ".", ",", ":", ";", "|", "!", "'", "(", ")", "[", "]", " ": width + 0.36
      case "m", "w", "M", "W", "%", "@": width + 0.92
      case "A"..."Z": width + 0.68
      case "⁰"..."⁹", "¹", "²", "³", "⁻": width + 0.42
      default: width + (character.isASCII ? 0.62 : 0.8)
      }
    } * size
  }
}

struct Point: Equatable {
  var x: Double
  var y: Double
}

/// A length in a drawing: a tenth of a pixel is finer than most screens.
private func coordinate(_ value: Double) -> String {
  var text = fixed(value.isFinite ? value : 0, decimals: 1)
  if text.hasSuffix(".0") { text.removeLast(2) }
  return text
}

import Foundation
import Testing
import Vision

@testable import Trainer

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct PlotPageTests {
  @Test(arguments: PlotGallery.drawings.map { $0.name }) func drawingIsWellFormed(name: String) throws {
    let drawing = try #require(PlotGallery.drawings.first { $0.name == name }).drawing
    let file = try ParsedXML(drawing.file)
    #expect(file.elements["svg"] != nil && file.elements["style"] == 1)
    #expect(try ParsedXML(drawing.inline).elements["style"] == nil)
    // What cannot be drawn must not have been.
    for word in ["nan", "inf"] {
      #expect(file.attributes.allSatisfy { !$0.contains(word) || $0.contains(PlotGallery.hostile) }, "\(word)")
    }
    try PlotGallery.save([(name + ".svg", drawing.file)])
  }

  @Test func pageIsWellFormedAndWhole() throws {
    let html = try PlotGallery.page().html
    try PlotGallery.save([("index.html", html)])
    let page = try ParsedXML(String(html.dropFirst("<!DOCTYPE html>\n".count)))
    #expect(page.elements["svg", default: 0] >= 8)
    #expect(page.elements["img"] == 9)
    #expect(page.elements["table"] == 1)
    // Offline: nothing is named that would be fetched; the only addresses are the name of SVG.
    #expect(page.elements["script"] == nil && page.elements["link"] == nil)
    #expect(
      page.attributes.filter { $0.contains("//") }.allSatisfy {
        $0 == "http://www.w3.org/2000/svg" || $0.hasPrefix("data:image/jpeg;base64,")
      })
    #expect(!html.contains("url(") && !html.contains("@import"))
  }

  @Test func textIsEscaped() throws {
    let html = try PlotGallery.page().html
    #expect(!html.contains("<b>"))
    let page = try ParsedXML(String(html.dropFirst("<!DOCTYPE html>\n".count)))
    // Read back, it is what was written, but for the control character.
    let expected = PlotGallery.hostile.replacingOccurrences(of: "\u{1}", with: "\u{fffd}")
    #expect(page.text.contains("Gallery of " + expected))
    #expect(Markup.escaped("a<b>&\"'\u{0}\n") == "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\n")
  }

  @Test(arguments: [false, true]) func coloursCanBeSeen(isDark: Bool) {
    let theme = isDark ? Theme.dark : Theme.light
    #expect(theme.ink.contrast(with: theme.paper) >= 7)
    #expect(theme.muted.contrast(with: theme.paper) >= 4.5)
    #expect(theme.muted.contrast(with: theme.surface) >= 4.5)
    for (index, color) in theme.series.enumerated() {
      #expect(color.contrast(with: theme.paper) >= 3, "series \(index)")
    }
    for (index, color) in theme.amounts.enumerated() {
      #expect(color.textColor.contrast(with: color) >= 4.5, "amount \(index)")
    }
    // Samples stand on the decision region of their own class.
    #expect(theme.series[0].contrast(with: theme.diverging[Theme.steps - 1]) >= 2)
    #expect(theme.series[1].contrast(with: theme.diverging[0]) >= 2)
    // A ramp's contrast with the paper grows at every step.
    let contrasts = theme.amounts.map { $0.contrast(with: theme.paper) }
    #expect(zip(contrasts, contrasts.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func knownColours() {
    #expect(Color(0x0b6cb8).css == "#0b6cb8")
    #expect(Color(lightness: 1, chroma: 0, hue: 0).css == "#ffffff")
    #expect(Color(lightness: 0, chroma: 0, hue: 0).css == "#000000")
    // sRGB's red, from the definition's own table.
    #expect(Color(lightness: 0.62796, chroma: 0.25768, hue: 29.2339).css == "#ff0000")
    #expect(abs(Color(0x000000).contrast(with: Color(0xffffff)) - 21) < 1e-9)
  }

  @Test func smallPicturesAreEnlarged() {
    let image = Image(width: 5, height: 3, channels: 3, pixels: (0..<45).map { UInt8($0) })
    let large = image.enlarged()
    #expect(large.width == 110 && large.height == 66)
    for (x, y) in [(0, 0), (109, 0), (0, 65), (60, 30), (109, 65)] {
      let source = (y / 22 * 5 + x / 22) * 3
      let target = (y * 110 + x) * 3
      #expect(Array(large.pixels[target..<(target + 3)]) == Array(image.pixels[source..<(source + 3)]))
    }
    #expect(large.enlarged() == large)
  }
}

/// What is in an XML text; throws if it is not well-formed.
struct ParsedXML {
  private(set) var elements: [String: Int] = [:]
  private(set) var attributes: [String] = []
  private(set) var text = ""

  init(_ xml: String) throws {
    let parser = XMLParser(data: Data(xml.utf8))
    let collector = Collector()
    parser.delegate = collector
    try #require(parser.parse(), "line \(parser.lineNumber): \(String(describing: parser.parserError))")
    elements = collector.elements
    attributes = collector.attributes
    text = collector.text
  }

  private final class Collector: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]
    var attributes: [String] = []
    var text = ""

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      elements[name, default: 0] += 1
      self.attributes += attributes.values
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) { self.text += text }
  }
}

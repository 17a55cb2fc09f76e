import Foundation
import Vision

/// An HTML page in one file: style, drawings and pictures are inside, and it asks the network for nothing.
struct Page {
  private let title: String
  private var body = Markup()

  /// - Parameter summary: a sentence under the title.
  init(title: String, summary: String) {
    self.title = title
    body.element("header") { header in
      header.element("h1", text: title)
      header.element("p", ["class": "lead"], text: summary)
    }
  }

  mutating func heading(_ text: String) { body.element("h2", text: text) }

  mutating func subheading(_ text: String) { body.element("h3", text: text) }

  mutating func paragraph(_ text: String) { body.element("p", text: text) }

  /// Numbers that are to be seen first, each with what it is.
  mutating func figures(_ figures: [(value: String, name: String)]) {
    body.element("dl", ["class": "tiles"]) { list in
      for figure in figures {
        list.element("div") { tile in
          tile.element("dt", text: figure.name)
          tile.element("dd", text: figure.value)
        }
      }
    }
  }

  /// Drawings in rows, as many abreast as there is room for.
  mutating func drawings(_ drawings: [Drawing], caption: String? = nil) {
    body.element("figure") { figure in
      figure.element("div", ["class": "row"]) { row in
        for drawing in drawings { row.verbatim(drawing.inline) }
      }
      if let caption { figure.element("figcaption", text: caption) }
    }
  }

  struct Column {
    let title: String
    /// Numbers stand to the right.
    var isNumber = true
  }

  mutating func table(_ columns: [Column], rows: [[String]]) {
    func style(_ column: Int) -> String { columns[column].isNumber ? "number" : "" }
    body.element("div", ["class": "scroll"]) { box in
      box.element("table") { table in
        table.element("thead") { head in
          head.element("tr") { row in
            for (index, column) in columns.enumerated() {
              row.element("th", ["class": style(index), "scope": "col"], text: column.title)
            }
          }
        }
        table.element("tbody") { body in
          for cells in rows {
            body.element("tr") { row in
              for (index, cell) in cells.enumerated() { row.element("td", ["class": style(index)], text: cell) }
            }
          }
        }
      }
    }
  }

  struct Picture {
    let image: Image
    let caption: String
    /// Under the caption, in small letters.
    var note = ""
    /// A second picture, beside the first.
    var companion: Image?
  }

  /// Pictures in rows, each with its caption.
  ///
  /// - Parameter isSmall: whether more of them stand in a row.
  /// - Throws: `VisionError.cannotEncode`.
  mutating func pictures(_ pictures: [Picture], isSmall: Bool = false) throws(VisionError) {
    var grid = Markup()
    for picture in pictures {
      var sources = [try picture.image.enlarged().dataURL()]
      if let companion = picture.companion { sources.append(try companion.enlarged().dataURL()) }
      grid.element("figure") { figure in
        figure.element("div", ["class": sources.count > 1 ? "pair" : ""]) { pair in
          for source in sources { pair.empty("img", ["src": source, "alt": picture.caption, "loading": "lazy"]) }
        }
        figure.element("figcaption") { caption in
          caption.element("span", text: picture.caption)
          if !picture.note.isEmpty { caption.element("small", text: picture.note) }
        }
      }
    }
    let hasPairs = pictures.contains { $0.companion != nil }
    let style = "pictures" + (isSmall ? " small" : "") + (hasPairs ? " pairs" : "")
    body.element("div", ["class": style]) { $0.verbatim(grid.text) }
  }

  /// One picture, enlarged, as wide as the page at most.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  mutating func widePicture(_ image: Image, caption: String) throws(VisionError) {
    let source = try image.enlarged().dataURL()
    block("wide") { $0.empty("img", ["src": source, "alt": caption, "loading": "lazy"]) }
  }

  /// A block of a class that the style sheet knows, whose content `body` writes.
  mutating func block(_ style: String, _ body: (inout Markup) -> Void) {
    self.body.element("div", ["class": style], body)
  }

  /// Text as a machine wrote it.
  mutating func code(_ text: String) { body.element("pre", text: text) }

  /// The file.
  var html: String {
    var page = Markup()
    page.element("html", ["lang": "en"]) { html in
      html.element("head") { head in
        head.empty("meta", ["charset": "utf-8"])
        head.empty("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
        head.element("title", text: title)
        head.element("style") { $0.verbatim(Theme.drawingCSS + "\n" + Page.css) }
      }
      html.element("body") { $0.element("main") { $0.verbatim(body.text) } }
    }
    return "<!DOCTYPE html>\n" + page.text + "\n"
  }

  private static let css = """
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);
    font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
    main{max-width:1160px;margin:0 auto;padding:32px 24px 64px}
    h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
    h2{font-size:21px;margin:44px 0 8px;padding-top:14px;border-top:1px solid var(--rule)}
    h3{font-size:15px;margin:22px 0 6px}
    p{max-width:72ch;margin:8px 0 14px}.lead{color:var(--muted);margin:0 0 20px}
    figure{margin:16px 0}figcaption{color:var(--muted);font-size:14px;margin-top:6px;max-width:84ch}
    .row{display:flex;flex-wrap:wrap;gap:20px 24px;align-items:flex-start}
    .row>svg{max-width:100%;height:auto}
    .tiles{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}
    .tiles div{background:var(--surface);border:1px solid var(--grid);border-radius:8px;padding:10px 16px;min-width:128px}
    .tiles dt{color:var(--muted);font-size:13px}
    .tiles dd{margin:0;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;font-size:14px;margin:12px 0;font-variant-numeric:tabular-nums}
    th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--grid);white-space:nowrap}
    th{color:var(--muted);font-weight:600;border-color:var(--rule)}.number{text-align:right}
    .pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(112px,1fr));gap:16px 14px;margin:16px 0}
    .pictures.small{grid-template-columns:repeat(auto-fill,72px);gap:12px 10px;margin:8px 0}
    .pictures.pairs{grid-template-columns:repeat(auto-fill,minmax(180px,1fr))}
    .pictures.small.pairs{grid-template-columns:repeat(auto-fill,124px);gap:12px}
    .pair{display:grid;grid-template-columns:1fr 1fr;gap:2px;align-items:start}
    .pictures figure{margin:0}.pictures img{display:block;width:100%;border-radius:4px;image-rendering:pixelated}
    .pictures figcaption{font-size:13px;line-height:1.35;color:var(--ink)}
    .pictures small{display:block;color:var(--muted);font-size:12px}
    .wide img{display:block;max-width:100%;min-width:min(100%,480px);image-rendering:pixelated;border-radius:4px;
    margin:8px 0}
    .colored{white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0 12px;
    font:14px/1.7 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}
    .colored small{display:block;color:var(--muted);font-size:12px;line-height:1.3}
    \(Theme.textCSS)
    pre{background:var(--surface);border:1px solid var(--grid);border-radius:8px;padding:12px 16px;overflow-x:auto;
    font:13px/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}
    @media print{main{max-width:none;padding:0}h2{break-after:avoid}figure{break-inside:avoid}}
    """
}

extension Image {
  /// The picture as a JPEG inside a URL, for `src` and `href`.
  ///
  /// - Throws: `VisionError.cannotEncode`.
  func dataURL() throws(VisionError) -> String {
    "data:image/jpeg;base64," + Data(try jpeg(quality: 88)).base64EncodedString()
  }

  /// The picture with each pixel repeated, so that a small one is at least 64 pixels wide and high: JPEG would smear
  /// single pixels.
  func enlarged() -> Image {
    let factor = (63 + min(width, height)) / min(width, height)
    guard factor > 1 else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(pixels.count * factor * factor)
    for y in 0..<(height * factor) {
      for x in 0..<(width * factor) {
        let first = (y / factor * width + x / factor) * channels
        result += pixels[first..<(first + channels)]
      }
    }
    return Image(width: width * factor, height: height * factor, channels: channels, pixels: result)
  }
}

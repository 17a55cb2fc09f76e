/// The colours of pages and drawings, once for light and once for dark screens.
///
/// Drawings name colours by class, not by value, so that one drawing serves both: `s0`… are the colours of series, `q0`…
/// a ramp for amounts, `d0`… a ramp with two ends, `on-q0`… text that is readable on `q0`….
struct Theme {
  let paper: Color
  let ink: Color
  /// Axis labels and captions.
  let muted: Color
  /// Axes and the lines of tables.
  let rule: Color
  /// Lines behind a drawing.
  let grid: Color
  /// Behind figures and code.
  let surface: Color
  /// Lines and marks of series, told apart by people who do not see red and green as two colours, too.
  let series: [Color]
  /// From nothing to all.
  let amounts: [Color]
  /// From one end (the colour of series 1) over neutral to the other (the colour of series 0).
  let diverging: [Color]

  /// Steps of `amounts` and of `diverging`.
  static let steps = 12

  static let light = Theme(
    paper: Color(0xffffff), ink: Color(0x1a1f26), muted: Color(0x59636e), rule: Color(0xc4cad1), grid: Color(0xe6e9ed),
    surface: Color(0xf6f7f9),
    series: [0x0b6cb8, 0xcf5200, 0x00855f, 0x9a4fa8, 0x8a6d00, 0x5a6470].map { Color($0) },
    amounts: ramp { Color(lightness: 0.975 - 0.62 * $0, chroma: 0.015 + 0.115 * $0, hue: 240 + 20 * $0) },
    diverging: divergingRamp { strength, hue in
      Color(lightness: 0.965 - 0.15 * strength, chroma: 0.005 + 0.105 * strength, hue: hue)
    })

  static let dark = Theme(
    paper: Color(0x15181d), ink: Color(0xe8ebef), muted: Color(0x9ea8b3), rule: Color(0x49525c), grid: Color(0x2a3038),
    surface: Color(0x1c2026),
    series: [0x56aef0, 0xff8f4a, 0x3ccb9b, 0xcf8fdd, 0xd9b93f, 0xa9b4bf].map { Color($0) },
    amounts: ramp { Color(lightness: 0.24 + 0.6 * $0, chroma: 0.02 + 0.1 * $0, hue: 260 - 30 * $0) },
    diverging: divergingRamp { strength, hue in
      Color(lightness: 0.26 + 0.17 * strength, chroma: 0.005 + 0.085 * strength, hue: hue)
    })

  private static func ramp(_ color: (Double) -> Color) -> [Color] {
    (0..<steps).map { color(Double($0) / Double(steps - 1)) }
  }

  private static func divergingRamp(_ color: (_ strength: Double, _ hue: Double) -> Color) -> [Color] {
    ramp { position in
      let signed = 2 * position - 1
      return color(signed.magnitude, signed < 0 ? 55 : 248)
    }
  }

  /// The class of the series at `index`; colours repeat after the last.
  static func seriesClass(_ index: Int) -> String { "s\(index % light.series.count)" }

  /// The step of a ramp for `share` in 0...1; what lies outside, and NaN, is brought in.
  static func step(_ share: Double) -> Int {
    guard share > 0 else { return 0 }
    return Int(min(share * Double(steps), Double(steps - 1)))
  }

  /// `:root` variables and the classes of drawings, for both kinds of screens. Serves pages and files alike.
  static let drawingCSS: String = """
    :root{\(light.variables)}
    @media (prefers-color-scheme:dark){:root{\(dark.variables)}}
    \(classes)
    """

  /// Classes of text on the ramp with two ends.
  static let textCSS = (0..<steps).map { ".on-d\($0){background:var(--d\($0))}" }.joined()

  private var variables: String {
    var pairs = [
      ("paper", paper), ("ink", ink), ("muted", muted), ("rule", rule), ("grid", grid), ("surface", surface),
    ]
    for (index, color) in series.enumerated() { pairs.append(("s\(index)", color)) }
    for (index, color) in amounts.enumerated() {
      pairs.append(("q\(index)", color))
      pairs.append(("on-q\(index)", color.textColor))
    }
    for (index, color) in diverging.enumerated() { pairs.append(("d\(index)", color)) }
    return "color-scheme:light dark;" + pairs.map { "--\($0):\($1.css)" }.joined(separator: ";")
  }

  private static var classes: String {
    var rules = [
      "svg text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;fill:var(--ink)}",
      "svg .title{font-size:14px;font-weight:600}",
      "svg .muted{fill:var(--muted)}svg .small{font-size:11px}svg .strong{font-weight:600}",
      ".paper{fill:var(--paper)}.panel{fill:var(--surface)}",
      ".grid{stroke:var(--grid);stroke-width:1;fill:none}.axis{stroke:var(--rule);stroke-width:1;fill:none}",
      ".curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}",
      ".dashed{stroke-dasharray:6 4}.dotted{stroke-dasharray:1 4}",
      ".region{fill-rule:evenodd;stroke:none}",
      ".band{stroke:none;fill-opacity:.18}",
      ".dot{stroke:var(--paper);stroke-width:1.2}",
      ".wrong{fill:none;stroke:var(--ink);stroke-width:1.1}",
      ".level{fill:none;stroke:var(--ink);stroke-opacity:.28;stroke-width:.75}",
      ".boundary{fill:none;stroke:var(--ink);stroke-width:2}",
      ".facet{stroke:var(--ink);stroke-opacity:.35;stroke-width:.5;stroke-linejoin:round}",
      ".strong-line{stroke:var(--ink)}",
      ".found{fill:none;stroke:var(--s1);stroke-width:2.5}.halo{fill:none;stroke:var(--paper);stroke-width:5}",
      "svg .haloed{paint-order:stroke;stroke:var(--paper);stroke-width:3.5px;stroke-linejoin:round}",
      "svg .tag{fill:var(--paper);font-weight:600}",
      "svg image{image-rendering:pixelated}",
      ".mark{fill:none;stroke:var(--ink);stroke-width:1;stroke-dasharray:3 3}",
    ]
    for index in light.series.indices {
      rules.append(".s\(index).fill{fill:var(--s\(index))}.s\(index).curve{stroke:var(--s\(index))}")
    }
    for index in 0..<steps {
      rules.append(".q\(index){fill:var(--q\(index))}.d\(index){fill:var(--d\(index))}")
      rules.append("svg .on-q\(index){fill:var(--on-q\(index))}")
    }
    return rules.joined(separator: "\n")
  }
}

import Foundation

/// A colour in sRGB, components in 0...1.
struct Color: Equatable {
  let red: Double
  let green: Double
  let blue: Double

  init(red: Double, green: Double, blue: Double) {
    self.red = min(max(red, 0), 1)
    self.green = min(max(green, 0), 1)
    self.blue = min(max(blue, 0), 1)
  }

  /// `0xrrggbb`.
  init(_ code: UInt32) {
    self.init(
      red: Double(code >> 16 & 0xff) / 255, green: Double(code >> 8 & 0xff) / 255, blue: Double(code & 0xff) / 255)
  }

  /// From OKLCH, where equal steps look equal (Björn Ottosson, "A perceptual color space for image processing", 2020).
  /// What sRGB cannot show is clipped.
  ///
  /// - Parameters:
  ///   - lightness: 0 (black) to 1 (white).
  ///   - chroma: 0 (grey) to about 0.3.
  ///   - hue: in degrees: 30 red, 60 orange, 100 yellow, 145 green, 195 cyan, 255 blue, 320 purple.
  init(lightness: Double, chroma: Double, hue: Double) {
    let a = chroma * cos(hue * .pi / 180)
    let b = chroma * sin(hue * .pi / 180)
    func cubed(_ x: Double) -> Double { x * x * x }
    let l = cubed(lightness + 0.3963377774 * a + 0.2158037573 * b)
    let m = cubed(lightness - 0.1055613458 * a - 0.0638541728 * b)
    let s = cubed(lightness - 0.0894841775 * a - 1.2914855480 * b)
    func encoded(_ linear: Double) -> Double {
      linear <= 0.0031308 ? 12.92 * max(linear, 0) : 1.055 * pow(linear, 1 / 2.4) - 0.055
    }
    self.init(
      red: encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
      green: encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
      blue: encoded(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s))
  }

  /// As `#rrggbb`.
  var css: String {
    [red, green, blue].reduce("#") { text, component in
      let digits = String(Int((component * 255).rounded()), radix: 16)
      return text + (digits.utf8.count < 2 ? "0" : "") + digits
    }
  }

  /// Contrast ratio, 1 to 21; WCAG 2.1 asks for 4.5 for text and 3 for lines and marks.
  func contrast(with other: Color) -> Double {
    let (a, b) = (luminance, other.luminance)
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
  }

  /// Black or white, whichever is easier to read on this colour; the contrast is at least 4.5.
  var textColor: Color {
    let (black, white) = (Color(0x000000), Color(0xffffff))
    return contrast(with: black) > contrast(with: white) ? black : white
  }

  /// Relative luminance of WCAG 2.1.
  private var luminance: Double {
    func linear(_ encoded: Double) -> Double {
      encoded <= 0.04045 ? encoded / 12.92 : pow((encoded + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
  }
}
